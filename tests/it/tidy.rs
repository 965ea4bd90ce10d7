//! Tests the source itself: which room imports which, names, doors, `unsafe`, and what may lie in
//! the repository.
//!
//! Each rule is a function from files to findings, so that it can be tried on made-up sources (at
//! the end of this file) as well as on the tree. A finding says what to do about it.

mod scan;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// The rooms, in the order of `lib.rs` (a room imports only rooms above it), with the imports in
/// use: a permission that nobody uses fails too. `docs/architecture.md` holds the ceiling.
const ROWS: &[Row] = &[
    ("units", &[]),
    ("diagnostic", &[]),
    ("stats", &[]),
    ("fiber", &[]),
    ("metrics", &["stats"]),
    ("plan", &["units", "diagnostic", "stats", "metrics"]),
    ("http", &["units", "metrics", "plan"]),
    ("profile", &[]),
    ("monitor", &[]),
    ("demo", &["profile", "monitor"]),
    ("script", &["units", "diagnostic", "fiber", "metrics", "plan", "http", "profile"]),
    ("engine", &["units", "diagnostic", "fiber", "metrics", "plan", "http", "profile", "script"]),
    ("results", &["units", "diagnostic", "stats", "metrics", "plan", "engine"]),
    ("report", &["units", "diagnostic", "stats", "metrics", "plan", "profile", "results"]),
    ("output", &["units", "diagnostic", "metrics", "plan", "script", "engine", "results", "report"]),
    (
        "session",
        &[
            "units",
            "diagnostic",
            "fiber",
            "metrics",
            "plan",
            "http",
            "profile",
            "demo",
            "script",
            "engine",
            "results",
            "output",
        ],
    ),
    ("web", &["diagnostic", "metrics", "plan", "script", "engine", "results", "report"]),
    (
        "cli",
        &[
            "units",
            "diagnostic",
            "metrics",
            "plan",
            "http",
            "profile",
            "demo",
            "script",
            "engine",
            "results",
            "report",
            "output",
            "session",
            "web",
        ],
    ),
];

/// The only files that may hold the word `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    "src/fiber/guard.rs",
    "src/fiber/stack.rs",
    "src/fiber/suspend.rs",
    "src/fiber/warm.rs",
    "src/profile/sampler.rs",
    "src/profile/sampler/seat.rs",
    "src/profile/sampler/walk.rs",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "manager", "imp", "core", "misc", "types"];

/// A door (`mod.rs`) shows what a room offers; past this it has begun to do the work itself.
const DOOR_LINES_MAX: usize = 150;

/// Past this a file (without its inline tests) is asked whether it is two nouns.
const FILE_LINES_MAX: usize = 500;

/// Files that were asked and stayed whole: path and reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// What the top of the repository may hold, beside files that begin with a dot.
const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "benches",
    "docs",
    "fuzz",
    "scripts",
    "src",
    "stdlib",
    "tests",
];

/// Folders of somebody's machine; written in two pieces so that this file doesn't hold them.
const PRIVATE_FOLDERS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

type Row<'a> = (&'a str, &'a [&'a str]);

/// A file of the repository: its path from the root, with forward slashes, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// `src/http/pool.rs` and `src/http.rs` are of the room `http`; `lib.rs` and `main.rs` of none.
    fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let room = rest.split_once('/').map_or_else(|| rest.strip_suffix(".rs"), |(room, _)| Some(room))?;
        (room != "lib" && room != "main").then_some(room)
    }

    /// How many modules lie between the file's items and the crate's root.
    fn depth(&self) -> usize {
        let rest = self.path.trim_start_matches("src/");
        rest.matches('/').count() + usize::from(!rest.ends_with("/mod.rs"))
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// A module that `#[cfg(test)] mod tests;` declares.
    fn is_tests(&self) -> bool {
        self.name() == "tests.rs" || self.path.contains("/tests/")
    }
}

// ---------------------------------------------------------------- the rules

/// Holds every file to its room's row.
fn imports(files: &[File], rows: &[Row]) -> Vec<String> {
    let mut findings = Vec::new();
    let order = |room: &str| rows.iter().position(|(name, _)| *name == room);
    for (at, (room, allowed)) in rows.iter().enumerate() {
        for wrong in allowed.iter().filter(|name| order(name).is_none_or(|place| place >= at)) {
            findings.push(format!("ROWS: `{room}` permits `{wrong}`, which is not a room above it"));
        }
    }
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for file in files.iter().filter(|file| !file.is_tests()) {
        let Some(room) = file.room() else { continue };
        let Some(at) = order(room) else {
            findings.push(format!("{}: `{room}` has no row in ROWS", file.path));
            continue;
        };
        let (code, _) = scan::without_tests(&scan::split(&file.text).code);
        for (other, line) in scan::rooms_named(&code, file.depth()) {
            let Some(place) = order(&other) else { continue };
            if other == room {
                continue;
            }
            if place > at {
                findings.push(format!("{}:{line}: `{room}` imports `{other}`, a room below it", file.path));
            } else if !rows[at].1.contains(&other.as_str()) {
                findings.push(format!(
                    "{}:{line}: `{room}` imports `{other}`, which its row doesn't permit (docs/architecture.md has the ceiling)",
                    file.path
                ));
            }
            used.insert((room.to_owned(), other));
        }
    }
    for (room, allowed) in rows {
        let is_used = |name: &&&str| used.contains(&((*room).to_owned(), (**name).to_owned()));
        let unused: Vec<&str> = allowed.iter().filter(|name| !is_used(name)).copied().collect();
        if !unused.is_empty() {
            let kept: Vec<&str> = allowed.iter().filter(is_used).copied().collect();
            findings.push(format!(
                "ROWS: `{room}` permits {unused:?}, which nobody uses; the row in use is\n    (\"{room}\", &{kept:?}),"
            ));
        }
    }
    findings
}

/// `lib.rs` lists the rooms in ROWS' order.
fn floor_plan(lib: &str, rows: &[Row]) -> Vec<String> {
    let code = scan::split(lib).code;
    let listed: Vec<&str> = code
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';')?.rsplit_once("mod ").map(|(_, room)| room))
        .collect();
    let rooms: Vec<&str> = rows.iter().map(|(room, _)| *room).collect();
    if listed == rooms {
        return Vec::new();
    }
    vec![format!("src/lib.rs lists {listed:?}\n    ROWS lists       {rooms:?}")]
}

/// Names of files and folders that say nothing.
fn names(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        for part in file.path.split('/') {
            let name = part.strip_suffix(".rs").unwrap_or(part);
            if EMPTY_NAMES.contains(&name) {
                findings.push(format!("{}: `{name}` says nothing; name the noun inside", file.path));
            }
        }
    }
    findings
}

/// `unsafe` stands in the listed files alone, and in each of them.
fn unsafe_code(files: &[File], listed: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut holds = BTreeSet::new();
    for file in files {
        let lines = scan::lines_with(&scan::split(&file.text).code, "unsafe");
        if lines.is_empty() {
            continue;
        }
        holds.insert(file.path.as_str());
        if !listed.contains(&file.path.as_str()) {
            findings.push(format!("{}:{}: `unsafe` outside UNSAFE_FILES", file.path, lines[0]));
        }
    }
    for path in listed.iter().filter(|path| !holds.contains(**path)) {
        findings.push(format!("UNSAFE_FILES: {path} has no `unsafe`; take it off the list"));
    }
    findings
}

/// Openings, doors, sizes and words that may not land.
fn shape(files: &[File], long: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut are_long = BTreeSet::new();
    for file in files {
        let path = &file.path;
        if !file.text.starts_with("//!") {
            findings
                .push(format!("{path}:1: opens without `//!` (what it is for, its invariant, who uses it)"));
        }
        let source = scan::split(&file.text);
        let lines = file.text.lines().count() - scan::without_tests(&source.code).1;
        if file.name() == "mod.rs" && lines > DOOR_LINES_MAX {
            findings.push(format!("{path}: a door of {lines} lines; at most {DOOR_LINES_MAX}"));
        }
        if lines > FILE_LINES_MAX && !file.is_tests() {
            are_long.insert(path.as_str());
            if !long.iter().any(|(listed, _)| listed == path) {
                findings.push(format!(
                    "{path}: {lines} lines without its tests: two nouns? Split it, or list it in LONG_FILES with the reason"
                ));
            }
        }
        for word in ["todo!", "dbg!"] {
            for line in scan::lines_with(&source.code, word) {
                findings.push(format!("{path}:{line}: `{word}` does not land"));
            }
        }
        for (index, line) in source.comments.lines().enumerate() {
            let says = |word: &str| !scan::lines_with(line, word).is_empty();
            if says(concat!("FIX", "ME")) {
                findings.push(format!("{path}:{}: {} does not land", index + 1, concat!("FIX", "ME")));
            }
            if says(concat!("TO", "DO")) && !names_an_issue(line) {
                findings.push(format!("{path}:{}: {} names no issue (#N)", index + 1, concat!("TO", "DO")));
            }
        }
    }
    for (path, _) in long.iter().filter(|(path, _)| !are_long.contains(path)) {
        findings.push(format!("LONG_FILES: {path} is not long; take it off the list"));
    }
    findings
}

fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
}

/// Only what was promised lies at the top of the repository.
fn top_level<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let entries: BTreeSet<&str> = paths.into_iter().filter_map(|path| path.split('/').next()).collect();
    let unknown = entries.into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name));
    unknown
        .map(|name| format!("{name}: not among what the top of the repository holds (TOP_LEVEL)"))
        .collect()
}

/// No file names a folder of the machine it was written on.
fn private_folders(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = PRIVATE_FOLDERS.iter().find(|folder| line.contains(**folder)) {
                findings.push(format!(
                    "{}:{}: holds `{folder}`, a folder of one machine",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    findings
}

// ---------------------------------------------------------------- the tree

/// What git tracks or would track; a tree without git (a source archive) is walked instead.
fn tracked() -> Vec<String> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    if let Ok(output) = git
        && output.status.success()
    {
        let list = String::from_utf8_lossy(&output.stdout).into_owned();
        return list
            .split('\0')
            .filter(|path| !path.is_empty() && root().join(path).exists())
            .map(str::to_owned)
            .collect();
    }
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    paths
}

fn walk(folder: &Path, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "target" || name == ".git" || name == ".runner" {
            continue;
        }
        if path.is_dir() {
            walk(&path, paths);
        } else {
            let relative = path.strip_prefix(root()).expect("a path below the root");
            paths.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// The tree's files below the folders, text only.
fn files(folders: &[&str], extension: &str) -> Vec<File> {
    let inside =
        |path: &String| folders.iter().any(|folder| path.starts_with(folder)) && path.ends_with(extension);
    tracked()
        .into_iter()
        .filter(inside)
        .filter_map(|path| std::fs::read_to_string(root().join(&path)).ok().map(|text| File { path, text }))
        .collect()
}

#[track_caller]
fn expect_none(findings: Vec<String>) {
    let mut list = String::new();
    for finding in &findings {
        let _ = write!(list, "\n  {finding}");
    }
    assert!(findings.is_empty(), "{} finding(s):{list}", findings.len());
}

#[test]
fn each_room_imports_what_its_row_permits() {
    let files = files(&["src/"], ".rs");
    assert!(files.len() >= ROWS.len(), "found only {} sources", files.len());
    expect_none(imports(&files, ROWS));
}

#[test]
fn lib_rs_lists_the_rooms_in_order() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    expect_none(floor_plan(&lib, ROWS));
}

#[test]
fn names_say_what_is_inside() {
    expect_none(names(&files(&["src/", "tests/", "benches/", "stdlib/", "scripts/"], "")));
}

#[test]
fn unsafe_stays_where_it_is_listed() {
    expect_none(unsafe_code(&files(&["src/", "tests/", "benches/"], ".rs"), UNSAFE_FILES));
}

#[test]
fn files_have_their_shape() {
    expect_none(shape(&files(&["src/", "tests/", "benches/"], ".rs"), LONG_FILES));
}

#[test]
fn the_top_of_the_repository_holds_what_was_promised() {
    expect_none(top_level(tracked().iter().map(String::as_str)));
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    expect_none(private_folders(&files(&[""], "")));
}

// ---------------------------------------------------------------- the rules, on made-up sources

/// The repository's top folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[cfg(test)]
mod rules {
    use super::*;

    const ROOMS: &[Row] = &[("units", &[]), ("metrics", &["units"]), ("http", &["metrics"])];

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    /// A tree in which every row is used as it stands.
    fn sound() -> Vec<File> {
        vec![
            file("src/units.rs", "//! Units.\n"),
            file("src/metrics/mod.rs", "//! Metrics.\nuse crate::units::parse;\n"),
            file("src/http/mod.rs", "//! HTTP.\n"),
            file("src/http/pool.rs", "//! Pool.\nuse super::super::metrics;\n"),
        ]
    }

    fn with(mut files: Vec<File>, path: &str, text: &str) -> Vec<File> {
        files.push(file(path, text));
        files
    }

    #[track_caller]
    fn says(findings: Vec<String>, part: &str) {
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains(part), "{findings:?}");
    }

    #[test]
    fn a_sound_tree_has_no_findings() {
        expect_none(imports(&sound(), ROOMS));
        expect_none(shape(&sound(), &[]));
        expect_none(names(&sound()));
    }

    #[test]
    fn an_import_of_a_room_below_is_found() {
        let files = with(sound(), "src/metrics/tags.rs", "//! T.\n\nuse crate::http::Client;");
        says(imports(&files, ROOMS), "src/metrics/tags.rs:3: `metrics` imports `http`, a room below it");
    }

    #[test]
    fn an_import_without_permission_is_found() {
        let files = with(sound(), "src/http/body.rs", "//! B.\nfn f(x: crate::units::Size) {}");
        says(imports(&files, ROOMS), "src/http/body.rs:2: `http` imports `units`, which its row");
    }

    #[test]
    fn imports_of_tests_comments_and_the_room_itself_do_not_count() {
        let text = "//! B. See [`crate::units`].\nuse crate::http::Client;\n#[cfg(test)]\nmod tests { use crate::units; }";
        let files = with(sound(), "src/http/body.rs", text);
        expect_none(imports(&with(files, "src/http/tests.rs", "use crate::units;"), ROOMS));
    }

    #[test]
    fn a_permission_that_nobody_uses_is_found_with_the_row_to_write() {
        let rows: &[Row] = &[("units", &[]), ("metrics", &["units"]), ("http", &["units", "metrics"])];
        says(imports(&sound(), rows), "(\"http\", &[\"metrics\"]),");
    }

    #[test]
    fn a_row_that_permits_a_room_below_is_found() {
        let rows: &[Row] = &[("units", &[]), ("metrics", &["units", "http"]), ("http", &["metrics"])];
        let findings = imports(&sound(), rows);
        assert!(findings[0].contains("`metrics` permits `http`"), "{findings:?}");
    }

    #[test]
    fn a_room_without_a_row_is_found() {
        says(imports(&with(sound(), "src/extra.rs", "//! E."), ROOMS), "`extra` has no row");
    }

    #[test]
    fn a_floor_plan_in_another_order_is_found() {
        expect_none(floor_plan("//! L.\npub mod units;\npub mod metrics;\nmod http;\n", ROOMS));
        says(floor_plan("pub mod metrics;\npub mod units;\npub mod http;", ROOMS), "ROWS lists");
    }

    #[test]
    fn empty_names_are_found() {
        says(names(&[file("src/http/util.rs", "")]), "`util` says nothing");
        says(names(&[file("src/common/x.rs", "")]), "`common` says nothing");
    }

    #[test]
    fn unsafe_is_found_where_it_is_not_listed_and_missed_where_it_is() {
        let files = [file("src/a.rs", "// unsafe\nunsafe { x() }"), file("src/b.rs", "\"unsafe\"")];
        says(unsafe_code(&files, &[]), "src/a.rs:2");
        expect_none(unsafe_code(&files, &["src/a.rs"]));
        says(unsafe_code(&files, &["src/a.rs", "src/b.rs"]), "src/b.rs has no `unsafe`");
    }

    #[test]
    fn misshapen_files_are_found() {
        let shape_of = |path: &str, text: &str| shape(&[file(path, text)], &[]);
        says(shape_of("src/a.rs", "fn f() {}"), "opens without");
        says(shape_of("src/a.rs", concat!("//! A.\nfn f() { to", "do!() }")), "does not land");
        says(shape_of("src/a.rs", concat!("//! A.\n// FIX", "ME: x")), "does not land");
        says(shape_of("src/a.rs", concat!("//! A.\n// TO", "DO: x")), "names no issue");
        expect_none(shape_of("src/a.rs", concat!("//! A.\n// TO", "DO(#12): x")));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn t() {}\n".repeat(600));
        let door = |lines: usize| format!("//! D.\n{}{tests}", "mod x;\n".repeat(lines - 1));
        expect_none(shape_of("src/a/mod.rs", &door(DOOR_LINES_MAX)));
        says(shape_of("src/a/mod.rs", &door(DOOR_LINES_MAX + 1)), "a door of 151 lines");
        expect_none(shape_of("src/a.rs", &door(FILE_LINES_MAX)));
        says(shape_of("src/a.rs", &door(FILE_LINES_MAX + 1)), "two nouns");
        expect_none(shape(&[file("src/a.rs", &door(FILE_LINES_MAX + 1))], &[("src/a.rs", "a table")]));
        says(shape(&[file("src/a.rs", "//! A.")], &[("src/a.rs", "a table")]), "is not long");
    }

    #[test]
    fn strangers_at_the_top_and_private_folders_are_found() {
        expect_none(top_level(["src/lib.rs", ".ci/run", "Makefile"]));
        says(top_level(["src/lib.rs", "notes.txt"]), "notes.txt");
        says(
            private_folders(&[file("docs/a.md", &format!("see {}me/x", PRIVATE_FOLDERS[0]))]),
            "docs/a.md:1",
        );
    }
}
