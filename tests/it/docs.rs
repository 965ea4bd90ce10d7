//! What the documentation shows must be true: every Rhai block declares a sound plan, every link leads somewhere, and
//! every concept has its page and its picture.

use std::path::{Path, PathBuf};

use crate::fixture::{root, runner, scripts};

/// The concepts that a summary speaks of; each has a page in `docs/concepts/` with a picture.
const CONCEPTS: [&str; 10] = [
    "model",
    "time",
    "percentiles",
    "steady",
    "generator",
    "books",
    "failures",
    "windows",
    "cardinality",
    "connections",
];

/// README.md and all pages of docs/, in order.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "docs/concepts"] {
        let files = std::fs::read_dir(root().join(folder)).expect("docs").flatten().map(|entry| entry.path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages.sort();
    pages
}

/// What a page links to, pictures included: `](target)` outside of blocks of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut is_code = false;
    for (number, line) in text.lines().enumerate() {
        is_code ^= line.starts_with("```");
        let parts = line.split("](").skip(1).filter(|_| !is_code);
        links.extend(parts.filter_map(|part| Some((number + 1, part.split_once(')')?.0.to_owned()))));
    }
    links
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// What is wrong with a link of a page; nothing of one into the net.
fn broken(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { page.to_owned() } else { page.parent()?.join(path) };
    if !target.exists() {
        return Some("no such file".to_owned());
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&target).unwrap_or_default();
    (!anchors(&text).iter().any(|known| known == anchor)).then(|| format!("no heading `#{anchor}` there"))
}

/// The Rhai blocks of a Markdown file, with the line each starts at.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line.starts_with("```") => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == "```rhai" => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    blocks
}

#[test]
fn every_rhai_block_is_a_sound_script() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a readable page");
        for (line, block) in blocks(&text) {
            let name = format!("{}-{line}.rhai", page.file_stem().unwrap_or_default().to_string_lossy());
            let call = runner(["check", "--strict", "--allow-run", &name]).file(&name, &block);
            // What the blocks ask for with `secret`.
            call.env("TOKEN", "of the environment").file("key.txt", "of the file\n").run().expect_code(0);
            count += 1;
        }
    }
    assert!(count >= 6, "only {count} Rhai blocks in README.md and docs/");
}

#[test]
fn every_script_that_is_shipped_lints_clean() {
    let scripts = scripts("scripts").into_iter().map(PathBuf::into_os_string);
    runner(["check", "--strict"].map(std::ffi::OsString::from).into_iter().chain(scripts))
        .run()
        .expect_code(0);
}

#[test]
fn blocks_are_found_by_their_language() {
    let text = "a\n```rhai\nx\ny\n```\n```console\nz\n```\n";
    assert_eq!(blocks(text), [(3, "x\ny\n".to_owned())]);
}

#[test]
fn every_link_leads_somewhere() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a readable page");
        for (line, link) in links(&text) {
            count += 1;
            wrong.extend(
                broken(&page, &link).map(|why| format!("{}:{line}: `{link}`: {why}", page.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 80, "only {count} links: are they still found?");
}

#[test]
fn every_concept_has_a_page_with_a_picture_and_is_in_the_list() {
    let folder = root().join("docs/concepts");
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let list = read("README.md");
    let listed: Vec<String> = links(&list).into_iter().map(|(_, link)| link).collect();
    for concept in CONCEPTS {
        let page = read(&format!("{concept}.md"));
        assert!(listed.contains(&format!("{concept}.md")), "README.md doesn't list `{concept}.md`");
        let picture = format!("{concept}.svg");
        assert!(
            links(&page).iter().any(|(_, link)| *link == picture),
            "{concept}.md doesn't show `{picture}`"
        );
    }
    let is_page = |path: &PathBuf| path.parent() == Some(&folder) && !path.ends_with("README.md");
    let pages: Vec<PathBuf> = pages().into_iter().filter(is_page).collect();
    assert_eq!(pages.len(), CONCEPTS.len(), "a page that no list has: {pages:?}");
    for page in ["README.md", "docs/guide.md"] {
        let text = std::fs::read_to_string(root().join(page)).expect("a readable page");
        assert!(text.contains("concepts/"), "{page} doesn't lead to the concepts");
    }
}

/// A picture says what it shows to who can't see it, can be read on light and dark pages, and asks nobody for anything.
#[test]
fn pictures_stand_alone_and_can_be_read_on_light_and_dark_pages() {
    let files = std::fs::read_dir(root().join("docs/concepts")).expect("docs/concepts").flatten();
    let pictures: Vec<PathBuf> = files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "svg"))
        .collect();
    assert!(pictures.len() >= CONCEPTS.len());
    for picture in pictures {
        let name = picture.display();
        let text = std::fs::read_to_string(&picture).expect("a readable picture");
        for needed in ["<title>", "<desc>", "prefers-color-scheme: dark", "class=\"bg\"", "viewBox="] {
            assert!(text.contains(needed), "{name} lacks `{needed}`");
        }
        let rest = text.replacen("http://www.w3.org/2000/svg", "", 1);
        for forbidden in ["://", "href", "@import", "@font-face", "<script", "<image", "<foreignObject"] {
            assert!(!rest.contains(forbidden), "{name} holds `{forbidden}`");
        }
        // Colours that are set on an element can't follow the page.
        for forbidden in [" fill=\"", " stroke=\"", " style=\""] {
            assert!(!rest.contains(forbidden), "{name} sets a colour by `{forbidden}`");
        }
        assert!(text.len() < 32 << 10, "{name} has {} bytes", text.len());
    }
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# One `two`, 3!\n[a](b.md) and ![c](d.svg)\n```\n[no](x)\n```\n";
    assert_eq!(links(text), [(2, "b.md".to_owned()), (2, "d.svg".to_owned())]);
    assert_eq!(anchors(text), ["one-two-3"]);
    let page = root().join("README.md");
    assert_eq!(broken(&page, "https://example.com/x"), None);
    assert_eq!(broken(&page, "docs/guide.md#3-targets"), None);
    assert!(broken(&page, "docs/guide.md#nowhere").is_some() && broken(&page, "gone.md").is_some());
}
