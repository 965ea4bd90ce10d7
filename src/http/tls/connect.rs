//! From an open connection to one over TLS.

use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;

use super::context::Context;
use super::handshake::Step;
use super::stream::TlsStream;
use crate::http::error::{Failure, Phase};
use crate::http::stream::Stream;

/// What one read of a handshake takes: a chain of usual size.
const READ_BYTES: usize = 8 << 10;

/// Shakes hands with the host at the other end; a server that is refused is told why.
pub(crate) async fn secure(
    context: &Context,
    stream: Stream,
    host: &str,
    protocols: &[&[u8]],
) -> Result<Stream, Failure> {
    let mut handshake = context.begin(host, protocols)?;
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match handshake.step() {
            Ok(Step::Send) => {
                let sent = poll_fn(|cx| stream.poll_write(cx, &[IoSlice::new(handshake.outgoing())])).await;
                handshake.sent(sent.map_err(|error| Failure::connection(&error, Phase::Handshaking))?);
            }
            Ok(Step::Receive) => {
                let received = poll_fn(|cx| stream.poll_read(cx, &mut chunk)).await;
                match received.map_err(|error| Failure::connection(&error, Phase::Handshaking))? {
                    0 => return Err(handshake.ended().into()),
                    received => handshake.received(&chunk[..received])?,
                }
            }
            Ok(Step::Done) => {
                let session = handshake.finish()?;
                let scratch = Rc::clone(context.scratch());
                return Ok(Stream::Tls(Box::new(TlsStream::new(stream, session, scratch))));
            }
            Err(error) => {
                // The connection is closed in any case.
                let _ = stream.try_write(handshake.outgoing());
                return Err(error.into());
            }
        }
    }
}
