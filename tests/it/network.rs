//! Where requests go, and from where: names, overrides, Unix sockets, local addresses, proxies and what is never
//! called, each through the binary and by flag or option, against real servers.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::{Finished, Runner, closed_port, folder, runner, wait_until};
use crate::server::{Reply, Server};

const SOON: Duration = Duration::from_secs(20);

fn prepare(script: &str, args: &[&str]) -> Runner {
    let args = ["run", "test.rhai", "-q"].iter().chain(args);
    runner(args).file("test.rhai", script)
}

fn play(script: &str, args: &[&str]) -> Finished {
    prepare(script, args).run()
}

/// A flow that succeeds if the host answers, and another that says what became of the request.
const ANSWERED: &str = r#"
    fn flow() { check(http::get("/x").status == 200, "answered"); }
    target("checks", "rate >= 100%");
"#;
const TOLD: &str = r#"
    fn flow() { let r = http::get("/x"); print(`${r.error_code}: ${r.error}`); }
"#;

/// A name server for one name, and how many queries it had.
fn name_server(name: &'static str, addresses: &[&str]) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port for a name server");
    let address = socket.local_addr().expect("a bound address");
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut query = [0; 512];
        // Ends with the tests.
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = socket.send_to(&answer(&query[..length], name, &addresses), peer);
        }
    });
    (address, asked)
}

/// The question again, with the name's addresses of the kind asked for; NXDOMAIN for other names.
fn answer(query: &[u8], name: &str, addresses: &[IpAddr]) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let is_known = labels.join(".") == name;
    let kind = query[at + 2];
    let record = |address: &IpAddr| match (address, kind) {
        (IpAddr::V4(address), 1) => Some(address.octets().to_vec()),
        (IpAddr::V6(address), 28) => Some(address.octets().to_vec()),
        _ => None,
    };
    let records: Vec<Vec<u8>> = addresses.iter().filter(|_| is_known).filter_map(record).collect();
    let byte = |length: usize| u8::try_from(length).expect("few records");
    let code = if is_known { 0 } else { 3 };
    let mut out = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, byte(records.len()), 0, 0, 0, 0];
    out.extend_from_slice(&query[12..at + 5]);
    for record in records {
        out.extend_from_slice(&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, byte(record.len())]);
        out.extend_from_slice(&record);
    }
    out
}

#[test]
fn a_name_is_resolved_by_the_server_that_is_named() {
    let server = Server::plain();
    let (address, asked) = name_server("api.test", &["127.0.0.1"]);
    let dns = format!("server={address},policy=onlyIPv4");
    let base = format!("base_url(\"http://api.test:{}\");", server.port());
    let flow = "fn flow() { for n in 0..5 { check(http::get(\"/x\").status == 200, \"answered\"); } }
        target(\"checks\", \"rate >= 100%\");";
    play(&format!("{base}{flow}"), &["--dns", &dns, "--no-connection-reuse"]).expect_code(0);
    assert_eq!(server.count(), 5);
    // Once before the run, and once for all five connections.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // Without a life each connection asks; said by the script.
    let options = format!("options(#{{ dns: #{{ server: \"{address}\", policy: \"onlyIPv4\", ttl: 0 }} }});");
    play(&format!("{base}{options}{flow}"), &["--no-connection-reuse"]).expect_code(0);
    assert_eq!(asked.load(Ordering::SeqCst), 2 + 1 + 5);
}

#[test]
fn a_name_that_does_not_exist_ends_before_the_run_and_within_it() {
    let (address, _) = name_server("api.test", &["127.0.0.1"]);
    let dns = format!("server={address}");
    let script = format!("base_url(\"http://none.test\");{TOLD}");
    let ended = play(&script, &["--dns", &dns]).expect_code(99);
    assert!(ended.stderr.contains("`none.test` does not resolve"), "{}", ended.stderr);
    let run = play(&script, &["--dns", &dns, "--no-preflight"]);
    assert!(run.printed().contains("1101: no address for host `none.test`"), "{}", run.printed());
}

#[test]
fn connections_are_spread_over_a_names_addresses() {
    let port = closed_port();
    let seen: Vec<Arc<AtomicUsize>> = ["127.0.0.1", "127.0.0.2"]
        .map(|address| {
            let listener = TcpListener::bind((address, port)).expect("the same port on another address");
            let count = Arc::new(AtomicUsize::new(0));
            let own = Arc::clone(&count);
            std::thread::spawn(move || serve(&listener, |_| own.fetch_add(1, Ordering::SeqCst)));
            count
        })
        .into();
    let (address, _) = name_server("api.test", &["127.0.0.1", "127.0.0.2"]);
    let script = format!("base_url(\"http://api.test:{port}\");{ANSWERED}");
    let dns = format!("server={address},select=roundRobin");
    play(&script, &["--dns", &dns, "-i", "10", "--no-connection-reuse", "--no-preflight"]).expect_code(0);
    let counts: Vec<usize> = seen.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    assert_eq!(counts, [5, 5]);
}

/// Answers one request on each connection, and hands its peer's address on first.
fn serve<T>(listener: &TcpListener, seen: impl Fn(IpAddr) -> T) {
    use std::io::{Read, Write};
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut head = [0; 4096];
        if stream.read(&mut head).unwrap_or(0) > 0 {
            seen(stream.peer_addr().expect("a peer").ip());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        }
    }
}

#[test]
fn an_override_leads_elsewhere_by_flag_and_by_option() {
    let server = Server::plain();
    let script = format!("base_url(\"http://api.test\");{ANSWERED}");
    let address = format!("127.0.0.1:{}", server.port());
    play(&script, &["--hosts", &format!("api.test={address}")]).expect_code(0);
    let options = format!("options(#{{ hosts: #{{ \"*.test\": \"{address}\" }} }});");
    play(&format!("{options}{script}"), &[]).expect_code(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.headers["host"] == "api.test"), "{requests:?}");
    let wrong = play(&script, &["--hosts", "api.test=elsewhere.test"]).expect_code(104);
    assert!(
        wrong.stderr.contains("error: `hosts`: `elsewhere.test` is neither an address nor a Unix socket")
            && wrong.stderr.contains("hint: write `10.0.0.1`"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn ipv6_is_called_by_its_address() {
    let listener = TcpListener::bind("[::1]:0").expect("IPv6 on loopback");
    let port = listener.local_addr().expect("a bound address").port();
    std::thread::spawn(move || serve(&listener, |_| ()));
    let script = format!(
        "base_url(\"http://[::1]:{port}\");
        fn flow() {{ check(http::get(\"/x\").remote_ip == \"::1\", \"answered\"); }}
        target(\"checks\", \"rate >= 100%\");"
    );
    play(&script, &["--no-preflight"]).expect_code(0);
}

#[test]
fn what_must_not_be_called_never_is() {
    let server = Server::plain();
    let port = server.port();
    let at = |host: &str| format!("base_url(\"http://{host}:{port}\");{TOLD}");
    let (address, _) = name_server("api.test", &["127.0.0.1"]);
    let dns = format!("server={address}");
    for (host, args, told) in [
        (
            "127.0.0.1",
            ["--blacklist-ip", "10.0.0.0/8,127.0.0.0/8"].as_slice(),
            "1110: 127.0.0.1 is blacklisted: `blacklist_ips` has `127.0.0.0/8`",
        ),
        (
            "api.test",
            &["--blacklist-ip", "127.0.0.1", "--dns", &dns],
            "1110: 127.0.0.1 is blacklisted: `blacklist_ips` has `127.0.0.1`",
        ),
        (
            "localhost",
            &["--block-hostnames", "*host"],
            "1111: host `localhost` is blocked: `block_hostnames` has `*host`",
        ),
    ] {
        let run = play(&at(host), &[args, &["--no-preflight"]].concat());
        assert!(run.printed().contains(told), "{told}\n{}", run.printed());
    }
    let early = play(&at("localhost"), &["--block-hostnames", "*host"]);
    assert!(early.stderr.contains("is blocked: `block_hostnames` has `*host`"), "{}", early.stderr);
    assert_eq!(server.count(), 0);
    let options = "options(#{ block_hostnames: [\"*.evil.test\"], blacklist_ips: [\"10.0.0.0/8\"] });";
    play(&format!("{options}base_url(\"{}\");{ANSWERED}", server.url()), &[]).expect_code(0);
    for (flag, value, error) in [
        ("--blacklist-ip", "10.0.0.0/64", "`blacklist_ips`: the prefix of `10.0.0.0/64` is too long"),
        ("--block-hostnames", "a.*", "`block_hostnames`: `a.*` is no host name or pattern of one"),
        ("--local-ips", "192.0.2.1", "`local_ips`: this machine has no address 192.0.2.1 to connect from"),
        ("--proxy", "socks5://127.0.0.1:1", "`proxy`: a proxy by `socks5` is not supported"),
    ] {
        let wrong = play(&at("127.0.0.1"), &[flag, value]).expect_code(104);
        assert!(wrong.stderr.contains(error), "{error}\n{}", wrong.stderr);
    }
}

#[test]
fn users_connect_from_local_addresses_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound address").port();
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&peers);
    std::thread::spawn(move || {
        serve(&listener, |peer| seen.lock().expect("no panic").push(peer.to_string()));
    });
    let script = format!(
        "base_url(\"http://127.0.0.1:{port}\");
        scenario(\"s\", #{{ executor: \"per-vu-iterations\", vus: 4, iterations: 1, flow: \"flow\" }});{ANSWERED}"
    );
    play(&script, &["--local-ips", "127.0.1.1-127.0.1.2,127.0.2.0/30", "--no-preflight"]).expect_code(0);
    let mut peers = peers.lock().expect("no panic").clone();
    peers.sort();
    assert_eq!(peers, ["127.0.1.1", "127.0.1.2", "127.0.2.1", "127.0.2.2"]);
}

/// A process that listens, until dropped.
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    fn start(program: &str, args: &[&str], folder: TempDir) -> Self {
        let quiet = Stdio::null;
        let child = Command::new(program).args(args).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
        let child = child
            .unwrap_or_else(|error| panic!("{program}, which `make install-test-servers` installs: {error}"));
        Self { child, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a writable folder");
}

#[test]
fn needs_nginx_a_unix_socket_is_called_by_url_and_by_override() {
    let folder = folder();
    let root = folder.path().display().to_string();
    write(
        &folder.path().join("nginx.conf"),
        &format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/errors; events {{ }}
            http {{
                access_log {root}/access; client_body_temp_path {root}/a; proxy_temp_path {root}/b;
                fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;
                server {{ listen unix:{root}/app.sock; return 200 $host$request_uri; }}
            }}"
        ),
    );
    let nginx = Process::start("nginx", &["-c", &format!("{root}/nginx.conf")], folder);
    wait_until("nginx", SOON, || nginx.path("app.sock").exists());
    let url = format!("http+unix://{}", format!("{root}/app.sock").replace('/', "%2F"));
    let flow = |wanted: &str| {
        format!(
            "fn flow() {{
                let r = http::get(\"/x?y=1\");
                check(r.body == \"{wanted}/x?y=1\", \"answered\");
                check(r.remote_ip == \"\", \"no address\");
            }}
            target(\"checks\", \"rate >= 100%\");"
        )
    };
    play(&format!("base_url(\"{url}\");{}", flow("localhost")), &["-i", "3"]).expect_code(0);
    let hosts = format!("app.test=unix:{root}/app.sock");
    play(&format!("base_url(\"http://app.test\");{}", flow("app.test")), &["--hosts", &hosts]).expect_code(0);
    // A load without a script, over many connections.
    runner(["hit", &format!("{url}/x"), "-c", "50", "-n", "500"]).run().expect_code(0);
    let log = std::fs::read_to_string(nginx.path("access")).expect("its log");
    assert_eq!(log.lines().count(), 3 + 1 + 500);
    let gone = format!("base_url(\"http+unix://%2Fnowhere.sock\");{TOLD}");
    let early = play(&gone, &[]);
    assert!(early.stderr.contains("can't be reached: the Unix socket `/nowhere.sock`"), "{}", early.stderr);
    let run = play(&gone, &["--no-preflight"]);
    assert!(
        run.printed().contains("1212: cannot connect to the Unix socket `/nowhere.sock`"),
        "{}",
        run.printed()
    );
}

/// tinyproxy on a port of its own; with a user and a password, if `basic`.
fn tinyproxy(basic: bool) -> (Process, u16) {
    let folder = folder();
    let root = folder.path().display().to_string();
    let port = closed_port();
    let login = if basic { "BasicAuth me geheim\n" } else { "" };
    write(
        &folder.path().join("tinyproxy.conf"),
        &format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nLogFile \"{root}/log\"\nLogLevel Connect\nMaxClients 50\n{login}"
        ),
    );
    let proxy = Process::start("tinyproxy", &["-d", "-c", &format!("{root}/tinyproxy.conf")], folder);
    wait_until("tinyproxy", SOON, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (proxy, port)
}

#[test]
fn needs_tinyproxy_requests_go_through_the_proxy_that_is_named() {
    let (proxy, port) = tinyproxy(true);
    let server = Server::start(|request| Reply::ok(request.target.clone()));
    let script = format!(
        "base_url(\"{}\");
        fn flow() {{
            // PUT may be sent twice: tinyproxy closes connections without a word.
            let r = http::put(\"/x?y=1\", #{{ body: \"hello\" }});
            check(r.body == \"/x?y=1\", \"answered\");
            check(r.remote_port == {port}, \"by the proxy\");
        }}
        target(\"checks\", \"rate >= 100%\");",
        server.url()
    );
    let url = |login: &str| format!("http://{login}127.0.0.1:{port}");
    play(&script, &["--proxy", &url("me:geheim@"), "-i", "3"]).expect_code(0);
    let options = format!("options(#{{ proxy: \"{}\" }});", url("me:geheim@"));
    play(&format!("{options}{script}"), &[]).expect_code(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        // What is meant for the proxy ends there.
        assert!(request.headers.contains_key("via") && !request.headers.contains_key("proxy-authorization"));
        assert_eq!(request.text(), "hello");
    }
    let told = format!("base_url(\"{}\");{TOLD}", server.url());
    // tinyproxy has two words for it: who are you, and I don't believe you.
    for (login, status) in [("", 407), ("me:wrong@", 401)] {
        let denied = play(&told, &["--proxy", &url(login)]);
        let error = format!("1{status}: the server answered with status {status}");
        assert!(denied.printed().contains(&error), "{}", denied.printed());
    }
    assert_eq!(server.count(), 4);
    // What the proxy answers where the host is away.
    let dead = format!("base_url(\"http://127.0.0.1:{}\");{TOLD}", closed_port());
    let away = play(&dead, &["--proxy", &url("me:geheim@")]);
    assert!(away.printed().contains("the server answered with status 500"), "{}", away.printed());
    let log = std::fs::read_to_string(proxy.path("log")).expect("its log");
    assert!(log.contains("Request"), "{log}");
    // Nobody prints the password.
    let inspected =
        runner(["inspect", "test.rhai", "--proxy", &url("me:geheim@")]).file("test.rhai", &script).run();
    assert!(!inspected.printed().contains("geheim"), "{}", inspected.printed());
}

#[test]
fn the_environments_proxy_is_used_told_and_left_out() {
    // Proxy and target in one: what it is asked for says which it was taken for.
    let server = Server::start(|request| Reply::ok(request.target.clone()));
    let address = format!("127.0.0.1:{}", server.port());
    let proxy = format!("http://{address}");
    let script = |base: &str, body: &str| {
        format!(
            "base_url(\"{base}\");
            fn flow() {{ check(http::get(\"/x\").body == \"{body}\", \"by whom\"); }}
            target(\"checks\", \"rate >= 100%\");"
        )
    };
    for variable in ["http_proxy", "HTTP_PROXY"] {
        let through =
            prepare(&script("http://api.test", "http://api.test/x"), &[]).env(variable, &proxy).run();
        assert!(
            through.stderr.contains(&format!("the environment's proxy {proxy}")),
            "{}",
            through.printed()
        );
        through.expect_code(0);
    }
    // It is not for this machine, nor for what is exempt, nor where the run says so.
    prepare(&script(&proxy, "/x"), &[]).env("http_proxy", &proxy).run().expect_code(0);
    let hosts = format!("api.test={address}");
    for (variable, args) in
        [("no_proxy", vec!["--hosts", &hosts]), ("NOTHING", vec!["--hosts", &hosts, "--proxy", "none"])]
    {
        let direct = prepare(&script("http://api.test", "/x"), &args).env("http_proxy", &proxy);
        let direct = direct.env(variable, "other.test,.api.test,api.test:80").run();
        assert!(!direct.stderr.contains("proxy"), "{}", direct.stderr);
        direct.expect_code(0);
    }
    let wrong = prepare(&script(&proxy, "/x"), &[]).env("HTTP_PROXY", "socks5://h:1").run().expect_code(104);
    assert!(
        wrong.stderr.contains("the environment variable `HTTP_PROXY`: a proxy by `socks5`"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_proxy_that_is_away_is_named_without_its_password() {
    let server = Server::plain();
    let proxy = format!("http://me:geheim@127.0.0.1:{}", closed_port());
    let script = format!("base_url(\"{}\");{TOLD}", server.url());
    let early = play(&script, &["--proxy", &proxy]);
    assert!(early.stderr.contains("no connection to the proxy http://127.0.0.1:"), "{}", early.stderr);
    let run = play(&script, &["--proxy", &proxy, "--no-preflight"]);
    assert!(
        run.printed().contains("1280: no connection to the proxy http://127.0.0.1:"),
        "{}",
        run.printed()
    );
    assert!(!(early.printed() + &run.printed()).contains("geheim"));
    assert_eq!(server.count(), 0);
}

#[test]
fn needs_nginx_needs_tinyproxy_https_goes_through_a_tunnel() {
    let folder = folder();
    let root = folder.path().display().to_string();
    let certified =
        rcgen::generate_simple_self_signed(vec!["api.invalid".to_owned()]).expect("a certificate");
    write(&folder.path().join("cert.pem"), &certified.cert.pem());
    write(&folder.path().join("key.pem"), &certified.signing_key.serialize_pem());
    let port = closed_port();
    write(
        &folder.path().join("nginx.conf"),
        &format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/errors; events {{ }}
            http {{
                access_log {root}/access; client_body_temp_path {root}/a; proxy_temp_path {root}/b;
                fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;
                server {{
                    listen 127.0.0.1:{port} ssl; ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;
                    return 200 $request_uri;
                }}
            }}"
        ),
    );
    let _nginx = Process::start("nginx", &["-c", &format!("{root}/nginx.conf")], folder);
    wait_until("nginx", SOON, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let (proxy, proxy_port) = tinyproxy(true);
    let script = format!(
        "base_url(\"https://127.0.0.1:{port}\");
        fn flow() {{
            let r = http::get(\"/x\");
            check(r.body == \"/x\", \"answered\");
            check(r.remote_port == {proxy_port}, \"through the proxy\");
        }}
        target(\"checks\", \"rate >= 100%\");
        target(\"http_reqs\", \"count == 3\");"
    );
    let url = |login: &str| format!("http://{login}127.0.0.1:{proxy_port}");
    let through = ["-i", "3", "--insecure-skip-tls-verify", "--proxy"];
    play(&script, &[&through[..], &[&url("me:geheim@")]].concat()).expect_code(0);
    let log = std::fs::read_to_string(proxy.path("log")).expect("its log");
    assert_eq!(log.matches(&format!("CONNECT 127.0.0.1:{port}")).count(), 1, "one tunnel, kept: {log}");
    let told = format!("base_url(\"https://127.0.0.1:{port}\");{TOLD}");
    let denied = play(&told, &["--proxy", &url("")]);
    assert!(denied.printed().contains("1282: the proxy http://127.0.0.1:"), "{}", denied.printed());
}

#[test]
fn a_name_without_an_address_is_told_what_to_write() {
    for given in ["api.test", "api.test=", "=127.0.0.1"] {
        let finished = runner(["run", "x.rhai", "--hosts", given]).run().expect_code(2);
        finished.expect_said("write a name and its address, such as api.test=127.0.0.1:8080");
    }
}
