//! Examples as they are made: their line for a shell, what is kept of them and what is hidden, and how they merge. That curl
//! sends the same bytes is held against real servers in `tests/it/curl.rs`.

use std::rc::Rc;

use super::super::client::{Client, Options, Shared};
use super::super::endpoint::Endpoint;
use super::super::error::Failure;
use super::super::exchange::Exchange;
use super::super::request::{Method, Request};
use super::super::response::Response;
use super::super::tests::TestClock;
use super::*;
use crate::plan::{HttpOptions, HttpVersion, Insecure, ProxyChoice, Tls, TlsVersion};

/// What came of a request at a time; no answer without a response.
fn exchange(response: Option<Response>, start_ns: u64) -> Exchange {
    let mut exchange = Exchange::begun(start_ns);
    exchange.result = response.ok_or(Failure::NoResponse);
    exchange
}

fn example_with(options: &HttpOptions, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Example {
    let shared = Shared::new();
    shared.configure(options).unwrap();
    let client = Client::new(Rc::new(TestClock::start()), shared, Options::default());
    let endpoint = Rc::new(Endpoint::parse(None, url).unwrap());
    let method = if body.is_empty() { Method::Get } else { Method::Post };
    let request = Request { headers, body, ..Request::new(&method, &endpoint) };
    let kind = Kind::Request { status: 0, error_code: 1000 };
    Example::new(&client, (kind, "/x"), &request, &exchange(None, 5), Happened::default())
}

fn example(headers: &[(&str, &str)], body: &[u8]) -> Example {
    example_with(&direct(), "http://h.test/x", headers, body)
}

/// Without what the environment of the tests says of proxies.
fn direct() -> HttpOptions {
    HttpOptions { proxy: ProxyChoice::None, ..HttpOptions::default() }
}

/// The words of the line that say how to get there: behind the time-out, before the agent.
fn way(options: &HttpOptions, url: &str) -> String {
    let line = example_with(options, url, &[], b"").curl();
    let start = line.find("--max-time 60").unwrap() + "--max-time 60".len();
    line[start..line.find(" -A ").unwrap()].trim().to_owned()
}

#[test]
fn the_line_goes_the_same_way() {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let default = direct;
    let (plain, secure) = ("http://h.test/x", "https://h.test/x");
    let hosts = [
        ("h.test".to_owned(), "10.0.0.1".to_owned()),
        ("s.test".to_owned(), "unix:/run/it's.sock".to_owned()),
    ];
    let overridden = HttpOptions { hosts: hosts.into(), ..default() };
    let proxy = ProxyChoice::Url("http://me:pw@proxy.test:3128".to_owned());
    let proxied = HttpOptions { proxy, ..default() };
    let tunnelled = HttpOptions { version: HttpVersion::Http2, ..proxied.clone() };
    for (options, url, wanted) in [
        (default(), plain, "--noproxy '*'"),
        (
            HttpOptions { version: HttpVersion::Http2, ..default() },
            plain,
            "--http2-prior-knowledge --noproxy '*'",
        ),
        (HttpOptions { version: HttpVersion::Http2, ..default() }, secure, "--http2 --noproxy '*'"),
        (HttpOptions { version: HttpVersion::Http1, ..default() }, secure, "--http1.1 --noproxy '*'"),
        (HttpOptions { version: HttpVersion::Http1, ..default() }, plain, "--noproxy '*'"),
        (HttpOptions { insecure: Insecure::All, ..default() }, secure, "-k --noproxy '*'"),
        (HttpOptions { insecure: Insecure::All, ..default() }, plain, "--noproxy '*'"),
        (
            HttpOptions { insecure: Insecure::Hosts(texts(&["h.test"])), ..default() },
            secure,
            "-k --noproxy '*'",
        ),
        (HttpOptions { insecure: Insecure::Hosts(texts(&["g.test"])), ..default() }, secure, "--noproxy '*'"),
        (
            HttpOptions { tls: Tls { max_version: TlsVersion::Tls12, ..Tls::default() }, ..default() },
            secure,
            "--tls-max 1.2 --noproxy '*'",
        ),
        (
            HttpOptions { tls: Tls { min_version: TlsVersion::Tls13, ..Tls::default() }, ..default() },
            secure,
            "--tlsv1.3 --noproxy '*'",
        ),
        (overridden.clone(), plain, "--noproxy '*' --connect-to ::10.0.0.1:80"),
        (overridden.clone(), "http://10.0.0.1/x", "--noproxy '*'"),
        (overridden, "http://s.test/x", r"--noproxy '*' --unix-socket '/run/it'\''s.sock'"),
        (default(), "http+unix://%2Frun%2Fa.sock/x?y", "--noproxy '*' --unix-socket /run/a.sock"),
        (proxied.clone(), plain, "--proxy http://proxy.test:3128 --proxy-user '***' -H Proxy-Connection:"),
        (proxied, secure, "--proxy http://proxy.test:3128 --proxy-user '***'"),
        (
            tunnelled,
            plain,
            "--http2-prior-knowledge --proxy http://proxy.test:3128 --proxy-user '***' --proxytunnel",
        ),
    ] {
        assert_eq!(way(&options, url), wanted, "{url}");
    }
    assert_eq!(way(&direct(), "http://[::1]:81/x"), "--noproxy '*' -g");
    let line = example_with(&direct(), "http+unix://%2Frun%2Fa.sock", &[], b"").curl();
    assert!(line.ends_with(" http://localhost/"), "{line}");
}

#[test]
fn a_line_is_one_line_whatever_is_sent() {
    for (body, wanted) in [
        (&b"a=1"[..], "--data-raw a=1 "),
        (b"it's", r"--data-raw 'it'\''s' "),
        (b"$x `y` !z", "--data-raw '$x `y` !z' "),
        (b"a\nb", r"printf 'a\nb' | curl "),
        (b"100%\t\\", r"printf '100%%\t\\' | curl "),
        (b"-e\n", r"printf '\055e\n' | curl "),
        (b"\0\xff1'", r"printf '\000\3771'\''' | curl "),
        (b"\xe2\x80\xaex\x1b", r"printf '\342\200\256x\033' | curl "),
    ] {
        let line = example(&[], body).curl();
        assert!(line.contains(wanted), "{wanted}\n{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    let line = example(&[("X", "a\tb")], b"").curl();
    assert!(line.contains(r#"-H "$(printf 'X: a\tb')""#), "{line}");
}

#[test]
fn a_large_body_is_cut_between_characters() {
    let body = "é".repeat(4_000);
    let example = example(&[], body.as_bytes());
    let Content::Text { text, is_whole: false } = &example.request.body.content else {
        panic!("{example:?}")
    };
    assert!(text.ends_with("é…") && text.len() < 4_200, "{} bytes", text.len());
    assert_eq!(example.request.body.total_bytes, 8_000);
    assert!(example.curl().contains("--data-binary @body "));
}

#[test]
fn what_cannot_be_looked_into_is_not_kept() {
    let kept = |headers: &[(&str, &str)], body: &[u8]| example(headers, body).request.body.content;
    assert_eq!(kept(&[], b"\xff"), Content::Bytes(b"\xff".to_vec()));
    assert_eq!(kept(&[], &[0xff; 600]), Content::Withheld);
    assert_eq!(kept(&[("Content-Encoding", "gzip")], b"\x1f\x8b"), Content::Withheld);
    assert_eq!(kept(&[("Content-Encoding", "gzip")], b"text"), Content::Withheld);
    assert_eq!(kept(&[("content-type", "multipart/form-data; boundary=x")], b"\xff"), Content::Withheld);
}

#[test]
fn a_long_head_is_cut_between_lines() {
    let long = "y".repeat(5_000);
    let example = example(&[("A", &long), ("B", &long), ("C", "short")], b"");
    assert!(example.request.head.ends_with("y\n…"), "{}", example.request.head.len());
    assert_eq!(example.request.headers().count(), 3, "host, agent and the first");
}

#[test]
fn an_answer_is_told_with_what_it_set() {
    let head = "HTTP/1.1 503 Busy\r\nSet-Cookie: a=1; Path=/\r\nX-Kind:  odd \r\n\r\n";
    let response = Response::sample(head, b"\xffbinary");
    let endpoint = Rc::new(Endpoint::parse(None, "http://h.test/x").unwrap());
    let client = Client::new(Rc::new(TestClock::start()), Shared::new(), Options::default());
    let request = Request::new(&Method::Get, &endpoint);
    let kind = Kind::Request { status: 503, error_code: 1503 };
    let exchange = exchange(Some(response), 0);
    let answer = Example::new(&client, (kind, "/x"), &request, &exchange, Happened::default()).answer;
    assert_eq!(answer.head, "HTTP/1.1 503 Busy\nSet-Cookie: a=***; Path=/\nX-Kind:  odd\n");
    assert_eq!((answer.status, answer.error_code, answer.error), (503, 1503, None));
    assert_eq!(answer.body, Excerpt { content: Content::Withheld, total_bytes: 7 });
}

#[test]
fn hiding_reaches_every_text() {
    let mut example = example(&[("X", "s3cret"), ("Y", "a/s3cret")], b"{\"a\": \"s3cret\"}");
    example.name = "/s3cret".into();
    example.kind = Kind::Check("has s3cret".into());
    example.happened =
        Happened { scenario: "s3cret".into(), group: "::s3cret".into(), ..Happened::default() };
    example.request.url = "http://s3cret/".into();
    example.request.method = "S3CRET-s3cret".into();
    example.request.route.push("s3cret".into());
    example.answer.head = "HTTP/1.1 200 s3cret\n".into();
    example.answer.error = Some("no s3cret".into());
    example.answer.body =
        Excerpt { content: Content::Text { text: "s3cret".into(), is_whole: true }, total_bytes: 6 };
    example.hide(&mut |text| *text = text.replace("s3cret", "***"));
    assert!(!format!("{example:?}").contains("s3cret"), "{example:?}");
    assert!(!example.curl().contains("s3cret"));

    let mut example = self::example(&[], b"s3cret\xff");
    example.hide(&mut |text| *text = text.replace("s3cret", "***"));
    assert_eq!(example.request.body.content, Content::Withheld);
}

#[test]
fn the_earliest_of_a_kind_stands_for_the_count_of_all() {
    let of = |status: u16, name: &str, begun_ns: u64, count: u64| {
        let mut example = example(&[], b"");
        example.kind = Kind::Request { status, error_code: 1000 + status };
        (example.name, example.begun_ns, example.count) = (name.to_owned(), begun_ns, count);
        example
    };
    let mut all = Examples { list: vec![of(500, "/a", 7, 2), of(404, "/a", 1, 1)], more: 1 };
    all.merge(Examples { list: vec![of(500, "/a", 3, 5), of(500, "/b", 9, 1)], more: 2 });
    all.merge(Examples { list: vec![of(500, "/a", 5, 1)], more: 0 });
    all.sort();
    let told: Vec<_> = all.list.iter().map(|one| (one.name.as_str(), one.begun_ns, one.count)).collect();
    assert_eq!(told, [("/a", 3, 8), ("/a", 1, 1), ("/b", 9, 1)]);
    assert_eq!(all.more, 3);

    let many = (0..EXAMPLES_MAX + 5).map(|n| of(500, &format!("/{n}"), 0, 2)).collect();
    all.merge(Examples { list: many, more: 0 });
    assert_eq!((all.list.len(), all.more), (EXAMPLES_MAX, 3 + 2 * 8));
}
