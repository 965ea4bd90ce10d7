//! A secret that is planted everywhere in eight encodings is nowhere in what a run prints, keeps, writes and sends on.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::fixture::{folder, runner};
use crate::secrets::{TOKEN, WORD, codes};
use crate::server::{Reply, Server};

/// What comes out of a frame is looked at so far.
const UNPACKED_MAX_BYTES: u64 = 64 << 20;

/// A frame of zstd begins so.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Outputs to files, by what stands behind `-o`. An output that is added is added here.
const FILE_OUTPUTS: &[&str] = &["json=out.jsonl"];

/// The secret as it is planted: plain, percent-encoded, as a form, base64, base64url, hex of both cases, JSON-escaped.
fn plants(secret: &str) -> Vec<String> {
    let (mut hex, mut percent) = (String::new(), String::new());
    for byte in secret.bytes() {
        let _ = write!(hex, "{byte:02x}");
        let _ = write!(percent, "%{byte:02X}");
    }
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
scenario("leak " + WORD, #{ executor: "per-vu-iterations", vus: 1, iterations: CODES.len(), flow: "leak", tags: #{ scenario_tag: CODES[3] } });
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

/// The bytes themselves, and what every frame of zstd among them holds.
fn views(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut views = vec![bytes.to_vec()];
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

#[test]
fn a_secret_that_is_planted_everywhere_in_eight_encodings_is_nowhere() {
    let server = Server::start(|request| {
        Reply::new(500, format!("{} {} {:?}", request.target, request.text(), request.headers))
            .header("x-echo", request.path())
    });
    let folder = folder();
    let script = format!("// by hand: {WORD}\nbase_url(\"{}\");\n{SCRIPT}", server.url());
    std::fs::write(folder.path().join("leak.rhai"), &script).expect("a writable folder");
    let planted: Vec<String> = plants(TOKEN).into_iter().chain(plants(WORD)).collect();
    let mut args = vec!["run", "-v", "leak.rhai", "--workers", "2", "--http-debug=full"];
    args.extend([
        "--log-output",
        "file=all.log",
        "--console-output",
        "own.log",
        "--summary-export",
        "k6.json",
    ]);
    let tag = format!("by-flag={WORD}");
    args.extend(["--tag", &tag]);
    args.extend(FILE_OUTPUTS.iter().flat_map(|output| ["-o", output]));
    let finished = runner(&args)
        .current_dir(folder.path())
        .env("TOKEN", TOKEN)
        .env("WORD", WORD)
        .env("CODES", serde_json::to_string(&planted).expect("texts"))
        .run();
    // It was played to its end, and all of it was written.
    assert_eq!(server.requests().len(), planted.len(), "{}", finished.printed());
    let mut found = leaks("stdout", finished.stdout.as_bytes());
    found.extend(leaks("stderr", finished.stderr.as_bytes()));
    assert!(finished.stdout.contains("***") && finished.stderr.contains("***"), "{}", finished.printed());
    let written = files(folder.path());
    for name in ["all.log", "own.log", "k6.json", "own.json", "own.txt", "out.jsonl"] {
        let path = written.iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("no {name}"));
        let bytes = std::fs::read(path).expect("it can be read");
        let is_masked = bytes.windows(3).any(|window| window == b"***");
        assert!(
            is_masked || name == "all.log",
            "{name} shows nothing of it: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    for path in
        written.iter().filter(|path| path.parent() != Some(folder.path()) || !path.ends_with("leak.rhai"))
    {
        found.extend(leaks(&path.display().to_string(), &std::fs::read(path).expect("it can be read")));
    }
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
