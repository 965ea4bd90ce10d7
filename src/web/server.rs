//! The control API's thread: it serves until the [`Server`] is dropped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::diagnostic::Mask;
use crate::engine::Control;
use crate::plan::Plan;
use crate::results::Summary;

use super::address::Address;
use super::api;
use super::beat::{Notice, Verdict};
use super::board::Board;
use super::clerk::{self, Desk};
use super::error::WebError;
use super::feed::Feed;
use super::guard::Guard;
use super::seat::Door;
use super::token::Token;

/// An answer that is under way when all is over may end within: the last event is a few hundred bytes.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// How a run is served.
#[derive(Debug)]
pub struct Host<'a> {
    /// Where.
    pub address: &'a Address,
    /// By which token.
    pub token: Token,
    /// Whether somebody chose that token: only then may other machines reach the API.
    pub is_token_chosen: bool,
    /// What is hidden in all that is sent.
    pub mask: Mask,
    /// What is steered.
    pub control: &'a Control,
    /// What is played.
    pub plan: &'a Plan,
}

/// A control API that is served; dropped, it ends its streams, and its thread is waited for.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    desk: Arc<Desk>,
    feed: Feed,
    /// Dropped before the thread is waited for: that closes it.
    close: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Takes the port and begins to serve.
    pub fn start(host: Host<'_>) -> Result<Self, WebError> {
        let listener = host.address.bind(host.is_token_chosen)?;
        let address = listener.local_addr().map_err(WebError::Start)?;
        listener.set_nonblocking(true).map_err(WebError::Start)?;
        let guard = Guard { token: host.token, bound: address.ip(), name: host.address.host.clone() };
        let desk = Desk::new(host.control.clone(), host.mask, guard, Board::new(host.plan));
        let desk = Arc::new(desk);
        let feed = Feed::default();
        let (close, closed) = watch::channel(());
        let of_thread = (Arc::clone(&desk), feed.clone());
        // Everything that can fail is done before the thread, so that `start` reports it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(WebError::Start)?;
        let thread = std::thread::Builder::new().name("control-api".to_owned());
        let serve = move || {
            // Who asks sees that it is gone, and the run goes on.
            let _ = runtime.block_on(serve(listener, of_thread, closed));
        };
        let thread = thread.spawn(serve).map_err(WebError::Start)?;
        Ok(Self { address, desk, feed, close: Some(close), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What tells it of the run.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Another load is about to be played: it is steered from here on, and figures begin anew.
    pub fn plays(&self, control: &Control, plan: &Plan) {
        self.desk.steer(control);
        self.feed.tell(Notice::Plays(Box::new(plan.clone())));
    }

    /// The run is over; without a summary where there is none. The API goes on telling so.
    pub fn end(&self, summary: Option<&Summary>) {
        self.feed.tell(Notice::End(Verdict::of(summary)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // What it panicked of is told by the panic.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    (desk, feed): (Arc<Desk>, Feed),
    mut closed: watch::Receiver<()>,
) -> io::Result<()> {
    let door = Door::new(tokio::net::TcpListener::from_std(listener)?);
    // Once the clerk has told the last event nobody is taken in any more.
    let clerk = clerk::work(Arc::clone(&desk), feed.inbox(), closed.clone());
    let cut = async move {
        let _ = closed.changed().await;
        tokio::time::sleep(CLOSE_MAX).await;
    };
    tokio::select! {
        served = axum::serve(door, api::router(desk)).with_graceful_shutdown(clerk) => served,
        () = cut => Ok(()),
    }
}
