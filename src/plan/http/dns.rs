//! How names are resolved.

use crate::plan::options::out_of_range;
use crate::plan::{OptionSpec, PlanError, Reader, Value};
use crate::units::{duration_text, format_duration, parse_duration};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Which of a name's addresses is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsSelect {
    /// The first that answers; it is kept.
    First,
    /// One by chance for each connection.
    #[default]
    Random,
    /// Each in turn.
    RoundRobin,
}

/// Which kinds of addresses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsPolicy {
    /// IPv4 if there are any, else IPv6.
    #[default]
    PreferIpv4,
    /// IPv6 if there are any, else IPv4.
    PreferIpv6,
    /// IPv4 alone.
    OnlyIpv4,
    /// IPv6 alone.
    OnlyIpv6,
    /// Both.
    Any,
}

/// How names are resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Whether the system is asked (`getaddrinfo`: `/etc/hosts`, nsswitch and all); else the name servers of
    /// `/etc/resolv.conf` are, and their own time to live is known.
    pub system: bool,
    /// The name server that is asked in place of those, if one is named.
    pub server: Option<SocketAddr>,
    /// How long an answer is believed; [`Duration::MAX`] is for ever.
    #[serde(with = "duration_text")]
    pub ttl: Duration,
    /// Which address; nothing stands for the first with `system`, else for one by chance.
    pub select: DnsSelect,
    /// Which kinds of addresses.
    pub policy: DnsPolicy,
}

/// k6's.
const TTL: Duration = Duration::from_mins(5);
/// What `inf` stands for: longer than any run.
const TTL_INF: Duration = Duration::from_hours(24 * 365 * 10);

impl Default for Dns {
    /// The system is asked: what works for `localhost` and every name that a user can `curl`. The rest is k6's: of
    /// several addresses each gets its share, and IPv4 comes first.
    fn default() -> Self {
        Self {
            system: true,
            server: None,
            ttl: TTL,
            select: DnsSelect::default(),
            policy: DnsPolicy::default(),
        }
    }
}

const DNS_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "ttl",
        takes: "a duration or \"inf\"",
        default: Some("\"5m\""),
        about: "how long an answer is believed",
    },
    OptionSpec { name: "select", takes: "a word", default: Some("\"random\""), about: "which address" },
    OptionSpec { name: "policy", takes: "a word", default: Some("\"preferIPv4\""), about: "which kinds" },
    OptionSpec {
        name: "server",
        takes: "an address, or \"system\"",
        default: Some("those of /etc/resolv.conf"),
        about: "the name server that is asked",
    },
];

const SELECTS: [(&str, DnsSelect); 3] =
    [("first", DnsSelect::First), ("random", DnsSelect::Random), ("roundRobin", DnsSelect::RoundRobin)];
const POLICIES: [(&str, DnsPolicy); 5] = [
    ("preferIPv4", DnsPolicy::PreferIpv4),
    ("preferIPv6", DnsPolicy::PreferIpv6),
    ("onlyIPv4", DnsPolicy::OnlyIpv4),
    ("onlyIPv6", DnsPolicy::OnlyIpv6),
    ("any", DnsPolicy::Any),
];

impl Dns {
    pub(super) fn with(&self, reader: &Reader<'_>) -> Result<Self, PlanError> {
        let Some((written, value)) = reader.find("dns") else { return Ok(self.clone()) };
        let pairs: Vec<(String, String)> = match value {
            Value::Text(text) if text.trim() == "system" => return Ok(Self::default()),
            Value::Text(text) => pairs(written, text)?,
            Value::Map(map) => {
                let own = Reader::new("`dns`", map, &[DNS_OPTIONS]);
                own.check_names()?;
                map.iter()
                    .map(|(name, value)| match value {
                        Value::Text(text) => Ok((name.clone(), text.clone())),
                        Value::Int(0) => Ok((name.clone(), "0s".to_string())),
                        other => Err(own.wrong_type(name, &format!("{written}.{name}"), other)),
                    })
                    .collect::<Result<_, _>>()?
            }
            other => return Err(reader.wrong_type("dns", written, other)),
        };
        // Whoever says something of DNS gets k6's for the rest: the name servers are asked, past the system.
        let mut dns = Self { system: false, ..Self::default() };
        for (name, text) in pairs {
            let option = format!("{written}.{name}");
            match name.as_str() {
                "ttl" => dns.ttl = ttl(&option, text.trim())?,
                "select" => dns.select = word(&option, text.trim(), &SELECTS)?,
                "server" if text.trim() == "system" => dns.system = true,
                "server" => dns.server = Some(server(&option, text.trim())?),
                _ => dns.policy = word(&option, text.trim(), &POLICIES)?,
            }
        }
        Ok(dns)
    }
}

/// k6's `ttl=5m,select=random,policy=preferIPv4`.
fn pairs(written: &str, text: &str) -> Result<Vec<(String, String)>, PlanError> {
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        let name = name.trim();
        let is_known = DNS_OPTIONS.iter().any(|spec| spec.name == name);
        is_known.then(|| (name.to_string(), value.to_string()))
    };
    let refuse = || {
        out_of_range(written, format!("{text:?}"), "\"system\", or as \"ttl=5m,select=random,policy=any\"")
    };
    text.split(',').map(|item| pair(item).ok_or_else(refuse)).collect()
}

/// An address, or an address and a port.
fn server(option: &str, text: &str) -> Result<SocketAddr, PlanError> {
    const DNS_PORT: u16 = 53;
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    let refuse =
        |_| out_of_range(option, format!("{text:?}"), "\"system\", an address, or as \"10.0.0.2:53\"");
    address.or_else(|_| text.parse()).map_err(refuse)
}

fn ttl(option: &str, text: &str) -> Result<Duration, PlanError> {
    match text {
        "inf" => Ok(TTL_INF),
        "0" => Ok(Duration::ZERO),
        text => parse_duration(text)
            .map(|ttl| ttl.min(TTL_INF))
            .map_err(|source| PlanError::Unit { option: option.to_string(), source }),
    }
}

fn word<T: Copy>(option: &str, text: &str, words: &[(&str, T)]) -> Result<T, PlanError> {
    let bare = |word: &str| word.to_ascii_lowercase().replace(['_', '-'], "");
    let known = words.iter().find(|(word, _)| bare(word) == bare(text));
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        out_of_range(option, format!("{text:?}"), format!("one of {}", words.join(", ")))
    })
}

fn name_of<T: PartialEq>(value: &T, words: &'static [(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("system");
        }
        let ttl = if self.ttl == TTL_INF { "inf".to_string() } else { format_duration(self.ttl) };
        let select = name_of(&self.select, &SELECTS);
        write!(f, "ttl={ttl},select={select},policy={}", name_of(&self.policy, &POLICIES))?;
        match self.server {
            _ if self.system => f.write_str(",server=system"),
            Some(server) => write!(f, ",server={server}"),
            None => Ok(()),
        }
    }
}
