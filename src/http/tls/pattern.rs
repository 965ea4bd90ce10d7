//! Which hosts a setting is meant for.

/// Whether a host is meant by a pattern: its name, or `*.` for any one label and the rest, as in certificates.
pub(super) fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (bare(pattern), bare(host));
    match pattern.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(label, parent)| !label.is_empty() && parent.eq_ignore_ascii_case(rest)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// Whether one of several patterns means it.
pub(in super::super) fn any_matches(patterns: &[String], host: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, host))
}

/// Without the brackets that a URL puts around an address of IPv6, and without DNS's last dot.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_host_or_one_label_before_it() {
        for (pattern, host, expected) in [
            ("a.test", "a.test", true),
            ("A.test", "a.TEST.", true),
            ("a.test", "b.a.test", false),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "c.b.a.test", false),
            ("*.a.test", "a.test", false),
            ("*.a.test", "ba.test", false),
            ("*.a.test", ".a.test", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("::1", "[::1]", true),
            ("[::1]", "::1", true),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
