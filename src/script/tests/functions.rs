//! What the host's functions do for a flow.

use super::{Failure, Play, flow};
use crate::metrics::Value;

fn rate(play: &Play, selector: &str) -> Option<(u64, u64)> {
    match play.metric(selector)? {
        Value::Rate { hits, total } => Some((hits, total)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn check_takes_a_condition_a_map_of_closures_and_of_conditions() {
    let play = flow("check(true, \"a\") && check(1, #{ \"b\": |n| n == 1, \"c\": true })");
    assert!(play.value::<bool>());
    let snapshot = play.snapshot();
    let count = snapshot
        .of("checks")
        .filter(|series| matches!(series.value, Value::Rate { hits: 1, total: 1 }))
        .count();
    assert_eq!(count, 3);
}

#[test]
fn constants_serve_as_checks_and_as_options() {
    let play = Play::new(
        "const CHECKS = #{ \"is one\": |n| n == 1 };\nconst OPTIONS = #{ tags: #{ a: \"b\" }, nonsense: 1 };\n\
         fn flow() { check(1, global::CHECKS) }\nfn on_stop() { http::get(\"/\", global::OPTIONS) }",
    );
    assert!(play.value::<bool>());
    let Err(Failure::Threw(told)) = play.call("on_stop") else { panic!("an unknown option") };
    assert_eq!(told.message, "`http::get` has no option `nonsense`", "the options were read");
}

#[test]
fn a_check_that_does_not_hold_counts_and_goes_on() {
    let play =
        flow("let all = check(1, #{ \"a\": |n| n == 2, \"b\": |n| n == 1 }); [all, check(false, \"c\")]");
    let held = play.call("flow").unwrap().into_typed_array::<bool>().unwrap();
    assert_eq!(held, [false, false]);
    assert_eq!(rate(&play, "checks"), Some((1, 3)));
}

#[test]
fn a_check_that_throws_counts_as_not_held_and_ends_the_iteration() {
    let play = flow("check(1, #{ \"a\": |n| throw \"broken\" })");
    assert!(matches!(play.call("flow"), Err(Failure::Threw(_))));
    assert_eq!(rate(&play, "checks{check:a}"), Some((0, 1)));
}

#[test]
fn tags_of_a_check_are_on_its_samples() {
    let play = flow("check(1, #{ \"a\": true }, #{ region: \"eu\" })");
    let _ = play.call("flow").unwrap();
    assert_eq!(rate(&play, "checks{region:eu}"), Some((1, 1)));
    assert_eq!(rate(&play, "checks{region:us}"), None);
}

#[test]
fn an_assertion_counts_as_a_check_and_can_be_caught() {
    let play = flow(
        "assert::is_true(true, \"a\"); try { assert::equal(1, 2, \"b\"); } catch (e) { return e.message; }",
    );
    assert_eq!(play.value::<String>(), "b: 1 is not 2");
    assert_eq!(rate(&play, "checks"), Some((1, 2)));
    for body in [
        "assert::is_true(false, \"x\")",
        "assert::not_equal(1, 1, \"x\")",
        "assert::contains(\"abc\", \"d\", \"x\")",
        "assert::contains([1], 2, \"x\")",
        "assert::contains(#{ a: 1 }, \"b\", \"x\")",
        "assert::equal([1, 2], [1, 3], \"x\")",
    ] {
        let play = flow(body);
        assert!(matches!(play.call("flow"), Err(Failure::Asserted(_))), "{body}");
        assert_eq!(rate(&play, "checks{check:x}"), Some((0, 1)), "{body}");
    }
    let play =
        flow("assert::equal([1, #{ a: 2 }], [1, #{ a: 2 }], \"x\"); assert::contains(\"abc\", \"b\", \"y\")");
    let _ = play.call("flow").unwrap();
    assert_eq!(rate(&play, "checks"), Some((2, 2)));
}

#[test]
fn fail_and_abort_can_not_be_caught() {
    let failed = flow("try { fail(\"no stock\"); } catch { } log::info(\"on\"); 5");
    assert!(matches!(failed.call("flow"), Err(Failure::Failed(why)) if why.message == "no stock"));
    assert_eq!(*failed.log.borrow(), Vec::<String>::new(), "what follows does not run");
    let aborted = flow("try { abort(\"no service\"); } catch { } 5");
    assert!(matches!(aborted.call("flow"), Err(Failure::Aborted(why)) if why == "no service"));
    let inside =
        flow("let l = [2, 1, 3]; l.sort(|a, b| { fail(\"x\"); 0 }); [1].for_each(|| fail(\"y\")); 5");
    assert!(matches!(inside.call("flow"), Err(Failure::Failed(why)) if why.message == "x"));
}

#[test]
fn a_failed_iteration_leaves_the_next_one_alone() {
    let play = Play::new("fn flow() { fail(\"x\") }\nfn on_stop() { 1 }");
    let vu = play.vu(1);
    assert!(play.call_as(&vu, "flow").is_err());
    assert!(play.call_as(&vu, "on_stop").is_ok());
}

#[test]
fn a_group_ends_with_its_closure_also_when_that_throws() {
    let play = flow(
        "try { group(\"a\", || { group(\"b\", || { check(true, \"in\"); throw 1; }) }) } catch { }\n\
         check(true, \"out\"); group(\"c\", || 5)",
    );
    assert_eq!(play.value::<i64>(), 5);
    let snapshot = play.snapshot();
    let of = |check: &str| {
        snapshot
            .of("checks")
            .find(|series| series.tags.get("check") == Some(check))
            .and_then(|series| series.tags.get("group").map(str::to_owned))
    };
    assert_eq!(of("in").as_deref(), Some("::a::b"));
    assert_eq!(of("out"), None);
    let mut timed: Vec<String> = snapshot
        .of("group_duration")
        .filter_map(|series| series.tags.get("group").map(str::to_owned))
        .collect();
    timed.sort_unstable();
    assert_eq!(timed, ["::a", "::a::b", "::c"]);
}

#[test]
fn this_is_the_users_state_in_flows_and_callbacks() {
    let play = Play::new(
        "fn flow() { this.n = (this.n ?? 0) + 1; group(\"g\", || this.n += 10); helper(); this.n }\n\
         fn helper() { let state = vu::state(); state.n += 100; }",
    );
    let vu = play.vu(1);
    let _ = play.call_as(&vu, "flow").unwrap();
    assert_eq!(play.call_as(&vu, "flow").unwrap().as_int(), Ok(222));
    assert_eq!(play.call_as(&play.vu(2), "flow").unwrap().as_int(), Ok(111), "each user has its own");
}

#[test]
fn draws_follow_the_seed_and_the_user() {
    let play = Play::new(
        "const L = [1, 2, 3, 4, 5, 6, 7, 8, 9];\n\
         fn flow() { `${random::int(1, 1000000)} ${random::float()} ${random::chance(0.5)} ${random::text(8)} ${pick(global::L)} ${pick([1, 2, 3])}` }",
    );
    let draw = |id: u64| play.call_as(&play.vu(id), "flow").unwrap().into_string().unwrap();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let mut other = super::outside(&[]);
    other.seed = 8;
    let other = Play::with("fn flow() { random::int(1, 1000000) }", other);
    let same = flow("random::int(1, 1000000)");
    assert_ne!(other.value::<i64>(), same.value::<i64>());
}

#[test]
fn draws_stay_within_their_bounds() {
    let play = flow(
        "let seen = [];\n\
         for n in 0..200 {\n\
             let i = random::int(-2, 2); let f = random::float(1.0, 2.0);\n\
             if i < -2 || i > 2 || f < 1.0 || f >= 2.0 { throw `${i} ${f}`; }\n\
             if random::chance(0.0) || !random::chance(1.0) { throw \"chance\"; }\n\
             if !([4, 5].pick() in [4, 5]) { throw \"pick\"; }\n\
             seen.push(i);\n\
         }\n\
         seen.dedup(); [random::int(3, 3), random::text(5).len(), random::text(0).len()]",
    );
    let numbers = play.call("flow").unwrap().into_typed_array::<i64>().unwrap();
    assert_eq!(numbers, [3, 5, 0]);
    for body in ["random::chance(1.5)", "random::text(-1)", "random::float(2.0, 1.0)", "pick([])"] {
        assert!(matches!(flow(body).call("flow"), Err(Failure::Threw(_))), "{body}");
    }
}

#[test]
fn custom_metrics_take_what_their_kind_takes() {
    let play = Play::new(
        "const C = counter(\"c\");\nconst G = gauge(\"g\");\nconst R = rate(\"r\");\nconst T = trend(\"t\", \"time\");\n\
         fn flow() {\n\
             global::C.add(2); global::C.add(0.5, #{ kind: \"x\" });\n\
             global::G.set(5); global::G.add(7);\n\
             global::R.add(true); global::R.add(false); global::R.add(3, 8);\n\
             global::T.add(12.5); global::T.add(3);\n\
         }",
    );
    let _ = play.call("flow").unwrap();
    let snapshot = play.snapshot();
    let of = |text: &str| snapshot.select(&super::Selector::parse(text).unwrap());
    assert!(matches!(of("c"), Some(Value::Counter(sum)) if (sum - 2.5).abs() < 1e-9), "{:?}", of("c"));
    assert!(matches!(of("c{kind:x}"), Some(Value::Counter(sum)) if (sum - 0.5).abs() < 1e-9));
    assert!(matches!(of("r"), Some(Value::Rate { hits: 4, total: 10 })), "{:?}", of("r"));
    let Some(Value::Trend(trend)) = of("t") else { panic!("{:?}", of("t")) };
    assert_eq!(trend.count(), 2);
    assert!(of("g").is_some());
}

#[test]
fn custom_metrics_refuse_what_their_kind_does_not_take() {
    const METRICS: &str = "const C = counter(\"c\");\nconst G = gauge(\"g\");\nconst R = rate(\"r\");\nconst T = trend(\"t\");\n";
    for body in [
        "global::C.add(-1)",
        "global::C.add(\"1\")",
        "global::C.set(1)",
        "global::C.add(true)",
        "global::C.add(1, 2)",
        "global::G.set(true)",
        "global::R.add(1)",
        "global::R.add(3, 2)",
        "global::R.add(-1, 2)",
        "global::T.add(())",
        "global::T.add(0.0 / 0.0)",
        "global::T.set(1)",
        "global::C.add(1, #{ tag: [1] })",
    ] {
        let play = Play::new(&format!("{METRICS}fn flow() {{ {body}; }}"));
        let Err(Failure::Threw(diagnostic)) = play.call("flow") else { panic!("{body}") };
        assert!(!diagnostic.message.is_empty() && !diagnostic.labels.is_empty(), "{body}");
        assert!(["c", "g", "r", "t"].iter().all(|name| play.metric(name).is_none()), "{body} left a sample");
    }
    for top in [
        "counter(\"1c\")",
        "counter(\"a b\")",
        "counter(\"http_reqs\")",
        "counter(\"x\"); gauge(\"x\")",
        "trend(\"x\", \"hours\")",
    ] {
        assert!(super::load(&format!("{top};\nfn flow() {{}}")).is_err(), "{top}");
    }
}

#[test]
fn a_measure_gives_the_closures_result_and_its_time() {
    let play = Play::new(
        "const T = trend(\"took\", \"time\");\nfn flow() { time::measure(\"took\", || { sleep(2); 7 }) }",
    );
    assert_eq!(play.value::<i64>(), 7);
    let Some(Value::Trend(trend)) = play.metric("took") else { panic!("no sample") };
    assert_eq!((trend.count(), trend.min().is_some()), (1, true));
    assert!(matches!(flow("time::measure(\"nothing\", || 1)").call("flow"), Err(Failure::Threw(_))));
}

#[test]
fn time_passes_in_sleeps_of_any_form() {
    let play = flow("let start = time::now(); sleep(1); sleep(0.5); sleep(\"250ms\"); time::now() - start");
    assert!((play.value::<f64>() - 1_750.0).abs() < 0.001);
    let play = flow("time::parse(\"1970-01-01T00:00:01.5Z\")");
    assert!((play.value::<f64>() - 1_500.0).abs() < 0.001);
}

#[test]
fn a_user_knows_who_it_is_and_logs_so() {
    let play = flow(
        "log::info(`${vu::id()} ${vu::iteration()} ${vu::scenario()}`); print(\"p\"); log::debug(#{ a: 1 })",
    );
    let _ = play.call_as(&play.vu(42), "flow").unwrap();
    assert_eq!(*play.log.borrow(), ["42 0 test", "p", "#{\"a\": 1}"]);
}

#[test]
fn constant_lists_and_maps_are_taken_where_lists_and_maps_are() {
    let play = Play::new(
        "const L = [1, 2, 3];\nconst M = #{ a: 1 };\nconst HOLDS = #{ \"one\": |n| n == 1 };\nconst TAGS = #{ kind: \"x\" };\nconst C = counter(\"c\");\n\
         fn flow() {\n\
             global::C.add(1, global::TAGS);\n\
             check(1, global::HOLDS, global::TAGS);\n\
             [shuffle(global::L).len(), sample(global::L, 2).len(), url::query(global::M), random::weighted(global::M),\n\
              crypto::jwt_claims(crypto::jwt(global::M, \"k\")).a, encoding::json(global::L)]\n\
         }",
    );
    let given = play.call("flow").unwrap().to_string();
    assert_eq!(given, "[3, 2, \"a=1\", \"a\", 1, \"[1,2,3]\"]");
    assert!(matches!(play.metric("c{kind:x}"), Some(Value::Counter(_))));
}

#[test]
fn uuids_and_made_up_people_follow_the_seed_and_the_user() {
    let play = Play::new(
        "fn flow() { `${uuid()} ${fake::name()} ${shuffle([1, 2, 3, 4, 5, 6, 7])} ${random::normal(0, 1)}` }",
    );
    let draw = |id: u64| play.call_as(&play.vu(id), "flow").unwrap().into_string().unwrap();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_eq!(draw(1).as_bytes()[14], b'4', "version 4");
}

#[test]
fn bytes_are_taken_where_a_text_is() {
    let play = flow(
        "let b = encoding::bytes(\"616263\", \"hex\");\n\
         [encoding::base64(b), crypto::md5(b) == crypto::md5(\"abc\"), regex::find(b, \"b.\"), encoding::text(b), encoding::json_decode(encoding::bytes(\"[5]\"))]",
    );
    assert_eq!(play.call("flow").unwrap().to_string(), "[\"YWJj\", true, \"bc\", \"abc\", [5]]");
}
