//! A secret that is planted everywhere in eight encodings is nowhere in what a run prints, keeps, writes and sends on.

use std::fmt::Write as _;
use std::io::Read as _;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::fixture::{Running, closed_port, folder, pause, runner};
use crate::secrets::{TOKEN, WORD, codes};
use crate::server::{Reply, Server};

/// What comes out of a frame is looked at so far.
const UNPACKED_MAX_BYTES: u64 = 64 << 20;

/// A frame of zstd begins so.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Outputs to files, by what stands behind `-o`. An output that is added is added here.
const FILE_OUTPUTS: &[&str] = &[
    "json=out.jsonl",
    "csv=out.csv",
    "json-samples=samples.jsonl",
    "csv-samples=samples.csv",
    "locust=locust",
    "influxdb=out.lp",
];

/// Outputs that send to a server, where `{}` is its URL.
const NET_OUTPUTS: &[&str] =
    &["otlp={}#traces", "otlp={}/packed#gzip", "remote-write={}/write", "influxdb={}/load"];

/// Reports to files.
const REPORTS: &[&str] = &["text=report.txt", "json=report.json", "junit=report.xml", "github=report.md"];

/// The secret as it is planted: plain, percent-encoded, as a form, base64, base64url, hex of both cases, JSON-escaped.
fn plants(secret: &str) -> Vec<String> {
    let mut hex = String::new();
    for byte in secret.bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    let percent = url_form(secret).replace('+', "%20");
    let form = url_form(secret);
    let json = serde_json::to_string(secret).expect("a text");
    vec![
        secret.to_owned(),
        percent,
        form,
        STANDARD.encode(format!("me:{secret}")),
        URL_SAFE_NO_PAD.encode(format!("x{secret}")),
        hex.clone(),
        hex.to_uppercase(),
        json.trim_matches('"').to_owned(),
    ]
}

fn url_form(secret: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    secret.bytes().map(byte).collect()
}

/// A code an iteration: in the URL, the name, a tag, a header, the body, a check's and a group's name, the log, a metric's
/// tag, the message of what fails. The service repeats what it got, and fails too.
const SCRIPT: &str = r#"
const TOKEN = secret("TOKEN");
const WORD = secret("WORD");
const CODES = parse_json(env("CODES"));
const SEEN = counter("seen");
options(#{ tags: #{ run: CODES[0], other: CODES[8] } });
scenario(WORD, #{ executor: "per-vu-iterations", vus: 1, iterations: CODES.len(), flow: "leak", tags: #{ scenario_tag: CODES[3] } });
target("http_reqs{tagged:" + WORD + "}", "count > 0");
target("checks{check:" + WORD + "}", "rate > 0.5");
fn leak() {
    let code = global::CODES[vu::iteration()];
    log::info("the code " + code);
    vu::tag("user", code);
    global::SEEN.add(1, #{ code: code });
    let failed = http::post("/echo/" + url::encode(code) + "?q=" + url::encode(code), #{
        name: "named " + code, tags: #{ tagged: code }, headers: #{ "x-code": url::encode(code), authorization: "Bearer " + url::encode(code) },
        body: "a body with " + code + " in it",
    });
    check(failed, #{ "answered": |r| r.status == 200 });
    group("group " + code, || check(false, "check " + code));
    let gone = http::get("http://127.0.0.1:1/" + url::encode(code));
    print(gone.error);
    if vu::iteration() % 2 == 0 { throw "it failed with " + code; }
    fail("failed by " + code);
}
fn summary(data) {
    print(to_json(data));
    #{ stdout: summary::text() + global::TOKEN, stderr: to_json(data) + global::CODES[4], "own.json": to_json(data), "own.txt": summary::text() + to_json(global::CODES) }
}
fn teardown() { fail("in teardown: " + global::CODES[9]); }
"#;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder that can be read").flatten() {
        if entry.file_type().expect("it is there").is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// The bytes themselves, what they hold if they are packed by gzip or snappy, and what every frame of zstd among them holds.
fn views(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut views = vec![bytes.to_vec()];
    let mut unzipped = Vec::new();
    if flate2::read::MultiGzDecoder::new(bytes).take(UNPACKED_MAX_BYTES).read_to_end(&mut unzipped).is_ok() {
        views.push(unzipped);
    }
    views.extend(snap::raw::Decoder::new().decompress_vec(bytes).ok());
    for at in 0..bytes.len().saturating_sub(ZSTD_MAGIC.len()) {
        if bytes[at..].starts_with(&ZSTD_MAGIC) {
            let Ok(decoder) = zstd::stream::Decoder::new(&bytes[at..]) else { continue };
            let mut unpacked = Vec::new();
            // What follows the frame may be anything: what came until then counts.
            let _ = decoder.single_frame().take(UNPACKED_MAX_BYTES).read_to_end(&mut unpacked);
            views.push(unpacked);
        }
    }
    views
}

/// Where a secret shows in some bytes, in which encoding.
fn leaks(place: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for view in views(bytes) {
        let text = String::from_utf8_lossy(&view);
        for secret in [TOKEN, WORD] {
            for (encoding, code) in codes(secret) {
                if let Some(at) = text.find(&code) {
                    let around: String = text[at..].chars().take(code.len() + 40).collect();
                    found.push(format!("{place}: {encoding}: …{around}"));
                }
            }
        }
    }
    found
}

/// What a Prometheus endpoint shows while the process runs: the last page of it.
fn scraped(port: u16, running: &mut Running) -> Vec<u8> {
    let mut last = Vec::new();
    while running.is_running() {
        let mut page = Vec::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            if asked.and_then(|()| stream.read_to_end(&mut page)).is_ok() && page.len() >= last.len() {
                last = page;
            }
        }
        pause(Duration::from_millis(20));
    }
    last
}

/// All datagrams that lie there.
fn datagrams(socket: &UdpSocket) -> Vec<u8> {
    socket.set_nonblocking(true).expect("a socket of ours");
    let (mut all, mut datagram) = (Vec::new(), vec![0; 65_536]);
    while let Ok(length) = socket.recv(&mut datagram) {
        all.extend_from_slice(&datagram[..length]);
    }
    all
}

#[test]
fn a_secret_that_is_planted_everywhere_in_eight_encodings_is_nowhere() {
    let service = Server::start(|request| {
        Reply::new(500, format!("{} {} {:?}", request.target, request.text(), request.headers))
            .header("x-echo", request.path())
    });
    let receiver = Server::start(|_| Reply::ok(""));
    let (statsd, scrape) = (UdpSocket::bind("127.0.0.1:0").expect("a socket"), closed_port());
    let folder = folder();
    let script = format!("// by hand: {WORD}\nbase_url(\"{}\");\n{SCRIPT}", service.url());
    std::fs::write(folder.path().join("leak.rhai"), &script).expect("a writable folder");
    let planted: Vec<String> = plants(TOKEN).into_iter().chain(plants(WORD)).collect();
    let fixed = "run -v leak.rhai --workers 2 --http-debug=full --log-output file=all.log --console-output own.log \
                 --summary-export k6.json";
    let mut args: Vec<String> = fixed.split_whitespace().map(str::to_owned).collect();
    args.extend(["--tag".to_owned(), format!("by-flag={WORD}")]);
    let outputs = FILE_OUTPUTS.iter().chain(NET_OUTPUTS).map(|output| output.replace("{}", &receiver.url()));
    let statsd_address = statsd.local_addr().expect("bound");
    let live = [format!("statsd={statsd_address}#tags"), format!("prometheus=127.0.0.1:{scrape}#linger=2s")];
    args.extend(outputs.chain(live).flat_map(|output| ["-o".to_owned(), output]));
    args.extend(REPORTS.iter().flat_map(|report| ["--report".to_owned(), (*report).to_owned()]));
    let mut running = runner(&args)
        .current_dir(folder.path())
        .env("TOKEN", TOKEN)
        .env("WORD", WORD)
        .env("CODES", serde_json::to_string(&planted).expect("texts"))
        .start();
    let page = scraped(scrape, &mut running);
    let finished = running.wait();
    // It was played to its end.
    assert_eq!(service.requests().len(), planted.len(), "{}", finished.printed());
    let mut seen = vec![
        ("stdout".to_owned(), finished.stdout.clone().into_bytes()),
        ("stderr".to_owned(), finished.stderr.clone().into_bytes()),
        ("scraped".to_owned(), page),
        ("statsd".to_owned(), datagrams(&statsd)),
    ];
    let sent = receiver.requests();
    for path in ["/v1/metrics", "/v1/traces", "/write"] {
        assert!(
            sent.iter().any(|request| request.path().ends_with(path)),
            "nothing came to {path}: {}",
            finished.printed()
        );
    }
    for (number, request) in sent.into_iter().enumerate() {
        let head = format!("{} {} {:?}", request.method, request.target, request.headers);
        seen.push((format!("request {number} to {}", request.path()), [head.as_bytes(), b"\n"].concat()));
        seen.push((format!("body {number} to {}", request.path()), request.body));
    }
    for path in files(folder.path()) {
        if path != folder.path().join("leak.rhai") {
            seen.push((path.display().to_string(), std::fs::read(&path).expect("it can be read")));
        }
    }
    // Told again without the secrets at hand: what is kept has none to hide.
    for again in [
        "report --format text",
        "report --format json",
        "report --format junit",
        "runs",
        "runs show last",
        "runs --json",
    ] {
        let told = runner(again.split(' ')).current_dir(folder.path()).run().expect_code(0);
        seen.push((again.to_owned(), told.stdout.into_bytes()));
    }
    for wanted in [
        "stdout",
        "stderr",
        "scraped",
        "statsd",
        "own.log",
        "k6.json",
        "own.json",
        "own.txt",
        "out.jsonl",
        "out.csv",
        "samples.jsonl",
        "samples.csv",
        "out.lp",
        "locust_failures.csv",
        "report.txt",
        "report.json",
        "report.xml",
        "report.md",
        "summary.json",
        "journal",
        "report --format text",
    ] {
        let shown = seen.iter().find(|(place, _)| place == wanted || place.ends_with(&format!("/{wanted}")));
        let (_, bytes) = shown.unwrap_or_else(|| panic!("no {wanted}\n{}", finished.printed()));
        let is_hidden = views(bytes).iter().any(|view| view.windows(3).any(|window| window == b"***"));
        assert!(is_hidden, "{wanted} shows nothing of it: {}", String::from_utf8_lossy(bytes));
    }
    let found: Vec<String> = seen.iter().flat_map(|(place, bytes)| leaks(place, bytes)).collect();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_look_sees_a_secret_in_every_encoding_and_within_what_is_packed() {
    for secret in [TOKEN, WORD] {
        let planted = plants(secret);
        assert_eq!(planted.len(), 8);
        for code in &planted {
            assert!(!leaks("x", format!("before {code} behind").as_bytes()).is_empty(), "{code}");
        }
        let packed =
            zstd::stream::encode_all(format!("{} {secret}", "x".repeat(500)).as_bytes(), 3).expect("packed");
        let journal = [b"head\n", packed.as_slice(), b"tail"].concat();
        assert!(!leaks("x", &journal).is_empty(), "packed {secret}");
    }
    assert!(leaks("x", b"nothing of it ***").is_empty());
}
