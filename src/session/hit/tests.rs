//! What a load means, what a URL means, and what is refused.

use super::*;
use crate::plan::{Bound, Demand};

fn aimed(url: &str, load: Load) -> Result<Aimed, Diagnostic> {
    Hit { url: url.to_owned(), load, ..Hit::default() }.aim()
}

fn load(load: Load) -> Aimed {
    aimed("http://h:1/x", load).unwrap()
}

fn demand(aimed: &Aimed) -> &Demand {
    &aimed.declared.plan.scenarios[0].demand
}

fn refused(hit: Hit) -> String {
    let error = Hit { url: "http://h".into(), ..hit }.aim().unwrap_err();
    assert_eq!(error.code, Code::Usage);
    format!("{}\nhint: {}", error.message, error.hint.as_deref().unwrap_or_default())
}

fn refused_load(load: Load) -> String {
    refused(Hit { load, ..Hit::default() })
}

const S: Duration = Duration::from_secs(1);

#[test]
fn nothing_said_is_two_hundred_requests_over_fifty_connections() {
    let aimed = load(Load::default());
    assert_eq!(aimed.load, "200 requests over 50 connections");
    assert_eq!(aimed.name, "GET http://h:1/x");
    let Demand::Users(users) = demand(&aimed) else { panic!() };
    assert_eq!((users.bound, users.curve.peak()), (Some(Bound::Shared(200)), 50));
    assert_eq!(users.curve.duration(), DURATION_MAX);
}

#[test]
fn a_duration_loops_and_with_a_number_whichever_comes_first() {
    let timed = load(Load { connections: Some(64), duration: Some(3 * S), ..Load::default() });
    assert_eq!(timed.load, "64 connections for 3s");
    assert!(matches!(demand(&timed), Demand::Users(users) if users.bound.is_none()));
    let both = load(Load { requests: Some(1_000), duration: Some(3 * S), ..Load::default() });
    assert_eq!(both.load, "1,000 requests over 50 connections, for at most 3s");
    let Demand::Users(users) = demand(&both) else { panic!() };
    assert_eq!((users.bound, users.curve.duration()), (Some(Bound::Shared(1_000)), 3 * S));
}

#[test]
fn few_requests_need_few_connections() {
    let few = load(Load { requests: Some(1), ..Load::default() });
    assert_eq!((few.load.as_str(), few.declared.notes.len()), ("1 request over 1 connection", 0));
    let asked = load(Load { requests: Some(3), connections: Some(8), ..Load::default() });
    assert_eq!(asked.declared.notes, ["3 requests need no more connections"]);
}

#[test]
fn a_rate_is_exact_whatever_ends_it() {
    for (requests, rate) in [(200, 100.0), (10, 3.0), (7, 0.5), (1, 1e6), (1_000, 997.0), (12_345, 333.3)] {
        let aimed = load(Load { requests: Some(requests), rate: Some(rate), ..Load::default() });
        let Demand::Arrivals(arrivals) = demand(&aimed) else { panic!() };
        assert_eq!(arrivals.rate.arrivals(), requests, "{requests} at {rate}");
        assert_eq!(arrivals.vus_max, CONNECTIONS);
    }
    let of = |load_asked| load(load_asked).load;
    let rate = Load { rate: Some(100.0), connections: Some(5), ..Load::default() };
    assert_eq!(of(rate.clone()), "200 requests at 100/s, over at most 5 connections");
    assert_eq!(
        of(Load { duration: Some(3 * S), ..rate.clone() }),
        "100/s for 3s, over at most 5 connections"
    );
    let both = Load { duration: Some(3 * S), requests: Some(1_000), ..rate.clone() };
    assert_eq!(of(both), "100/s for 3s, over at most 5 connections");
    let both = Load { duration: Some(3 * S), requests: Some(100), ..rate };
    assert_eq!(of(both), "100 requests at 100/s, over at most 5 connections");
}

#[test]
fn stages_are_of_connections_or_of_a_rate() {
    let stages = |stages: &[&str]| stages.iter().map(|stage| (*stage).to_owned()).collect();
    let users = load(Load { stages: stages(&["10s:20", "5s:0"]), connections: Some(2), ..Load::default() });
    let Demand::Users(of_users) = demand(&users) else { panic!() };
    assert_eq!((of_users.curve.users_at(0), of_users.curve.highest()), (2, 20));
    assert_eq!(users.load, "stages 10s:20, 5s:0 of connections");
    let rate = load(Load { stages: stages(&["10s:200/s"]), rate: Some(50.0), ..Load::default() });
    let Demand::Arrivals(arrivals) = demand(&rate) else { panic!() };
    assert_eq!(arrivals.rate.arrivals(), 1_250);
    let refused = |asked: &[&str], load| refused_load(Load { stages: stages(asked), ..load });
    insta::assert_snapshot!(refused(&["10s:20"], Load { rate: Some(9.0), ..Load::default() }), @r"
    `--stage` changes the number of connections, and there is a rate beside it
    hint: for a rate that changes, write it in each stage: `--stage 10s:20/s`
    ");
    insta::assert_snapshot!(refused(&["10s:20"], Load { requests: Some(9), ..Load::default() }), @r"
    `-n` and `--stage` are two loads
    hint: the stages say how long: leave `-n` out
    ");
    insta::assert_snapshot!(refused(&["20"], Load::default()), @r"
    `20` is no stage
    hint: write a time and the connections at its end, `--stage 30s:500`, or the rate: `--stage 30s:500/s`
    ");
    insta::assert_snapshot!(refused(&["20:20"], Load::default()), @r#"
    `--stage`: `20` has no unit
    hint: write "20s" or "20ms"
    "#);
}

#[test]
fn a_url_may_lack_its_scheme_and_the_demo_is_a_word() {
    let of = |url: &str| {
        let Aimed { declared, .. } = aimed(url, Load::default())?;
        let Flow::Request(request) = &declared.plan.scenarios[0].flow else { panic!() };
        let base_url = declared.plan.base_url.clone().unwrap();
        Ok::<_, Diagnostic>((base_url, request.url.clone(), declared.notes.join("; ")))
    };
    let parts = |url| {
        let (base_url, url, notes) = of(url).unwrap();
        format!("{base_url} {url} {notes}")
    };
    assert_eq!(parts("http://h:1/a b?c#d"), "http://h:1 /a%20b?c ");
    assert_eq!(parts("demo"), "demo / ");
    assert_eq!(parts("demo/health?x=1"), "demo /health?x=1 ");
    assert_eq!(
        parts("localhost"),
        "http://localhost / `localhost` has no scheme: `http://localhost` is meant"
    );
    assert_eq!(
        parts("demo.example/x"),
        "http://demo.example /x `demo.example/x` has no scheme: `http://demo.example/x` is meant"
    );
    assert!(parts("localhost:8080/x").starts_with("http://localhost:8080 /x "));
    let error = |url| of(url).unwrap_err().to_string();
    assert_eq!(parts("https://h/x"), "https://h /x ");
    assert_eq!((error("/x"), error("//h/x")), ("`/x` names no host".into(), "`//h/x` names no host".into()));
    assert!(error("load.rhai").contains("is no URL"));
    assert_eq!(error(""), "`http://` has no host");
}

#[test]
fn what_can_not_be_sent_is_refused_before_the_load() {
    let header = |name: &str, value: &str| {
        refused(Hit { headers: vec![(name.into(), value.into())], ..Hit::default() })
    };
    assert!(
        header("X Y", "1").starts_with("request header \"X Y\" is not a valid name"),
        "{}",
        header("X Y", "1")
    );
    assert!(header("X", "a\r\nY: b").contains("has a value with a line break"));
    assert!(header("Content-Length", "7").contains("does not match the body's length"));
    assert!(header("Transfer-Encoding", "chunked").contains("cannot be set"));
    insta::assert_snapshot!(refused(Hit { method: Some("GE T".into()), ..Hit::default() }), @r#"
    `-m GE T`: method "GE T" is not supported
    hint: write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
    "#);
    let near = Hit { url: "http://h".into(), method: Some("POTS".into()), ..Hit::default() }.aim().unwrap();
    assert_eq!(near.declared.notes, ["`POTS` is sent as it is; did you mean `-m POST`?"]);
    let body = Hit { url: "http://h".into(), body: b"x".to_vec(), ..Hit::default() }.aim().unwrap();
    assert_eq!(body.declared.notes, ["the body goes with a GET: `-m POST` sends it with a POST"]);
}
