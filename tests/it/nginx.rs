//! A real nginx, whose access log is held against our counts: requests by path and status, bytes both ways.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::fixture::{Runner, closed_port, folder, pause, runner, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// nginx on a port of its own, in one process, until dropped.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
    /// Where it speaks HTTP/2, by prior knowledge.
    http2_port: u16,
}

/// A line of the access log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// `GET /path 200`
    pub(crate) what: String,
    bytes_in: u64,
    bytes_out: u64,
    /// Without the head, but with chunks.
    body_out: u64,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let folder = folder();
        let (port, http2_port) = (closed_port(), closed_port());
        let root = folder.path().display();
        std::fs::write(folder.path().join("small.txt"), "hello, world\n").expect("a writable folder");
        std::fs::write(folder.path().join("large.txt"), "x".repeat(300_000)).expect("a writable folder");
        std::fs::write(folder.path().join("packed.txt"), words(50_000)).expect("a writable folder");
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(words(50_000).as_bytes()).expect("memory takes what it gets");
        let packed = packed.finish().expect("memory takes what it gets");
        std::fs::write(folder.path().join("packed.txt.gz"), packed).expect("a writable folder");
        std::fs::write(folder.path().join("door"), "ada:{PLAIN}s3cret\n").expect("a writable folder");
        // Bodies are handed on to a second server, so that nginx has to read them.
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/errors;
            events {{ worker_connections 512; }}
            http {{
                log_format counted '$request_method $uri $status $request_length $bytes_sent $body_bytes_sent';
                access_log {root}/access counted;
                client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                keepalive_requests 7; client_max_body_size 1m; default_type text/plain; root {root};
                server {{
                    listen 127.0.0.1:{port};
                    listen 127.0.0.1:{http2_port} http2;
                    location /none {{ return 204; }}
                    location /moved {{ return 301 /small.txt; }}
                    location /broken {{ return 500 'sorry'; }}
                    location /closing {{ keepalive_timeout 0; return 200 'bye'; }}
                    location /slow.txt {{ alias {root}/large.txt; limit_rate 30k; }}
                    location /zip/ {{ alias {root}/; gzip on; gzip_types *; gzip_min_length 1; }}
                    location /packed.txt {{ gzip_static on; }}
                    location ~ ^/hop/. {{ rewrite ^/hop/x(x*)$ /hop/$1 redirect; }}
                    location = /hop/ {{ return 200 'the end'; }}
                    location /loop {{ return 302 /loop; }}
                    location /away {{ return 307 http://localhost:{port}/echo; }}
                    location /secure {{ return 307 https://$host:{port}/echo; }}
                    location /session {{ add_header Set-Cookie 'session=s1; Path=/; HttpOnly'; return 303 /echo; }}
                    location /echo {{ return 200 '[$http_authorization][$http_cookie][$http_x_api_key]'; }}
                    location /door {{ auth_basic door; auth_basic_user_file {root}/door; try_files /small.txt =404; }}
                    location /take {{ proxy_pass http://unix:{root}/inner:/; }}
                }}
                server {{ listen unix:{root}/inner; access_log off; return 201 'taken'; }}
            }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).expect("a writable folder");
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx, which `make install-test-servers` installs");
        let nginx = Self { child, folder, port, http2_port };
        wait_until("nginx", SOON, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        nginx
    }

    /// What it has logged, but for the first `from` lines.
    pub(crate) fn log(&self, from: usize) -> Vec<Line> {
        let text = std::fs::read_to_string(self.folder.path().join("access")).unwrap_or_default();
        let lines = text.lines().skip(from).map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [method, path, status, bytes_in, bytes_out, body_out] = words[..] else { panic!("{line}") };
            let number = |word: &str| word.parse().expect("a number of bytes");
            Line {
                what: format!("{method} {path} {status}"),
                bytes_in: number(bytes_in),
                bytes_out: number(bytes_out),
                body_out: number(body_out),
            }
        });
        lines.collect()
    }

    pub(crate) fn prepare(&self, script: &str, args: &[&str]) -> Runner {
        Self::prepare_at(self.port, script, args)
    }

    /// The same over HTTP/2.
    fn prepare_http2(&self, script: &str) -> Runner {
        Self::prepare_at(self.http2_port, script, &["--http-version", "2"])
    }

    fn prepare_at(port: u16, script: &str, args: &[&str]) -> Runner {
        let args = ["run"].iter().chain(args).chain(&["test.rhai"]);
        let base = format!("base_url(\"http://127.0.0.1:{port}\");\n");
        runner(args).file("test.rhai", &(base + script))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text that packs to about half.
fn words(count: u32) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{} ", number.wrapping_mul(2_654_435_761) % 10_000);
        text
    })
}

fn by_kind(log: &[Line]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in log {
        *counts.entry(line.what.clone()).or_default() += 1;
    }
    counts
}

/// All kinds of answers, with and without bodies either way, on connections that nginx closes after 7 requests. What
/// it refuses has no body: nginx's `$request_length` leaves out a body that it throws away.
const FLOW: &str = r#"
scenario("mixed", #{ executor: "per-vu-iterations", vus: 4, iterations: 10, flow: "mixed" });

fn mixed() {
    let body = "";
    body.pad(vu::iteration() * 3000, 'b');
    http::get("/small.txt");
    http::head("/small.txt");
    http::get("/large.txt");
    http::get("/small.txt", #{ headers: #{ range: "bytes=0-4" }, query: #{ a: "b c" } });
    http::get("/missing");
    http::get("/none");
    http::get("/moved");
    http::get("/broken");
    http::get("/closing");
    http::post("/take", #{ body: body });
    http::put("/take", #{ json: #{ n: vu::iteration() } });
    http::del("/small.txt");
    http::post("/small.txt");
}
"#;

#[test]
fn needs_nginx_its_log_and_our_counts_agree() {
    let nginx = Nginx::start();
    nginx.prepare(FLOW, &[]).run().expect_code(0);
    let first = nginx.log(0);
    assert_eq!(first.len(), 4 * 10 * 14, "{:?}", by_kind(&first));
    let kinds = by_kind(&first);
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    assert_eq!(kinds["GET /small.txt 206"], 40, "{kinds:?}");
    let sent: u64 = first.iter().map(|line| line.bytes_in).sum();
    let received: u64 = first.iter().map(|line| line.bytes_out).sum();

    // The same again, with what nginx counted as targets: each is exact.
    let mut targets = String::new();
    for (kind, count) in &kinds {
        let [method, path, status] = kind.split(' ').collect::<Vec<_>>()[..] else { panic!("{kind}") };
        let _ = writeln!(
            targets,
            "target(\"http_reqs{{method:{method},name:{path},status:{status}}}\", \"count == {count}\");"
        );
    }
    let bytes = |sent: u64, received: u64| {
        format!(
            "target(\"data_sent\", \"count == {sent}\");\ntarget(\"data_received\", \"count == {received}\");\n"
        )
    };
    let exact = format!("{targets}{}{FLOW}", bytes(sent, received));
    nginx.prepare(&exact, &[]).run().expect_code(0);
    let second = nginx.log(first.len());
    assert_eq!(by_kind(&second), kinds);
    // And one byte more is a failure, or the targets would prove nothing.
    for off in [bytes(sent + 1, received), bytes(sent, received + 1)] {
        nginx.prepare(&format!("{off}{FLOW}"), &[]).run().expect_code(99);
    }
}

#[test]
fn needs_nginx_what_it_packs_is_unpacked_and_both_sizes_are_its_own() {
    let nginx = Nginx::start();
    let size = words(50_000).len();
    let flow = format!(
        "options(#{{ iterations: 3, vus: 2 }});
        const WIRE = counter(\"wire\"); const BODY = counter(\"unpacked\");
        fn flow() {{
            for path in [\"/packed.txt\", \"/zip/packed.txt\", \"/zip/small.txt\"] {{
                let r = http::get(path, #{{ headers: #{{ \"Accept-Encoding\": \"gzip\" }} }});
                same(r.header(\"content-encoding\"), \"gzip\");
                if path != \"/zip/small.txt\" {{
                    same(r.body_bytes, {size});
                    assert::is_true(r.body.ends_with(\"{}\"), \"the end\");
                    assert::is_true(r.wire_bytes < r.body_bytes, \"packed\");
                }} else {{ same(r.body, \"hello, world\\n\"); }}
                if path == \"/packed.txt\" {{ global::WIRE.add(r.wire_bytes); }}
                global::BODY.add(r.body_bytes);
            }}
            let plain = http::get(\"/packed.txt\");
            same(plain.wire_bytes, {size});
            same(plain.body_bytes, {size});
        }}
        fn same(actual, expected) {{ assert::equal(actual, expected, \"as nginx has it\"); }}\n",
        &words(50_000)[size - 20..]
    );
    nginx.prepare(&flow, &[]).run().expect_code(0);
    let first = nginx.log(0);
    assert_eq!(first.len(), 3 * 4, "{:?}", by_kind(&first));
    // The file that is packed already goes by its length: no chunks stand around it.
    let wire: u64 = first
        .iter()
        .filter(|line| line.what.starts_with("GET /packed.txt") && line.body_out < size as u64)
        .map(|line| line.body_out)
        .sum();
    let received: u64 = first.iter().map(|line| line.bytes_out).sum();
    let unpacked = 3 * (2 * size + "hello, world\n".len());
    let exact = |wire: u64, unpacked: usize, received: u64| {
        format!(
            "target(\"wire\", \"count == {wire}\");\ntarget(\"unpacked\", \"count == {unpacked}\");\n\
             target(\"data_received\", \"count == {received}\");\n{flow}"
        )
    };
    nginx.prepare(&exact(wire, unpacked, received), &[]).run().expect_code(0);
    for off in [
        exact(wire + 1, unpacked, received),
        exact(wire, unpacked + 1, received),
        exact(wire, unpacked, received + 1),
    ] {
        nginx.prepare(&off, &[]).run().expect_code(99);
    }
}

/// As many requests at once as nginx takes on a connection before it says goodbye, which it does after every seventh.
const BATCHES: &str = r#"
options(#{ batch_per_host: 0 });
scenario("batches", #{ executor: "per-vu-iterations", vus: 3, iterations: 20, flow: "batches" });

fn batches() {
    let replies = http::batch(["/small.txt", "/large.txt", "/missing", "/none", #{ method: "POST", url: "/take", body: "some text" }, "/broken"]);
    check(replies[0].body == "hello, world\n", "small");
    check(replies[1].body.len() == 300000, "large");
    check(replies[4].body == "taken" && replies[4].status == 201, "taken");
    check(replies[0].proto == "HTTP/2.0", "protocol");
}
target("checks", "rate >= 100%");
"#;

#[test]
fn needs_nginx_http2_is_counted_as_it_counts_and_its_goodbyes_cost_nothing() {
    let nginx = Nginx::start();
    nginx.prepare_http2(FLOW).run().expect_code(0);
    let first = nginx.log(0);
    let kinds = by_kind(&first);
    assert_eq!(first.len(), 4 * 10 * 14, "{kinds:?}");
    assert_eq!((kinds.len(), kinds["GET /small.txt 206"]), (13, 40), "{kinds:?}");
    let finished = nginx.prepare_http2(BATCHES).run().expect_code(0);
    let log = nginx.log(first.len());
    assert!((finished.figure("http_reqs") - log.len() as f64).abs() < 0.5, "{}", finished.printed());
    let kinds: Vec<(String, usize)> = by_kind(&log).into_iter().collect();
    let each = [
        "GET /broken 500",
        "GET /large.txt 200",
        "GET /missing 404",
        "GET /none 204",
        "GET /small.txt 200",
        "POST /take 201",
    ];
    assert_eq!(kinds, each.map(|kind| (kind.to_owned(), 60)));
    // What nginx counts of a stream is its frames; the connection's own are ours to count besides.
    let received = log.iter().map(|line| line.bytes_out).sum::<u64>() as f64;
    let printed = bytes_of(&finished.stdout, "data_received");
    assert!((received * 0.99..received * 1.02).contains(&printed), "{received}: {}", finished.printed());
}

/// Users that loop until something ends the run.
fn looping(duration: &str) -> String {
    format!(
        "scenario(\"loop\", #{{ executor: \"constant-vus\", vus: 5, duration: \"{duration}\", flow: || {{
            http::get(\"/small.txt\");
            http::get(\"/large.txt\");
            http::get(\"/slow.txt\", #{{ headers: #{{ range: \"bytes=0-8999\" }} }});
        }} }});"
    )
}

fn sums(log: &[Line]) -> [(&'static str, u64); 2] {
    let sum = |of: fn(&Line) -> u64| log.iter().map(of).sum();
    [("data_sent", sum(|line| line.bytes_in)), ("data_received", sum(|line| line.bytes_out))]
}

#[test]
fn needs_nginx_its_log_and_our_counts_agree_when_the_time_is_over() {
    let nginx = Nginx::start();
    let finished = nginx.prepare(&looping("1s"), &[]).run().expect_code(0);
    let log = nginx.log(0);
    // What was under way came to its end: nothing is missing on either side.
    assert!((finished.figure("http_reqs") - log.len() as f64).abs() < 0.5, "{}", finished.printed());
    for (metric, bytes) in sums(&log) {
        let (printed, bytes) = (bytes_of(&finished.stdout, metric), bytes as f64);
        // Three digits are printed.
        assert!((printed - bytes).abs() <= bytes * 0.006, "{metric}: {bytes}\n{}", finished.printed());
    }
}

#[test]
fn needs_nginx_what_a_stop_cuts_is_all_that_the_books_differ_by() {
    let nginx = Nginx::start();
    let running = nginx.prepare(&looping("10m"), &[]).start();
    wait_until("some requests", SOON, || nginx.log(0).len() >= 40);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    // nginx notices that a connection has gone when it next writes to it.
    let mut seen = 0;
    wait_until("nginx to see the end", SOON, || {
        let before = std::mem::replace(&mut seen, nginx.log(0).len());
        pause(Duration::from_millis(300));
        before == seen
    });
    let log = nginx.log(0);
    let finished = finished.expect_counted(log.len());
    // A user has one request under way.
    let counted = finished.figure("http_reqs");
    let missing = (0..=5).find(|missing| (counted - (log.len() - missing) as f64).abs() < 0.5);
    let missing =
        missing.unwrap_or_else(|| panic!("of {} some are missing\n{}", log.len(), finished.printed()));
    for (metric, bytes) in sums(&log) {
        let mut each: Vec<u64> = log
            .iter()
            .map(|line| if metric == "data_sent" { line.bytes_in } else { line.bytes_out })
            .collect();
        each.sort_unstable();
        let cut: u64 = each.iter().rev().take(missing).sum();
        let printed = bytes_of(&finished.stdout, metric);
        let range = (bytes - cut) as f64 * 0.994..=bytes as f64 * 1.006;
        assert!(range.contains(&printed), "{metric}: {bytes}, {cut} at most cut\n{}", finished.printed());
    }
}

/// The bytes that a summary's line gives: `data_sent...: 1.20 MB  48 KB/s`.
fn bytes_of(summary: &str, metric: &str) -> f64 {
    let line =
        summary.lines().find(|line| line.trim_start().starts_with(&format!("{metric}."))).expect("the line");
    let mut words = line.split_once(": ").expect("a figure").1.split_whitespace();
    let number: f64 = words.next().expect("a number").replace(',', "").parse().expect("a number");
    let unit = match words.next().expect("a unit") {
        "B" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        other => panic!("{other}"),
    };
    number * unit
}

#[test]
fn needs_nginx_a_request_too_many_is_seen_by_both() {
    // The log sees what a client sends beside us too: else an empty log would agree with anything.
    let nginx = Nginx::start();
    let mut stream = TcpStream::connect(("127.0.0.1", nginx.port)).expect("nginx");
    let request = "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("an open connection");
    wait_until("its line", SOON, || nginx.log(0).len() == 1);
    assert_eq!(nginx.log(0)[0].bytes_in, request.len() as u64);
}

#[test]
fn needs_nginx_a_file_is_streamed_over_http2_whole() {
    const WORDS: u32 = 150_000;
    let nginx = Nginx::start();
    let script = "fn flow() {
        let r = http::put(\"/take\", #{ body: http::file_stream(\"big.txt\") });
        check(r.status == 201 && r.body == \"taken\" && r.proto == \"HTTP/2.0\", \"taken\");
    }
    target(\"checks\", \"rate >= 100%\");";
    nginx.prepare_http2(script).file("big.txt", &words(WORDS)).run().expect_code(0);
    let log = nginx.log(0);
    let size = words(WORDS).len() as u64;
    assert_eq!(log.len(), 1, "{log:?}");
    // Frames and the head come on top.
    assert!((size..size + size / 50).contains(&log[0].bytes_in), "{size}: {log:?}");
}

#[test]
fn needs_nginx_needs_curl_a_failures_line_speaks_http2_without_tls() {
    let nginx = Nginx::start();
    let script = "scenario(\"one\", #{ executor: \"per-vu-iterations\", iterations: 1, flow: \"flow\" });
        fn flow() { http::post(\"/take?x=1\", #{ body: \"two\\nlines\", expected_statuses: [299] }); }";
    let finished = nginx.prepare_http2(script).run();
    let line = finished.stdout.lines().find_map(|line| line.trim_start().strip_prefix("$ "));
    let line = line.unwrap_or_else(|| panic!("no line\n{}", finished.printed()));
    assert!(line.contains(" --http2-prior-knowledge "), "{line}");
    let answer = Command::new("sh").args(["-c", line]).output().expect("a shell");
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(answer.starts_with("HTTP/2 201") && answer.ends_with("taken"), "{line}\n{answer}");
    wait_until("both in the log", SOON, || nginx.log(0).len() == 2);
    let seen: Vec<String> = nginx.log(0).into_iter().map(|line| line.what).collect();
    assert_eq!(seen, ["POST /take 201", "POST /take 201"]);
}
