//! Opening one connection: to an address, perhaps from a given one of this machine, or to a Unix socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::error::{Failure, Resource};
use super::stream::Stream;

/// Opens a connection over TCP. Small writes go out at once: a request is one write already.
pub(super) async fn dial(address: SocketAddr, from: Option<IpAddr>) -> io::Result<Stream> {
    let stream = match from {
        None => TcpStream::connect(address).await?,
        Some(from) => {
            let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A port that is in use towards other addresses is free towards this one: without that, one
            // local address holds as many connections as there are ports, whoever they go to.
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(from, 0))?;
            socket.connect(address).await?
        }
    };
    stream.set_nodelay(true)?;
    Ok(Stream::from(stream))
}

/// Opens a connection to a Unix socket. [`io::ErrorKind::WouldBlock`] means that the server's queue is full:
/// where TCP would knock again by itself, here nobody does.
pub(super) async fn dial_unix(path: &Path) -> io::Result<Stream> {
    UnixStream::connect(path).await.map(Stream::from)
}

/// Of the failures of several addresses the one to report: the first that says something about the
/// target. A machine without IPv6 answers `::1` with "address not available", which says nothing.
pub(super) fn more_telling(first: Option<Failure>, second: Failure) -> Failure {
    match first {
        None | Some(Failure::Unreachable { .. } | Failure::Exhausted { resource: Resource::Ports }) => second,
        Some(first) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_what_the_target_did() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let refused = || Failure::Refused { address };
        let ports = || Failure::Exhausted { resource: Resource::Ports };
        assert_eq!(more_telling(Some(ports()), refused()), refused());
        assert_eq!(more_telling(Some(refused()), ports()), refused());
        assert_eq!(more_telling(None, ports()), ports());
    }
}
