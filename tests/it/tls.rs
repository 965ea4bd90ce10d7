//! TLS against a real nginx: its log and our counts agree, and every wrong certificate is told with what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::fixture::{Finished, Runner, closed_port, folder, runner, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// The servers, each on a port of its own: what it is called, and what its configuration adds.
const SERVERS: [(&str, &str); 11] = [
    ("good", ""),
    ("expired", ""),
    ("early", ""),
    ("selfsigned", ""),
    ("wronghost", ""),
    ("unknown", ""),
    ("old", "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;"),
    ("tls12", "ssl_protocols TLSv1.2;"),
    ("chacha", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;"),
    ("mutual", "ssl_verify_client on;"),
    ("second", "keepalive_requests 1000;"),
];

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is wrong");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// nginx with all of these servers, in one process, until dropped.
struct Nginx {
    child: Child,
    folder: TempDir,
    ports: Vec<u16>,
    plain: u16,
}

impl Nginx {
    fn start() -> Self {
        let folder = folder();
        let file = |name: String, text: String| {
            std::fs::write(folder.path().join(name), text).expect("a writable folder");
        };
        let (ours, stranger) = (authority("Our Authority"), authority("Nobody's Authority"));
        file("ca.pem".into(), ours.pem());
        let own = KeyPair::generate().expect("a key");
        let user = named("user.test").signed_by(&own, &ours).expect("a certificate");
        file("user.pem".into(), user.pem());
        file("user.key".into(), own.serialize_pem());

        let root = folder.path().display();
        let ports: Vec<u16> = SERVERS.iter().map(|_| closed_port()).collect();
        let plain = closed_port();
        let mut servers = String::new();
        for ((name, more), port) in SERVERS.iter().zip(&ports) {
            let key = KeyPair::generate().expect("a key");
            let mut params = named("localhost");
            match *name {
                "expired" => {
                    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
                    params.not_after = rcgen::date_time_ymd(2020, 2, 3);
                }
                "early" => {
                    params.not_before = rcgen::date_time_ymd(2998, 1, 2);
                    params.not_after = rcgen::date_time_ymd(2999, 1, 1);
                }
                "wronghost" => params = named("other.test"),
                _ => {}
            }
            let certificate = match *name {
                "selfsigned" => params.self_signed(&key),
                "unknown" => params.signed_by(&key, &stranger),
                _ => params.signed_by(&key, &ours),
            };
            file(format!("{name}.pem"), certificate.expect("a certificate").pem());
            file(format!("{name}.key"), key.serialize_pem());
            let http2 = if *name == "second" { "http2" } else { "" };
            let _ = write!(
                servers,
                "server {{
                    listen 127.0.0.1:{port} ssl {http2}; {more}
                    ssl_certificate {root}/{name}.pem; ssl_certificate_key {root}/{name}.key;
                    ssl_client_certificate {root}/ca.pem;
                    location / {{ return 200 'hello of {name} to $ssl_client_s_dn'; }}
                    location /large.txt {{ }}
                    location /take {{ proxy_pass http://unix:{root}/inner:/; }}
                }}"
            );
        }
        file("large.txt".into(), "x".repeat(300_000));
        file(
            "nginx.conf".into(),
            format!(
                "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/errors;
                events {{ worker_connections 512; }}
                http {{
                    log_format counted '$request_method $uri $status $request_length $bytes_sent '
                        '$ssl_protocol $ssl_session_reused $ssl_server_name $connection';
                    access_log {root}/access counted;
                    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                    ssl_protocols TLSv1.2 TLSv1.3; keepalive_requests 7; client_max_body_size 1m; default_type text/plain; root {root};
                    server {{ listen 127.0.0.1:{plain}; }}
                    server {{ listen unix:{root}/inner; access_log off; return 201 'taken'; }}
                    {servers}
                }}"
            ),
        );
        let child = Command::new("nginx")
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx, which `make install-test-servers` installs");
        let nginx = Self { child, folder, ports, plain };
        wait_until("nginx", SOON, || TcpStream::connect(("127.0.0.1", plain)).is_ok());
        nginx
    }

    fn url(&self, server: &str) -> String {
        let at = SERVERS.iter().position(|(name, _)| *name == server).expect("a server of that name");
        format!("https://localhost:{}", self.ports[at])
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// The words of its log's lines.
    fn log(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.path("access")).unwrap_or_default();
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    /// A script that trusts the authority, with further options.
    fn prepare(&self, options: &str, script: &str, args: &[&str]) -> Runner {
        let args = ["run"].iter().chain(args).chain(&["test.rhai"]);
        let options = format!("options(#{{ tls_roots: [\"{}\"]{options} }});\n", self.path("ca.pem"));
        runner(args).file("test.rhai", &(options + script))
    }

    /// Calls each URL once and gives what is said of it: the number and the error, or the status and the body.
    fn told(&self, options: &str, urls: &[String], args: &[&str]) -> Vec<String> {
        let finished = self.prepare(options, &calling(urls), args).run().expect_code(0);
        said(&finished)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn calling(urls: &[String]) -> String {
    format!(
        "const URLS = {urls:?};
        scenario(\"s\", #{{ executor: \"per-vu-iterations\", vus: 1, iterations: 1, flow: || {{
            for url in global::URLS {{
                let r = http::get(url);
                let text = if r.error_code == 0 {{ `${{r.status}} ${{r.tls_version}} ${{r.tls_cipher_suite}} ${{r.body}}` }}
                    else {{ `${{r.error_code}} ${{r.error}}` }};
                log::info(`said ${{text}}`);
            }}
        }} }});"
    )
}

fn said(finished: &Finished) -> Vec<String> {
    finished
        .stderr
        .lines()
        .filter_map(|line| line.split_once("said ").map(|(_, said)| said.to_owned()))
        .collect()
}

#[test]
fn needs_nginx_each_wrong_certificate_is_told_with_what_to_do() {
    let nginx = Nginx::start();
    let plain = format!("https://localhost:{}", nginx.plain);
    let to_tls = nginx.url("good").replace("https:", "http:");
    let cases = [
        (nginx.url("good"), "200 tls1.3 TLS_AES_256_GCM_SHA384 hello of good to "),
        (nginx.url("tls12"), "200 tls1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 hello of tls12 to "),
        (nginx.url("chacha"), "200 tls1.2 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 hello of chacha to "),
        (
            nginx.url("expired"),
            "1300 the certificate of `localhost` expired on 2020-02-03: renew it, or let it pass by `insecure_skip_tls_verify`",
        ),
        (
            nginx.url("early"),
            "1300 the certificate of `localhost` is not valid before 2998-01-02: look at this machine's clock and at the certificate",
        ),
        (
            nginx.url("selfsigned"),
            "1310 the certificate of `localhost` is self-signed (by `localhost`): trust it by `tls_roots`, or let it pass by `insecure_skip_tls_verify`",
        ),
        (
            nginx.url("unknown"),
            "1310 the certificate of `localhost` is signed by an unknown authority (`Nobody's Authority`): trust that by `tls_roots`, let the server send its whole chain, or let it pass by `insecure_skip_tls_verify`",
        ),
        (
            nginx.url("wronghost"),
            "1311 the certificate is for `other.test`, not for `localhost`: call a host that it names (`hosts` gives a name another address), or let it pass by `insecure_skip_tls_verify`",
        ),
        (
            nginx.url("old"),
            "1300 `localhost` speaks no version of TLS that is allowed here: it is 1.2 or 1.3, and `tls_version` may narrow that",
        ),
        (plain, "1300 `localhost` answers in plain HTTP on this port: use http://, or the port of TLS"),
        (nginx.url("mutual"), "1400 the server answered with status 400"),
        (to_tls, "1400 the server answered with status 400"),
    ];
    let urls: Vec<String> = cases.iter().map(|(url, _)| url.clone()).collect();
    let told = nginx.told("", &urls, &[]);
    assert_eq!(told.len(), cases.len(), "{told:#?}");
    for ((url, expected), told) in cases.iter().zip(&told) {
        assert_eq!(told, expected, "{url}");
    }
    // What was refused here is no request of theirs.
    let statuses: Vec<String> = nginx.log().iter().map(|line| line[2].clone()).collect();
    assert_eq!(statuses, ["200", "200", "200", "400", "400", "400"]);
}

#[test]
fn needs_nginx_the_summary_tells_version_cipher_and_protocol() {
    let nginx = Nginx::start();
    let urls = ["tls12", "second"].map(|name| nginx.url(name));
    let finished = nginx.prepare("", &calling(&urls), &[]).run().expect_code(0);
    let words = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = |url: &str| format!("{url} at 127.0.0.1:{}", url.rsplit(':').next().unwrap_or_default());
    for told in [
        format!("{}, TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 1 connection", at(&urls[0])),
        format!("{}, TLS 1.3, TLS_AES_256_GCM_SHA384, 1 connection", at(&urls[1])),
        "connections 2 opened, 0 requests reused one, 1 answer by HTTP/1.1, 1 by HTTP/2.0".to_owned(),
    ] {
        assert!(words.contains(&told), "{told}\n{}", finished.printed());
    }
}

#[test]
fn needs_nginx_verification_is_off_where_the_run_says_so_and_the_summary_tells() {
    let nginx = Nginx::start();
    let urls = ["expired", "selfsigned", "wronghost", "unknown"].map(|name| nginx.url(name));
    for (options, args, warning) in [
        ("", &["--insecure-skip-tls-verify"][..], "certificates of servers were not verified"),
        (", insecure_skip_tls_verify: true", &[], "certificates of servers were not verified"),
        (
            ", insecure_skip_tls_verify: [\"a.test\", \"localhost\"]",
            &[],
            "the certificates of `a.test`, `localhost` were not verified",
        ),
    ] {
        let finished = nginx.prepare(options, &calling(&urls), args).run().expect_code(0);
        let told = said(&finished);
        assert!(told.len() == 4 && told.iter().all(|line| line.starts_with("200 ")), "{told:#?}");
        assert!(finished.stdout.contains(warning), "{}", finished.printed());
    }
    let told = nginx.told(", insecure_skip_tls_verify: [\"*.test\"]", &urls, &[]);
    assert!(told.len() == 4 && told.iter().all(|line| line.starts_with("13")), "{told:#?}");
}

#[test]
fn needs_nginx_versions_are_narrowed_and_a_client_shows_its_certificate() {
    let nginx = Nginx::start();
    let urls = ["good", "tls12"].map(|name| nginx.url(name));
    let told = nginx.told(", tls_version: \"tls1.3\"", &urls, &[]);
    assert!(told[0].starts_with("200 tls1.3 ") && told[1].contains("speaks no version of TLS"), "{told:#?}");
    let told = nginx.told(", tls_version: #{ max: \"tls1.2\" }", &urls, &[]);
    assert!(told.iter().all(|line| line.starts_with("200 tls1.2 ")), "{told:#?}");

    let urls = [nginx.url("mutual"), nginx.url("good")];
    for (domains, told) in [("[]", "200"), ("[\"localhost\"]", "200"), ("[\"other.test\"]", "1400")] {
        let (cert, key) = (nginx.path("user.pem"), nginx.path("user.key"));
        let options = format!(", tls_auth: [#{{ cert: \"{cert}\", key: \"{key}\", domains: {domains} }}]");
        let lines = nginx.told(&options, &urls, &[]);
        assert!(lines[0].starts_with(told), "{lines:#?}");
        assert_eq!(lines[0].ends_with("hello of mutual to CN=user.test"), told == "200", "{lines:#?}");
    }
}

#[test]
fn needs_nginx_sessions_are_taken_up_again_and_the_name_is_asked_for() {
    let nginx = Nginx::start();
    for server in ["good", "tls12"] {
        for (resumption, reused) in [("true", [".", "r", "r", "r"]), ("false", ["."; 4])] {
            let before = nginx.log().len();
            let urls: [String; 4] = std::array::from_fn(|_| nginx.url(server));
            nginx.told(&format!(", no_connection_reuse: true, tls_resumption: {resumption}"), &urls, &[]);
            let log = nginx.log();
            let seen: Vec<&str> = log[before..].iter().map(|line| &*line[6]).collect();
            assert_eq!(seen, reused, "{server}");
            assert!(log[before..].iter().all(|line| line[7] == "localhost"), "{log:?}");
        }
    }
}

/// Answers with and without bodies either way, on connections that nginx closes after 7 requests.
const FLOW: &str = r#"
scenario("mixed", #{ executor: "per-vu-iterations", vus: 4, iterations: 10, flow: "mixed" });

fn mixed() {
    let body = "";
    body.pad(vu::iteration() * 9000, 'b');
    http::get("/");
    http::head("/");
    http::get("/large.txt");
    http::get("/large.txt", #{ headers: #{ range: "bytes=0-4" } });
    http::post("/take", #{ body: body });
}
"#;

#[test]
fn needs_nginx_its_log_and_our_counts_agree_over_tls() {
    let nginx = Nginx::start();
    let script = |targets: String| format!("base_url(\"{}\");\n{targets}{FLOW}", nginx.url("good"));
    nginx.prepare("", &script(String::new()), &[]).run().expect_code(0);
    let log = nginx.log();
    assert_eq!(log.len(), 4 * 10 * 5);
    let sum = |at: usize| log.iter().map(|line| line[at].parse::<u64>().expect("bytes")).sum::<u64>();
    let (sent, received) = (sum(3), sum(4));
    let targets = |sent: u64| {
        format!(
            "target(\"http_reqs{{tls_version:tls1.3,expected_response:true}}\", \"count == 200\");
            target(\"http_req_tls_handshaking\", \"count >= 4\");
            target(\"data_sent\", \"count == {sent}\");
            target(\"data_received\", \"count == {received}\");\n"
        )
    };
    nginx.prepare("", &script(targets(sent)), &[]).run().expect_code(0);
    assert_eq!(nginx.log().len(), 400);
    // And one byte more is a failure, or the targets would prove nothing.
    nginx.prepare("", &script(targets(sent + 1)), &[]).run().expect_code(99);
}

#[test]
fn needs_nginx_hit_speaks_tls() {
    let nginx = Nginx::start();
    let url = nginx.url("good");
    let roots = format!("--tls-roots={}", nginx.path("ca.pem"));
    let finished = runner(["hit", &url, "-n", "50", "-c", "5", &roots]).run().expect_code(0);
    finished.expect_counted(50);
    assert_eq!(nginx.log().len(), 50);
    let refused = runner(["hit", &url, "-n", "5", "-c", "1"]).run();
    assert_ne!(refused.code, Some(0), "{}", refused.printed());
    refused.expect_said("1310");
    assert_eq!(nginx.log().len(), 50);
    let finished =
        runner(["hit", &url, "-n", "5", "-c", "1", "--insecure-skip-tls-verify"]).run().expect_code(0);
    finished.expect_said("certificates of servers were not verified");
}

#[test]
fn options_of_tls_that_cannot_be_carried_out_end_the_run_before_it_begins() {
    let script = |options: &str| {
        let flow =
            "scenario(\"s\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 1, flow: || { } });";
        runner(["run", "test.rhai"]).file("test.rhai", &format!("options(#{{ {options} }});\n{flow}"))
    };
    let finished = script("tls_roots: [\"none.pem\"]").run().expect_code(104);
    finished.expect_said("`tls_roots`: cannot read `none.pem`: No such file");
    let finished = script("tls_auth: [#{ cert: \"test.rhai\", key: \"test.rhai\" }]").run().expect_code(104);
    finished.expect_said("`tls_auth`: `test.rhai` has no certificate in PEM");
}

#[test]
fn needs_nginx_a_users_first_batch_shares_a_connection_where_the_server_chooses_http2() {
    let nginx = Nginx::start();
    for (server, protocol, connections) in [("second", "HTTP/2.0", 3), ("good", "HTTP/1.1", 3 * 6)] {
        let script = format!(
            "base_url(\"{}\");
            scenario(\"batches\", #{{ executor: \"per-vu-iterations\", vus: 3, iterations: 3, flow: || {{
                for r in http::batch([\"/\", \"/\", \"/large.txt\", \"/\", \"/\", \"/\"]) {{
                    check(r.status == 200 && r.proto == \"{protocol}\" && r.tls_version == \"tls1.3\", \"as agreed\");
                }}
            }} }});
            target(\"checks\", \"rate >= 100%\");
            target(\"http_reqs\", \"count == 54\");",
            nginx.url(server)
        );
        let before = nginx.log().len();
        let finished = nginx.prepare(", batch_per_host: 0", &script, &[]).run().expect_code(0);
        let log = nginx.log();
        let seen: BTreeSet<&String> = log[before..].iter().filter_map(|line| line.last()).collect();
        assert_eq!((log.len() - before, seen.len()), (54, connections), "{server}");
        assert_eq!(finished.figure("http_conns_opened").to_string(), connections.to_string(), "{server}");
    }
}

#[test]
fn needs_nginx_needs_curl_a_failures_line_goes_over_tls_as_it_did() {
    let nginx = Nginx::start();
    let insecure = ", insecure_skip_tls_verify: true";
    let certificate = format!(
        ", tls_auth: [#{{ cert: \"{}\", key: \"{}\" }}]",
        nginx.path("user.pem"),
        nginx.path("user.key")
    );
    for (server, options, said) in [
        ("good", "", "--http1.1 "),
        ("expired", insecure, " -k "),
        ("tls12", ", tls_version: #{ max: \"tls1.2\" }", " --tls-max 1.2 "),
        ("good", ", tls_version: \"tls1.3\"", " --tlsv1.3 "),
        ("mutual", certificate.as_str(), " --cert "),
        ("second", "", "--http2 "),
    ] {
        let before = nginx.log().len();
        let flow = format!(
            "scenario(\"one\", #{{ executor: \"per-vu-iterations\", iterations: 1, flow: \"flow\" }});
            fn flow() {{ http::post(\"{}/take\", #{{ body: \"it's\", expected_statuses: [299] }}); }}",
            nginx.url(server)
        );
        let finished = nginx.prepare(options, &flow, &["--no-preflight"]).run();
        let line = finished.stdout.lines().find_map(|line| line.trim_start().strip_prefix("$ "));
        let line = line.unwrap_or_else(|| panic!("no line\n{}", finished.printed()));
        assert!(line.contains(said), "{server}: {line}");
        let again = Command::new("sh").args(["-c", line]).output().expect("a shell");
        let answer = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(answer.contains(" 201") && answer.ends_with("taken"), "{line}\n{answer}");
        assert_eq!(answer.starts_with("HTTP/2 "), server == "second", "{answer}");
        wait_until("both in the log", SOON, || nginx.log().len() == before + 2);
        // Method, path, status, and what both took; over HTTP/2 each packs its head in its own way.
        let seen = |index: usize| {
            let words = nginx.log()[before + index].clone();
            let bytes = if server == "second" { String::new() } else { words[3].clone() };
            [words[0].clone(), words[1].clone(), words[2].clone(), bytes, words[5].clone(), words[7].clone()]
        };
        assert_eq!(seen(0), seen(1), "{line}");
    }
}

#[test]
fn needs_nginx_an_output_goes_over_tls_to_whom_the_system_believes() {
    let nginx = Nginx::start();
    let play = |roots: Option<String>| {
        let out = format!("remote-write={}/take", nginx.url("good"));
        let script = format!("fn flow() {{ http::get(\"http://127.0.0.1:{}/large.txt\"); }}", nginx.plain);
        let run = nginx.prepare("", &script, &["-q", "-o", &out]);
        let run = if let Some(roots) = roots { run.env("SSL_CERT_FILE", roots) } else { run };
        run.run().expect_code(0);
    };
    let written = || nginx.log().iter().filter(|line| line[0] == "POST" && line[1] == "/take").count();
    play(None);
    assert_eq!(written(), 0, "a stranger's authority is not believed");
    play(Some(nginx.path("ca.pem")));
    assert!(written() >= 2, "a second, and the end: {:?}", nginx.log());
    assert!(
        nginx.log().iter().filter(|line| line[0] == "POST").all(|line| line[2] == "201"),
        "{:?}",
        nginx.log()
    );
}
