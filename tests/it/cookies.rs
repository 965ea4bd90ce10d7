//! Cookies and logins: what a service sets comes back to it, an iteration begins with what `on_start` left, and scripts
//! read and change it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::fixture::{Finished, runner};
use crate::server::{Reply, Request, Server};

fn run(server: &Server, script: &str) -> Finished {
    run_with(server, script, &[])
}

fn run_with(server: &Server, script: &str, args: &[&str]) -> Finished {
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    let args = ["run"].iter().chain(args).chain(&["test.rhai"]);
    runner(args).file("test.rhai", &script).run()
}

/// `/set?NAME=VALUE…` sets that cookie, with `/set` and a redirect on `/login`; everything else says what it got.
fn echo() -> Server {
    Server::start(|request| {
        let query = request.target.split_once('?').map_or("", |(_, query)| query).replace("%20", " ");
        let got = request.headers.get("cookie").map_or("-", String::as_str);
        match request.path() {
            "/set" => Reply::ok(got).header("Set-Cookie", &query),
            "/login" => Reply::new(303, "").header("set-cookie", &query).header("location", "/home"),
            "/twice" => {
                Reply::ok(got).header("set-cookie", "a=1").header("SET-COOKIE", "b=2; Path=/; HttpOnly")
            }
            _ => Reply::ok(got),
        }
    })
}

#[test]
fn what_a_service_sets_comes_back_to_it() {
    let server = echo();
    let finished = run(
        &server,
        r#"fn flow() {
            assert::equal(http::get("/").body, "-", "none at first");
            assert::equal(http::get("/twice").body, "-", "none yet");
            assert::equal(http::get("/").body, "a=1; b=2", "both");
            http::get("/set?a=3;path=/");
            assert::equal(http::get("/").body, "a=3; b=2", "changed");
            http::get("/set?a=;path=/;max-age=0");
            assert::equal(http::get("/").body, "b=2", "removed");
            http::get("/set?deep=1;path=/deep");
            assert::equal(http::get("/").body, "b=2", "another path");
            assert::equal(http::get("/deep/er").body, "deep=1; b=2", "longer paths first");
            http::get("/set?other=1;domain=example.com");
            http::get("/set?tls=1;secure;path=/");
            assert::equal(http::get("/").body, "b=2", "not for us");
        }"#,
    );
    finished.expect_code(0).expect_counted(server.count());
}

#[test]
fn a_cookie_that_a_redirect_sets_goes_to_where_it_leads() {
    let server = echo();
    let finished = run(
        &server,
        r#"fn flow() {
            let r = http::post("/login?session=s1;path=/", #{ form: #{ user: "ada" } });
            assert::equal([r.status, r.body], [200, "session=s1"], "the home page knows the session");
            assert::equal(http::get("/").body, "session=s1", "later too");
        }"#,
    );
    finished.expect_code(0).expect_counted(3);
}

#[test]
fn cookies_stay_with_their_host() {
    let server = echo();
    let finished = run(
        &server,
        &r#"fn flow() {
            http::get("/set?a=1;path=/");
            assert::equal(http::get("http://localhost:PORT/").body, "-", "another name of the host");
            assert::equal(http::get("http://127.0.0.1:PORT/").body, "a=1", "the same");
        }"#
        .replace("PORT", &server.port().to_string()),
    );
    finished.expect_code(0);
}

const LIFE: &str = r#"
    scenario("life", #{ executor: "per-vu-iterations", vus: 2, iterations: 3, flow: "flow" });
    fn on_start() { http::get(`/set?user=u${vu::id()};path=/`); }
    fn flow() {
        http::get(`/begin?${vu::id()}-${vu::iteration()}`);
        http::get(`/set?cart=c${vu::iteration()};path=/`);
        http::get(`/end?${vu::id()}-${vu::iteration()}`);
    }
    fn on_stop() { http::get(`/stop?${vu::id()}`); }
"#;

/// What each request with a query brought along.
fn brought(server: &Server) -> BTreeMap<String, String> {
    let all = server.requests().into_iter().filter(|request| request.path() != "/set");
    all.map(|request: Request| {
        (request.target.clone(), request.headers.get("cookie").cloned().unwrap_or_default())
    })
    .collect()
}

#[test]
fn an_iteration_begins_with_what_on_start_left() {
    let server = echo();
    run(&server, LIFE).expect_code(0);
    let brought = brought(&server);
    for user in 1..=2 {
        for iteration in 0..3 {
            assert_eq!(brought[&format!("/begin?{user}-{iteration}")], format!("user=u{user}"));
            let end = format!("user=u{user}; cart=c{iteration}");
            assert_eq!(brought[&format!("/end?{user}-{iteration}")], end);
        }
        assert_eq!(brought[&format!("/stop?{user}")], format!("user=u{user}"));
    }
}

#[test]
fn cookies_outlive_the_iteration_where_that_is_wanted() {
    let server = echo();
    let script = format!("options(#{{ no_cookies_reset: true }});\n{LIFE}");
    run(&server, &script).expect_code(0);
    let brought = brought(&server);
    for user in 1..=2 {
        assert_eq!(brought[&format!("/begin?{user}-0")], format!("user=u{user}"));
        assert_eq!(brought[&format!("/begin?{user}-2")], format!("user=u{user}; cart=c1"));
        assert_eq!(brought[&format!("/stop?{user}")], format!("user=u{user}; cart=c2"));
    }
}

#[test]
fn a_user_without_on_start_begins_without_cookies() {
    let server = echo();
    let finished = run(
        &server,
        r#"
        scenario("life", #{ executor: "per-vu-iterations", vus: 1, iterations: 3, flow: "flow" });
        fn flow() {
            assert::equal(http::get("/").body, "-", "a new iteration");
            http::get("/set?a=1;path=/");
            assert::equal(http::get("/").body, "a=1", "within it");
        }"#,
    );
    finished.expect_code(0).expect_counted(9);
}

#[test]
fn scripts_read_and_change_the_jar() {
    let server = echo();
    let finished = run(
        &server,
        r#"fn flow() {
            let jar = http::cookie_jar();
            jar.set("/", "a", "1");
            jar.set("/deep/x", "b", "2", #{ path: "/deep", max_age: "1h", http_only: true });
            assert::equal(http::get("/deep/y").body, "b=2; a=1", "sent");
            assert::equal(jar.get("/deep/y", "b"), "2", "get");
            assert::is_true(jar.get("/", "b") == (), "elsewhere");
            http::get("/set?a=9;path=/");
            assert::equal(jar.cookies_for_url("/"), #{ a: ["9"] }, "cookies_for_url");
            jar.delete("/", "a");
            assert::equal(http::get("/").body, "-", "deleted");
            jar.set("/", "c", "3");
            jar.set("http://elsewhere.example/", "d", "4");
            jar.clear("/");
            assert::equal(jar.get("http://elsewhere.example/x", "d"), "4", "the other host's stays");
            jar.clear();
            assert::is_true(jar.get("http://elsewhere.example/x", "d") == (), "all gone");
            jar.set("/", "e", "5", #{ expires: "Thu, 01 Jan 1970 00:00:00 GMT" });
            assert::equal(http::get("/").body, "-", "over");
        }"#,
    );
    finished.expect_code(0);
}

#[test]
fn a_request_may_bring_cookies_or_a_jar_of_its_own() {
    let server = echo();
    let finished = run(
        &server,
        r#"fn flow() {
            assert::equal(http::get("/", #{ cookies: #{ x: "1" } }).body, "x=1", "its own");
            assert::equal(http::get("/").body, "-", "not kept");
            http::get("/set?a=jar;path=/");
            assert::equal(http::get("/", #{ cookies: #{ a: "own" } }).body, "a=own; a=jar", "both, as in k6");
            assert::equal(http::get("/", #{ cookies: #{ a: #{ value: "own", replace: true } } }).body, "a=own", "in its place");
            assert::equal(http::get("/", #{ headers: #{ Cookie: "h=1" } }).body, "h=1; a=jar", "beside the header");
            let jar = http::new_cookie_jar();
            assert::equal(http::get("/set?b=2;path=/", #{ jar: jar }).body, "-", "an empty one");
            assert::equal(http::get("/", #{ jar: jar }).body, "b=2", "its own");
            assert::equal(http::get("/", #{ jar: false }).body, "-", "none");
            http::get("/set?c=3;path=/", #{ jar: false });
            assert::equal(http::get("/").body, "a=jar", "the user's");
        }"#,
    );
    finished.expect_code(0);
}

#[test]
fn a_response_shows_the_cookies_that_it_sets() {
    let server = echo();
    let finished = run(
        &server,
        r#"fn flow() {
            let r = http::get("/twice");
            assert::equal(r.cookies.a[0].value, "1", "value");
            assert::equal(r.cookies.b[0].path, "/", "path");
            assert::is_true(r.cookies.b[0].http_only, "http_only");
            assert::equal(http::get("/").cookies, #{}, "none");
        }"#,
    );
    finished.expect_code(0);
}

#[test]
fn a_cookie_that_can_not_be_set_says_why() {
    for (call, said) in [
        ("set(\"http://a.co.uk/\", \"a\", \"1\", #{ domain: \"co.uk\" })", "`co.uk` is a public suffix"),
        ("set(\"http://a.org/\", \"a\", \"1\", #{ domain: \"b.org\" })", "is not that of the host `a.org`"),
        ("set(\"/\", \"a b;\", \"1\")", "can't be a cookie"),
        ("set(\"/\", \"__Host-a\", \"1\")", "promises what the cookie lacks"),
        ("set(\"/\", \"a\", \"1\", #{ paht: \"/\" })", "did you mean `path`"),
        ("set(\"/\", \"a\", \"1\", #{ path: \"x\" })", "a path that begins with `/`"),
        ("get(\"ftp://x/\", \"a\")", "scheme `ftp` is not supported"),
    ] {
        let server = echo();
        let script = format!("fn setup() {{ http::cookie_jar().{call}; }}\nfn flow() {{}}");
        run(&server, &script).expect_code(107).expect_said(said);
    }
}

/// A service with a basic, a bearer and a digest door; the digest's nonce changes after three answers.
fn doors() -> Server {
    let answers = Mutex::new(0);
    Server::start(move |request| {
        let got = request.headers.get("authorization").cloned().unwrap_or_default();
        let is_open = match request.path() {
            "/basic" => got == "Basic YWRhOnMzYw==",
            "/bearer" => got == "Bearer t0k",
            "/digest" => {
                let mut answers = answers.lock().expect("no panic");
                let nonce = format!("n{}", *answers / 3);
                let proved = got.contains("username=\"ada\"") && got.contains(&format!("nonce=\"{nonce}\""));
                if proved {
                    *answers += 1;
                    true
                } else {
                    let stale = if got.contains("nonce=") { ", stale=true" } else { "" };
                    let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{stale}");
                    return Reply::new(401, "who?").header("www-authenticate", &challenge);
                }
            }
            "/closed" => {
                return Reply::new(401, "no").header("www-authenticate", "Digest realm=\"r\", nonce=\"n\"");
            }
            _ => true,
        };
        Reply::new(if is_open { 200 } else { 401 }, got)
    })
}

#[test]
fn logins_go_out_as_basic_bearer_and_from_the_url() {
    let server = doors();
    let finished = run(
        &server,
        &r#"
        target("http_req_failed", "rate == 0%");
        fn flow() {
            let basic = #{ basic: #{ user: "ada", password: "s3c" } };
            assert::equal(http::get("/basic", #{ auth: basic }).status, 200, "basic");
            assert::equal(http::get("/bearer", #{ auth: #{ bearer: "t0k" } }).status, 200, "bearer");
            let r = http::get("http://ada:s3c@127.0.0.1:PORT/basic");
            assert::equal(r.status, 200, "of the URL");
            assert::is_true(!r.url.contains("s3c"), "and nowhere else");
            let own = http::get("/x", #{ auth: basic, headers: #{ authorization: "Mine" } });
            assert::equal(own.body, "Mine", "the header wins");
        }"#
        .replace("PORT", &server.port().to_string()),
    );
    assert!(!finished.printed().contains("s3c"), "{}", finished.printed());
    finished.expect_code(0).expect_counted(4);
}

#[test]
fn digest_asks_once_and_then_counts_on() {
    let server = doors();
    let finished = run(
        &server,
        r#"
        target("http_req_failed", "rate == 0%");
        target("http_reqs{status:401}", "count == 2");
        fn flow() {
            let auth = #{ digest: #{ user: "ada", password: "s3c" } };
            for number in 0..5 {
                assert::equal(http::get("/digest", #{ auth: auth }).status, 200, "digest");
            }
        }"#,
    );
    // Five answers, the first challenge, and the one when the nonce was old.
    finished.expect_code(0).expect_counted(7);
    let counts: Vec<bool> =
        server.requests().iter().map(|request| carried(request).contains("nc=00000002")).collect();
    assert_eq!(counts.iter().filter(|second| **second).count(), 2, "{:?}", server.requests());
}

fn carried(request: &Request) -> &str {
    request.headers.get("authorization").map_or("", String::as_str)
}

#[test]
fn a_wrong_password_is_tried_once() {
    let server = doors();
    let finished = run(
        &server,
        r#"
        target("http_reqs{expected_response:false}", "count == 1");
        fn flow() {
            let r = http::get("/closed", #{ auth: #{ digest: #{ user: "ada", password: "no" } } });
            assert::equal([r.status, r.error_code], [401, 1401], "refused");
        }"#,
    );
    finished.expect_code(0).expect_counted(2);
}

#[test]
fn k6s_digest_takes_the_login_of_the_url() {
    let server = doors();
    let script = r#"fn flow() {
        let r = http::get("http://ada:s3c@127.0.0.1:PORT/digest", #{ auth: "digest" });
        assert::equal(r.status, 200, "digest");
    }"#;
    let finished = run(&server, &script.replace("PORT", &server.port().to_string()));
    finished.expect_code(0).expect_counted(2);
    let first = &server.requests()[0];
    assert_eq!(carried(first), "", "nothing before it is asked for");
}

#[test]
fn expected_statuses_hold_for_a_request_a_user_or_all() {
    let server = Server::start(|request| {
        Reply::new(request.path().trim_start_matches('/').parse().unwrap_or(200), "")
    });
    let finished = run(
        &server,
        r#"
        http::set_response_callback(http::expected_statuses(200..300, 404));
        target("http_req_failed{name:/404}", "rate == 0%");
        target("http_reqs{name:/410,expected_response:false}", "count == 1");
        target("http_reqs{name:/500,expected_response:false}", "count == 2");
        target("http_req_failed{name:/503}", "rate == 0%");
        target("http_reqs{name:/200,expected_response:false}", "count == 1");
        fn flow() {
            http::get("/404");
            http::get("/410");
            http::get("/410", #{ expected_statuses: [400..=499] });
            http::get("/500");
            http::get("/500", #{ expected_statuses: () });
            http::set_response_callback(http::expected_statuses(#{ min: 503, max: 504 }));
            http::get("/503");
            http::get("/200");
            http::get("/500");
        }"#,
    );
    finished.expect_code(0).expect_counted(8);
}
