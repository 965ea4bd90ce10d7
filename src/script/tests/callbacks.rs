//! `retry`, `poll`, `paginate`: functions that call a closure until something is so.

use super::{Failure, Play, flow, shown};

fn told(body: &str) -> String {
    match flow(body).call("flow") {
        Err(Failure::Threw(diagnostic)) => shown(&diagnostic),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn retry_calls_until_it_works_and_waits_longer_each_time() {
    let play = flow(
        "let n = 0; retry(#{ attempts: 5, delay: \"1s\", jitter: 0 }, || { n += 1; if n < 4 { throw \"not yet\"; } n })",
    );
    assert_eq!(play.value::<i64>(), 4);
    assert_eq!(play.stage.clock().now_ns(), 7_000_000_000, "1 + 2 + 4 seconds");
    let play = flow(
        "let n = 0; retry(#{ attempts: 9, delay: \"1s\", factor: 10, max_delay: \"3s\", jitter: 0 }, || { n += 1; if n < 4 { throw 1; } n })",
    );
    let _ = play.call("flow").unwrap();
    assert_eq!(play.stage.clock().now_ns(), 7_000_000_000, "1 + 3 + 3 seconds");
}

#[test]
fn retry_spreads_its_waits() {
    let play = flow(
        "try { retry(#{ attempts: 101, delay: \"1s\", factor: 1, jitter: 0.5, accept: |x| x }, || false) } catch { }",
    );
    let _ = play.call("flow").unwrap();
    let seconds = play.stage.clock().now_ns() / 1_000_000_000;
    assert!((85..=115).contains(&seconds), "{seconds}");
}

#[test]
fn retry_ends_by_its_predicate_or_says_what_it_saw_last() {
    assert_eq!(
        flow("let n = 0; retry(#{ attempts: 9, accept: |x| x > 2 }, || { n += 1; n })").value::<i64>(),
        3
    );
    assert!(
        told("retry(#{ attempts: 2, accept: |x| x > 2 }, || 1)")
            .contains("gave up after 2 attempts: the last result was 1")
    );
    assert!(
        told("retry(#{ attempts: 1 }, || throw \"no stock\")").contains("gave up after 1 attempt: no stock")
    );
    assert!(
        told("retry(#{ attempts: 2 }, || http::get(\"/\", #{ tag: 1 }))").contains("has no option `tag`")
    );
    assert!(
        told("retry(#{ accept: |x| 5 }, || 1)")
            .contains("`accept` of `retry` gave integer, not true or false")
    );
}

#[test]
fn retry_neither_catches_fail_nor_a_stop() {
    let play = flow("retry(#{ attempts: 3 }, || fail(\"no stock\"))");
    assert!(matches!(play.call("flow"), Err(Failure::Failed(why)) if why.message == "no stock"));
    let play = flow("retry(#{ attempts: 1000, delay: \"1s\" }, || throw 1)");
    assert!(matches!(play.call_until(&play.vu(1), "flow", 3), Err(Failure::Stopped(_))));
}

#[test]
fn the_users_state_is_in_reach_of_a_closure() {
    let play = flow(
        "this.n = 0; retry(#{ attempts: 3 }, || { this.n += 1; if this.n < 2 { throw 1; } }); poll(#{}, || this.n == 2)",
    );
    assert!(play.value::<bool>());
}

#[test]
fn poll_asks_until_there_is_an_answer() {
    let play = flow("let n = 0; poll(#{ every: \"2s\" }, || { n += 1; if n == 4 { `${n} times` } })");
    assert_eq!(play.value::<String>(), "4 times");
    assert_eq!(play.stage.clock().now_ns(), 6_000_000_000);
    assert_eq!(flow("poll(#{}, || 0)").value::<i64>(), 0, "0 is an answer");
    let told = told("poll(#{ every: \"1s\", timeout: \"3s\" }, || false)");
    assert!(told.contains("`poll` had no answer within 3s, asked 4 times"), "{told}");
}

#[test]
fn options_are_read_with_near_names_and_units() {
    for (body, why) in [
        ("retry(#{ atempts: 1 }, || 1)", "did you mean `attempts`?"),
        ("retry(#{ attempts: 0 }, || 1)", "`attempts` takes a whole number from 1 to 1000, not 0"),
        ("retry(#{ attempts: \"3\" }, || 1)", "not text"),
        ("retry(#{ delay: 5 }, || 1)", "`delay` takes a duration, not 5"),
        ("retry(#{ delay: \"5\" }, || 1)", "unit"),
        ("retry(#{ jitter: 2 }, || 1)", "`jitter` takes a number from 0 to 1, not 2"),
        ("retry(#{ accept: true }, || 1)", "`accept` takes a closure, not boolean"),
        ("poll(#{ evry: \"1s\" }, || 1)", "did you mean `every`?"),
        ("poll(#{ every: \"0s\" }, || 1)", "less than 1ms"),
        ("paginate(\"/\", #{}, |r| r)", "doesn't know how a page leads to the next"),
        ("paginate(\"/\", #{ next: \"a\", link: true }, |r| r)", "several ways"),
        ("paginate(\"/\", #{ page: \"p\" }, |r| r)", "needs `items`"),
        ("paginate(\"/\", #{ nxt: \"a\" }, |r| r)", "did you mean `next`?"),
        ("paginate(\"/\", #{ next: \"a\", request: 5 }, |r| r)", "`request` takes a map"),
    ] {
        let told = told(body);
        assert!(told.contains(why), "{body}: {told}");
        assert!(told.contains("hint: "), "{told}");
    }
}

#[test]
fn they_act_so_the_top_level_has_none_of_them() {
    for call in ["retry(#{}, || 1)", "poll(#{}, || 1)", "paginate(\"/\", #{ link: true }, |r| r)"] {
        assert!(
            super::refusal(&format!("{call};")).message.contains("can't be called at the top level"),
            "{call}"
        );
    }
    let play = Play::new("import \"std/retry\" as retry;\nfn flow() { retry(#{}, || 5) }");
    assert_eq!(play.value::<i64>(), 5, "a module may be called as a function is");
}
