//! Bodies both ways: coded, saved, discarded, read as a page; forms with files, and files of any size.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::fixture::{Runner, runner, wait_until};
use crate::server::{Reply, Request, Server};

const SOON: Duration = Duration::from_mins(1);

/// To be called as `same(actual, expected)`.
const SAME: &str = "fn same(actual, expected) { assert::equal(actual, expected, \"as expected\"); }\n";

fn script(server: &Server, flow: &str) -> Runner {
    let script = format!(
        "base_url(\"{}\");\noptions(#{{ iterations: 1 }});\nfn flow() {{\n{flow}\n}}\n{SAME}",
        server.url()
    );
    runner(["run", "test.rhai"]).file("test.rhai", &script)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes what it gets")
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => gzip(body),
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes what it gets")
        }
        "raw" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes what it gets")
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(body).expect("memory takes what it gets");
            encoder.into_inner()
        }
        _ => zstd::encode_all(body, 3).expect("memory takes what it gets"),
    }
}

#[test]
fn a_body_is_decoded_from_every_coding() {
    let text = "a price, and another price; ".repeat(500);
    let body = text.clone();
    let server = Server::start(move |request| {
        let names: Vec<&str> = request.path().trim_start_matches('/').split('+').collect();
        let mut bytes = body.clone().into_bytes();
        for name in &names {
            bytes = coded(name, &bytes);
        }
        let coding = names.join(", ").replace("raw", "deflate");
        Reply::ok(bytes).header("content-encoding", &coding)
    });
    script(
        &server,
        &format!(
            "for path in [\"/gzip\", \"/deflate\", \"/raw\", \"/br\", \"/zstd\", \"/gzip+br+zstd\"] {{
                let r = http::get(path);
                assert::equal(r.body_bytes, {}, path);
                assert::equal(r.body.len(), {}, path);
                assert::is_true(r.body.starts_with(\"a price, and another price; a\"), path);
                assert::is_true(r.wire_bytes < 300 && r.wire_bytes > 20, path);
                assert::equal(r.header(\"content-length\"), `${{r.wire_bytes}}`, path);
            }}",
            text.len(),
            text.len()
        ),
    )
    .run()
    .expect_code(0);
    assert_eq!(server.count(), 6);
}

#[test]
fn a_body_that_is_not_what_it_says_fails_with_1701() {
    let server = Server::start(|request| match request.path() {
        "/none" => Reply::ok("plain").header("content-encoding", "gzip"),
        "/cut" => {
            let whole = gzip(&[7; 5000]);
            Reply::ok(&whole[..whole.len() - 3]).header("content-encoding", "gzip")
        }
        _ => Reply::ok("plain").header("content-encoding", "unheard-of"),
    });
    script(
        &server,
        "let r = http::get(\"/none\");
        same([r.status, r.error_code], [0, 1701]);
        same(r.error, \"the response's body is not valid gzip, though its content-encoding says so\");
        let r = http::get(\"/cut\");
        same([r.status, r.error_code], [0, 1701]);
        same(r.error, \"the response's gzip data ends before it is complete\");
        let r = http::get(\"/unknown\");
        same([r.status, r.body], [200, \"plain\"]);
        same(http::get(\"/none\", #{ response_type: \"none\" }).status, 200);",
    )
    .run()
    .expect_code(0);
}

/// The most memory that a process has had, in bytes. Pages of the binary don't count: another path through a debug
/// build maps some megabytes more of them.
fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10)
    };
    field("VmHWM:").saturating_sub(field("RssFile:"))
}

#[test]
fn a_bomb_of_each_coding_ends_at_the_limit_and_so_does_memory() {
    const LIMIT_BYTES: u64 = 64 << 20;
    const DECODER_BYTES: u64 = 1 << 20;
    // What the kernel's counters of two runs are off by: up to 32 pages for each processor and counter.
    const NOISE_BYTES: u64 = 512 << 10;
    let zeros = vec![0; 100 << 20];
    let mut peaks = Vec::new();
    for coding in ["", "gzip", "raw", "br", "zstd"] {
        let body = if coding.is_empty() { b"small".to_vec() } else { coded(coding, &zeros) };
        assert!(body.len() < 1 << 20, "{coding}");
        let name = coding.replace("raw", "deflate");
        let server = Server::start(move |_| Reply::ok(body.clone()).header("content-encoding", &name));
        let flow = "let r = http::get(\"/\");
            if r.status == 0 { log::info(`ended with ${r.error_code}: ${r.error}`); } else { log::info(\"answered\"); }
            sleep(\"2s\");";
        let running = script(&server, flow).start();
        wait_until("the answer", SOON, || {
            let said = running.stderr() + &running.stdout();
            said.contains("ended with") || said.contains("answered")
        });
        peaks.push((coding, peak_bytes(running.id())));
        let finished = running.wait().expect_code(0);
        if !coding.is_empty() {
            let said = finished.printed();
            let by_size = said.contains("ended with 1000: the response's body is larger than");
            let by_window = said.contains("ended with 1701") && said.contains("window");
            assert!(by_size || by_window, "{coding}: {said}");
        }
    }
    let plain = peaks[0].1;
    for (coding, peak) in &peaks[1..] {
        let grown = peak.saturating_sub(plain);
        assert!(grown <= LIMIT_BYTES + DECODER_BYTES + NOISE_BYTES, "{coding}: {grown} bytes; {peaks:?}");
        assert!(grown > LIMIT_BYTES / 2, "{coding}: {grown} bytes, so that nothing was measured");
    }
}

/// The parts of a form: head and content of each.
fn parts(request: &Request) -> Vec<(String, Vec<u8>)> {
    let kind = &request.headers["content-type"];
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let line = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = &request.body[..];
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    while let Some(begin) = find(rest, line.as_bytes()) {
        rest = &rest[begin + line.len()..];
        let Some(inside) = rest.strip_prefix(b"\r\n") else { break };
        let end = find(inside, format!("\r\n{line}").as_bytes()).expect("an end");
        let part = &inside[..end];
        let middle = find(part, b"\r\n\r\n").expect("a head");
        parts.push((String::from_utf8_lossy(&part[..middle]).into_owned(), part[middle + 4..].to_vec()));
    }
    assert_eq!(rest, b"--\r\n", "the form's end");
    parts
}

#[test]
fn a_form_with_files_arrives_part_by_part() {
    let server = Server::plain();
    let finished = script(
        &server,
        "let form = #{
            note: \"grüße\", count: 3, tags: [\"a\", \"b\"], nothing: (),
            bytes: blob(3, 255),
            rows: http::file(\"a,b\\n\", \"rows.csv\", \"text/csv\"),
            raw: http::file(blob(2), \"zero.bin\"),
            disk: http::file(http::file_stream(\"data/notes.txt\"), \"other.txt\"),
            plain: http::file_stream(\"data/notes.txt\"),
        };
        same(http::post(\"/form\", #{ multipart: form }).status, 200);
        form.disk = (); form.plain = ();
        same(http::post(\"/memory\", #{ multipart: form }).status, 200);",
    );
    std::fs::create_dir(finished.folder().join("data")).expect("a writable folder");
    let finished = finished.file("data/notes.txt", "from disk");
    finished.run().expect_code(0);
    let requests = server.requests();
    let field = |name: &str, content: &[u8]| {
        (format!("Content-Disposition: form-data; name=\"{name}\""), content.to_vec())
    };
    let file = |name: &str, file: &str, kind: &str, content: &[u8]| {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {kind}"
        );
        (head, content.to_vec())
    };
    let unknown = "application/octet-stream";
    let mut expected = vec![
        field("bytes", &[255, 255, 255]),
        field("count", b"3"),
        file("disk", "other.txt", unknown, b"from disk"),
        field("note", "grüße".as_bytes()),
        file("plain", "notes.txt", unknown, b"from disk"),
        file("raw", "zero.bin", unknown, &[0, 0]),
        file("rows", "rows.csv", "text/csv", b"a,b\n"),
        field("tags", b"a"),
        field("tags", b"b"),
    ];
    assert_eq!(parts(&requests[0]), expected);
    expected.retain(|(head, _)| !head.contains("disk") && !head.contains("plain"));
    assert_eq!(parts(&requests[1]), expected);
}

#[test]
fn a_compressed_request_is_what_it_says() {
    let server = Server::plain();
    script(
        &server,
        "let text = \"\"; text.pad(5000, 'x');
        for coding in [\"gzip\", \"deflate\", \"br\", \"zstd\", \"gzip, br\"] {
            http::post(\"/\", #{ body: text, compression: coding });
        }
        http::post(\"/\", #{ json: #{ a: 1 }, compression: \"gzip\" });",
    )
    .run()
    .expect_code(0);
    let requests = server.requests();
    let text = vec![b'x'; 5000];
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(&requests[0].body[..]).read_to_end(&mut decoded).expect("gzip");
    assert_eq!((&decoded, &*requests[0].headers["content-encoding"]), (&text, "gzip"));
    decoded.clear();
    flate2::read::ZlibDecoder::new(&requests[1].body[..]).read_to_end(&mut decoded).expect("zlib");
    assert_eq!((&decoded, &*requests[1].headers["content-encoding"]), (&text, "deflate"));
    decoded.clear();
    brotli::Decompressor::new(&requests[2].body[..], 4096).read_to_end(&mut decoded).expect("br");
    assert_eq!((&decoded, &*requests[2].headers["content-encoding"]), (&text, "br"));
    assert_eq!(zstd::decode_all(&requests[3].body[..]).expect("zstd"), text);
    decoded.clear();
    brotli::Decompressor::new(&requests[4].body[..], 4096).read_to_end(&mut decoded).expect("br");
    let mut inner = Vec::new();
    flate2::read::GzDecoder::new(&decoded[..]).read_to_end(&mut inner).expect("gzip");
    assert_eq!((&inner, &*requests[4].headers["content-encoding"]), (&text, "gzip, br"));
    assert_eq!(requests[5].headers["content-type"], "application/json");
    let sizes: Vec<usize> = requests.iter().map(|request| request.body.len()).collect();
    assert!(sizes.iter().all(|size| *size < 200), "{sizes:?}");
}

/// Takes one request of any size, and tells how long its body was.
fn swallow(mut stream: TcpStream) -> Option<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut head = Vec::new();
    let (end, length) = loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            break (end + 4, length.unwrap_or(0));
        }
    };
    let mut got = (head.len() - end) as u64;
    while got < length {
        got += stream.read(&mut buffer).ok().filter(|count| *count > 0)? as u64;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
    Some(got)
}

#[test]
fn a_file_of_any_size_is_sent_with_flat_memory() {
    const LARGE_BYTES: u64 = 400 << 20;
    let mut peaks = Vec::new();
    for size in [1 << 20, LARGE_BYTES] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = told.clone();
                // The preflight connects, and says nothing.
                std::thread::spawn(move || swallow(stream).map(|got| told.send(got)));
            }
        });
        let script = format!(
            "base_url(\"http://127.0.0.1:{port}\");\noptions(#{{ iterations: 1 }});
            target(\"data_sent\", \"count > {size}\");
            fn flow() {{
                let r = http::put(\"/\", #{{ body: http::file_stream(\"big.bin\"), timeout: \"2m\" }});
                log::info(`answered with ${{r.status}} ${{r.error}}`);
                sleep(\"2s\");
            }}\n"
        );
        let prepared =
            runner(["run", "test.rhai"]).file("test.rhai", &script).timeout(Duration::from_mins(2));
        // Sparse: it takes no room.
        let big = std::fs::File::create(prepared.folder().join("big.bin")).expect("a writable folder");
        big.set_len(size).expect("a sparse file");
        let running = prepared.start();
        wait_until("the answer", SOON, || (running.stderr() + &running.stdout()).contains("answered with"));
        peaks.push(peak_bytes(running.id()));
        running.wait().expect_code(0).expect_said("answered with 200");
        assert_eq!(heard.recv_timeout(SOON).expect("a body"), size);
    }
    let grown = peaks[1].saturating_sub(peaks[0]);
    assert!(grown < 4 << 20, "{grown} bytes more for a body 400 times as large: {peaks:?}");
}

#[test]
fn what_is_discarded_is_counted_and_forgotten() {
    let server = Server::start(|_| Reply::ok("x".repeat(100_000)));
    let flow = "let r = http::get(\"/\");
        same([r.status, r.body, r.body_bytes, r.wire_bytes], [200, \"\", 0, 100000]);
        let r = http::get(\"/\", #{ response_type: \"text\" });
        same(r.body.len(), 100000);
        let r = http::get(\"/\", #{ response_type: \"binary\" });
        same([type_of(r.body), r.body.len()], [\"blob\", 100000]);
        let r = http::get(\"/\", #{ discard_response_body: false });
        same(r.body_bytes, 100000);";
    let script = format!(
        "base_url(\"{}\");\noptions(#{{ iterations: 1, discard_response_bodies: true }});\n\
         target(\"data_received\", \"count > 400000\");\nfn flow() {{\n{flow}\n}}\n{SAME}",
        server.url()
    );
    runner(["run", "test.rhai"]).file("test.rhai", &script).run().expect_code(0);
    let script = format!(
        "base_url(\"{}\");\noptions(#{{ iterations: 1 }});\nfn flow() {{
            let r = http::get(\"/\", #{{ discard_response_body: true }});
            same([r.body_bytes, r.wire_bytes], [0, 100000]);
            r.json();
        }}\n{SAME}",
        server.url()
    );
    runner(["run", "test.rhai"])
        .file("test.rhai", &script)
        .run()
        .expect_said("the body of the answer was discarded");
}

#[test]
fn a_body_is_saved_to_a_file_of_the_scripts_folder() {
    let bytes: Vec<u8> = (0..=255).collect();
    let sent = bytes.clone();
    let server = Server::start(move |_| Reply::ok(gzip(&sent)).header("content-encoding", "gzip"));
    let prepared = script(
        &server,
        "same(http::get(\"/\").save(\"out/got.bin\"), 256);
        let refused = \"\";
        try { http::get(\"/\").save(\"../got.bin\"); } catch (error) { refused = `${error}`; }
        assert::is_true(refused.contains(\"leads upwards\"), refused);",
    );
    std::fs::create_dir(prepared.folder().join("out")).expect("a writable folder");
    let running = prepared.start();
    let file = running.folder().join("out/got.bin");
    wait_until("the file", SOON, || std::fs::read(&file).is_ok_and(|got| got.len() == 256));
    assert_eq!(std::fs::read(&file).expect("a file"), bytes);
    running.wait().expect_code(0);
}

#[test]
fn a_page_is_read_by_selectors() {
    let server = Server::start(|_| {
        Reply::ok(
            "<!doctype html><title>Prices</title><body><form action=/buy><input name=csrf value=abc>
            <select name=c><option value=1>one<option selected>two</select><textarea>long\ntext</textarea></form>
            <ul id=list><li class='row up'>AAPL <b>7</b><li class=row>TSLA <b>9</b></ul>
            <a href='/next?a=1&amp;b=2'>next</a>",
        )
    });
    script(
        &server,
        "let r = http::get(\"/\");
        same(r.html(\"title\").text(), \"Prices\");
        same(r.html(\"input[name=csrf]\").attr(\"value\"), \"abc\");
        same(r.html(\"input\").attr(\"none\"), ());
        same(r.html(\"a\").attr(\"href\"), \"/next?a=1&b=2\");
        let rows = r.html(\"#list > li\");
        same([rows.len(), rows.is_empty(), r.html(\"h9\").is_empty()], [2, false, true]);
        same([rows[0].text(), rows.at(-1).find(\"b\").text(), rows.last().text()], [\"AAPL 7\", \"9\", \"TSLA 9\"]);
        same([rows.filter(\".up\").len(), rows.find(\"b\").len(), rows.parent().attr(\"id\")], [1, 2, \"list\"]);
        same([rows.children().len(), rows.first().inner_html(), rows.name()], [2, \"AAPL <b>7</b>\", \"li\"]);
        let each = []; for row in rows { each.push(row.find(\"b\").text()); }
        same(each, [\"7\", \"9\"]);
        same([r.html(\"select\").value(), r.html(\"textarea\").value(), r.html(\"input\").value()], [\"two\", \"long\\ntext\", \"abc\"]);
        same([rows[9].len(), rows[9].text(), rows[9].attr(\"x\")], [0, \"\", ()]);
        let refused = \"\";
        try { r.html(\"a[\"); } catch (error) { refused = `${error}`; }
        assert::is_true(refused.contains(\"is no CSS selector\"), refused);",
    )
    .run()
    .expect_code(0);
}

#[test]
fn what_is_wrong_with_a_body_is_told_with_its_place() {
    for (options, said) in [
        ("body: 5", "`body` takes a text, bytes or a file stream, not integer"),
        ("json: 1, multipart: #{}", "`json` and `multipart` are both a body"),
        ("multipart: #{ a: #{} }", "a text, bytes or a file as `a`"),
        ("body: \"x\", compression: \"lzma\"", "`compression` knows no `lzma`"),
        (
            "body: \"x\", compression: \"gzip\", headers: #{ \"content-encoding\": \"gzip\" }",
            "say the same twice",
        ),
        ("body: http::file_stream(\"a.txt\"), compression: \"gzip\"", "can't be compressed on the way"),
        ("body: http::file_stream(\"b.txt\")", "did you mean `a.txt`?"),
        ("multipart: #{ a: http::file(\"x\", \"a\", \"text\") }", "\"text\" is no media type"),
        ("response_type: \"blob\"", "`response_type` knows no `blob`"),
        ("response_type: \"text\", discard_response_body: true", "contradict each other"),
    ] {
        let script = format!(
            "base_url(\"http://127.0.0.1:1\");\nfn setup() {{\nhttp::post(\"/\", #{{ {options} }});\n}}\nfn flow() {{}}\n"
        );
        let finished = runner(["run", "--no-preflight", "test.rhai"])
            .file("test.rhai", &script)
            .file("a.txt", "text")
            .run()
            .expect_code(107);
        assert!(finished.printed().contains("test.rhai:3:"), "{options}\n{}", finished.printed());
        finished.expect_said(said);
    }
}
