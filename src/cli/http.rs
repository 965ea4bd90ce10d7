//! The flags that concern HTTP, k6's by their names: each becomes an option as a script would give it, and is read
//! and refused as such.

use clap::builder::BoolishValueParser;

use crate::plan::{Options, Value};

/// What the network looks like, instead of what the script says.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(super) struct HttpArguments {
    /// Don't verify certificates: none, or not those of the hosts named. The summary says so
    #[arg(
        long, env = "RUNNER_INSECURE_SKIP_TLS_VERIFY", value_name = "HOSTS", num_args = 0..=1, require_equals = true,
        default_missing_value = "true"
    )]
    insecure_skip_tls_verify: Option<String>,
    /// Believe the authorities in this PEM file too; repeatable
    #[arg(long, env = "RUNNER_TLS_ROOTS", value_name = "FILE", value_delimiter = ',')]
    tls_roots: Vec<String>,
    /// The HTTP to speak: auto, 1.1 or 2
    #[arg(long, env = "RUNNER_HTTP_VERSION", value_name = "VERSION")]
    http_version: Option<String>,
    /// An address for a name, such as api.test=127.0.0.1:8080; repeatable
    #[arg(long, env = "RUNNER_HOSTS", value_name = "NAME=ADDRESS", value_delimiter = ',', value_parser = pair)]
    hosts: Vec<String>,
    /// How names are resolved: system, or ttl=5m,select=random,policy=preferIPv4,server=10.0.0.2
    #[arg(long, env = "RUNNER_DNS", value_name = "HOW")]
    dns: Option<String>,
    /// Connect from these addresses of this machine: addresses, ranges and networks
    #[arg(long, env = "RUNNER_LOCAL_IPS", value_name = "ADDRESSES", value_delimiter = ',')]
    local_ips: Vec<String>,
    /// The proxy that requests go through: a URL, environment or none
    #[arg(long, env = "RUNNER_PROXY", value_name = "URL")]
    proxy: Option<String>,
    /// Never call these names; `*.test` stands for all that end so. Repeatable
    #[arg(long, env = "RUNNER_BLOCK_HOSTNAMES", value_name = "NAMES", value_delimiter = ',')]
    block_hostnames: Vec<String>,
    /// Never call these networks, such as 10.0.0.0/8; repeatable
    #[arg(long, env = "RUNNER_BLACKLIST_IPS", value_name = "NETWORKS", value_delimiter = ',')]
    blacklist_ip: Vec<String>,
    /// How many redirects a request follows
    #[arg(long, env = "RUNNER_MAX_REDIRECTS", value_name = "N")]
    max_redirects: Option<i64>,
    /// How many requests of a batch are under way at once
    #[arg(long, env = "RUNNER_BATCH", value_name = "N")]
    batch: Option<i64>,
    /// How many of them to one host; 0 is no limit
    #[arg(long, env = "RUNNER_BATCH_PER_HOST", value_name = "N")]
    batch_per_host: Option<i64>,
    /// Let each request connect anew
    #[arg(
        long, env = "RUNNER_NO_CONNECTION_REUSE", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    no_connection_reuse: Option<bool>,
    /// Close a user's connections when its iteration ends
    #[arg(
        long, env = "RUNNER_NO_VU_CONNECTION_REUSE", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    no_vu_connection_reuse: Option<bool>,
    /// Read response bodies and forget them
    #[arg(
        long, env = "RUNNER_DISCARD_RESPONSE_BODIES", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    discard_response_bodies: Option<bool>,
    /// Print each request and response; `=full` with bodies
    #[arg(
        long, env = "RUNNER_HTTP_DEBUG", value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_missing_value = "heads"
    )]
    http_debug: Option<String>,
}

fn pair(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, address)) if !name.is_empty() && !address.is_empty() => Ok(text.to_owned()),
        _ => Err("write a name and its address, such as api.test=127.0.0.1:8080".to_owned()),
    }
}

impl HttpArguments {
    /// The options that are given.
    pub(super) fn options(&self) -> Options {
        let text = |text: &String| Value::Text(text.clone());
        let texts =
            |list: &[String]| (!list.is_empty()).then(|| Value::List(list.iter().map(text).collect()));
        let insecure = self.insecure_skip_tls_verify.as_ref().map(|hosts| match hosts.as_str() {
            "true" | "1" | "yes" => Value::Bool(true),
            "false" | "0" | "no" => Value::Bool(false),
            hosts => Value::List(hosts.split(',').map(|host| Value::Text(host.trim().to_owned())).collect()),
        });
        let debug = self.http_debug.as_ref().map(|how| match how.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            how => Value::Text(how.to_owned()),
        });
        let hosts = self.hosts.iter().filter_map(|pair| {
            let (name, address) = pair.split_once('=')?;
            Some((name.to_owned(), Value::Text(address.to_owned())))
        });
        let hosts = (!self.hosts.is_empty()).then(|| Value::Map(hosts.collect()));
        [
            ("insecure_skip_tls_verify", insecure),
            ("tls_roots", texts(&self.tls_roots)),
            ("http_version", self.http_version.as_ref().map(text)),
            ("hosts", hosts),
            ("dns", self.dns.as_ref().map(text)),
            ("local_ips", texts(&self.local_ips)),
            ("proxy", self.proxy.as_ref().map(text)),
            ("block_hostnames", texts(&self.block_hostnames)),
            ("blacklist_ips", texts(&self.blacklist_ip)),
            ("max_redirects", self.max_redirects.map(Value::Int)),
            ("batch", self.batch.map(Value::Int)),
            ("batch_per_host", self.batch_per_host.map(Value::Int)),
            ("no_connection_reuse", self.no_connection_reuse.map(Value::Bool)),
            ("no_vu_connection_reuse", self.no_vu_connection_reuse.map(Value::Bool)),
            ("discard_response_bodies", self.discard_response_bodies.map(Value::Bool)),
            ("http_debug", debug),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}
