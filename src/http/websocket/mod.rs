//! Web sockets (RFC 6455) over a connection of ours.
//!
//! [`handshake`] makes and checks the upgrade, `protocol` turns bytes into messages and back without I/O, a
//! [`Session`] carries both over any stream of bytes.

mod error;
mod handshake;
mod protocol;
mod session;

pub use error::WebSocketError;
pub use handshake::Handshake;
pub use protocol::Message;
pub use session::{Ending, MESSAGE_MAX_BYTES, Session, Totals};
