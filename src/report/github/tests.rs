//! What GitHub is told, and that no name can say more.

use super::*;
use crate::results::{End, Verdict};

#[test]
fn a_page_and_annotations_of_everything() {
    insta::assert_snapshot!("page", render(&Summary::eventful(), &PLAIN));
    insta::assert_snapshot!("annotations", annotations(&Summary::eventful(), "tests/"));
}

#[test]
fn a_run_that_passed_has_no_error() {
    let mut summary = Summary::uneventful();
    summary.judgements = Summary::eventful().judgements[..1].to_vec();
    assert_eq!(summary.verdict(), Verdict::Passed);
    assert_eq!(annotations(&summary, ""), "");
    assert!(render(&summary, &PLAIN).starts_with("## ✓ passed: 1 of 1 target holds\n"));
}

#[test]
fn a_run_that_failed_without_a_place_has_one_error() {
    let stopped = Summary { end: End::Aborted("50% off, really: yes".into()), ..Summary::uneventful() };
    assert_eq!(
        annotations(&stopped, ""),
        "::error title=run::✗ failed: aborted by the script: 50%25 off, really: yes\n"
    );
}

#[test]
fn no_name_ends_a_line_a_property_or_a_cell() {
    for (at, hostile) in
        ["a\n::error::b", "a\r\n::set-output name=x::y", "x|y", "<script>", "a`b``c", "%0A::stop-commands::x"]
            .into_iter()
            .enumerate()
    {
        let mut summary = Summary::eventful();
        summary.endpoints[0].name = hostile.to_owned();
        summary.judgements[1].key = hostile.to_owned();
        summary.checks[0].name = hostile.to_owned();
        summary.errors[0].message = hostile.to_owned();
        let told = annotations(&summary, "");
        let is_ours = |line: &str| line.starts_with("::error ") || line.starts_with("::warning ");
        assert!(told.lines().all(is_ours), "{told}");
        assert!(!told.contains("%0A::stop"), "{told}");
        let page = render(&summary, &PLAIN);
        assert!(!page.contains("<script>") && !page.contains("\n::"), "{at}: {page}");
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let rows: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("| Request ")).collect();
        let rows = rows.iter().take_while(|line| line.starts_with('|'));
        assert!(rows.clone().all(|line| cells(line) == 8), "{:?}", rows.collect::<Vec<_>>());
    }
}

#[test]
fn of_many_the_last_one_says_how_many_more() {
    let mut summary = Summary::eventful();
    let failed = summary.judgements[1].clone();
    summary.judgements.extend(std::iter::repeat_n(failed, 30));
    let told = annotations(&summary, "");
    let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(errors.len(), ANNOTATIONS_MAX);
    assert_eq!(errors[9], "::error title=run::27 more are in the summary");
}
