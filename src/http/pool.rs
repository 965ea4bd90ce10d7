//! The idle connections of one virtual user: a browser's small pool, not a client's shared one.
//!
//! Invariant: what lies here has answered its last request completely and has no bytes to read. An
//! idle connection owns its socket and nothing else, so that ten thousand users stay cheap.

use std::net::SocketAddr;
use std::rc::Rc;

use super::endpoint::Endpoint;
use super::network::ProxyUrl;
use super::outbox::Socket;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Rc<Socket>,
    /// The other end; a Unix socket has no address.
    pub(super) remote: Option<SocketAddr>,
    /// The proxy that requests over it are to be passed on by, if they are.
    pub(super) proxy: Option<Rc<ProxyUrl>>,
    /// Where it leads: the endpoint's own text, so that idle connections keep no endpoint alive.
    pub(super) origin: Rc<str>,
    /// Both sides agreed to speak HTTP/2: by prior knowledge, or in TLS (ALPN). Such a connection becomes a
    /// [`Session`](super::h2::Session) and never lies in the pool.
    pub(super) speaks_http2: bool,
}

/// Idle connections, the most recently used last.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Vec<Connection>,
}

impl Pool {
    /// Takes a connection to the endpoint's origin; those found closed are dropped on the way.
    pub(super) fn take(&mut self, endpoint: &Endpoint) -> Option<Connection> {
        loop {
            let at = self.idle.iter().rposition(|idle| idle.origin == *endpoint.origin())?;
            let connection = self.idle.remove(at);
            if connection.socket.stream.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection; past `max` the one unused for longest is closed.
    pub(super) fn put(&mut self, connection: Connection, max: usize) {
        if max == 0 {
            return;
        }
        if self.idle.len() >= max {
            self.idle.drain(..=self.idle.len() - max);
        }
        // One by one: almost every user talks to one origin.
        self.idle.reserve_exact(1);
        self.idle.push(connection);
    }

    /// How many are idle.
    pub(super) fn len(&self) -> usize {
        self.idle.len()
    }

    /// Closes all.
    pub(super) fn clear(&mut self) {
        self.idle.clear();
    }
}
