//! `influxdb`: seconds in the line protocol, to a server's write API of version 1 or 2, or to a file.

mod server;
mod sink;

pub(super) use sink::OUTPUT;
