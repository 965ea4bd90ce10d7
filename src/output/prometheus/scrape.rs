//! `-o prometheus=ADDRESS`: an endpoint `/metrics` that a Prometheus scrapes while the run goes on.
//!
//! It shows the total since the start, so that a scrape that fails costs nothing but its point in time. It is there
//! from before the load until the run is over, or with `linger` until the last figures were fetched.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use crate::output::{Output, OutputError, Place, Played, SendError, Sink};
use crate::results::{PlayedSecond, Summary};
use crate::units::parse_duration;

use super::classic::Bounds;
use super::naming::{self, Naming};
use super::native;
use super::total::Total;
use super::{delimited, exposition};

/// A scrape that is under way when the endpoint closes may end within.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// More of it is a wrong unit.
const LINGER_MAX: Duration = Duration::from_hours(1);

/// `-o prometheus=ADDRESS`.
pub(in crate::output) const OUTPUT: Output = Output {
    name: "prometheus",
    alias: None,
    place: "ADDRESS",
    about: "the run's totals at an address that Prometheus scrapes: `127.0.0.1:9464`, or a port alone",
    options: &[
        naming::OPTIONS[0],
        naming::OPTIONS[1],
        naming::OPTIONS[2],
        ("bounds", "upper bounds of classic buckets in seconds, `0.1;0.5;1`"),
        ("buckets", "at most so many in a native histogram (160)"),
        ("linger", "how long to stay after the run until it was scraped once more, `20s` (not at all)"),
    ],
    open,
};

/// What the endpoint shows.
struct Shown {
    naming: Naming,
    bounds: Bounds,
    buckets_max: usize,
    total: Total,
    is_over: bool,
    /// Whether it was fetched since it is over.
    is_fetched: bool,
}

/// The figures, shared with the endpoint's thread.
struct Board {
    shown: Mutex<Shown>,
    /// Rung when the last figures were fetched.
    fetched: Condvar,
}

impl Board {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Scrape {
    board: Arc<Board>,
    linger: Duration,
    /// Dropped before the thread is waited for: that closes it.
    close: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let linger = match place.option("linger") {
        None => Duration::ZERO,
        Some(text) => {
            let right = parse_duration(text).ok().filter(|time| *time <= LINGER_MAX);
            right.ok_or_else(|| place.wrong("linger", text, "is no time of `1h` at most, as in `20s`"))?
        }
    };
    let shown = Shown {
        naming: Naming::new(place)?,
        bounds: Bounds::new(place)?,
        buckets_max: native::buckets_max(place)?,
        total: Total::default(),
        is_over: false,
        is_fetched: false,
    };
    let address = address(place)?;
    let cannot = |error| OutputError::Open { output: place.output, at: address.to_string(), error };
    let listener = TcpListener::bind(address).map_err(cannot)?;
    let board = Arc::new(Board { shown: Mutex::new(shown), fetched: Condvar::new() });
    let (close, closed) = watch::channel(());
    let of_thread = Arc::clone(&board);
    let thread = std::thread::Builder::new().name("metrics".to_owned());
    let thread = thread.spawn(move || serve(listener, of_thread, closed)).map_err(cannot)?;
    Ok(Box::new(Scrape { board, linger, close: Some(close), thread: Some(thread) }))
}

/// A port alone is one of this machine, for itself.
fn address(place: &Place) -> Result<SocketAddr, OutputError> {
    let wrong = |why: String| OutputError::Place { output: place.output, at: place.at.clone(), why };
    let address = if let Ok(port) = place.at.trim_start_matches(':').parse::<u16>() {
        SocketAddr::from(([127, 0, 0, 1], port))
    } else {
        let mut found = place.at.to_socket_addrs().map_err(|error| {
            wrong(format!("{error}; write an address to listen at, as in `127.0.0.1:9464`, or a port"))
        })?;
        found.next().ok_or_else(|| wrong("the name has no address".to_owned()))?
    };
    if address.port() == 0 {
        return Err(wrong("nobody would know which port it is: write its number".to_owned()));
    }
    Ok(address)
}

impl Sink for Scrape {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        let shown = &mut *self.board.shown();
        shown.naming.begin(run);
        shown.total.begin(run.start_unix_ms);
        Ok(())
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        self.board.shown().total.add(second);
        Ok(())
    }

    fn end(&mut self, _summary: &Summary) -> Result<(), SendError> {
        let mut shown = self.board.shown();
        shown.is_over = true;
        let waiting = |shown: &mut Shown| !shown.is_fetched;
        let waited = self.board.fetched.wait_timeout_while(shown, self.linger, waiting);
        let is_fetched = waited.unwrap_or_else(PoisonError::into_inner).0.is_fetched;
        if is_fetched || self.linger.is_zero() {
            return Ok(());
        }
        Err(SendError::Refused("nobody fetched the last figures while it lingered".to_owned()))
    }

    fn linger(&self) -> Duration {
        self.linger
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // What it panicked of is told by the panic.
            let _ = thread.join();
        }
    }
}

/// The endpoint's thread, until `closed` hears that nobody wants it any more.
fn serve(listener: TcpListener, board: Arc<Board>, mut closed: watch::Receiver<()>) {
    let serving = async move {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let routes = Router::new().route("/metrics", get(metrics)).route("/", get(home)).with_state(board);
        let mut over = closed.clone();
        // The sender is dropped: that is the word.
        let close = async move { _ = over.changed().await };
        let cut = async move {
            let _ = closed.changed().await;
            tokio::time::sleep(CLOSE_MAX).await;
        };
        tokio::select! {
            served = axum::serve(listener, routes).with_graceful_shutdown(close) => served,
            () = cut => Ok(()),
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended: io::Result<()> = runtime.and_then(|runtime| runtime.block_on(serving));
    // Who scrapes sees that it is gone, and the run goes on.
    let _ = ended;
}

async fn metrics(State(board): State<Arc<Board>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let Shown { naming, bounds, buckets_max, total, is_over, is_fetched } = &mut *board.shown();
    let response = if delimited::is_wanted(accept) {
        let bytes = delimited::bytes(total, naming, bounds, *buckets_max);
        ([(header::CONTENT_TYPE, delimited::CONTENT_TYPE)], bytes).into_response()
    } else {
        match exposition::text(total, naming, bounds) {
            Ok(text) => ([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response(),
            Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    if *is_over {
        *is_fetched = true;
        board.fetched.notify_all();
    }
    response
}

async fn home() -> Html<&'static str> {
    Html("<!doctype html><title>runner</title><a href=\"/metrics\">/metrics</a>: the totals of the run\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<String, String> {
        let place = Place::parse(&OUTPUT, text).map_err(|error| error.to_string())?;
        address(&place).map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_port_alone_is_for_this_machine() {
        assert_eq!(at("9464").unwrap(), "127.0.0.1:9464");
        assert_eq!(at(":9464").unwrap(), "127.0.0.1:9464");
        assert_eq!(at("0.0.0.0:80").unwrap(), "0.0.0.0:80");
        assert_eq!(at("[::1]:80").unwrap(), "[::1]:80");
        assert!(at("0").unwrap_err().contains("nobody would know"));
        assert!(at("nowhere").unwrap_err().contains("127.0.0.1:9464"));
        assert!(at("99999").is_err());
    }

    #[test]
    fn an_address_in_use_is_an_error_before_the_load() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = taken.local_addr().unwrap().port().to_string();
        let place = Place::parse(&OUTPUT, &text).unwrap();
        assert!(matches!(open(&place), Err(OutputError::Open { .. })));
    }
}
