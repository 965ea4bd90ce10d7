//! Who is asked for a name's addresses, and what it means when they have none.

use std::net::IpAddr;
use std::rc::Rc;

use super::super::error::Failure;
use super::servers::Servers;
use crate::plan::DnsPolicy;

/// Who is asked.
#[derive(Debug, Default)]
pub(in super::super) enum Lookup {
    /// The system, with all that it is set up to look at.
    #[default]
    System,
    /// Name servers, past the system.
    Servers(Box<Servers>),
}

impl Lookup {
    /// All addresses of a host; never an empty list.
    pub(super) async fn ask(&self, host: &str, policy: DnsPolicy) -> Result<Rc<[IpAddr]>, Failure> {
        match self {
            Self::Servers(servers) => found(host, servers.ask(host, policy).await?.into()),
            Self::System => match tokio::net::lookup_host((host, 0)).await {
                Ok(addresses) => found(host, addresses.map(|address| address.ip()).collect()),
                Err(error) => Err(look_up_failure(host, &error.to_string())),
            },
        }
    }
}

fn found(host: &str, addresses: Rc<[IpAddr]>) -> Result<Rc<[IpAddr]>, Failure> {
    if addresses.is_empty() { Err(Failure::HostNotFound { host: host.into() }) } else { Ok(addresses) }
}

/// The standard library passes `getaddrinfo`'s answer on as text only: glibc's and musl's words for
/// "there is no such name" are the target's fault, any other is a resolver that failed us.
fn look_up_failure(host: &str, text: &str) -> Failure {
    const NO_SUCH_NAME: [&str; 5] = [
        "Name or service not known",
        "No address associated",
        "does not resolve",
        "has no usable address",
        "nodename nor servname",
    ];
    if NO_SUCH_NAME.iter().any(|words| text.contains(words)) {
        return Failure::HostNotFound { host: host.into() };
    }
    let reason = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    Failure::Resolver { host: host.into(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_is_not_a_failing_resolver() {
        for text in [
            "failed to lookup address information: Name or service not known",
            "failed to lookup address information: Name does not resolve",
            "failed to lookup address information: No address associated with hostname",
        ] {
            assert_eq!(look_up_failure("h", text), Failure::HostNotFound { host: "h".into() });
        }
        let failing = look_up_failure(
            "h",
            "failed to lookup address information: Temporary failure in name resolution",
        );
        assert_eq!(failing.to_string(), "cannot resolve host `h`: Temporary failure in name resolution");
        assert!(failing.is_generator_fault());
    }
}
