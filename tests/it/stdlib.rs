//! The modules that the binary brings along, and functions that walk over requests: what they send, against a
//! server that counts; and scripts with modules of their own, through the binary.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture::{Finished, root, runner};
use crate::server::{Reply, Request, Server};

/// Runs one iteration of a flow; `same` ends it unless two values are equal.
fn run(server: &Server, imports: &str, body: &str) -> Finished {
    let script = format!(
        "{imports}\nbase_url(\"{}\");\noptions(#{{ iterations: 1 }});\n\
         fn same(actual, expected, what) {{ if actual != expected {{ throw `${{what}}: ${{actual}}, not ${{expected}}`; }} }}\n\
         fn flow() {{\n{body}\n}}\n",
        server.url()
    );
    runner(["run", "test.rhai"]).file("test.rhai", &script).run()
}

fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let (_, query) = request.target.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Three pages of two items, whatever says which is next.
fn pages() -> Server {
    Server::start(|request| {
        let page: usize = ["page", "after"]
            .iter()
            .find_map(|name| query(request, name))
            .map_or(1, |n| n.parse().expect("a number"));
        if page > 3 {
            return Reply::json("{\"items\": []}");
        }
        let (next, cursor) = match page {
            3 => ("null".to_owned(), "null".to_owned()),
            n => (format!("\"{}?page={}\"", request.path(), n + 1), format!("{}", n + 1)),
        };
        let body = format!("{{\"items\": [{page}, {}], \"next\": {next}, \"cursor\": {cursor}}}", page * 10);
        let reply = Reply::json(&body);
        if page < 3 {
            reply.header("Link", &format!("</list?page={}>; rel=\"next\"", page + 1))
        } else {
            reply
        }
    })
}

#[test]
fn paginate_walks_by_url_cursor_link_and_number() {
    for (options, count) in [
        ("next: \"next\"", 3),
        ("next: \"cursor\", cursor: \"after\"", 3),
        ("link: true", 3),
        ("page: \"page\", items: \"items\"", 4),
    ] {
        let server = pages();
        let body = format!(
            "let seen = [];\nlet count = paginate(\"/list\", #{{ {options}, request: #{{ name: \"list\" }} }}, |r| {{ seen += r.json(\"items\"); }});\n\
             same(count, {count}, \"pages\"); same(seen.to_string(), \"[1, 10, 2, 20, 3, 30]\", \"items\");"
        );
        run(&server, "", &body).expect_code(0);
        assert_eq!(server.count_of("/list"), count, "{options}");
    }
}

#[test]
fn paginate_ends_when_the_closure_says_so_at_its_bound_and_at_an_error() {
    let server = pages();
    run(
        &server,
        "",
        "same(paginate(\"/list\", #{ next: \"next\" }, |r| r.json(\"items\")[0] < 2), 2, \"pages\");",
    )
    .expect_code(0);
    assert_eq!(server.count(), 2);
    let circle = Server::start(|_| Reply::json("{\"next\": \"/again\"}"));
    run(&circle, "", "paginate(\"/again\", #{ next: \"next\", pages_max: 5 }, |r| ());")
        .expect_code(107)
        .expect_said("`paginate` saw 5 pages, and there are more");
    assert_eq!(circle.count_of("/again"), 5);
    let broken = Server::start(|_| Reply::new(500, "no"));
    run(&broken, "", "paginate(\"/list\", #{ next: \"next\" }, |r| ());")
        .expect_code(107)
        .expect_said("page 1 of `paginate` failed: the status was 500");
}

#[test]
fn pagination_collects_all_items() {
    let server = pages();
    let body = "let all = \"[1, 10, 2, 20, 3, 30]\";\n\
        same(pages::by_url(\"/list\", \"items\", \"next\").to_string(), all, \"by url\");\n\
        same(pages::by_cursor(\"/list\", \"items\", \"cursor\", \"after\").to_string(), all, \"by cursor\");\n\
        same(pages::by_link(\"/list\", \"items\").to_string(), all, \"by link\");\n\
        same(pages::by_page(\"/list\", \"items\", \"page\", #{ request: #{ headers: #{ a: \"b\" }, name: \"x\" } }).to_string(), all, \"by page\");";
    run(&server, "import \"std/pagination\" as pages;", body).expect_code(0);
    assert_eq!(server.count(), 13);
}

#[test]
fn a_request_is_sent_again_after_what_retry_after_says() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(429, "").header("Retry-After", "0"),
        1 => Reply::new(503, "").header("Retry-After", "soon"),
        2 => Reply::new(503, ""),
        _ => Reply::ok("fine"),
    });
    let body = "let r = patient::request(\"GET\", \"/a\", #{ name: \"a\" }, #{ delay: \"10ms\" }); same(r.status, 200, \"status\");\n\
                same(patient::get(\"/b\").status, 200, \"at once\");";
    run(&server, "import \"std/retry\" as patient;", body).expect_code(0);
    assert_eq!((server.count_of("/a"), server.count_of("/b")), (4, 1));
    let busy = Server::start(|_| Reply::new(503, ""));
    let body = "same(patient::request(\"GET\", \"/\", #{}, #{ attempts: 2, delay: \"10ms\" }).status, 503, \"the last\");";
    run(&busy, "import \"std/retry\" as patient;", body).expect_code(0);
    assert_eq!(busy.count(), 2);
}

#[test]
fn retry_takes_a_response_of_500_as_a_failure_and_404_as_an_answer() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        if tries.fetch_add(1, Ordering::SeqCst) == 0 { Reply::new(500, "") } else { Reply::new(404, "") }
    });
    run(&server, "", "same(retry(#{ delay: \"1ms\" }, || http::get(\"/\")).status, 404, \"status\");")
        .expect_code(0);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_user_logs_in_once_and_shows_its_token() {
    let server = Server::start(|request| match request.path() {
        "/login" => Reply::json("{\"data\": {\"token\": \"secret\"}}"),
        _ if request.headers.get("authorization").is_some_and(|value| value == "Bearer secret") => {
            Reply::ok("in")
        }
        _ => Reply::new(401, "out"),
    });
    let script = format!(
        "import \"std/auth\" as auth;\nbase_url(\"{}\");\noptions(#{{ vus: 2, iterations: 10 }});\ntarget(\"checks\", \"rate == 100%\");\n\
         fn on_start() {{ auth::login(#{{ url: \"/login\", json: #{{ user: vu::id() }}, token: \"data.token\" }}); }}\n\
         fn flow() {{ auth::login(#{{ url: \"/login\" }}); check(http::get(\"/orders\", #{{ headers: auth::bearer() }}).status == 200, \"is in\"); }}\n",
        server.url()
    );
    runner(["run", "test.rhai"]).file("test.rhai", &script).run().expect_code(0);
    assert_eq!((server.count_of("/login"), server.count_of("/orders")), (2, 10));
}

#[test]
fn a_token_of_client_credentials_is_fetched_again_before_it_ends() {
    let server = Server::start(|request| match request.path() {
        "/token"
            if request.text().contains("grant_type=client_credentials")
                && request.text().contains("scope=read") =>
        {
            Reply::json("{\"access_token\": \"t\", \"expires_in\": 0.4}")
        }
        "/token" => Reply::new(400, ""),
        _ => Reply::ok("x"),
    });
    let body = "let how = #{ url: \"/token\", client_id: \"a\", client_secret: \"b\", scope: \"read\" };\n\
        for i in 0..3 { auth::client_credentials(how); }\nsleep(\"250ms\");\nsame(auth::client_credentials(how), \"t\", \"token\");\n\
        same(auth::bearer().Authorization, \"Bearer t\", \"header\"); auth::logout();";
    run(&server, "import \"std/auth\" as auth;", body).expect_code(0);
    assert_eq!(server.count_of("/token"), 2, "half of its life is 200 ms");
    run(
        &server,
        "import \"std/auth\" as auth;",
        "auth::client_credentials(#{ url: \"/token\", client_id: \"a\", client_secret: \"b\" });",
    )
    .expect_code(107)
    .expect_said("auth::client_credentials: no token, since the status was 400 (test.rhai:");
}

#[test]
fn a_task_is_asked_for_until_it_is_done_or_failed() {
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path() {
        "/tasks/1" if polls.fetch_add(1, Ordering::SeqCst) < 2 => Reply::json("{\"state\": \"running\"}"),
        "/tasks/1" => Reply::json("{\"state\": \"completed\"}"),
        "/tasks/2" => Reply::json("{\"state\": \"failed\"}"),
        _ => Reply::json("{\"status\": \"queued\"}"),
    });
    let import = "import \"std/polling\" as polling;";
    run(&server, import, "same(polling::task(\"/tasks/1\", #{ every: \"10ms\", path: \"state\" }).json(\"state\"), \"completed\", \"state\");").expect_code(0);
    assert_eq!(server.count_of("/tasks/1"), 3);
    run(&server, import, "polling::task(\"/tasks/2\", #{ path: \"state\" });")
        .expect_code(107)
        .expect_said("/tasks/2 ended as failed");
    run(&server, import, "polling::task(\"/tasks/3\", #{ every: \"20ms\", timeout: \"50ms\" });")
        .expect_code(107)
        .expect_said("`poll` had no answer within 50ms, asked ");
    run(&server, import, "same(polling::status(\"/x\", [200], #{}).status, 200, \"status\");").expect_code(0);
}

#[test]
fn fiml_s_tools_answer_and_say_when_they_fail() {
    let script = "import \"std/fiml\" as fiml;\nbase_url(\"demo\");\noptions(#{ iterations: 1 });\ntarget(\"checks{check:tool answers}\", \"rate > 50%\");\n\
        fn flow() {\n    let price = fiml::tool(\"search-by-symbol\", #{ symbol: pick(fiml::CACHED), depth: \"quick\" });\n    if !(price.cached.price > 0) { throw \"no price\"; }\n\
        if fiml::price(\"AAPL\").status != 200 { throw \"no price\"; }\n    fiml::uncached();\n\
        if fiml::query(fiml::QUERIES[0]).status != \"completed\" { throw \"not done\"; }\n    let told = \"\";\n\
        try { fiml::tool(\"nonsense\", #{}); } catch (e) { told = e; }\n    if !told.contains(\"says it failed\") { throw told; }\n}\n";
    runner(["run", "test.rhai"]).file("test.rhai", script).run().expect_code(0);
}

#[test]
fn modules_lie_beside_the_script_wherever_it_is_called_from() {
    let module =
        "import \"lib/words\" as words;\nexport const N = 2;\nfn greet() { print(words::hello()); }\n";
    let script = "import \"lib/greeting\" as greeting;\noptions(#{ vus: 2, iterations: greeting::N });\nfn flow() { greeting::greet(); }\n";
    let call = runner(["run", "load/test.rhai"])
        .file("load/test.rhai", script)
        .file("load/lib/greeting.rhai", module)
        .file("load/lib/words.rhai", "fn hello() { \"well met\" }\n");
    call.run().expect_code(0).expect_said("well met");
    let here = runner(["run", "test.rhai"])
        .file("test.rhai", script)
        .file("lib/greeting.rhai", module)
        .file("lib/words.rhai", "fn hello() {\n    1 / 0\n}\n");
    here.run().expect_code(107).expect_said("lib/words.rhai:2:7");
}

#[test]
fn every_module_of_the_library_has_its_section_in_the_docs() {
    let page = std::fs::read_to_string(root().join("docs/stdlib.md")).expect("docs/stdlib.md");
    for entry in std::fs::read_dir(root().join("stdlib")).expect("stdlib").flatten() {
        let name = entry.file_name().to_string_lossy().replace(".rhai", "");
        let (_, section) = page
            .split_once(&format!("## std/{name}\n"))
            .unwrap_or_else(|| panic!("no section on std/{name}"));
        let section = section.split("\n## ").next().unwrap_or_default();
        assert!(
            section.contains("```rhai\n") && section.contains(&format!("import \"std/{name}\"")),
            "std/{name} has no example"
        );
        let text = std::fs::read_to_string(entry.path()).expect("a module");
        for function in text.lines().filter_map(|line| line.strip_prefix("fn ")?.split('(').next()) {
            assert!(
                section.contains(&format!("::{function}(")),
                "std/{name}: `{function}` is not in the docs"
            );
        }
    }
}
