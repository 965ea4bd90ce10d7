//! All of them together, read from one table.
//!
//! A script's `options(#{ … })`, a configuration file and the command line all become [`Options`] first. What needs
//! the machine to be judged, such as whether a certificate can be read, the client says when it is made
//! ([`crate::http::Network`]).

use super::{Dns, HTTP_OPTIONS, Insecure, Tls};
use crate::plan::options::out_of_range;
use crate::plan::{Options, PlanError, Reader, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most redirects of one request, and the most requests of a batch that are under way at once.
const MANY_MAX: u64 = 1_000;

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    /// Over TLS what the server chooses, in plain HTTP/1.1: as browsers and k6.
    #[default]
    Auto,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone, in plain by prior knowledge.
    Http2,
}

/// Whether requests go through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyChoice {
    /// As `http_proxy`, `https_proxy` and `no_proxy` say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    None,
    /// This one for all.
    Url(String),
}

/// How much of each exchange is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpDebug {
    /// Request lines, statuses and headers.
    Heads,
    /// Bodies too.
    Full,
}

/// Options of the run that concern HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as a script gives them")]
pub struct HttpOptions {
    /// Where certificates are not verified.
    pub insecure: Insecure,
    /// How TLS is spoken.
    pub tls: Tls,
    /// Which version of HTTP.
    pub version: HttpVersion,
    /// Addresses for names, as `/etc/hosts` has them; `*.` stands for any one label before the rest.
    pub hosts: BTreeMap<String, String>,
    /// How names are resolved.
    pub dns: Dns,
    /// Addresses, ranges and networks of this machine to connect from.
    pub local_ips: Vec<String>,
    /// Whether through a proxy.
    pub proxy: ProxyChoice,
    /// Names that are never called; `*` stands for any beginning.
    pub block_hostnames: Vec<String>,
    /// Networks that are never called.
    pub blacklist_ips: Vec<String>,
    /// How many redirects a request follows, unless it says otherwise.
    pub max_redirects: u64,
    /// How many requests of a `batch` are under way at once.
    pub batch: u64,
    /// How many of them to one host.
    pub batch_per_host: u64,
    /// Whether each request takes a connection of its own.
    pub no_connection_reuse: bool,
    /// Whether connections end with the iteration.
    pub no_vu_connection_reuse: bool,
    /// Whether bodies are read and forgotten, unless a request says otherwise.
    pub discard_response_bodies: bool,
    /// Whether a user keeps its cookies from one iteration to the next.
    pub no_cookies_reset: bool,
    /// What is printed of each exchange, if anything.
    pub debug: Option<HttpDebug>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            insecure: Insecure::default(),
            tls: Tls::default(),
            version: HttpVersion::default(),
            hosts: BTreeMap::new(),
            dns: Dns::default(),
            local_ips: Vec::new(),
            proxy: ProxyChoice::default(),
            block_hostnames: Vec::new(),
            blacklist_ips: Vec::new(),
            max_redirects: 10,
            batch: 20,
            batch_per_host: 6,
            no_connection_reuse: false,
            no_vu_connection_reuse: false,
            discard_response_bodies: false,
            no_cookies_reset: false,
            debug: None,
        }
    }
}

impl HttpOptions {
    /// What is given in place of what `self` says. Names that are no option of HTTP are left to others.
    pub fn overridden(&self, options: &Options) -> Result<Self, PlanError> {
        self.with(&Reader::new("`options`", options, &[HTTP_OPTIONS]))
    }

    /// The same from a reader that knows [`HTTP_OPTIONS`] among others.
    pub(in crate::plan) fn with(&self, reader: &Reader<'_>) -> Result<Self, PlanError> {
        let mut http = self.clone();
        let given = |name: &str| reader.is_given(name);
        http.insecure = Insecure::read(reader)?.unwrap_or(http.insecure);
        http.tls = http.tls.with(reader)?;
        if given("http_version") {
            http.version = version(reader)?;
        }
        http.hosts.extend(reader.texts("hosts")?);
        http.dns = http.dns.with(reader)?;
        for (name, list) in [
            ("local_ips", &mut http.local_ips),
            ("block_hostnames", &mut http.block_hostnames),
            ("blacklist_ips", &mut http.blacklist_ips),
        ] {
            if given(name) {
                *list = listed(&reader.names(name)?);
            }
        }
        if let Some(text) = reader.optional_text("proxy")? {
            http.proxy = match text.as_str() {
                "environment" => ProxyChoice::Environment,
                "none" | "" => ProxyChoice::None,
                _ => ProxyChoice::Url(text),
            };
        }
        for (name, count, least) in [
            ("max_redirects", &mut http.max_redirects, 0),
            ("batch", &mut http.batch, 1),
            ("batch_per_host", &mut http.batch_per_host, 0),
        ] {
            if given(name) {
                *count = reader.count(name, least..=MANY_MAX)?;
            }
        }
        for (name, switch) in [
            ("no_connection_reuse", &mut http.no_connection_reuse),
            ("no_vu_connection_reuse", &mut http.no_vu_connection_reuse),
            ("discard_response_bodies", &mut http.discard_response_bodies),
            ("no_cookies_reset", &mut http.no_cookies_reset),
        ] {
            if given(name) {
                *switch = reader.flag(name)?;
            }
        }
        if given("http_debug") {
            http.debug = debug(reader)?;
        }
        Ok(http)
    }

    /// What says how the network looks, where it differs from the defaults: name and value.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let list = |names: &[String]| names.join(", ");
        let differs = [
            ("insecure_skip_tls_verify", self.insecure.to_string(), self.insecure != default.insecure),
            ("tls", self.tls.to_string(), self.tls != default.tls),
            ("http_version", version_word(self.version).to_string(), self.version != default.version),
            ("hosts", list(&self.hosts.keys().cloned().collect::<Vec<_>>()), !self.hosts.is_empty()),
            ("dns", self.dns.to_string(), self.dns != default.dns),
            ("local_ips", list(&self.local_ips), !self.local_ips.is_empty()),
            ("proxy", self.proxy.to_string(), self.proxy != default.proxy),
            ("block_hostnames", list(&self.block_hostnames), !self.block_hostnames.is_empty()),
            ("blacklist_ips", list(&self.blacklist_ips), !self.blacklist_ips.is_empty()),
            ("max_redirects", self.max_redirects.to_string(), self.max_redirects != default.max_redirects),
            ("batch", self.batch.to_string(), self.batch != default.batch),
            (
                "batch_per_host",
                self.batch_per_host.to_string(),
                self.batch_per_host != default.batch_per_host,
            ),
            ("no_connection_reuse", "true".to_string(), self.no_connection_reuse),
            ("no_vu_connection_reuse", "true".to_string(), self.no_vu_connection_reuse),
            ("discard_response_bodies", "true".to_string(), self.discard_response_bodies),
            ("no_cookies_reset", "true".to_string(), self.no_cookies_reset),
        ];
        differs.into_iter().filter_map(|(name, value, differs)| differs.then_some((name, value))).collect()
    }
}

/// A proxy is named without its password.
impl std::fmt::Display for ProxyChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::None => f.write_str("none"),
            Self::Url(url) => match url.rsplit_once('@') {
                Some((_, host)) => f.write_str(host),
                None => f.write_str(url),
            },
        }
    }
}

/// The items of a list, each perhaps several with commas between, as the command line has them.
fn listed(names: &[String]) -> Vec<String> {
    let items = names.iter().flat_map(|name| name.split(','));
    items.map(str::trim).filter(|item| !item.is_empty()).map(str::to_string).collect()
}

/// The words of `http_version`.
const VERSIONS: [(&str, HttpVersion); 3] =
    [("auto", HttpVersion::Auto), ("1.1", HttpVersion::Http1), ("2", HttpVersion::Http2)];

fn version_word(version: HttpVersion) -> &'static str {
    VERSIONS.iter().find(|(_, known)| *known == version).map_or("auto", |(word, _)| word)
}

/// `"2"`, and as a script may well write it, 2 or 1.1.
fn version(reader: &Reader<'_>) -> Result<HttpVersion, PlanError> {
    let (written, value) = reader.given("http_version")?;
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        other => return Err(reader.wrong_type("http_version", written, other)),
    };
    let known = VERSIONS.iter().find(|(word, _)| *word == text);
    let refuse = || out_of_range(written, format!("{text:?}"), "\"auto\", \"1.1\" or \"2\"");
    known.map(|(_, version)| *version).ok_or_else(refuse)
}

/// `true` or `"heads"`, or `"full"`; `false` is none.
fn debug(reader: &Reader<'_>) -> Result<Option<HttpDebug>, PlanError> {
    let (written, value) = reader.given("http_debug")?;
    match value {
        Value::Bool(false) => Ok(None),
        Value::Bool(true) => Ok(Some(HttpDebug::Heads)),
        Value::Text(text) => match text.as_str() {
            "heads" => Ok(Some(HttpDebug::Heads)),
            "full" => Ok(Some(HttpDebug::Full)),
            other => Err(out_of_range(written, format!("{other:?}"), "\"heads\" or \"full\"")),
        },
        other => Err(reader.wrong_type("http_debug", written, other)),
    }
}
