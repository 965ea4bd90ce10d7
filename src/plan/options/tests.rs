//! Option maps: what is taken, what is refused, and in which words.

use super::super::tests::options;
use super::*;
use serde_json::json;

const SPECS: &[OptionSpec] = &[
    OptionSpec { name: "vus", takes: "an integer", default: Some("1"), about: "x" },
    OptionSpec { name: "start_time", takes: "a duration", default: Some("5s"), about: "x" },
    OptionSpec { name: "abort_on_fail", takes: "true or false", default: Some("false"), about: "x" },
    OptionSpec { name: "base_url", takes: "a URL", default: None, about: "x" },
    OptionSpec { name: "think", takes: "a duration", default: Some("0s"), about: "x" },
    OptionSpec { name: "tags", takes: "a map of texts", default: Some("#{}"), about: "x" },
];

#[test]
fn defaults_come_from_the_specs() {
    let none = Options::new();
    let reader = Reader::new("x", &none, &[SPECS]);
    assert_eq!(reader.count("vus", 1..=9), Ok(1));
    assert_eq!(reader.duration("start_time"), Ok(Duration::from_secs(5)));
    assert_eq!(reader.flag("abort_on_fail"), Ok(false));
    assert_eq!(reader.optional_text("base_url"), Ok(None));
    assert!(matches!(reader.text("base_url"), Err(PlanError::MissingOption { .. })));
    assert!(!reader.is_given("vus"));
}

#[test]
fn values_are_found_in_either_spelling() {
    let given = options(
        json!({"startTime": "7s", "abortOnFail": true, "baseUrl": "u", "tags": {"a": 1, "b": 1.0, "c": true}}),
    );
    let reader = Reader::new("x", &given, &[SPECS]);
    assert_eq!(reader.check_names(), Ok(()));
    assert_eq!(reader.duration("start_time"), Ok(Duration::from_secs(7)));
    assert_eq!(reader.flag("abort_on_fail"), Ok(true));
    assert_eq!(reader.text("base_url"), Ok("u".to_string()));
    let tags: Vec<_> = reader.texts("tags").unwrap().into_values().collect();
    assert_eq!(tags, ["1", "1.0", "true"]);
}

#[test]
fn an_error_names_the_option_as_written() {
    let given = options(json!({"startTime": true}));
    let error = Reader::new("x", &given, &[SPECS]).duration("start_time").unwrap_err();
    insta::assert_snapshot!(error, @"`startTime` takes a duration, not true");
}

#[test]
fn a_duration_alone_is_a_constant_think_time() {
    let given = options(json!({"think": "250ms"}));
    let reader = Reader::new("x", &given, &[SPECS]);
    assert_eq!(reader.think("think"), Ok(Think::Constant(Duration::from_millis(250))));
}

#[test]
fn the_table_of_spellings_is_ours_on_the_right_only() {
    for (theirs, ours) in ALIASES {
        assert_eq!(canonical(theirs), *ours);
        assert_eq!(canonical(ours), *ours);
        assert!(ours.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{ours}");
    }
}
