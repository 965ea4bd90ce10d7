//! Tags of groups and users, and what a flow knows of where it stands.

use super::dream::cast;
use super::{Cast, Failure, Play, flow, refusal};
use crate::metrics::Value;
use crate::plan::Bound;

fn total(play: &Play, selector: &str) -> Option<u64> {
    match play.snapshot().select(&super::Selector::parse(selector).unwrap())? {
        Value::Rate { total, .. } => Some(total),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small counts, from 0 up"
        )]
        Value::Counter(sum) => Some(sum.round() as u64),
        Value::Trend(trend) => Some(trend.count()),
        Value::Gauge { .. } => None,
    }
}

#[test]
fn tags_of_a_group_are_on_every_sample_in_it_and_on_none_behind() {
    const SCRIPT: &str = "const C = counter(\"c\");\nconst TAGS = #{ team: \"a\" };\n\
        fn flow() {\n\
            group(\"outer\", global::TAGS, || {\n\
                global::C.add(1); check(true, \"x\");\n\
                group(\"inner\", #{ part: 2 }, || { global::C.add(1, #{ team: \"b\" }); });\n\
                global::C.add(1);\n\
            });\n\
            global::C.add(1);\n\
        }";
    for (selector, expected) in [
        ("c{team:a}", Some(2)),
        ("c{team:b,part:2}", Some(1)),
        ("c", Some(4)),
        ("checks{team:a}", Some(1)),
        ("group_duration{team:a,group:::outer}", Some(1)),
        ("group_duration{team:a,part:2}", Some(1)),
    ] {
        let play = Play::new(SCRIPT);
        let _ = play.call("flow").unwrap();
        assert_eq!(total(&play, selector), expected, "{selector}");
    }
}

#[test]
fn a_group_that_throws_takes_its_tags_along() {
    let play = flow("try { group(\"a\", #{ team: \"a\" }, || { throw 1; }); } catch { } vu::tags().len()");
    assert_eq!(play.value::<i64>(), 0);
}

#[test]
fn a_users_tags_last_until_they_are_taken_away() {
    let play = Play::new(
        "const C = counter(\"c\");\n\
         fn flow() { global::C.add(1); group(\"g\", #{ a: 1 }, || vu::tag(\"plan\", \"pro\")); vu::tags() }\n\
         fn on_stop() { vu::tag(\"plan\", ()); vu::tags().len() }",
    );
    let vu = play.vu(1);
    let _ = play.call_as(&vu, "flow").unwrap();
    let tags = play.call_as(&vu, "flow").unwrap();
    assert_eq!(tags.to_string(), "#{\"plan\": \"pro\"}");
    assert_eq!(play.call_as(&vu, "on_stop").unwrap().as_int(), Ok(0));
    assert_eq!(total(&play, "c{plan:pro}"), Some(1), "of the second call alone");
}

#[test]
fn tags_are_taken_as_constant_maps_everywhere() {
    let play = Play::new(
        "const C = counter(\"c\");\nconst T = #{ t: \"x\" };\nconst K = #{ \"k\": true };\n\
         fn flow() { global::C.add(1, global::T); check(1, global::K, global::T); check(1, #{ \"l\": true }, global::T); check(true, \"m\", global::T) }",
    );
    let _ = play.call("flow").unwrap();
    let snapshot = play.snapshot();
    let of = |text: &str| snapshot.select(&super::Selector::parse(text).unwrap());
    assert!(matches!(of("checks{t:x}"), Some(Value::Rate { hits: 3, total: 3 })), "{:?}", of("checks"));
    assert!(matches!(of("c{t:x}"), Some(Value::Counter(_))));
}

#[test]
fn a_tag_that_is_wrong_is_named() {
    for (body, said) in [
        ("group(\"g\", #{ team: [1] }, || 1)", "the tag `team` must be a text, not list"),
        ("group(\"g\", 5, || 1)", "`group` takes a map of tags, not an integer"),
        ("check(true, \"x\", #{ a: || 1 })", "the tag `a` must be a text, not closure"),
        ("vu::tag(\"a b\", 1)", "`a b` is no name for a tag"),
        ("vu::tag(\"a\", #{})", "the tag `a` must be a text, not map"),
        ("http::get(\"http://127.0.0.1:1\", #{ tags: #{ \"a:b\": 1 } })", "`a:b` is no name for a tag"),
    ] {
        let Err(Failure::Threw(told)) = flow(body).call("flow") else { panic!("{body}") };
        assert_eq!(told.message, said, "{body}");
    }
}

#[test]
fn a_flow_knows_where_it_stands() {
    let play = flow(
        "sleep(6); [scenario::name(), scenario::executor(), scenario::iteration(), scenario::elapsed(), \
         scenario::progress(), scenario::users(), run::elapsed(), scenario::start_time()]",
    );
    let vu = play.vu_in(1, cast(None));
    vu.scenario_iteration.set(Some(7));
    let told = play.call_as(&vu, "flow").unwrap().to_string();
    assert_eq!(told, "[\"buy\", \"constant-vus\", 7, 5000.0, 0.5, 4, 6000.0, 1000.0]");
    let shared = play.vu_in(2, cast(Some(Bound::Shared(10))));
    shared.scenario_iteration.set(Some(5));
    let play = flow("scenario::progress()");
    assert!((play.call_as(&shared, "flow").unwrap().as_float().unwrap() - 0.5).abs() < 1e-9);
}

#[test]
fn outside_of_a_scenario_there_is_none_to_tell_of() {
    let play = flow("scenario::name()");
    let told = play.call_as(&play.vu_in(0, Cast::outside(None)), "flow").unwrap_err();
    let Failure::Threw(told) = told else { panic!("{told:?}") };
    assert_eq!(told.message, "`scenario::name` has no scenario to tell of here");
}

#[test]
fn k6s_exec_is_told_what_to_write() {
    for (body, wanted) in [
        ("let a = exec.vu.idInTest;", "for k6's `exec.vu.idInTest` write `vu::id()`"),
        ("exec.test.abort(\"x\");", "for k6's `exec.test.abort` write `abort(reason)`"),
        ("exec::scenario::iteration_in_test();", "write `scenario::iteration()`"),
    ] {
        let told = refusal(&format!("fn flow() {{ {body} }}"));
        assert!(told.hint.as_ref().is_some_and(|hint| hint.contains(wanted)), "{body}: {told:?}");
    }
}
