//! Scripts that fail while they run: the exit code, and what the summary says of it with its place.
//!
//! What is found before the load is in `tests/ui`.

use std::time::Duration;

use crate::fixture::{Finished, runner};

/// Longer than the operations limit takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(40);

fn run(script: &str) -> Finished {
    runner(["run", "test.rhai"]).file("test.rhai", script).timeout(TIMEOUT).run()
}

#[test]
fn what_throws_in_setup_ends_the_run_with_107_and_its_place() {
    for (body, said) in [
        ("throw \"no price today\";", "no price today (test.rhai:2:1)"),
        ("throw #{ code: 5 };", "{\"code\":5} (test.rhai:2:1)"),
        ("sleep(-1);", "`sleep` can't wait for -1 seconds (test.rhai:2:1)"),
        ("check(1, \"x\");", "`check` takes true or false beside a name, not integer (test.rhai:2:1)"),
        ("http::post(\"/\", \"a=1\", #{});", "not k6's (url, body, params) (test.rhai:2:7)"),
        ("http::get(\"/\", #{ tag: 1 });", "`http::get` has no option `tag` (test.rhai:2:19)"),
        ("scenario(\"late\", #{});", "`scenario` can only be called at the top level (test.rhai:2:1)"),
        ("random::int(\"1\", 6);", "`random::int` can't take a text and an integer (test.rhai:2:"),
        ("let l = []; for n in 0..999 { l = [l]; }", "nested deeper than 64 lists or maps (test.rhai:1:4)"),
        ("try { fail(\"no stock\"); } catch { }", "no stock (test.rhai:2:7)"),
        ("loop { try { loop { } } catch { } }", "operations without waiting for anything (test.rhai:1:4)"),
    ] {
        let script = format!("fn setup() {{\n{body}\n}}\nfn flow() {{ sleep(0.01); }}\n");
        let finished = run(&script);
        let codes = if body.contains("fail(") { [99, 107] } else { [107, 107] };
        assert!(finished.code.is_some_and(|code| codes.contains(&code)), "{body}\n{}", finished.printed());
        finished.expect_said(said);
    }
}

#[test]
fn what_throws_in_a_helper_is_placed_there() {
    let finished = run("fn flow() {\n    token();\n}\nfn token() {\n    this.token\n}\n");
    finished.expect_code(107).expect_said("`this` is not bound here (test.rhai:5:5");
}

#[test]
fn a_misspelt_name_is_found_before_the_load_by_check_and_run_alike() {
    let script = "scenario(\"late\", #{ executor: \"constant-vus\", vus: 1, duration: \"5m\", start_time: \"1m\", flow: || chekc(true, \"x\") });\n";
    for command in ["check", "run"] {
        let finished = runner([command, "test.rhai"]).file("test.rhai", script).run().expect_code(107);
        assert!(finished.duration < Duration::from_secs(20), "{:?}", finished.duration);
        finished.expect_said("there is no function `chekc`").expect_said("did you mean `check`?");
    }
}

#[test]
fn every_users_debug_lines_are_shown_with_verbose_alone() {
    let script = "fn flow() { log::debug(\"a detail\"); }\n";
    let quiet = run(script).expect_code(0);
    assert!(!quiet.stderr.contains("a detail"), "{}", quiet.printed());
    let verbose = runner(["run", "-v", "test.rhai"]).file("test.rhai", script).run().expect_code(0);
    verbose.expect_said("a detail");
}
