//! Wrong input and what the user is told: `tests/ui/NAME.rhai` beside `tests/ui/NAME.stderr`, no code.
//!
//! A script's first comment lines steer its case:
//! `// exit: 104` is the exit code it must end with, and has to be there;
//! `// args: run -i 1` are the arguments (default `run`); the script's name is added at the end unless
//! the arguments name a script themselves.
//! Each case runs in a copy of `tests/ui`, without colour. Ports, times, rates and folders are redacted.
//! `UI_BLESS=1 cargo test --test it ui` writes what was printed as what is expected: read the diff.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::fixture::{root, runner, scripts};
use crate::redact::redact;

/// A wrong input must be told in good time, also the endless ones.
const CASE_TIMEOUT: Duration = Duration::from_secs(40);

struct Case {
    args: Vec<String>,
    exit: i32,
}

/// Reads the directives at the head of a script.
fn directives(name: &str, text: &str) -> Result<Case, String> {
    let (mut args, mut exit) = (None, None);
    for line in text.lines().map_while(|line| line.strip_prefix("//")) {
        match line.trim().split_once(':') {
            Some(("args", value)) => args = Some(value.split_whitespace().map(str::to_owned).collect()),
            Some(("exit", value)) => exit = value.trim().parse().ok(),
            _ => {}
        }
    }
    let mut args: Vec<String> = args.unwrap_or_else(|| vec!["run".to_owned()]);
    if !args.iter().any(|arg| Path::new(arg).extension().is_some_and(|extension| extension == "rhai")) {
        args.push(format!("{name}.rhai"));
    }
    let exit = exit.ok_or_else(|| format!("{name}.rhai: no `// exit: N` among its first comment lines"))?;
    Ok(Case { args, exit })
}

/// What is wrong with one case, if anything.
fn run(name: &str, bless: bool) -> Result<(), String> {
    let folder = root().join("tests/ui");
    let text =
        std::fs::read_to_string(folder.join(format!("{name}.rhai"))).map_err(|error| error.to_string())?;
    let case = directives(name, &text)?;
    let mut call = runner(&case.args).timeout(CASE_TIMEOUT);
    for script in scripts("tests/ui") {
        let file = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
        call = call.file(&file, &std::fs::read_to_string(&script).map_err(|error| error.to_string())?);
    }
    let here = call.folder().to_owned();
    let finished = call.run();
    let actual = redact(&finished.stderr, &[(&here, "TEMP"), (root(), "REPOSITORY")]);
    if finished.code != Some(case.exit) {
        return Err(format!(
            "{name}.rhai: ended with {:?}, expected {}\n{}",
            finished.code,
            case.exit,
            finished.printed()
        ));
    }
    let expected_path = folder.join(format!("{name}.stderr"));
    if bless {
        return std::fs::write(&expected_path, actual).map_err(|error| error.to_string());
    }
    let expected = std::fs::read_to_string(&expected_path).map_err(|_| {
        format!("{name}.rhai: has no {name}.stderr (write it with UI_BLESS=1); it printed\n{actual}")
    })?;
    if expected == actual {
        return Ok(());
    }
    Err(format!("{name}.stderr: - expected, + printed\n{}", diff(&expected, &actual)))
}

/// A diff by lines: what both share stays, by the longest common subsequence.
fn diff(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            common[i][j] =
                if left == right { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            let _ = writeln!(out, "   {}", old[i]);
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(out, " - {}", old[i]);
            i += 1;
        } else {
            let _ = writeln!(out, " + {}", new[j]);
            j += 1;
        }
    }
    if expected.ends_with('\n') != actual.ends_with('\n') {
        out.push_str(" (they differ in the newline at the end)\n");
    }
    out
}

#[test]
fn wrong_input_is_told_as_written() {
    let bless = std::env::var_os("UI_BLESS").is_some_and(|value| value == "1");
    let scripts = scripts("tests/ui");
    assert!(scripts.len() >= 10, "only {} scripts in tests/ui", scripts.len());
    let mut wrong = Vec::new();
    for script in &scripts {
        let name = script.file_stem().unwrap_or_default().to_string_lossy();
        wrong.extend(run(&name, bless).err());
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), scripts.len(), wrong.join("\n\n"));
}

#[test]
fn each_expected_message_has_its_script() {
    let entries = std::fs::read_dir(root().join("tests/ui")).expect("tests/ui");
    for path in entries.flatten().map(|entry| entry.path()) {
        let known = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rhai") => true,
            Some("stderr") => path.with_extension("rhai").exists(),
            _ => false,
        };
        assert!(known, "{} belongs to no case", path.display());
    }
}

#[test]
fn directives_are_read_from_the_head() {
    let case =
        directives("x", "// args: run -i 1\n// exit: 104\nlet a = 1;\n// exit: 0\n").expect("both given");
    assert_eq!((case.args.join(" ").as_str(), case.exit), ("run -i 1 x.rhai", 104));
    let case = directives("x", "// exit: 2\n// args: run gone.rhai\n").expect("both given");
    assert_eq!(case.args, ["run", "gone.rhai"]);
    assert!(directives("x", "let a = 1;").is_err());
}

#[test]
fn a_diff_shows_what_changed() {
    assert_eq!(diff("a\nb\nc\n", "a\nx\nc\n"), "   a\n - b\n + x\n   c\n");
    assert_eq!(diff("a\n", "a\n"), "   a\n");
}
