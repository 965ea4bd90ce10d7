//! The way of a request in curl's words: time-outs, whom to trust, which protocol, which proxy or socket.

use std::net::SocketAddr;

use super::super::client::Client;
use super::super::endpoint::Endpoint;
use super::super::error::Failure;
use super::super::exchange::Exchange;
use super::super::network::Network;
use super::super::request::Request;
use super::super::response::{Protocol, Response};
use super::super::tls::any_matches;
use super::super::way::{Place, Way};
use crate::plan::{HttpVersion, Insecure, ProxyChoice, TlsVersion};

/// What stands in place of a proxy's user and password.
const LOGIN: &str = "***";

/// A request whose body is larger makes curl wait for a `100 Continue` that we don't wait for.
const EXPECT_BYTES_MIN: u64 = 1 << 20;

/// The words, unquoted, in the order of the line.
pub(super) fn words(client: &Client, request: &Request<'_>, exchange: &Exchange) -> Vec<String> {
    let network = client.shared.network();
    let mut words = Vec::new();
    let mut say = |name: &str, value: Option<String>| {
        words.push(name.to_owned());
        words.extend(value);
    };
    say("--max-time", Some(seconds(request.timeout_ns)));
    if matches!(exchange.result, Err(Failure::ConnectTimeout { .. })) {
        say("--connect-timeout", Some(seconds(request.connect_timeout_ns)));
    }
    if request.body_bytes() >= EXPECT_BYTES_MIN {
        say("-H", Some("Expect:".to_owned()));
    }
    if let Some(version) = version(request.endpoint, network, exchange.result.as_ref().ok()) {
        say(version, None);
    }
    if request.endpoint.is_tls() {
        tls(request.endpoint, network, &mut say);
    }
    if let Some(address) = client.options().local_address {
        say("--interface", Some(address.to_string()));
    }
    if let Ok(way) = Way::to(request.endpoint, network, request.opens) {
        match way.proxy {
            Some(proxy) => {
                say("--proxy", Some(proxy.to_string()));
                if proxy.authorization().is_some() {
                    say("--proxy-user", Some(LOGIN.to_owned()));
                }
                match (request.endpoint.is_tls(), way.is_tunnel) {
                    (true, _) => {}
                    (false, true) => say("--proxytunnel", None),
                    // Curl's own, and no header of HTTP.
                    (false, false) => say("-H", Some("Proxy-Connection:".to_owned())),
                }
            }
            None if network.options().proxy == ProxyChoice::None => say("--noproxy", Some("*".to_owned())),
            None => {}
        }
        match way.place {
            Place::Unix(path) => say("--unix-socket", Some(path.display().to_string())),
            Place::Address(address) if way.proxy.is_none() && !is_written(request.endpoint, address) => {
                say("--connect-to", Some(format!("::{address}")));
            }
            Place::Address(_) | Place::Name(..) => {}
        }
    }
    words
}

/// As curl takes it, rounded up: `60`, `0.25`. A hop behind a redirect has what the others left of the whole, and nobody
/// wants its nanoseconds.
fn seconds(ns: u64) -> String {
    let step_ms = if ns < 10_000_000_000 { 1 } else { 1_000 };
    let ms = ns.div_ceil(1_000_000).div_ceil(step_ms) * step_ms;
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether the URL itself says so.
fn is_written(endpoint: &Endpoint, address: SocketAddr) -> bool {
    let host = endpoint.host().trim_start_matches('[').trim_end_matches(']');
    endpoint.port() == address.port() && host == address.ip().to_string()
}

/// The version that was spoken, else the one that was to be, where curl would choose another.
fn version(endpoint: &Endpoint, network: &Network, response: Option<&Response>) -> Option<&'static str> {
    let is_two = match (response.map(Response::protocol), network.options().version) {
        (Some(protocol), _) => Some(protocol == Protocol::Http2),
        (None, HttpVersion::Auto) => None,
        (None, version) => Some(version == HttpVersion::Http2),
    };
    match (is_two?, endpoint.is_tls()) {
        (true, true) => Some("--http2"),
        (true, false) => Some("--http2-prior-knowledge"),
        (false, true) => Some("--http1.1"),
        (false, false) => None,
    }
}

/// Whom it trusts, what it shows of itself. What an option has as text and not in a file, curl can't be told.
fn tls(endpoint: &Endpoint, network: &Network, say: &mut impl FnMut(&str, Option<String>)) {
    let options = network.options();
    let is_trusted = match &options.insecure {
        Insecure::None => false,
        Insecure::All => true,
        Insecure::Hosts(hosts) => any_matches(hosts, endpoint.host()),
    };
    if is_trusted {
        say("-k", None);
    }
    let is_file = |written: &String| !written.trim_start().starts_with("-----BEGIN");
    let tls = &options.tls;
    if let Some(root) = tls.roots.iter().find(|root| is_file(root)) {
        say("--cacert", Some(root.clone()));
    }
    let shown = tls
        .certificates
        .iter()
        .find(|one| one.domains.is_empty() || any_matches(&one.domains, endpoint.host()));
    if let Some(shown) = shown.filter(|shown| is_file(&shown.cert) && is_file(&shown.key)) {
        say("--cert", Some(shown.cert.clone()));
        say("--key", Some(shown.key.clone()));
    }
    if tls.min_version == TlsVersion::Tls13 {
        say("--tlsv1.3", None);
    }
    if tls.max_version == TlsVersion::Tls12 {
        say("--tls-max", Some("1.2".to_owned()));
    }
}
