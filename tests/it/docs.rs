//! What the documentation shows must be true: every Rhai block declares a sound plan.

use crate::fixture::{root, runner, scripts};

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
    let docs = std::fs::read_dir(root().join("docs")).expect("docs").flatten().map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut count = 0;
    for page in pages.chain([root().join("README.md")]) {
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
    let scripts = scripts("scripts").into_iter().map(std::path::PathBuf::into_os_string);
    runner(["check", "--strict"].map(std::ffi::OsString::from).into_iter().chain(scripts))
        .run()
        .expect_code(0);
}

#[test]
fn blocks_are_found_by_their_language() {
    let text = "a\n```rhai\nx\ny\n```\n```console\nz\n```\n";
    assert_eq!(blocks(text), [(3, "x\ny\n".to_owned())]);
}
