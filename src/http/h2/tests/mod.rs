//! The protocol without a socket: rules, floods, books.
