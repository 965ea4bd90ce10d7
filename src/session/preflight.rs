//! Whether the plan's hosts are there, before any load: a run against nothing measures nothing.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;

use crate::diagnostic::{Code, Diagnostic};
use crate::http::{Failure, Network, Place};
use crate::plan::{Flow, Plan, without_login};

/// How long one address may take to answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Resolves and connects to each host of the plan once.
pub fn preflight(plan: &Plan) -> Result<(), Diagnostic> {
    let scenarios =
        plan.scenarios.iter().map(|scenario| scenario.base_url.as_ref().or(plan.base_url.as_ref()));
    let urls: BTreeSet<&str> =
        scenarios.chain([plan.base_url.as_ref()]).flatten().map(String::as_str).collect();
    let is_script = plan.scenarios.iter().all(|scenario| !matches!(scenario.flow, Flow::Request(_)));
    if urls.is_empty() {
        return Ok(());
    }
    let network = Network::new(&plan.options.http)
        .map_err(|error| Diagnostic::new(Code::Plan, error.to_string()).hint(error.hint))?;
    urls.into_iter().try_for_each(|url| reach(url, &network, if is_script { OF_SCRIPT } else { OF_REQUEST }))
}

/// What to do about a host that isn't there.
const OF_SCRIPT: &str =
    "start the service, or point the script elsewhere: `TARGET_URL`, `base_url(…)`, `--base-url`";
/// The same where the address was written with the command.
const OF_REQUEST: &str = "start the service, or correct host and port of the URL";

fn reach(base_url: &str, network: &Network, advice: &str) -> Result<(), Diagnostic> {
    let refused = |why: String| {
        Diagnostic::new(Code::Preflight, format!("{} can't be reached: {why}", without_login(base_url)))
            .hint(advice)
    };
    let endpoint = crate::http::Endpoint::parse(None, base_url)
        .map_err(|error| Diagnostic::new(Code::Plan, error.to_string()))?;
    // Through a proxy it is the proxy that must be there.
    let refused = |why: String| match network.proxy_of(&endpoint) {
        None => refused(why),
        Some(proxy) => refused(format!("no connection to the proxy {proxy}: {why}"))
            .hint("start the proxy, or correct it: `proxy` in `options`, `--proxy`, `http_proxy`"),
    };
    let place = network.place(&endpoint).map_err(|failure| refused(failure.to_string()))?;
    let addresses: Vec<SocketAddr> = match place {
        Place::Unix(path) => {
            return match UnixStream::connect(path) {
                // A full queue is that of a service which is there.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    Err(refused(format!("the Unix socket `{}`: {error}", path.display())))
                }
                _ => Ok(()),
            };
        }
        Place::Address(address) => vec![address],
        Place::Name(host, port) => match network.look_up(host) {
            Ok(found) => found.into_iter().map(|address| SocketAddr::new(address, port)).collect(),
            Err(Failure::Resolver { reason, .. }) => {
                return Err(Diagnostic::new(
                    Code::Inconclusive,
                    format!("no resolver could be asked for `{host}`: {reason}"),
                )
                .hint("that says nothing of the service: look at this machine's network"));
            }
            Err(failure) => return Err(refused(format!("`{host}` does not resolve: {failure}"))),
        },
    };
    let mut failed = Vec::new();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_MAX) {
            Ok(_) => return Ok(()),
            Err(error) => failed.push((address, error)),
        }
    }
    // The last that says something of the service: without IPv6, `::1` has no local address to offer.
    let last = failed.iter().rfind(|(_, error)| !is_lack(error)).or(failed.last());
    Err(match last {
        Some((address, error)) if is_lack(error) => Diagnostic::new(
            Code::Inconclusive,
            format!("no connection to {address} could be opened from here: {error}"),
        )
        .hint("that says nothing of the service: look at this machine's descriptors and local ports"),
        Some((address, error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            refused(format!("{address} refused the connection, nothing listens there"))
        }
        Some((address, error)) => refused(format!("{address}: {error}")),
        None => refused(format!("`{}` has no address", endpoint.host())),
    })
}

/// Whether this machine lacked a descriptor, a local port or memory.
fn is_lack(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::AGAIN, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan { base_url: Some(url.to_owned()), ..Plan::default() }
    }

    #[test]
    fn a_listening_host_is_reached_and_a_closed_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(preflight(&plan(&format!("http://127.0.0.1:{port}/api"))).is_ok());
        drop(listener);
        let error = preflight(&plan(&format!("http://127.0.0.1:{port}"))).unwrap_err();
        assert_eq!(error.code, Code::Preflight);
        assert!(error.message.contains("refused") && error.message.contains(&port.to_string()), "{error}");
    }

    #[test]
    fn what_this_machine_lacks_is_told_from_what_the_service_does() {
        let of = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_lack(&of(Errno::MFILE)) && is_lack(&of(Errno::ADDRNOTAVAIL)));
        assert!(!is_lack(&of(Errno::CONNREFUSED)) && !is_lack(&of(Errno::HOSTUNREACH)));
    }

    #[test]
    fn a_plan_without_hosts_has_nothing_to_reach() {
        assert!(preflight(&Plan::default()).is_ok());
    }
}
