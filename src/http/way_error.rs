//! Why a host can't be reached by the way that the run's options lead, or must not be.

use std::net::IpAddr;

use rustix::io::Errno;

/// A way that is forbidden, or leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// The name has addresses, but none of the kind that the run's `dns` allows.
    #[error(
        "host `{host}` has addresses of {} alone, which `dns` doesn't allow", if *is_ipv4 { "IPv4" } else { "IPv6" }
    )]
    NoAddressOfKind {
        /// The name.
        host: Box<str>,
        /// Which kind it has.
        is_ipv4: bool,
    },
    /// The run must not call this host.
    #[error("host `{host}` is blocked: `block_hostnames` has `{pattern}`")]
    BlockedHost {
        /// The host.
        host: Box<str>,
        /// The entry that blocks it.
        pattern: Box<str>,
    },
    /// The run must not call this address.
    #[error("{address} is blacklisted: `blacklist_ips` has `{range}`")]
    Blacklisted {
        /// The address.
        address: IpAddr,
        /// The entry that forbids it.
        range: Box<str>,
    },
    /// The user's local address and the host's are not of one kind.
    #[error("{to} can't be reached from {from}: one is IPv4, the other IPv6")]
    OtherKind {
        /// The local address.
        from: IpAddr,
        /// The host's.
        to: IpAddr,
    },
    /// No connection to a Unix socket.
    #[error("cannot connect to the Unix socket `{path}`: {errno}")]
    Socket {
        /// Its path.
        path: Box<str>,
        /// The system's error.
        errno: Errno,
    },
}

impl WayError {
    /// k6's number for it.
    pub fn error_code(&self) -> u16 {
        match self {
            Self::NoAddressOfKind { .. } => 1101,
            Self::Blacklisted { .. } => 1110,
            Self::BlockedHost { .. } => 1111,
            Self::OtherKind { .. } => 1210,
            Self::Socket { errno: Errno::CONNREFUSED | Errno::NOENT, .. } => 1212,
            Self::Socket { .. } => 1213,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_a_server_is_one_where_nobody_listens() {
        for (errno, code) in [(Errno::NOENT, 1212), (Errno::CONNREFUSED, 1212), (Errno::ACCESS, 1213)] {
            assert_eq!(WayError::Socket { path: "/run/app.sock".into(), errno }.error_code(), code);
        }
    }
}
