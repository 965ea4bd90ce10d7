//! The handle of a server on threads of its own: where it listens, and how it is stopped.
//!
//! Invariant: no thread outlives its handle. The sample service and the null server differ in how
//! their threads hear of the stop, and in nothing else here.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;

use crate::profile::enlist;

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Handle<S: Stop> {
    address: SocketAddr,
    stop: S,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// What the threads of a server look at to know that they should end.
pub trait Stop {
    /// Tells them; more than once changes nothing.
    fn tell(&self);
}

impl<S: Stop> Handle<S> {
    /// Of a server that listens but has no thread yet.
    pub(super) fn new(address: SocketAddr, stop: S) -> Self {
        Self { address, stop, threads: Vec::new() }
    }

    /// Starts one of the server's threads.
    pub(super) fn spawn(
        &mut self,
        name: String,
        body: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let body = move || {
            let _seat = enlist();
            body()
        };
        self.threads.push(std::thread::Builder::new().name(name).spawn(body)?);
        Ok(())
    }

    /// Where it listens, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops and waits until all threads have ended. An error is that of a thread which ended on its
    /// own.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.stop.tell();
        let mut result = Ok(());
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            let ended =
                thread.join().unwrap_or_else(|_| Err(io::Error::other(format!("thread {name} panicked"))));
            result = result.and(ended);
        }
        result
    }
}

impl<S: Stop> Drop for Handle<S> {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::mpsc::{Receiver, Sender, channel};

    impl Stop for Sender<()> {
        fn tell(&self) {
            let _ = self.send(());
        }
    }

    fn handle() -> (Handle<Sender<()>>, Receiver<()>) {
        let (sender, receiver) = channel();
        (Handle::new((Ipv4Addr::LOCALHOST, 7).into(), sender), receiver)
    }

    #[test]
    fn a_stop_reaches_the_threads_and_their_errors_the_caller() {
        let (mut handle, told) = handle();
        assert_eq!(handle.url(), "http://127.0.0.1:7");
        handle.spawn("ok".to_owned(), move || told.recv().map_err(io::Error::other)).unwrap();
        handle.spawn("bad".to_owned(), || Err(io::Error::other("no socket"))).unwrap();
        assert_eq!(handle.stop().unwrap_err().to_string(), "no socket");
    }

    #[test]
    fn a_panic_is_told_with_its_thread() {
        let (mut handle, _told) = handle();
        handle.spawn("null-server".to_owned(), || panic!("a bug")).unwrap();
        assert_eq!(handle.stop().unwrap_err().to_string(), "thread null-server panicked");
    }
}
