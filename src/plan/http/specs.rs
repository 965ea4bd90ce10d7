//! The options of HTTP, as the reference lists them.

use crate::plan::OptionSpec;

const fn spec(
    name: &'static str,
    takes: &'static str,
    default: &'static str,
    about: &'static str,
) -> OptionSpec {
    OptionSpec { name, takes, default: Some(default), about }
}

/// What `options(#{ … })`, a configuration file and the command line may say of HTTP.
pub const HTTP_OPTIONS: &[OptionSpec] = &[
    spec(
        "insecure_skip_tls_verify",
        "true, false or a list of hosts",
        "false",
        "where certificates are not verified; the summary says so",
    ),
    spec("tls_version", "a version, or `#{ min, max }`", "\"tls1.2\"", "the oldest TLS that is spoken"),
    spec(
        "tls_auth",
        "a list of `#{ cert, key, domains }`",
        "[]",
        "certificates that the client shows: PEM files, or their text",
    ),
    spec("tls_roots", "a list of files", "[]", "further authorities whose certificates are believed, as PEM"),
    spec("tls_resumption", "true or false", "true", "whether a TLS session is taken up again"),
    spec("http_version", "\"auto\", \"1.1\" or \"2\"", "\"auto\"", "which HTTP; over TLS the server chooses"),
    spec("hosts", "a map of texts", "#{}", "addresses for names: `#{ \"api.test\": \"127.0.0.1:8080\" }`"),
    spec(
        "dns",
        "`#{ ttl, select, policy, server }`, the same as k6's text, or \"system\"",
        "\"system\"",
        "how names are resolved, and for how long",
    ),
    spec("local_ips", "a list of texts", "[]", "addresses of this machine to connect from"),
    spec(
        "proxy",
        "a URL, \"environment\" or \"none\"",
        "\"environment\"",
        "the proxy that requests go through",
    ),
    spec("block_hostnames", "a list of texts", "[]", "names that are never called; `*` begins a pattern"),
    spec("blacklist_ips", "a list of texts", "[]", "networks that are never called: \"10.0.0.0/8\""),
    spec("max_redirects", "an integer", "10", "how many redirects a request follows"),
    spec("batch", "an integer", "20", "how many requests of a batch are under way at once"),
    spec("batch_per_host", "an integer", "6", "how many of them to one host; 0 is no limit"),
    spec("no_connection_reuse", "true or false", "false", "whether each request connects anew"),
    spec("no_vu_connection_reuse", "true or false", "false", "whether connections end with the iteration"),
    spec("discard_response_bodies", "true or false", "false", "whether bodies are read and forgotten"),
    spec("no_cookies_reset", "true or false", "false", "whether cookies outlive the iteration"),
    spec(
        "http_debug",
        "true, false, \"heads\" or \"full\"",
        "false",
        "prints each request and response; \"full\" with bodies",
    ),
];
