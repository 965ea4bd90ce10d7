//! The grammar of targets: what is read, in which unit, and what each mistake is told.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn customs() -> Vec<Metric> {
    let metric = |name: &str, kind, unit| Metric { name: Arc::from(name), kind, unit };
    vec![
        metric("queue_depth", Kind::Gauge, Unit::None),
        metric("price_age", Kind::Trend, Unit::Time),
        metric("score", Kind::Trend, Unit::None),
        metric("sold", Kind::Counter, Unit::None),
    ]
}

fn parse(key: &str, text: &str) -> Result<Target, TargetError> {
    Target::parse(key, text, &TargetOptions::default(), &customs(), None)
}

fn expression(key: &str, text: &str) -> Expression {
    parse(key, text).unwrap_or_else(|error| panic!("{key}: {text}: {error}")).expression
}

/// The message and the hint.
fn fault(key: &str, text: &str) -> (String, String) {
    let error = parse(key, text).unwrap_err();
    (error.to_string(), error.hint().unwrap())
}

#[test]
fn every_aggregate_of_every_kind_is_read() {
    let cases = [
        ("http_reqs", "count>1", Aggregate::Count, Quantity::Number),
        ("http_reqs", "rate>1", Aggregate::PerSecond, Quantity::PerSecond),
        ("data_sent", "count>1", Aggregate::Count, Quantity::Bytes),
        ("data_sent", "rate>1", Aggregate::PerSecond, Quantity::BytesPerSecond),
        ("vus", "value>1", Aggregate::Value, Quantity::Number),
        ("queue_depth", "min>1", Aggregate::Min, Quantity::Number),
        ("queue_depth", "max>1", Aggregate::Max, Quantity::Number),
        ("checks", "rate>0.5", Aggregate::Share, Quantity::Share),
        ("checks", "count>1", Aggregate::Count, Quantity::Number),
        ("checks", "fails<1", Aggregate::Fails, Quantity::Number),
        ("http_req_duration", "avg<1", Aggregate::Average, Quantity::Time),
        ("http_req_duration", "min<1", Aggregate::Min, Quantity::Time),
        ("price_age", "max<1", Aggregate::Max, Quantity::Time),
        ("score", "med<1", Aggregate::Median, Quantity::Number),
        ("score", "p(95)<1", Aggregate::Percentile(95.0), Quantity::Number),
        ("http_req_duration", "p( 99.9 )<1", Aggregate::Percentile(99.9), Quantity::Time),
        ("http_req_duration", "count>1000", Aggregate::Count, Quantity::Number),
    ];
    for (key, text, aggregate, quantity) in cases {
        let target = parse(key, text).unwrap();
        assert_eq!((target.expression.aggregate, target.quantity), (aggregate, quantity), "{key}: {text}");
    }
}

#[test]
fn every_operator_is_read_with_and_without_spaces() {
    for (sign, operator) in OPERATORS {
        for text in [format!("avg{sign}5"), format!(" avg  {sign} 5 ")] {
            assert_eq!(expression("score", &text).operator, *operator, "{text}");
        }
    }
}

#[test]
fn limits_are_kept_in_one_unit() {
    let cases = [
        ("http_req_duration", "p(95)<200ms", 200.0),
        ("http_req_duration", "p(95)<1.5s", 1_500.0),
        ("http_req_duration", "p(95)<200", 200.0),
        ("http_req_duration", "p(95)<250us", 0.25),
        ("checks", "rate>80%", 0.8),
        ("checks", "rate>0.8", 0.8),
        ("checks", "rate==1", 1.0),
        ("data_received", "count<10MB", 10e6),
        ("data_received", "rate<1KiB/s", 1_024.0),
        ("http_reqs", "rate>100/s", 100.0),
        ("http_reqs", "rate>6000/m", 100.0),
        ("http_reqs", "rate>100", 100.0),
        ("score", "min>-2.5", -2.5),
    ];
    for (key, text, limit) in cases {
        let found = expression(key, text).limit;
        assert!((found - limit).abs() < 1e-9, "{key}: {text} gave {found}");
    }
}

#[test]
fn a_window_is_whole_seconds() {
    assert_eq!(expression("checks", "rate>0.9 over 30s").over, Some(Duration::from_secs(30)));
    assert_eq!(expression("checks", "rate>90%  over  1m").over, Some(Duration::from_mins(1)));
    assert_eq!(expression("checks", "rate>0.9").over, None);
    assert_eq!(
        fault("checks", "rate>0.9 over 30").0,
        "the window after `over` can't be read: `30` has no unit"
    );
    assert_eq!(fault("checks", "rate>0.9 over 1500ms").0, "a window of 1.5s isn't possible");
    assert_eq!(fault("checks", "rate>0.9 over 1h").1, "windows are whole seconds, from 1s to 10m");
    assert!(
        fault("checks", "rate>0.9 over").0.starts_with("expected a duration, such as `30s` at character 14")
    );
}

#[test]
fn the_options_and_what_was_written_are_kept() {
    let options =
        TargetOptions { abort_on_fail: true, delay_abort_eval: Duration::from_secs(5), allow_few: true };
    let position = Some(Position { line: 3, column: 4 });
    let target = Target::parse(" checks{name:ok} ", " rate > 99% ", &options, &[], position).unwrap();
    assert_eq!((target.key.as_str(), target.text.as_str()), ("checks{name:ok}", "rate > 99%"));
    assert!(target.abort_on_fail && target.allow_few);
    assert_eq!((target.delay_abort_eval, target.position), (Duration::from_secs(5), position));
    let bytes = postcard::to_stdvec(&target).unwrap();
    assert_eq!(postcard::from_bytes::<Target>(&bytes).unwrap(), target);
}

#[test]
fn an_unknown_metric_names_those_near_it() {
    let (message, hint) = fault("http_req_duratoin", "avg<1");
    assert_eq!(message, "there is no metric `http_req_duratoin`");
    assert_eq!(hint, "did you mean `http_req_duration`?");
    assert!(fault("queue_dept", "value<1").1.contains("`queue_depth`"));
    assert!(fault("zzz", "value<1").1.starts_with("declare it"));
}

#[test]
fn an_unknown_aggregate_names_those_of_the_kind() {
    let (message, hint) = fault("http_reqs", "p(95)<200");
    assert_eq!(message, "`p(95)` is no aggregate of `http_reqs`, which is a counter");
    assert_eq!(hint, "a counter has `count` and `rate`");
    assert!(fault("http_req_duration", "mean<1").1.starts_with("did you mean `avg`?; "));
    assert!(fault("http_req_duration", "median<1").1.starts_with("did you mean `med`?; "));
    assert!(fault("http_reqs", "cuont>1").1.starts_with("did you mean `count`?; "));
    let (_, hint) = fault("http_req_duration", "p95 < 200ms");
    assert_eq!(hint, "did you mean `p(95)`?; a trend has `avg`, `min`, `max`, `med`, `count` and `p(N)`");
    assert!(fault("http_req_duration", "p99.9<1s").1.contains("`p(99.9)`"));
}

#[test]
fn a_percentile_lies_within_0_and_100() {
    for text in ["p(101)<1", "p(-1)<1", "p()<1", "p(x)<1", "p(95<1", "p(NaN)<1"] {
        assert!(matches!(parse("score", text), Err(TargetError::Percentile { .. })), "{text}");
    }
}

#[test]
fn a_percentage_without_its_sign_is_asked_back() {
    let (message, hint) = fault("http_req_failed", "rate<5");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("a rate is never above 1, and `5` is", "did you mean `5%`?")
    );
    assert_eq!(fault("checks", "rate>101%").1, "write `80%` or `0.8`");
    assert_eq!(fault("checks", "rate>500").1, "write `80%` or `0.8`");
}

#[test]
fn a_unit_must_fit_the_metric() {
    assert_eq!(fault("score", "avg<200ms").0, "`200ms` is no limit for `avg` of `score`");
    assert_eq!(fault("score", "avg<200ms").1, "write a bare number");
    for (key, text) in [
        ("http_req_duration", "avg<5%"),
        ("http_req_duration", "avg<10MB"),
        ("http_req_duration", "avg<-1"),
        ("http_reqs", "count<5%"),
        ("checks", "rate>5ms"),
        ("data_sent", "rate<10MB"),
        ("score", "avg<nan"),
        ("score", "avg<inf"),
        ("score", "avg<1 2"),
    ] {
        assert!(matches!(parse(key, text), Err(TargetError::Limit { .. })), "{key}: {text}");
    }
}

#[test]
fn what_isnt_the_grammar_is_pointed_at() {
    let position = |text| match parse("score", text) {
        Err(TargetError::Expected { expected, position, .. }) => (expected, position),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(position(""), ("an aggregate", 1));
    assert_eq!(position("<5"), ("an aggregate", 1));
    assert_eq!(position("200 > avg"), ("an aggregate", 1));
    assert_eq!(position("avg"), ("one of `<`, `<=`, `>`, `>=`, `==`, `!=`", 4));
    assert_eq!(position("avg = 5"), ("one of `<`, `<=`, `>`, `>=`, `==`, `!=`", 5));
    assert_eq!(position("avg <"), ("a number", 6));
    assert_eq!(position("avg <> 5"), ("a number", 6));
    assert_eq!(position("avg < over 30s"), ("a number", 7));
}

#[test]
fn several_conditions_are_several_targets() {
    for text in ["avg<1 && max<2", "avg<1 and max<2", "avg<1 || max<2"] {
        let (message, hint) = fault("score", text);
        assert_eq!(message, format!("`{text}` joins several conditions"));
        assert_eq!(hint, "write two targets, one for each condition");
    }
}

#[test]
fn a_selector_that_cant_be_read_says_where() {
    let (message, _) = fault("checks{name}", "rate>0.9");
    assert_eq!(
        message,
        "the selector `checks{name}` can't be read: expected `:` or `!:` at character 12, found `}`"
    );
}

#[test]
fn fails_of_failed_requests_would_be_those_that_succeeded() {
    let (_, hint) = fault("http_req_failed", "fails<5");
    assert_eq!(hint, "limit the share of failed requests: `rate < 1%`");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(key in "\\PC{0,24}", text in "\\PC{0,32}") {
        for key in [key.as_str(), "checks", "http_req_duration", "data_sent"] {
            if let Err(error) = parse(key, &text) {
                prop_assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
            }
        }
    }

    #[test]
    fn near_misses_of_the_grammar_make_it_no_panic(
        text in "(p\\(?|avg|rate|count|over| ){1,3}[<>=! ]{0,4}[0-9.µ%a-z/]{0,6}( over ?)?[0-9smµ]{0,4}",
    ) {
        for key in ["checks", "http_req_duration", "data_sent", "vus"] {
            drop(parse(key, &text));
        }
    }
}
