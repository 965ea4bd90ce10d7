//! What scripts, files and flags may say of HTTP, and how what is wrong is named.

use std::time::Duration;

use super::*;
use crate::plan::{Options, PlanError, Value};
use serde_json::json;

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int)
        }
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(list) => Value::List(list.iter().map(value).collect()),
        serde_json::Value::Object(map) => {
            Value::Map(map.iter().map(|(name, item)| (name.clone(), value(item))).collect())
        }
        serde_json::Value::Null => unreachable!("no option is nothing"),
    }
}

fn read(json: serde_json::Value) -> Result<HttpOptions, PlanError> {
    let Value::Map(options) = value(&json) else { unreachable!("the tests give maps") };
    HttpOptions::default().overridden(&options)
}

#[test]
fn the_defaults_are_those_of_the_reference() {
    let none = read(json!({})).unwrap();
    assert_eq!(none, HttpOptions::default());
    for name in ["max_redirects", "batch", "batch_per_host"] {
        let spec = HTTP_OPTIONS.iter().find(|spec| spec.name == name).unwrap();
        let options = Options::from([(name.to_string(), Value::Int(spec.default.unwrap().parse().unwrap()))]);
        assert_eq!(none.overridden(&options).unwrap(), none, "{name}");
    }
    assert!(none.settings().is_empty());
}

#[test]
fn what_k6_users_write_is_understood() {
    let http = read(json!({
        "insecureSkipTLSVerify": true,
        "tlsVersion": { "min": "tls1.2", "max": "tls1.2" },
        "tlsAuth": [{ "domains": ["api.test"], "cert": "c.pem", "key": "k.pem" }],
        "hosts": { "api.test": "127.0.0.1:8080" },
        "dns": { "ttl": "1m", "select": "roundRobin", "policy": "onlyIPv4" },
        "localIPs": "10.0.0.1-10.0.0.9,10.1.0.0/24",
        "blockHostnames": ["*.test"],
        "blacklistIPs": ["10.0.0.0/8"],
        "maxRedirects": 0,
        "batchPerHost": 2,
        "noConnectionReuse": true,
        "noVUConnectionReuse": true,
        "discardResponseBodies": true,
        "noCookiesReset": true,
        "httpDebug": "full",
    }))
    .unwrap();
    assert_eq!(http.insecure, Insecure::All);
    assert_eq!((http.tls.min_version, http.tls.max_version), (TlsVersion::Tls12, TlsVersion::Tls12));
    assert_eq!(http.tls.certificates[0].domains, ["api.test"]);
    assert_eq!(http.dns.ttl, Duration::from_mins(1));
    assert_eq!((http.dns.select, http.dns.policy), (DnsSelect::RoundRobin, DnsPolicy::OnlyIpv4));
    assert_eq!(http.local_ips, ["10.0.0.1-10.0.0.9", "10.1.0.0/24"]);
    assert_eq!((http.max_redirects, http.batch_per_host), (0, 2));
    assert!(http.no_connection_reuse && http.no_vu_connection_reuse && http.no_cookies_reset);
    assert_eq!(http.debug, Some(HttpDebug::Full));
    assert_eq!(http.settings().len(), 13);
}

#[test]
fn dns_is_a_text_a_map_or_the_system() {
    let dns = |value| read(json!({ "dns": value })).map(|http| http.dns);
    assert_eq!(dns(json!("system")).unwrap(), Dns::default());
    let text = dns(json!("ttl=inf,select=first")).unwrap();
    assert_eq!((text.system, text.select, text.policy), (false, DnsSelect::First, DnsPolicy::PreferIpv4));
    assert_eq!(text.to_string(), "ttl=inf,select=first,policy=preferIPv4");
    assert_eq!(dns(json!({ "ttl": 0 })).unwrap().ttl, Duration::ZERO);
    let named = dns(json!("server=10.0.0.2")).unwrap();
    assert_eq!((named.system, named.server), (false, Some("10.0.0.2:53".parse().unwrap())));
    assert_eq!(named.to_string(), "ttl=5m,select=random,policy=preferIPv4,server=10.0.0.2:53");
    let asked = dns(json!({ "server": "system", "select": "first" })).unwrap();
    assert_eq!((asked.system, asked.select), (true, DnsSelect::First));
    assert_eq!(asked.to_string(), "ttl=5m,select=first,policy=preferIPv4,server=system");
    assert_eq!(dns(json!("server=[::1]:5353")).unwrap().server, Some("[::1]:5353".parse().unwrap()));
    insta::assert_snapshot!(dns(json!("server=dns.test")).unwrap_err(), @r#"`dns.server` is "dns.test", but must be "system", an address, or as "10.0.0.2:53""#);
    insta::assert_snapshot!(dns(json!("fast")).unwrap_err(), @r#"`dns` is "fast", but must be "system", or as "ttl=5m,select=random,policy=any""#);
    insta::assert_snapshot!(dns(json!({ "select": "last" })).unwrap_err(), @r#"`dns.select` is "last", but must be one of "first", "random", "roundRobin""#);
    insta::assert_snapshot!(dns(json!({ "ttl": "5" })).unwrap_err(), @"`dns.ttl`: `5` has no unit");
}

#[test]
fn what_is_wrong_is_named() {
    insta::assert_snapshot!(read(json!({ "http_version": "3" })).unwrap_err(), @r#"`http_version` is "3", but must be "auto", "1.1" or "2""#);
    insta::assert_snapshot!(read(json!({ "tls_version": "tls1.0" })).unwrap_err(), @r#"`tls_version` is "tls1.0", but must be "tls1.2" or "tls1.3"; older ones are not spoken, since they are not safe"#);
    insta::assert_snapshot!(read(json!({ "tls_version": { "min": "tls1.3", "max": "tls1.2" } })).unwrap_err(), @"`tls_version` is tls1.3 to tls1.2, but must be from an older version to a newer one");
    insta::assert_snapshot!(read(json!({ "tls_auth": [{ "cert": "c.pem" }] })).unwrap_err(), @"a certificate of `tls_auth` needs the option `key`");
    insta::assert_snapshot!(read(json!({ "max_redirects": -1 })).unwrap_err(), @"`max_redirects` is -1, but must be from 0 to 1,000");
    insta::assert_snapshot!(read(json!({ "http_debug": "loud" })).unwrap_err(), @r#"`http_debug` is "loud", but must be "heads" or "full""#);
}

#[test]
fn a_proxy_is_shown_without_its_password() {
    let http = read(json!({ "proxy": "http://me:secret@proxy.test:3128" })).unwrap();
    assert_eq!(http.proxy, ProxyChoice::Url("http://me:secret@proxy.test:3128".into()));
    assert_eq!(http.settings(), [("proxy", "proxy.test:3128".to_string())]);
}

#[test]
fn every_option_is_documented() {
    let docs = include_str!("../../../docs/network.md");
    for spec in HTTP_OPTIONS {
        assert!(
            docs.contains(&format!("\n| `{}` |", spec.name)),
            "docs/network.md has no row for `{}`",
            spec.name
        );
    }
}
