//! The block as it is printed: one model, both, connections of every kind.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::plan::TlsVersion;
use crate::results::{
    Commit, Connections, Fingerprint, Method, Negotiated, ScriptVersion, WarmUpLine, WarmUpPart,
};

const PLAIN: Style = Style { colour: false, width: 200 };

fn scenario(name: &str, model: Model) -> ScenarioLine {
    let books = Books { scheduled: 1_210, started: 1_204, ok: 1_200, failed: 3, interrupted: 1, dropped: 6 };
    let (name, executor, demand) = (name.to_owned(), String::new(), String::new());
    ScenarioLine { name, executor, demand, books, threw: 0, model }
}

fn trend(values: impl IntoIterator<Item = u64>) -> Trend {
    let mut trend = Trend::new();
    values.into_iter().for_each(|us| trend.record_us(us));
    trend
}

fn peer(origin: &str, address: &str, opened: u64) -> Peer {
    let address = address.parse::<SocketAddr>().ok();
    Peer { origin: origin.to_owned(), address, is_proxied: false, tls: None, opened }
}

fn provenance() -> Provenance {
    Provenance {
        machine: Fingerprint {
            cores: 2,
            cpu_model: "Example CPU @ 2.50GHz".to_owned(),
            kernel: "6.1.0".to_owned(),
            workers: 1,
            runner: "0.0.0".to_owned(),
            build: "release".to_owned(),
        },
        script: None,
    }
}

fn summary(scenarios: Vec<ScenarioLine>) -> Summary {
    Summary {
        scenarios,
        elapsed: Duration::from_secs(10),
        seed: 42,
        method: Method {
            requests: 1_204,
            failed: 24,
            connections: Connections {
                opened: 10,
                reused: 1_194,
                peers: vec![peer("http://127.0.0.1:8080", "127.0.0.1:8080", 10)],
                peers_more: 0,
            },
            protocols: vec![("HTTP/1.1".to_owned(), 1_204)],
            health: Health {
                cpu: Some(0.123),
                cpu_max: Some(0.2),
                lag: Some(trend((0..2_000).map(|index| index % 150))),
                ..Health::default()
            },
            provenance: Some(provenance()),
        },
        ..Summary::uneventful()
    }
}

fn text(summary: &Summary) -> String {
    lines(summary, PLAIN, 2).join("\n")
}

#[test]
fn a_closed_load_over_one_plain_connection_a_user() {
    insta::assert_snapshot!(text(&summary(vec![scenario("main", Model::Closed)])));
}

#[test]
fn both_models_with_connections_of_every_kind() {
    let scenarios = vec![scenario("browse", Model::Closed), scenario("buy\u{1b}[2J", Model::Open)];
    let mut run = summary(scenarios);
    run.requests_cut = 2;
    let tls = |version| Negotiated { version, cipher_suite: "TLS_AES_128_GCM_SHA256", is_http2: true };
    let api = peer("https://api.test", "10.0.0.7:443", 4);
    run.method.connections.peers = vec![
        Peer { tls: Some(tls(TlsVersion::Tls13)), ..api.clone() },
        Peer { tls: Some(tls(TlsVersion::Tls12)), opened: 1, ..api },
        Peer { is_proxied: true, ..peer("http://a.test", "10.0.0.9:3128", 2) },
        peer("http+unix://%2Frun%2Fapp.sock", "", 3),
        peer("http://b.test", "10.0.1.1:80", 1),
        peer("http://b.test", "10.0.1.2:80", 1),
    ];
    run.method.connections.peers_more = 5;
    run.method.protocols = vec![("HTTP/2".to_owned(), 1_000), ("HTTP/1.1".to_owned(), 204)];
    run.method.health.weight = Some(Weight::Inconclusive);
    run.method.health.codes = vec!["generator-cpu", "late-starts"];
    run.method.health.lateness = Some(trend([1_500, 90]));
    let commit = Commit { id: "0123456789abcdef0123456789abcdef01234567".to_owned(), holds_script: false };
    let version = ScriptVersion { sha256: "f".repeat(64), files: 3, commit: Some(commit) };
    run.method.provenance = Some(Provenance { script: Some(version), ..provenance() });
    insta::assert_snapshot!(text(&run));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&run)).unwrap());
}

#[test]
fn what_a_warm_up_leaves_out_is_told_beside_the_books() {
    let part = |requests| WarmUpPart { requests, failed: 0, times: Trend::new(), iterations: requests / 3 };
    let length = Duration::from_secs(2);
    let (before, after) = (part(90), part(1_204));
    let warm_up = WarmUpLine { length, elapsed: length, is_over: true, before, after };
    let run = Summary { warm_up: Some(warm_up), ..summary(vec![scenario("a", Model::Closed)]) };
    let told = |label: &str| rows(&run).into_iter().find(|(known, _)| *known == label).unwrap().1;
    assert_eq!(told("requests"), "1,204 = 1,180 ok + 24 failed; 90 more left out, in the warm-up");
    assert!(told("iterations").ends_with(" + 6 dropped; 30 of them ended in the warm-up"));
}

#[test]
fn no_line_is_wider_than_eighty_columns_and_narrow_terminals_get_narrower_ones() {
    let run = summary(vec![scenario("a", Model::Closed), scenario("b", Model::Open)]);
    for (width, most) in [(200, 80), (80, 80), (64, 64), (10, 56)] {
        let lines = lines(&run, Style { colour: false, width }, 2);
        assert!(lines.iter().all(|line| columns(line) <= most), "{width}: {lines:#?}");
    }
}

#[test]
fn a_run_without_a_load_tells_what_was_to_be_played() {
    let mut run = summary(Vec::new());
    run.elapsed = Duration::ZERO;
    let labels: Vec<&str> = rows(&run).iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["seed", "environment"]);
}

#[test]
fn a_load_without_requests_says_nothing_of_connections() {
    let mut run = summary(vec![scenario("a", Model::Open)]);
    (run.method.requests, run.method.connections) = (0, Connections::default());
    let labels: Vec<&str> = rows(&run).iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["model", "time starts", "iterations", "generator", "seed", "environment"]);
}
