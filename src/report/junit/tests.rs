//! The file as CI systems read it: by the rules that Ant's and Jenkins' schemas have in common.

use std::collections::BTreeMap;

use quick_xml::Reader;

use super::*;
use crate::results::{End, Verdict};

fn xml(summary: &Summary) -> String {
    render(summary, &PLAIN)
}

/// An element of a file that was read.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("{} without {name}", self.name))
    }

    fn count(&self, name: &str) -> usize {
        self.attribute(name).parse().unwrap()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let (begun, is_empty) = match reader.read_event().unwrap() {
            Event::Start(begun) => (begun.into_owned(), false),
            Event::Empty(begun) => (begun.into_owned(), true),
            Event::Text(text) => {
                open.last_mut().unwrap().text.push_str(&text);
                continue;
            }
            Event::GeneralRef(entity) => {
                let name: &str = &entity;
                let text = quick_xml::escape::unescape(&format!("&{name};")).unwrap().into_owned();
                open.last_mut().unwrap().text.push_str(&text);
                continue;
            }
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        let pairs = begun.attributes().map(|pair| {
            let pair = pair.unwrap();
            let value = quick_xml::escape::unescape(&pair.value).unwrap().into_owned();
            (pair.key.as_ref().to_owned(), value)
        });
        let element = Element {
            name: begun.name().as_ref().to_owned(),
            attributes: pairs.collect(),
            ..Element::default()
        };
        if is_empty {
            open.last_mut().unwrap().children.push(element);
        } else {
            open.push(element);
        }
    }
    assert_eq!(open.len(), 1, "all is closed");
    let root = open.remove(0);
    assert_eq!(root.children.len(), 1);
    root.children.into_iter().next().unwrap()
}

/// Which elements may stand where, which attributes they must and may have.
fn hold_to_the_rules(element: &Element) {
    let (needed, optional, children): (&[&str], &[&str], &[&str]) = match element.name.as_str() {
        "testsuites" => (&["name", "tests", "failures", "errors", "time"], &[], &["testsuite"]),
        "testsuite" => (
            &["name", "tests", "failures", "errors", "skipped", "time", "id", "package", "hostname"],
            &["timestamp"],
            &["properties", "testcase", "system-out", "system-err"],
        ),
        "properties" => (&[], &[], &["property"]),
        "property" => (&["name", "value"], &[], &[]),
        "testcase" => (&["name", "classname", "time"], &[], &["failure", "error", "skipped"]),
        "failure" | "error" => (&["message", "type"], &[], &[]),
        "system-out" | "system-err" => (&[], &[], &[]),
        other => panic!("no JUnit has <{other}>"),
    };
    for name in needed {
        element.attribute(name);
    }
    for name in element.attributes.keys() {
        assert!([needed, optional].concat().contains(&name.as_str()), "{} has {name}", element.name);
    }
    // In this order.
    let places: Vec<usize> = element
        .children
        .iter()
        .map(|child| {
            children.iter().position(|name| *name == child.name).unwrap_or_else(|| panic!("{child:?}"))
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    if element.name == "testcase" {
        assert!(element.children.len() <= 1);
    }
    if let Some(time) = element.attributes.get("time") {
        assert!(time.parse::<f64>().unwrap() >= 0.0);
    }
    element.children.iter().for_each(hold_to_the_rules);
}

fn hold_to_the_counts(root: &Element) {
    let suites: Vec<&Element> = root.all("testsuite").collect();
    let with = |suite: &Element, name: &str| {
        suite.all("testcase").filter(|case| case.all(name).next().is_some()).count()
    };
    for suite in &suites {
        assert_eq!(suite.count("tests"), suite.all("testcase").count());
        assert_eq!(suite.count("failures"), with(suite, "failure"));
        assert_eq!(suite.count("errors"), with(suite, "error"));
        assert_eq!(suite.count("skipped"), with(suite, "skipped"));
    }
    for name in ["tests", "failures", "errors"] {
        assert_eq!(root.count(name), suites.iter().map(|suite| suite.count(name)).sum::<usize>());
    }
}

#[test]
fn it_keeps_to_the_rules_whatever_happened() {
    let all = [Summary::uneventful(), Summary::eventful()].into_iter().chain((0..100).map(Summary::odd));
    for mut summary in all {
        summary.script_name.push_str("\u{0}\u{1b}[2J\u{fffe}<&\"'>\n\r]]>");
        let root = parse(&xml(&summary));
        hold_to_the_rules(&root);
        hold_to_the_counts(&root);
        let is_good = root.count("failures") + root.count("errors") == 0;
        assert!(!is_good || summary.verdict() == Verdict::Passed, "{:?}", summary.verdict());
    }
}

#[test]
fn of_everything_a_case() {
    insta::assert_snapshot!(xml(&Summary::eventful()));
}

#[test]
fn a_run_that_passed_has_no_failure() {
    insta::assert_snapshot!(xml(&Summary { elapsed: std::time::Duration::from_millis(1_500), ..passed() }));
}

fn passed() -> Summary {
    let mut summary = Summary::eventful();
    summary.errors.clear();
    summary.failures.clear();
    summary.judgements.truncate(1);
    summary.scenarios.truncate(1);
    summary.checks.drain(..2);
    summary.end = End::Finished;
    assert_eq!(summary.verdict(), Verdict::Passed);
    summary
}

#[test]
fn what_says_nothing_of_the_service_is_an_error_and_no_failure() {
    let stopped = Summary { end: End::Interrupted, ..passed() };
    let root = parse(&xml(&stopped));
    let (failures, errors) = (root.count("failures"), root.count("errors"));
    assert_eq!((failures, errors), (0, 1));
    let case = &root.children[0].all("testcase").next().unwrap().children[0];
    assert_eq!(case.attribute("type"), "interrupted");
    assert_eq!(case.attribute("message"), "✗ stopped by the user after 30.0s: 1 of 1 target holds so far");
}

#[test]
fn names_are_read_back_as_they_were() {
    let root = parse(&xml(&Summary::eventful()));
    let suite = &root.children[0];
    let names: Vec<&str> = suite.all("testcase").map(|case| case.attribute("name")).collect();
    assert_eq!(names[1], "http_req_duration{name:price} p(95) < 200ms");
    assert_eq!(names.last(), Some(&"pay :: card :: has <no> & \"fee\""));
    let classes: Vec<&str> = suite.all("testcase").map(|case| case.attribute("classname")).collect();
    assert_eq!((classes[0], classes[1]), ("load/shop.run", "load/shop.targets"));
    let failure = &suite.all("testcase").nth(3).unwrap().children[0];
    assert!(failure.text.contains("did you mean `checks{check:is 200}`?\n"), "{}", failure.text);
}
