//! Scripts that fail while they run: the exit code, and what the summary says of it with its place.
//!
//! What is found before the load is in `tests/ui`.

use std::time::Duration;

use crate::fixture::{Finished, runner};
use crate::server::{Reply, Server};

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
        ("random::int(\"1\", 6);", "`random::int` can't take text and an integer (test.rhai:2:"),
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

#[test]
fn a_response_shows_status_headers_body_json_and_timings() {
    let server = Server::start(|request| match request.path() {
        "/json" => {
            Reply::json("{\"price\": 5, \"items\": [{ \"n\": 1 }, { \"n\": 2 }], \"a\": { \"b\": true }}")
                .header("X-Request-Id", "abc")
        }
        "/text" => Reply::new(404, "not here"),
        _ => Reply::new(500, request.text()),
    });
    let script = format!(
        "base_url(\"{}\");\n\
         fn same(actual, expected, name) {{ if actual != expected {{ throw `${{name}}: ${{actual}}, not ${{expected}}`; }} }}\n\
         fn flow() {{\n\
             let r = http::get(\"/json\");\n\
             same(r.status, 200, \"status\");\n\
             same(r.json(\"price\"), 5, \"json\");\n\
             same(r.json(\"$.price\"), 5, \"json\");\n\
             same(r.json(\"a.b\"), true, \"json\");\n\
             same(r.json(\"items[1].n\"), 2, \"json\");\n\
             same(r.json(\"items[*].n\"), [1, 2], \"json\");\n\
             same(r.json(\"nothing\"), (), \"json\");\n\
             same(r.json().items.len(), 2, \"json\");\n\
             same(r.header(\"x-request-ID\"), \"abc\", \"header\");\n\
             same(r.header(\"X-REQUEST-ID\"), \"abc\", \"header\");\n\
             same(r.header(\"x-none\"), (), \"header\");\n\
             same(r.headers[\"x-request-id\"], \"abc\", \"headers\");\n\
             same(r.error, \"\", \"error\");\n\
             same(r.error_code, 0, \"error_code\");\n\
             if r.timings.duration <= 0.0 || r.timings.duration > 60000.0 {{ throw `duration ${{r.timings.duration}}`; }}\n\
             let parts = r.timings.sending + r.timings.waiting + r.timings.receiving;\n\
             if (parts - r.timings.duration).abs() > 0.01 {{ throw `parts ${{parts}}`; }}\n\
             if r.timings.total < r.timings.duration {{ throw \"total\"; }}\n\
             let r = http::get(\"/text\");\n\
             same(r.status, 404, \"status\");\n\
             same(r.body, \"not here\", \"body\");\n\
             same(r.bytes.len(), 8, \"bytes\");\n\
             let caught = \"\";\n\
             try {{ r.json(\"price\"); }} catch (e) {{ caught = e.message; }}\n\
             if !caught.contains(\"is no JSON\") {{ throw caught; }}\n\
             let r = http::post(\"/echo\", #{{ json: #{{ a: [1, 2.5, (), true, \"x\"] }} }});\n\
             same(r.body, `{{\"a\":[1,2.5,null,true,\"x\"]}}`, \"json body\");\n\
             same(http::post(\"/echo\", #{{ form: #{{ a: \"x y\", b: 1 }} }}).body, \"a=x+y&b=1\", \"form body\");\n\
         }}\n",
        server.url()
    );
    run(&script).expect_code(0);
    assert_eq!(server.count(), 4);
}
