//! How a run was measured, in a block of a few lines: the model of the load, where time starts and what it spans,
//! counts, connections, the generator's health, the script's version and the machine.
//!
//! The same under a summary and under a `hit`. Wrapped at 80 columns, on the widest terminal too: it is read, not
//! scanned.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::metrics::Trend;
use crate::results::{Books, Health, Model, Peer, Provenance, ScenarioLine, Summary, Weight};
use crate::units::{format_count, format_duration, format_latency_us, format_percent};

use super::Style;
use super::paint::{clean, columns, left, wrap};

/// A line's columns at most, and at least: narrower, and words stand below each other.
const COLUMNS: (usize, usize) = (56, 80);

/// From the left edge to a row's text: `connections` and two blanks.
const LABEL_COLUMNS: usize = 13;

/// Peers that are named; the rest is counted.
const PEERS_MAX: usize = 4;

/// Scenarios that are named of each model.
const SCENARIOS_MAX: usize = 4;

/// Characters of a hash or a commit: enough to tell versions of one script apart.
const HASH_CHARACTERS: usize = 12;

/// A p(99) of fewer samples is a matter of luck, and the largest stands in its place.
const SAMPLES_P99: u64 = 1_000;

/// What the two times of a request hold.
const SPANS: &str = "http_req_duration: send, wait, receive. http_req_response_time: a late start, DNS, connect, TLS and waiting for a connection too";

/// A row: what it is about, and its text.
type Row = (&'static str, String);

/// The block's lines, each with `indent` blanks in front.
pub(super) fn lines(summary: &Summary, style: Style, indent: usize) -> Vec<String> {
    let width = style.width.clamp(COLUMNS.0, COLUMNS.1) - indent - LABEL_COLUMNS;
    let mut lines = Vec::new();
    for (label, text) in rows(summary) {
        for (index, line) in wrap(&text, width).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            lines.push(format!("{}{}{line}", " ".repeat(indent), left(label, LABEL_COLUMNS)));
        }
    }
    lines
}

/// What there is to say; nothing of a run without a load.
pub(super) fn rows(summary: &Summary) -> Vec<Row> {
    if summary.elapsed.is_zero() {
        return summary.method.provenance.iter().flat_map(|known| origin(known, summary.seed)).collect();
    }
    let mut rows = vec![("model", model(&summary.scenarios)), ("time starts", start(&summary.scenarios))];
    if summary.method.requests > 0 {
        rows.push(("time spans", SPANS.to_owned()));
    }
    rows.extend(books(summary));
    rows.extend(connections(summary));
    rows.push(("generator", generator(&summary.method.health)));
    match &summary.method.provenance {
        Some(known) => rows.extend(origin(known, summary.seed)),
        None => rows.push(("seed", summary.seed.to_string())),
    }
    rows
}

/// The models that occur.
fn models(scenarios: &[ScenarioLine]) -> (bool, bool) {
    let has = |model| scenarios.iter().any(|line| line.model == model);
    (has(Model::Closed), has(Model::Open))
}

fn model(scenarios: &[ScenarioLine]) -> String {
    let told = |model| match model {
        Model::Closed => "closed: a user sends when its last answer has come",
        Model::Open => "open: iterations start when they are due, whoever is free",
    };
    match models(scenarios) {
        (true, true) => {
            let both = [Model::Closed, Model::Open].map(|model| {
                format!("{} ({})", told(model), names(scenarios.iter().filter(|line| line.model == model)))
            });
            both.join("; ")
        }
        (false, true) => told(Model::Open).to_owned(),
        _ => told(Model::Closed).to_owned(),
    }
}

fn names<'a>(lines: impl Iterator<Item = &'a ScenarioLine>) -> String {
    let names: Vec<String> = lines.map(|line| clean(&line.name)).collect();
    let more = names.len().saturating_sub(SCENARIOS_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown}, +{more} more") } else { shown }
}

fn start(scenarios: &[ScenarioLine]) -> String {
    let closed = "when a user is to send; what a stall holds back is never sent, nor counted";
    let open = "when an iteration was due; a late start counts as waiting";
    match models(scenarios) {
        (true, true) => format!("open: {open}; closed: {closed}"),
        (false, true) => open.to_owned(),
        _ => closed.to_owned(),
    }
}

/// The books: what became of requests and iterations, as equations that hold.
fn books(summary: &Summary) -> Vec<Row> {
    let mut rows = Vec::new();
    let method = &summary.method;
    let left_out = summary.warm_up.as_ref().map(|warm_up| &warm_up.before);
    let warm_up = left_out.map_or(0, |part| part.requests);
    if method.requests + warm_up > 0 || summary.requests_cut > 0 {
        let ok = method.requests - method.failed;
        let cut = match summary.requests_cut {
            0 => String::new(),
            cut => format!("; {} more, cut by the stop, in no metric", format_count(cut)),
        };
        let [all, ok, failed] = [method.requests, ok, method.failed].map(format_count);
        let warm_up = match warm_up {
            0 => String::new(),
            warm_up => format!("; {} more left out, in the warm-up", format_count(warm_up)),
        };
        rows.push(("requests", format!("{all} = {ok} ok + {failed} failed{warm_up}{cut}")));
    }
    let books = summary.books();
    let Books { scheduled, ok, failed, interrupted, dropped, .. } = books;
    // Of a run without an end.
    let running = match books.running() {
        0 => String::new(),
        running => format!(" + {} running", format_count(running)),
    };
    let [scheduled, ok, failed, interrupted, dropped] =
        [scheduled, ok, failed, interrupted, dropped].map(format_count);
    let warm_up = match left_out.map_or(0, |part| part.iterations) {
        0 => String::new(),
        warm_up => format!("; {} of them ended in the warm-up", format_count(warm_up)),
    };
    let all = format!(
        "{scheduled} = {ok} ok + {failed} failed + {interrupted} interrupted + {dropped} dropped{running}{warm_up}"
    );
    rows.push(("iterations", all));
    rows
}

/// The same for programs: times as integers in microseconds, shares as numbers. Keys stay.
pub(super) fn json(summary: &Summary) -> Json {
    let method = &summary.method;
    let all = &method.connections;
    let model = match models(&summary.scenarios) {
        (true, true) => "mixed",
        (false, true) => "open",
        _ => "closed",
    };
    let peer = |peer: &Peer| {
        json!({
            "origin": peer.origin,
            "address": peer.address.map(|address| address.to_string()),
            "proxied": peer.is_proxied,
            "tls_version": peer.tls.map(|tls| tls.version()),
            "tls_cipher_suite": peer.tls.map(|tls| tls.cipher_suite),
            "opened": peer.opened,
        })
    };
    let times = |trend: &Trend| {
        json!({
            "count": trend.count(),
            "p99_us": trend.quantile(0.99).map(|p99| p99.value_us),
            "max_us": trend.max().map(|max| max.value_us),
        })
    };
    let health = &method.health;
    let verdict = match health.weight {
        None => "healthy",
        Some(Weight::Warning) => "warns",
        Some(Weight::Inconclusive) => "limit",
    };
    let script = method.provenance.as_ref().and_then(|known| known.script.as_ref()).map(|script| {
        json!({
            "sha256": script.sha256,
            "files": script.files,
            "commit": script.commit.as_ref().map(|commit| &commit.id),
            "commit_holds_script": script.commit.as_ref().map(|commit| commit.holds_script),
        })
    });
    let protocols: Map<String, Json> =
        method.protocols.iter().map(|(protocol, requests)| (protocol.clone(), json!(requests))).collect();
    json!({
        "model": model,
        "seed": summary.seed,
        "connections_opened": all.opened,
        "connections_reused": all.reused,
        "peers": all.peers.iter().map(peer).collect::<Vec<_>>(),
        "connections_to_further_peers": all.peers_more,
        "protocols": protocols,
        "generator": {
            "verdict": verdict,
            "codes": health.codes,
            "cpu": health.cpu,
            "cpu_max": health.cpu_max,
            "loop_lag": health.lag.as_ref().map(times),
            "lateness": health.lateness.as_ref().map(times),
        },
        "script": script,
        "environment": method.provenance.as_ref().map(|known| &known.machine),
    })
}

/// How many there were, what they spoke, and with whom.
fn connections(summary: &Summary) -> Vec<Row> {
    let method = &summary.method;
    let all = &method.connections;
    if method.requests == 0 && all.opened == 0 {
        return Vec::new();
    }
    let reused = match all.reused {
        1 => "1 request reused one".to_owned(),
        many => format!("{} requests reused one", format_count(many)),
    };
    let mut parts = vec![format!("{} opened, {reused}", format_count(all.opened))];
    match method.protocols.as_slice() {
        [(only, _)] => parts.push(clean(only)),
        several => {
            let part = |(index, (protocol, answers)): (usize, &(String, u64))| {
                let noun = match (index, answers) {
                    (0, 1) => " answer",
                    (0, _) => " answers",
                    _ => "",
                };
                format!("{}{noun} by {}", format_count(*answers), clean(protocol))
            };
            parts.extend(several.iter().enumerate().map(part));
        }
    }
    let mut rows = vec![("connections", parts.join(", "))];
    let mut peers: Vec<&Peer> = all.peers.iter().collect();
    peers.sort_by_key(|peer| std::cmp::Reverse(peer.opened)); // stable: equal ones by origin
    let several = peers.len() > 1;
    for peer in peers.iter().take(PEERS_MAX) {
        rows.push(("peer", self::peer(peer, several)));
    }
    let more = peers.len().saturating_sub(PEERS_MAX);
    if more > 0 || all.peers_more > 0 {
        let hidden: u64 = peers.iter().skip(PEERS_MAX).map(|peer| peer.opened).sum();
        let at_least = if all.peers_more > 0 { "at least " } else { "" };
        rows.push((
            "",
            format!(
                "{at_least}{} more addresses, {} connections",
                format_count(more as u64),
                format_count(hidden + all.peers_more)
            ),
        ));
    }
    rows
}

/// `https://api.test at 10.0.0.7:443, TLS 1.3, TLS_AES_128_GCM_SHA256`.
fn peer(peer: &Peer, several: bool) -> String {
    let origin = clean(&peer.origin);
    let way = match peer.address {
        // A URL of the address itself needs no second word.
        Some(address) if !origin.ends_with(&format!("//{address}")) => {
            let through = if peer.is_proxied { "through the proxy" } else { "at" };
            format!(" {through} {address}")
        }
        Some(_) | None => String::new(),
    };
    let tls = match &peer.tls {
        Some(tls) => {
            format!("TLS {}, {}", tls.version().trim_start_matches("tls"), tls.cipher_suite)
        }
        None => "no TLS".to_owned(),
    };
    let connections = match (several, peer.opened) {
        (false, _) => String::new(),
        (true, 1) => ", 1 connection".to_owned(),
        (true, opened) => format!(", {} connections", format_count(opened)),
    };
    format!("{origin}{way}, {tls}{connections}")
}

fn generator(health: &Health) -> String {
    let verdict = match health.weight {
        None => "healthy".to_owned(),
        Some(Weight::Warning) => format!("warns ({})", health.codes.join(", ")),
        Some(Weight::Inconclusive) => format!("the limit ({})", health.codes.join(", ")),
    };
    let mut parts = Vec::new();
    if let Some(cpu) = health.cpu {
        // Of a load that is shorter than a second or two the whole may lie above its whole seconds.
        let max = health.cpu_max.filter(|max| *max > cpu);
        let max = max.map(|max| format!(" (at most {})", format_percent(max))).unwrap_or_default();
        parts.push(format!("busiest worker {} of a core{max}", format_percent(cpu)));
    }
    parts.extend(health.lag.as_ref().map(|lag| format!("loop lag {}", late(lag))));
    parts.extend(health.lateness.as_ref().map(|lateness| format!("starts late by {}", late(lateness))));
    match (parts.is_empty(), health.weight) {
        (true, None) => "not measured".to_owned(),
        (true, Some(_)) => verdict,
        (false, _) => format!("{verdict}: {}", parts.join("; ")),
    }
}

/// `p(99) 54µs, max 1.2ms`.
fn late(trend: &Trend) -> String {
    let shown = |us: u64| match us {
        0..1_000 => format_duration(Duration::from_micros(us)),
        _ => format_latency_us(us as f64),
    };
    let max = format!("max {}", shown(trend.max().map_or(0, |max| max.value_us)));
    match trend.quantile(0.99).filter(|_| trend.count() >= SAMPLES_P99) {
        Some(p99) => format!("p(99) {}, {max}", shown(p99.value_us)),
        None => max,
    }
}

/// What was played, and where.
fn origin(known: &Provenance, seed: u64) -> Vec<Row> {
    let short = |hash: &str| hash.get(..HASH_CHARACTERS).unwrap_or(hash).to_owned();
    let mut parts = Vec::new();
    if let Some(script) = &known.script {
        let files = if script.files == 1 { String::new() } else { format!(" ({} files)", script.files) };
        parts.push(format!("sha256 {}{files}", short(&script.sha256)));
        if let Some(commit) = &script.commit {
            let held = if commit.holds_script { "" } else { ", which has other text" };
            parts.push(format!("git {}{held}", short(&commit.id)));
        }
    }
    let label = if parts.is_empty() { "seed" } else { "script" };
    parts.push(if parts.is_empty() { seed.to_string() } else { format!("seed {seed}") });
    let machine = &known.machine;
    let build =
        if machine.build == "release" { String::new() } else { format!(" ({} build)", machine.build) };
    let noun = |count: u64, noun: &str| {
        format!("{} {noun}{}", format_count(count), if count == 1 { "" } else { "s" })
    };
    let environment = [
        format!("runner {}{build}", machine.runner),
        format!("{} {}", std::env::consts::OS, clean(&machine.kernel)),
        clean(&machine.cpu_model),
        format!("{}, {}", noun(machine.cores, "core"), noun(machine.workers, "worker")),
    ];
    let environment: Vec<String> = environment.into_iter().filter(|part| columns(part) > 0).collect();
    vec![(label, parts.join(" · ")), ("environment", environment.join(" · "))]
}

#[cfg(test)]
mod tests;
