//! Redirects: followed as browsers do, each hop timed and counted once, and without the user's secrets elsewhere.

use std::sync::{Arc, OnceLock};

use crate::fixture::{Finished, runner};
use crate::nginx::Nginx;
use crate::server::{Reply, Request, Server};

fn run(base: &str, script: &str) -> Finished {
    let script = format!("base_url(\"{base}\");\n{script}");
    runner(["run", "test.rhai"]).file("test.rhai", &script).run()
}

fn to(status: u16, location: &str) -> Reply {
    Reply::new(status, "elsewhere").header("location", location)
}

/// `/chain/N` leads to `/chain/N-1`, and `/chain/0` is an answer.
fn chain() -> Server {
    Server::start(|request| match request.path().strip_prefix("/chain/").map(str::parse::<u32>) {
        Some(Ok(0)) => Reply::ok("the end"),
        Some(Ok(number)) => to(302, &format!("/chain/{}", number - 1)),
        _ => match request.path() {
            "/loop" => to(302, "/loop"),
            "/nowhere" => to(302, "http://[::bad/"),
            "/ftp" => to(302, "ftp://127.0.0.1/x"),
            "/silent" => Reply::new(302, "no location"),
            _ => Reply::ok(format!("{} {} {}", request.method, request.target, request.text())),
        },
    })
}

#[test]
fn a_redirect_is_followed_and_every_hop_is_counted_once() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"
        target("http_reqs{status:302}", "count == 3");
        target("http_reqs{status:200}", "count == 1");
        target("http_reqs{name:/chain/2}", "count == 1");
        target("http_req_failed", "rate == 0%");
        fn flow() {
            let r = http::get("/chain/3");
            assert::equal(r.status, 200, "status");
            assert::equal(r.body, "the end", "body");
            assert::is_true(r.url.ends_with("/chain/0"), "url");
            assert::equal(r.error, "", "error");
        }"#,
    );
    finished.expect_code(0).expect_counted(4);
    assert_eq!(server.count(), 4);
}

#[test]
fn a_given_name_holds_for_every_hop() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"
        target("http_reqs{name:login}", "count == 3");
        fn flow() { http::get("/chain/2", #{ name: "login" }); }"#,
    );
    finished.expect_code(0);
}

#[test]
fn a_hundred_redirects_are_followed_where_that_is_allowed() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"
        fn flow() {
            let r = http::get("/chain/100", #{ redirects: 100 });
            assert::equal(r.status, 200, "the end");
            let r = http::get("/chain/100", #{ redirects: 99 });
            assert::equal(r.status, 302, "one too few");
            assert::is_true(r.url.ends_with("/chain/1"), r.url);
        }"#,
    );
    finished.expect_code(0).expect_counted(101 + 100);
    assert_eq!(server.count(), 201);
}

#[test]
fn a_loop_ends_at_the_limit_and_counts_as_failed() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"
        target("http_reqs{expected_response:false}", "count == 1");
        target("http_reqs{error_code:1030}", "count == 1");
        fn flow() {
            let r = http::get("/loop");
            assert::equal(r.status, 302, "the last redirect stands");
            assert::equal(r.error_code, 1030, "error_code");
            assert::is_true(r.error.contains("more than 10 redirects"), r.error);
            assert::is_true(r.header("location") == "/loop", "location");
        }"#,
    );
    finished.expect_code(0).expect_counted(11);
    assert_eq!(server.count(), 11);
}

#[test]
fn no_redirect_is_followed_where_the_request_or_the_run_says_so() {
    let server = chain();
    let script = r#"
        target("http_req_failed", "rate == 0%");
        fn flow() {
            let r = http::get("/loop", #{ redirects: 0 });
            assert::equal([r.status, r.error_code], [302, 0], "a redirect as the answer");
            let r = http::get("/silent");
            assert::equal([r.status, r.error_code], [302, 0], "no location");
        }"#;
    run(&server.url(), script).expect_code(0).expect_counted(2);
    let all = r#"
        options(#{ max_redirects: 0 });
        fn flow() {
            assert::equal(http::get("/chain/3").status, 302, "the run's");
            assert::equal(http::get("/chain/3", #{ redirects: 3 }).status, 200, "the request's");
        }"#;
    run(&server.url(), all).expect_code(0).expect_counted(5);
}

#[test]
fn a_redirect_to_what_cannot_be_called_stands_and_says_why() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"
        target("http_req_failed", "rate == 100%");
        fn flow() {
            for path in ["/nowhere", "/ftp"] {
                let r = http::get(path);
                assert::equal([r.status, r.error_code], [302, 1030], path);
                assert::is_true(r.error.starts_with("the redirect can't be followed: "), r.error);
            }
        }"#,
    );
    finished.expect_code(0).expect_counted(2);
}

#[test]
fn methods_and_bodies_change_as_in_browsers() {
    let server = Server::start(|request| {
        let status = request.path().trim_start_matches("/from/").parse().unwrap_or(0);
        if status > 0 {
            return to(status, "/seen");
        }
        let kind = request.headers.get("content-type").map_or("-", String::as_str);
        Reply::ok(format!("{} {} {kind}", request.method, request.text()))
    });
    let finished = run(
        &server.url(),
        r#"
        fn flow() {
            let kept = `{"a":1} application/json`;
            for row in [
                [301, "POST", "GET  -"], [302, "POST", "GET  -"], [303, "POST", "GET  -"],
                [307, "POST", "POST " + kept], [308, "POST", "POST " + kept],
                [301, "PUT", "PUT " + kept], [303, "PUT", "GET  -"], [307, "PUT", "PUT " + kept],
                [303, "DELETE", "GET  -"], [302, "DELETE", "DELETE " + kept],
            ] {
                let r = http::request(row[1], `/from/${row[0]}`, #{ json: #{ a: 1 } });
                assert::equal(r.body, row[2], `${row[0]} ${row[1]}`);
            }
            assert::equal(http::head("/from/303").status, 200, "HEAD");
        }"#,
    );
    finished.expect_code(0).expect_counted(22);
    assert_eq!(server.requests().last().map(|request| request.method.clone()), Some("HEAD".to_owned()));
}

/// Two servers: `/away` of the first leads to the second by its host's other name, `/port` by its own, and `/back` of
/// the second leads to the first.
fn pair() -> (Arc<Server>, Server) {
    let other: Arc<OnceLock<u16>> = Arc::default();
    let there = Arc::clone(&other);
    let first = Arc::new(Server::start(move |request| {
        let port = there.get().expect("the second server runs");
        match request.path() {
            "/away" => to(307, &format!("http://localhost:{port}/landed")),
            "/port" => to(307, &format!("http://127.0.0.1:{port}/landed")),
            "/round" => to(307, &format!("http://127.0.0.1:{port}/back")),
            "/same" => to(307, "/landed"),
            _ => Reply::ok("home"),
        }
    }));
    let home = first.url();
    let second = Server::start(move |request| match request.path() {
        "/back" => to(307, &format!("{home}/landed")),
        _ => Reply::ok("away"),
    });
    other.set(second.port()).expect("set once");
    (first, second)
}

/// Everything that a request carries, as text.
fn carried(request: &Request) -> String {
    format!("{} {:?} {}", request.target, request.headers, request.text())
}

const SECRETS: &str = r#"
    const KEY = secret("KEY");
    fn visit(path) {
        http::get(path, #{
            headers: #{
                Authorization: "Bearer hidden-1", "X-Api-Key": "hidden-2", "Cookie": "a=hidden-3",
                "X-Plain": "seen", "X-Odd-Name": `so ${global::KEY} is`, "Accept-Language": "de",
            },
            cookies: #{ b: "hidden-4" },
        });
    }
"#;

#[test]
fn secrets_go_along_to_the_same_place_and_never_elsewhere() {
    for (path, goes_along) in [("/same", true), ("/away", false), ("/port", false), ("/round", false)] {
        let (first, second) = pair();
        let script = format!("base_url(\"{}\");\n{SECRETS}\nfn flow() {{ visit(\"{path}\"); }}", first.url());
        let finished = runner(["run", "test.rhai"])
            .file("test.rhai", &script)
            .env("RUNNER_SECRET_KEY", "hidden-5")
            .run();
        finished.expect_code(0);
        let at_home = first.requests();
        let (begin, rest) = at_home.split_first().expect("the first request");
        for number in 1..=5 {
            assert!(carried(begin).contains(&format!("hidden-{number}")), "{path}: {}", carried(begin));
        }
        let later: Vec<Request> = rest.iter().cloned().chain(second.requests()).collect();
        assert!(!later.is_empty(), "{path}");
        for request in &later {
            let carried = carried(request);
            assert!(carried.contains("seen") && carried.contains("\"accept-language\": \"de\""), "{carried}");
            for number in 1..=5 {
                assert_eq!(carried.contains(&format!("hidden-{number}")), goes_along, "{path}: {carried}");
            }
        }
    }
}

#[test]
fn a_body_with_a_secret_is_not_repeated_elsewhere() {
    let (first, second) = pair();
    let script = format!(
        r#"base_url("{}");
        const KEY = secret("KEY");
        fn flow() {{
            let r = http::post("/away", #{{ json: #{{ password: global::KEY }} }});
            assert::equal([r.status, r.error_code], [307, 1030], "not followed");
            assert::is_true(r.error.contains("holds a secret"), r.error);
            assert::equal(http::post("/away", #{{ json: #{{ a: 1 }} }}).body, "away", "without one");
            assert::equal(http::post("/same", #{{ json: #{{ password: global::KEY }} }}).body, "home", "at home");
        }}"#,
        first.url()
    );
    let finished =
        runner(["run", "test.rhai"]).file("test.rhai", &script).env("RUNNER_SECRET_KEY", "hidden-5").run();
    finished.expect_code(0);
    assert_eq!(second.count(), 1);
    assert!(second.requests().iter().all(|request| !carried(request).contains("hidden")));
}

#[test]
fn another_scheme_is_elsewhere_too() {
    // Nobody speaks TLS there: whatever comes of it, nothing is sent in plain.
    let server = Server::start(|request| match request.path() {
        "/up" => {
            let host = request.headers.get("host").cloned().unwrap_or_default();
            to(302, &format!("https://{host}/landed"))
        }
        _ => Reply::ok("plain"),
    });
    let finished = run(
        &server.url(),
        r#"fn flow() {
            let r = http::get("/up", #{ headers: #{ Authorization: "Bearer hidden" } });
            assert::is_true(r.error_code != 0, r.error);
        }"#,
    );
    finished.expect_code(0);
    assert_eq!(server.count(), 1, "{:?}", server.requests());
}

#[test]
fn the_time_out_is_for_all_hops_together() {
    let server = Server::start(|_| {
        crate::fixture::pause(std::time::Duration::from_millis(100));
        to(302, "/again")
    });
    let finished = run(
        &server.url(),
        r#"fn flow() {
            let r = http::get("/", #{ timeout: "1s", redirects: 1000 });
            assert::equal([r.status, r.error_code], [0, 1050], "timed out");
            assert::is_true(r.error.contains("timed out after 1s"), r.error);
        }"#,
    );
    finished.expect_code(0);
    assert!(server.count() <= 11, "{}", server.count());
}

#[test]
fn redirects_of_a_batch_are_followed_side_by_side() {
    let server = chain();
    let finished = run(
        &server.url(),
        r#"fn flow() {
            let all = http::batch(["/chain/2", #{ url: "/chain/1", redirects: 0 }, "/chain/0", "/loop"]);
            assert::equal([all[0].status, all[1].status, all[2].status, all[3].status], [200, 302, 200, 302], "statuses");
            assert::equal(all[3].error_code, 1030, "loop");
        }"#,
    );
    finished.expect_code(0).expect_counted(3 + 1 + 1 + 11);
}

#[test]
fn a_hit_takes_a_redirect_as_the_answer_and_sends_the_login_of_its_url() {
    let server = chain();
    let url = format!("http://ada:s3cret@127.0.0.1:{}/loop", server.port());
    let finished = runner(["hit", "-n", "3", "-c", "1", "--max-redirects", "5", &url]).run();
    assert!(!finished.printed().contains("s3cret"), "{}", finished.printed());
    finished.expect_code(0).expect_counted(3).expect_said("`hit` follows no redirects");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let login = "Basic YWRhOnMzY3JldA==";
    assert!(requests.iter().all(|request| request.headers["authorization"] == login), "{requests:?}");
}

#[test]
fn wrong_options_say_what_to_write() {
    for (options, said) in [
        ("redirects: -1", "`redirects` takes a number from 0 to 1000, not"),
        ("redirects: \"no\"", "`redirects` takes a number from 0 to 1000, not"),
        ("expected_statuses: []", "write `[200, 404]`"),
        ("jar: 1", "takes a cookie jar or false"),
        ("cookies: 1", "`cookies` takes a map"),
        ("auth: \"ntlm\"", "`auth` knows basic, digest and bearer, not `ntlm`"),
        ("auth: #{ basic: #{ user: \"a\" } }", "`basic` takes `#{ user, password }`"),
        ("auth: #{ bearer: \"a b\" }", "the token is empty, or has a blank"),
    ] {
        let script = format!("fn setup() {{ http::get(\"/\", #{{ {options} }}); }}\nfn flow() {{}}");
        run(&Server::plain().url(), &script).expect_code(107).expect_said(said);
    }
}

#[test]
fn needs_nginx_a_hundred_redirects_and_a_loop_are_as_its_log_has_them() {
    let nginx = Nginx::start();
    let finished = nginx
        .prepare(
            r#"
            target("http_reqs{status:302}", "count == 111");
            target("http_reqs{status:200}", "count == 1");
            fn flow() {
                let path = "/hop/";
                path.pad(105, 'x');
                let r = http::get(path, #{ redirects: 100 });
                assert::equal([r.status, r.body], [200, "the end"], "a hundred");
                let r = http::get("/loop");
                assert::equal([r.status, r.error_code], [302, 1030], "a loop");
            }"#,
            &[],
        )
        .run();
    finished.expect_code(0).expect_counted(112);
    let log = nginx.log(0);
    let count = |end: &str| log.iter().filter(|line| line.what.ends_with(end)).count();
    assert_eq!((log.len(), count(" 302"), count("GET /loop 302")), (112, 111, 11));
}

#[test]
fn needs_nginx_secrets_stay_with_their_host_and_cookies_follow_theirs() {
    let nginx = Nginx::start();
    let finished = nginx
        .prepare(
            r#"
            fn flow() {
                let secret = #{ headers: #{ Authorization: "Bearer hidden", "X-Api-Key": "hidden" }, cookies: #{ c: "hidden" } };
                assert::equal(http::get("/echo", secret).body, "[Bearer hidden][c=hidden][hidden]", "at home");
                let away = http::get("/away", secret);
                assert::equal([away.status, away.body], [200, "[][][]"], "elsewhere");
                assert::is_true(http::get("/secure", secret).error_code != 0, "nobody speaks TLS there");
                assert::equal(http::get("/session").body, "[][session=s1][]", "the cookie of the redirect");
                assert::equal(http::get("/away").body, "[][][]", "which is for its host alone");
                let ada = #{ auth: #{ basic: #{ user: "ada", password: "s3cret" } } };
                assert::equal(http::get("/door", ada).status, 200, "a door");
                assert::equal(http::get("/door").status, 401, "closed");
            }"#,
            &[],
        )
        .run();
    finished.expect_code(0);
    let log = nginx.log(0);
    assert!(log.iter().all(|line| line.what != "GET /echo 400"), "{log:?}");
}
