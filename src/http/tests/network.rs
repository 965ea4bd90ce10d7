//! What the network looks like to a client: names resolved by a real name server, overrides, Unix sockets, local
//! addresses, proxies, and what must not be called.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::{UdpSocket, UnixListener};

use super::*;
use crate::plan::{Dns, DnsPolicy, DnsSelect, HttpOptions, ProxyChoice};

/// A client whose network has these options.
fn client_of(options: &HttpOptions) -> Client {
    let shared = Shared::new();
    shared.configure(options).unwrap();
    Client::new(Rc::new(TestClock { origin: Instant::now() }), shared, Options::default())
}

/// The default, past whatever proxies the environment of the tests has.
fn direct() -> HttpOptions {
    HttpOptions { proxy: ProxyChoice::None, ..HttpOptions::default() }
}

async fn get(client: &Client, url: &str) -> Exchange {
    let endpoint = Rc::new(Endpoint::parse(None, url).unwrap());
    let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
    assert_books_balance(&exchange);
    exchange
}

/// A server that answers each request, on this address, with the peer's address, and closes.
async fn telling_peers(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, peer) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                read_request(&mut stream).await;
                let body = peer.ip().to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            });
        }
    });
    address
}

/// A name server on loopback, and how often it was asked.
struct NameServer {
    address: SocketAddr,
    asked: Rc<Cell<u32>>,
}

impl NameServer {
    /// Names that are not in the zone don't exist; `broken.test` is a failure of the server (RFC 1035 §4.1).
    async fn new(zone: &[(&'static str, &[&'static str])]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Rc::new(Cell::new(0));
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let zone: Vec<(&str, Vec<IpAddr>)> = zone.iter().map(|(name, list)| (*name, parse(list))).collect();
        let server = Self { address, asked: Rc::clone(&asked) };
        tokio::task::spawn_local(async move {
            let mut query = [0; 512];
            loop {
                let (length, peer) = socket.recv_from(&mut query).await.unwrap();
                asked.set(asked.get() + 1);
                let answer = answer(&query[..length], &zone);
                socket.send_to(&answer, peer).await.unwrap();
            }
        });
        server
    }

    fn dns(&self) -> Dns {
        Dns { system: false, server: Some(self.address), ..Dns::default() }
    }
}

fn answer(query: &[u8], zone: &[(&str, Vec<IpAddr>)]) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap().to_lowercase());
        at = end;
    }
    let name = labels.join(".");
    let question_end = at + 5;
    let wants_ipv6 = query[at + 2] == 28;
    let known = zone.iter().find(|(known, _)| *known == name);
    let records: Vec<Vec<u8>> = known
        .iter()
        .flat_map(|(_, list)| list.iter())
        .filter_map(|address| match address {
            IpAddr::V4(address) if !wants_ipv6 => Some(address.octets().to_vec()),
            IpAddr::V6(address) if wants_ipv6 => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let code = match (&*name, known) {
        ("broken.test", _) => 2,
        (_, Some(_)) => 0,
        (_, None) => 3,
    };
    let count = u8::try_from(records.len()).unwrap();
    let mut out = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
    out.extend_from_slice(&query[12..question_end]);
    for record in records {
        let kind = if record.len() == 16 { 28 } else { 1 };
        out.extend_from_slice(&[
            0xc0,
            12,
            0,
            kind,
            0,
            1,
            0,
            0,
            0,
            60,
            0,
            u8::try_from(record.len()).unwrap(),
        ]);
        out.extend_from_slice(&record);
    }
    out
}

#[test]
fn a_name_server_is_asked_once_for_as_long_as_its_answer_is_believed() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let names = NameServer::new(&[("a.test", &["127.0.0.1"])]).await;
        let url = format!("http://a.test:{}/", server.port());
        let client = client_of(&HttpOptions { dns: names.dns(), ..direct() });
        for number in 0..3 {
            let exchange = get(&client, &url).await;
            assert_eq!((exchange.status(), exchange.remote), (200, Some(server)), "{:?}", exchange.error());
            assert!(number > 0 || exchange.timings.phases.dns_ns > 0);
        }
        // Once for A, once for AAAA.
        assert_eq!(names.asked.get(), 2);
        // With a life of nothing each connection asks.
        names.asked.set(0);
        let dns = Dns { ttl: Duration::ZERO, policy: DnsPolicy::OnlyIpv4, ..names.dns() };
        let client = client_of(&HttpOptions { dns, ..direct() });
        for _ in 0..3 {
            assert_eq!(get(&client, &url).await.status(), 200);
        }
        assert_eq!(names.asked.get(), 3);
    });
}

#[test]
fn a_crowd_that_starts_together_asks_once() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let names = NameServer::new(&[("a.test", &["127.0.0.1"])]).await;
        let url = format!("http://a.test:{}/", server.port());
        let dns = Dns { ttl: Duration::ZERO, policy: DnsPolicy::OnlyIpv4, ..names.dns() };
        let client = Rc::new(client_of(&HttpOptions { dns, ..direct() }));
        let users: Vec<_> = (0..20)
            .map(|_| {
                let (client, url) = (Rc::clone(&client), url.clone());
                tokio::task::spawn_local(async move { get(&client, &url).await.status() })
            })
            .collect();
        for user in users {
            assert_eq!(user.await.unwrap(), 200);
        }
        assert_eq!(names.asked.get(), 1, "those who wait for an answer take it");
    });
}

#[test]
fn connections_go_to_each_address_in_turn() {
    run(async {
        let one = telling_peers("127.0.0.1:0").await;
        let two = telling_peers(&format!("127.0.0.2:{}", one.port())).await;
        let names = NameServer::new(&[("a.test", &["127.0.0.1", "127.0.0.2"])]).await;
        let dns = Dns { select: DnsSelect::RoundRobin, ..names.dns() };
        let client = client_of(&HttpOptions { dns, ..direct() });
        let url = format!("http://a.test:{}/", one.port());
        let mut remotes = Vec::new();
        for _ in 0..4 {
            remotes.push(get(&client, &url).await.remote.unwrap());
        }
        assert!(remotes[0] != remotes[1] && remotes[..2] == remotes[2..], "{remotes:?}");
        assert!(remotes.contains(&one) && remotes.contains(&two));
    });
}

#[test]
fn the_policy_chooses_between_ipv4_and_ipv6() {
    run(async {
        let six = telling_peers("[::1]:0").await;
        let four = telling_peers(&format!("127.0.0.1:{}", six.port())).await;
        let names = NameServer::new(&[("both.test", &["::1", "127.0.0.1"]), ("six.test", &["::1"])]).await;
        for (policy, host, wanted) in [
            (DnsPolicy::PreferIpv4, "both.test", Some(four)),
            (DnsPolicy::PreferIpv6, "both.test", Some(six)),
            (DnsPolicy::OnlyIpv4, "both.test", Some(four)),
            (DnsPolicy::OnlyIpv6, "both.test", Some(six)),
            (DnsPolicy::PreferIpv4, "six.test", Some(six)),
            (DnsPolicy::OnlyIpv4, "six.test", None),
        ] {
            let client = client_of(&HttpOptions { dns: Dns { policy, ..names.dns() }, ..direct() });
            let exchange = get(&client, &format!("http://{host}:{}/", six.port())).await;
            assert_eq!(exchange.remote, wanted, "{policy:?} {host}: {:?}", exchange.error());
            assert_eq!(exchange.error_code(), if wanted.is_some() { 0 } else { 1101 });
        }
        // Where nobody listens on the preferred kind, the other is found, and remembered.
        let lonely = telling_peers("[::1]:0").await;
        let client = client_of(&HttpOptions { dns: names.dns(), ..direct() });
        let url = format!("http://both.test:{}/", lonely.port());
        for _ in 0..2 {
            assert_eq!(get(&client, &url).await.remote, Some(lonely));
        }
    });
}

#[test]
fn the_systems_answer_is_held_to_the_policy_too() {
    run(async {
        let dns = Dns { policy: DnsPolicy::OnlyIpv6, ..Dns::default() };
        let client = client_of(&HttpOptions { dns, ..direct() });
        // `/etc/hosts` need not have `localhost` as IPv6: then it has IPv4 alone.
        let exchange = get(&client, "http://localhost:1/").await;
        match exchange.error_code() {
            1101 => assert_eq!(
                exchange.error().unwrap(),
                "host `localhost` has addresses of IPv4 alone, which `dns` doesn't allow"
            ),
            _ => assert!(exchange.remote.unwrap().is_ipv6()),
        }
    });
}

#[test]
fn a_missing_name_and_a_failing_name_server_are_told_apart() {
    run(async {
        let names = NameServer::new(&[]).await;
        let client = client_of(&HttpOptions { dns: names.dns(), ..direct() });
        let missing = get(&client, "http://none.test/").await;
        assert_eq!(
            (missing.error_code(), &*missing.error().unwrap()),
            (1101, "no address for host `none.test`")
        );
        assert!(missing.timings.phases.dns_ns > 0 && missing.timings.phases.connecting_ns == 0);
        let broken = get(&client, "http://broken.test/").await;
        assert_eq!(broken.error_code(), 1100);
        assert!(broken.result.unwrap_err().is_generator_fault());
    });
}

#[test]
fn localhost_works_past_the_system_too() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let names = NameServer::new(&[]).await;
        let client = client_of(&HttpOptions { dns: names.dns(), ..direct() });
        assert_eq!(get(&client, &format!("http://localhost:{}/", server.port())).await.status(), 200);
        assert_eq!(names.asked.get(), 0);
    });
}

#[test]
fn an_override_needs_no_name_server() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let hosts = [("*.test".to_owned(), server.to_string())].into();
        let client = client_of(&HttpOptions { hosts, ..direct() });
        let exchange = get(&client, "http://api.test/").await;
        assert_eq!((exchange.status(), exchange.remote), (200, Some(server)));
        assert_eq!(exchange.timings.phases.dns_ns, 0);
    });
}

#[test]
fn what_must_not_be_called_is_not() {
    run(async {
        let server = telling_peers("127.0.0.2:0").await;
        let names =
            NameServer::new(&[("mixed.test", &["127.0.0.1", "127.0.0.2"]), ("bad.test", &["127.0.0.1"])])
                .await;
        let blacklist_ips = vec!["127.0.0.1/32".to_owned()];
        let block_hostnames = vec!["*.evil.test".to_owned()];
        let client = client_of(&HttpOptions { dns: names.dns(), blacklist_ips, block_hostnames, ..direct() });
        let at = |host: &str| format!("http://{host}:{}/", server.port());
        // Of a name's addresses those are called that may be.
        for _ in 0..8 {
            assert_eq!(get(&client, &at("mixed.test")).await.remote, Some(server));
        }
        for (host, code, error) in [
            ("bad.test", 1110, "127.0.0.1 is blacklisted: `blacklist_ips` has `127.0.0.1/32`"),
            ("127.0.0.1", 1110, "127.0.0.1 is blacklisted: `blacklist_ips` has `127.0.0.1/32`"),
            ("x.evil.test", 1111, "host `x.evil.test` is blocked: `block_hostnames` has `*.evil.test`"),
        ] {
            let exchange = get(&client, &at(host)).await;
            assert_eq!((exchange.error_code(), &*exchange.error().unwrap()), (code, error));
            assert_eq!((exchange.remote, exchange.bytes_sent), (None, 0));
        }
    });
}

#[test]
fn connections_start_from_the_local_address() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let clock = Rc::new(TestClock { origin: Instant::now() });
        let from = |address: &str| {
            let local_address = Some(address.parse().unwrap());
            Client::new(clock.clone(), Shared::new(), Options { local_address, ..Options::default() })
        };
        let exchange = get(&from("127.0.0.7"), &format!("http://{server}/")).await;
        assert_eq!(exchange.result.unwrap().text(), "127.0.0.7");
        let other = get(&from("::1"), &format!("http://{server}/")).await;
        assert_eq!(
            (other.error_code(), &*other.error().unwrap()),
            (1210, "127.0.0.1 can't be reached from ::1: one is IPv4, the other IPv6")
        );
    });
}

#[test]
fn a_unix_socket_answers_and_keeps_its_connection() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let heads = Rc::clone(&seen);
        tokio::task::spawn_local(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heads = Rc::clone(&heads);
                tokio::task::spawn_local(async move {
                    let mut head = vec![0; 4096];
                    loop {
                        let length = stream.read(&mut head).await.unwrap();
                        if length == 0 {
                            break;
                        }
                        heads.borrow_mut().push(String::from_utf8_lossy(&head[..length]).into_owned());
                        stream.write_all(OK).await.unwrap();
                    }
                });
            }
        });
        let encoded = path.to_str().unwrap().replace('/', "%2F");
        let hosts = [("app.test".to_owned(), format!("unix:{}", path.display()))].into();
        let client = client_of(&HttpOptions { hosts, ..direct() });
        for (number, (url, host)) in [
            (format!("http+unix://{encoded}/x?y"), "localhost"),
            (format!("http+unix://{encoded}/x?y"), "localhost"),
            ("http://app.test/x?y".to_owned(), "app.test"),
        ]
        .into_iter()
        .enumerate()
        {
            let exchange = get(&client, &url).await;
            assert_eq!((exchange.status(), exchange.remote, exchange.reused), (200, None, number == 1));
            let head = seen.borrow().last().unwrap().clone();
            assert!(head.starts_with(&format!("GET /x?y HTTP/1.1\r\nHost: {host}\r\n")), "{head}");
        }
        let gone = folder.path().join("gone.sock");
        let exchange =
            get(&client, &format!("http+unix://{}/", gone.to_str().unwrap().replace('/', "%2F"))).await;
        assert_eq!(exchange.error_code(), 1212);
        assert!(exchange.error().unwrap().starts_with("cannot connect to the Unix socket `"));
    });
}

#[test]
fn a_unix_socket_with_a_full_queue_is_waited_for() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let listener = socket.listen(1).unwrap();
        let url = format!("http+unix://{}/", path.to_str().unwrap().replace('/', "%2F"));
        let client = Rc::new(client_of(&direct()));
        let users: Vec<_> = (0..8)
            .map(|_| {
                let (client, url) = (Rc::clone(&client), url.clone());
                tokio::task::spawn_local(async move { get(&client, &url).await.status() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        tokio::task::spawn_local(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::task::spawn_local(async move {
                    let mut head = [0; 4096];
                    while stream.read(&mut head).await.unwrap_or(0) > 0 {
                        stream.write_all(OK).await.unwrap();
                    }
                });
            }
        });
        for user in users {
            assert_eq!(user.await.unwrap(), 200);
        }
        // Nobody takes up connections any more: the time-out for connecting ends it.
        let stuck = folder.path().join("stuck.sock");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&stuck).unwrap();
        let _listener = socket.listen(1).unwrap();
        let _held: Vec<_> =
            (0..2).map(|_| std::os::unix::net::UnixStream::connect(&stuck).unwrap()).collect();
        let url = format!("http+unix://{}/", stuck.to_str().unwrap().replace('/', "%2F"));
        let endpoint = Rc::new(Endpoint::parse(None, &url).unwrap());
        let request = Request { connect_timeout_ns: 20_000_000, ..Request::new(&Method::Get, &endpoint) };
        let exchange = client.send(&request).await;
        assert_books_balance(&exchange);
        assert_eq!(
            (exchange.error_code(), &*exchange.error().unwrap()),
            (1211, "no connection within 20ms, connecting")
        );
    });
}

/// A proxy that answers each request with its head, and how many connections it took.
async fn mirror() -> (SocketAddr, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let seen = Rc::clone(&count);
    let address = server(move |_, mut stream| {
        seen.set(seen.get() + 1);
        async move {
            while let Some(head) = read_request(&mut stream).await {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (address.await, count)
}

#[test]
fn a_proxy_gets_the_whole_url_and_who_asks() {
    run(async {
        let (address, connections) = mirror().await;
        let proxy = ProxyChoice::Url(format!("http://me:geheim@{address}"));
        let client = client_of(&HttpOptions { proxy, ..direct() });
        for _ in 0..2 {
            // The proxy resolves the name: there is none of that kind here.
            let exchange = get(&client, "http://api.invalid:8080/x?y").await;
            assert_eq!((exchange.status(), exchange.remote), (200, Some(address)), "{:?}", exchange.error());
            let head = exchange.result.unwrap().text().into_owned();
            assert!(
                head.starts_with("GET http://api.invalid:8080/x?y HTTP/1.1\r\nHost: api.invalid:8080\r\n"),
                "{head}"
            );
            assert!(head.ends_with("\r\nProxy-Authorization: Basic bWU6Z2VoZWlt\r\n\r\n"), "{head}");
        }
        assert_eq!(connections.get(), 1, "the connection to the proxy is kept");
        let endpoint = Rc::new(Endpoint::parse(None, "http://api.invalid/post").unwrap());
        let sent = client.send(&Request { body: b"body", ..Request::new(&Method::Post, &endpoint) }).await;
        let text = sent.result.unwrap().text().into_owned();
        assert!(
            text.starts_with("POST http://api.invalid/post HTTP/1.1\r\n") && text.ends_with("\r\n\r\nbody"),
            "{text}"
        );
        // A request that was written before goes through it, too.
        let prepared =
            Prepared::new(Method::Get, Rc::clone(&endpoint), &[], std::sync::Arc::from([]), (None, true))
                .unwrap();
        let exchange = client.send(&prepared.request()).await;
        assert!(exchange.result.unwrap().text().starts_with("GET http://api.invalid/post HTTP/1.1\r\n"));
        // The other end of its connections is the proxy, for each host of its own.
        let taken = client.shared.take_connections();
        let peer = |peer: &Peer| (peer.origin.clone(), peer.address, peer.is_proxied, peer.opened);
        let of = |origin: &str| (origin.to_owned(), Some(address), true, 1);
        let peers: Vec<_> = taken.peers.iter().map(peer).collect();
        assert_eq!(peers, [of("http://api.invalid"), of("http://api.invalid:8080")]);
        assert_eq!((taken.opened, taken.reused), (2, 2));
    });
}

#[test]
fn a_proxy_that_is_away_is_told_from_a_host_that_is() {
    run(async {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let proxy = ProxyChoice::Url(format!("http://me:geheim@{dead}"));
        let client = client_of(&HttpOptions { proxy, ..direct() });
        let exchange = get(&client, "http://127.0.0.1:1/").await;
        assert_eq!(exchange.error_code(), 1280);
        let error = exchange.error().unwrap();
        assert_eq!(error, format!("no connection to the proxy http://{dead}: connection refused by {dead}"));
    });
}

/// Asks a proxy that answers so for a tunnel to `api.test:443`.
async fn tunnelled(answer: &'static [u8]) -> (Result<(), Failure>, String) {
    let asked = Rc::new(RefCell::new(String::new()));
    let seen = Rc::clone(&asked);
    let address = server(move |_, mut stream| {
        let seen = Rc::clone(&seen);
        async move {
            *seen.borrow_mut() = read_request(&mut stream).await.unwrap();
            // In pieces: a head may come in as many as it likes.
            for piece in answer.chunks(7) {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    let address = address.await;
    let stream = stream::Stream::from(TcpStream::connect(address).await.unwrap());
    let proxy = format!("http://me:geheim@{address}").parse().unwrap();
    let mut traffic = (0, 0);
    let outcome = proxy::tunnel(&stream, &proxy, ("api.test", 443), &mut traffic).await;
    let asked = asked.borrow().clone();
    assert_eq!(traffic.0, asked.len() as u64);
    (outcome, asked)
}

#[test]
fn a_proxy_lets_bytes_through_or_says_why_not() {
    run(async {
        let (outcome, asked) =
            tunnelled(b"HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n").await;
        outcome.unwrap();
        assert!(
            asked.starts_with("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nUser-Agent: runner/")
        );
        assert!(asked.ends_with("\r\nProxy-Authorization: Basic bWU6Z2VoZWlt\r\n\r\n"), "{asked}");
        for (answer, code, words) in [
            (&b"HTTP/1.0 403 Filtered\r\n\r\n<html>no</html>"[..], 1281, "answered CONNECT with status 403"),
            (
                b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
                1282,
                "wants another user and password (407)",
            ),
            (b"HTTP/1.1 200 OK\r\n", 1280, "closed the connection without an answer"),
            (b"", 1280, "closed the connection without an answer"),
            (b"HTTP/1.1 200 OK\r\n\r\nmore", 1280, "can't be read"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", 1280, "can't be read"),
        ] {
            let failure = tunnelled(answer).await.0.unwrap_err();
            assert_eq!(failure.error_code(), code, "{failure}");
            let text = failure.to_string();
            assert!(text.contains(words) && !text.contains("geheim"), "{text}");
        }
    });
}

/// tinyproxy, which is killed when dropped.
struct Tinyproxy(std::process::Child);

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn needs_tinyproxy_bytes_go_through_a_tunnel_of_a_real_proxy() {
    run(async {
        let server = telling_peers("127.0.0.1:0").await;
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tinyproxy.conf");
        let port = address.port();
        let log = folder.path().join("log");
        let rules = format!(
            "Port {port}\nListen 127.0.0.1\nLogFile \"{}\"\nBasicAuth me geheim\nConnectPort {}\n",
            log.display(),
            server.port()
        );
        std::fs::write(&file, rules).unwrap();
        let child = std::process::Command::new("tinyproxy").arg("-d").arg("-c").arg(&file).spawn();
        let _proxy = Tinyproxy(child.expect("tinyproxy, which `make install-test-servers` installs"));
        let dial = || async {
            for _ in 0..500 {
                match TcpStream::connect(address).await {
                    Ok(stream) => return stream::Stream::from(stream),
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
            panic!("tinyproxy doesn't listen");
        };
        let ask = |login: &str| format!("http://{login}{address}").parse().unwrap();

        let mut traffic = (0, 0);
        let stream = dial().await;
        let target = ("127.0.0.1", server.port());
        proxy::tunnel(&stream, &ask("me:geheim@"), target, &mut traffic).await.unwrap();
        assert!(traffic.0 > 0 && traffic.1 > 0);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = std::future::poll_fn(|cx| stream.poll_write(cx, &[std::io::IoSlice::new(request)]))
            .await
            .unwrap();
        assert_eq!(sent, request.len());
        let mut answer = [0; 4096];
        let length = std::future::poll_fn(|cx| stream.poll_read(cx, &mut answer)).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));

        for (login, target, code) in [
            ("", target, 1282),
            ("me:wrong@", target, 1282),
            // Another port than the one that it lets through.
            ("me:geheim@", ("127.0.0.1", 1), 1281),
        ] {
            let refused = proxy::tunnel(&dial().await, &ask(login), target, &mut traffic).await.unwrap_err();
            assert_eq!(refused.error_code(), code, "{refused}");
        }
    });
}
