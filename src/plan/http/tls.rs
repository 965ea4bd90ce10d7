//! How TLS is spoken.

use crate::plan::options::out_of_range;
use crate::plan::{OptionSpec, Options, PlanError, Reader, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where certificates are not verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Insecure {
    /// Nowhere: all are verified.
    #[default]
    None,
    /// Everywhere.
    All,
    /// At these hosts; `*.` stands for any one label before the rest.
    Hosts(Vec<String>),
}

impl Insecure {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Option<Self>, PlanError> {
        const NAME: &str = "insecure_skip_tls_verify";
        let Some((_, value)) = reader.find(NAME) else { return Ok(None) };
        Ok(Some(match value {
            Value::Bool(false) => Self::None,
            Value::Bool(true) => Self::All,
            _ => match reader.names(NAME)? {
                none if none.is_empty() => Self::None,
                hosts => Self::Hosts(hosts),
            },
        }))
    }
}

impl fmt::Display for Insecure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("false"),
            Self::All => f.write_str("true"),
            Self::Hosts(hosts) => f.write_str(&hosts.join(", ")),
        }
    }
}

/// A version of TLS that can be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    fn parse(option: &str, text: &str) -> Result<Self, PlanError> {
        let bare = text.trim().to_ascii_lowercase().replace(['v', ' ', '_'], "");
        match bare.strip_prefix("tls").unwrap_or(&bare) {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(out_of_range(
                option,
                format!("{text:?}"),
                "\"tls1.2\" or \"tls1.3\"; older ones are not spoken, since they are not safe",
            )),
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        })
    }
}

/// A certificate that the client shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The hosts that it is shown to; none: to all.
    pub domains: Vec<String>,
    /// The chain: a PEM file, or its text.
    pub cert: String,
    /// The key: a PEM file, or its text.
    pub key: String,
}

/// How TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The oldest version.
    pub min_version: TlsVersion,
    /// The newest.
    pub max_version: TlsVersion,
    /// Further authorities, as PEM files.
    pub roots: Vec<String>,
    /// What the client shows of itself.
    pub certificates: Vec<ClientCertificate>,
    /// Whether a session is taken up again.
    pub resumption: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            roots: Vec::new(),
            certificates: Vec::new(),
            resumption: true,
        }
    }
}

const VERSION_OPTIONS: &[OptionSpec] = &[
    OptionSpec { name: "min", takes: "a version", default: Some("\"tls1.2\""), about: "the oldest" },
    OptionSpec { name: "max", takes: "a version", default: Some("\"tls1.3\""), about: "the newest" },
];

const CERTIFICATE_OPTIONS: &[OptionSpec] = &[
    OptionSpec { name: "domains", takes: "a list of texts", default: Some("[]"), about: "shown to these" },
    OptionSpec { name: "cert", takes: "a text", default: None, about: "the chain, a PEM file or its text" },
    OptionSpec { name: "key", takes: "a text", default: None, about: "its key, a PEM file or its text" },
];

impl Tls {
    pub(super) fn with(&self, reader: &Reader<'_>) -> Result<Self, PlanError> {
        let mut tls = self.clone();
        if let Some((written, value)) = reader.find("tls_version") {
            (tls.min_version, tls.max_version) = versions(reader, written, value)?;
        }
        if reader.is_given("tls_roots") {
            tls.roots = reader.names("tls_roots")?;
        }
        if let Some((written, value)) = reader.find("tls_auth") {
            let list = match value {
                Value::List(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            tls.certificates = list
                .iter()
                .map(|item| match item {
                    Value::Map(map) => certificate(map),
                    other => Err(reader.wrong_type("tls_auth", written, other)),
                })
                .collect::<Result<_, _>>()?;
        }
        if reader.is_given("tls_resumption") {
            tls.resumption = reader.flag("tls_resumption")?;
        }
        Ok(tls)
    }
}

fn certificate(map: &Options) -> Result<ClientCertificate, PlanError> {
    let reader = Reader::new("a certificate of `tls_auth`", map, &[CERTIFICATE_OPTIONS]);
    reader.check_names()?;
    Ok(ClientCertificate {
        domains: reader.names("domains")?,
        cert: reader.text("cert")?,
        key: reader.text("key")?,
    })
}

/// One version alone is the oldest, as `#{ min }`.
fn versions(
    reader: &Reader<'_>,
    written: &str,
    value: &Value,
) -> Result<(TlsVersion, TlsVersion), PlanError> {
    let default = Tls::default();
    let (min, max) = match value {
        Value::Text(text) => (TlsVersion::parse(written, text)?, default.max_version),
        Value::Map(map) => {
            let reader = Reader::new("`tls_version`", map, &[VERSION_OPTIONS]);
            reader.check_names()?;
            let bound = |name| {
                let text = reader.optional_text(name)?;
                text.map(|text| TlsVersion::parse(&format!("{written}.{name}"), &text)).transpose()
            };
            (bound("min")?.unwrap_or(default.min_version), bound("max")?.unwrap_or(default.max_version))
        }
        other => return Err(reader.wrong_type("tls_version", written, other)),
    };
    if min > max {
        return Err(out_of_range(written, format!("{min} to {max}"), "from an older version to a newer one"));
    }
    Ok((min, max))
}

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let default = Self::default();
        if (self.min_version, self.max_version) != (default.min_version, default.max_version) {
            parts.push(format!("{} to {}", self.min_version, self.max_version));
        }
        if !self.roots.is_empty() {
            parts.push(format!("roots {}", self.roots.join(", ")));
        }
        if !self.certificates.is_empty() {
            parts.push("client certificates".to_string());
        }
        if !self.resumption {
            parts.push("no resumption".to_string());
        }
        f.write_str(&parts.join("; "))
    }
}
