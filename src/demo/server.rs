//! Runs the demo: embedded on threads of its own, or on the caller's runtime.
//!
//! Each thread has a current-thread runtime and accepts from the same listener; the state is shared.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::sync::watch;

use super::DemoOptions;
use super::handle::{Handle, Stop};
use super::route;
use super::service::Service;

/// What open requests get to end in, once the demo is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// A demo that runs until it is stopped or dropped.
pub type Demo = Handle<watch::Sender<bool>>;

impl Stop for watch::Sender<bool> {
    fn tell(&self) {
        self.send_replace(true);
    }
}

impl Demo {
    /// Binds 127.0.0.1 and starts to serve. When this returns, connections are accepted. Once it is
    /// stopped, open requests get a second.
    pub fn start(options: DemoOptions) -> io::Result<Demo> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let address = listener.local_addr()?;
        let service = Service::new(&options).map_err(io::Error::other)?;
        let (stop, stopped) = watch::channel(false);
        let mut demo = Handle::new(address, stop);
        for number in 0..options.threads.max(1) {
            // Everything that can fail is done before the thread, so that `start` reports it.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (listener, service) = (listener.try_clone()?, Arc::clone(&service));
            let mut stopped = stopped.clone();
            let shutdown = async move {
                // An error means that the handle is gone, which is a stop too.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let body = move || runtime.block_on(serve_service(service, listener, shutdown));
            demo.spawn(format!("demo-{number}"), body)?;
        }
        Ok(demo)
    }
}

/// Serves on the caller's runtime until `shutdown` ends; `options.port` and `threads` don't count.
pub async fn serve(
    listener: TcpListener,
    options: DemoOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = Service::new(&options).map_err(io::Error::other)?;
    serve_service(service, listener, shutdown).await
}

async fn serve_service(
    service: Arc<Service>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // A socket that refuses it is already gone, and the next read says so.
        let _ = stream.set_nodelay(true);
    });
    let (stopping, mut stopped) = watch::channel(false);
    let shutdown = async move {
        shutdown.await;
        stopping.send_replace(true);
    };
    let serving =
        axum::serve(listener, route::router(service)).with_graceful_shutdown(shutdown).into_future();
    let cut = async {
        let _ = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        served = serving => served,
        () = cut => Ok(()),
    }
}
