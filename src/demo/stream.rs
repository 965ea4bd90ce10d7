//! The price stream: over a web socket (`/ws/prices/AAPL,MSFT`, `/ws/stream`) and, the same, as server-sent events
//! (`/sse/prices/AAPL,MSFT`).
//!
//! First an acknowledgement, then the prices at once and every interval. Prices come straight from the market: what
//! a stream tells is fresh, not cached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_core::Stream;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior};

use super::argument::{Arguments, SYMBOLS_MAX};
use super::price::{self, ASSETS, Asset};
use super::provider::Failure;
use super::reply::Refusal;
use super::service::Service;

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Refusal>;

/// Milliseconds between two messages: by default, at least, at most.
const INTERVAL_MS: (u32, u32, u32) = (1_000, 10, 60_000);
/// What a client may send in one message: a subscription of all symbols is shorter than 1 KiB.
const MESSAGE_MAX_BYTES: usize = 16 << 10;

/// What one client is told of, and how often.
#[derive(Debug)]
struct Subscription {
    assets: Vec<&'static Asset>,
    interval_ms: u32,
    /// Messages of prices so far.
    sent: u64,
}

impl Subscription {
    fn acknowledgement(&self) -> Value {
        let symbols: Vec<&str> = self.assets.iter().map(|asset| asset.symbol).collect();
        json!({ "type": "subscription_ack", "symbols": symbols, "interval_ms": self.interval_ms })
    }

    /// The prices now.
    fn prices(&mut self, service: &Service) -> Value {
        self.sent += 1;
        let prices: Vec<Value> = self
            .assets
            .iter()
            .map(|asset| {
                let (price, change) = service.price_and_change(asset);
                json!({ "symbol": asset.symbol, "price": price, "change": change })
            })
            .collect();
        json!({
            "type": "prices", "sequence": self.sent, "prices": prices, "timestamp": service.clock.now_text(),
        })
    }

    fn ticker(&self) -> Interval {
        let mut ticker = tokio::time::interval(Duration::from_millis(self.interval_ms.into()));
        // Who reads too slowly gets fewer prices, not old ones.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticker
    }
}

/// `symbols` as in a path: separated by commas.
fn subscription(symbols: &[&str], interval_ms: u32) -> Result<Subscription, Refusal> {
    if symbols.is_empty() || symbols.len() > SYMBOLS_MAX {
        return Err(Refusal::Bad(format!("from 1 to {SYMBOLS_MAX} symbols, not {}", symbols.len())));
    }
    let find = |symbol: &&str| {
        let known =
            price::normalise(symbol).and_then(|symbol| ASSETS.iter().find(|asset| asset.symbol == symbol));
        known.ok_or_else(|| Refusal::from(Failure::Unknown { symbol: (*symbol).to_owned() }))
    };
    let assets = symbols.iter().map(find).collect::<Result<_, _>>()?;
    Ok(Subscription { assets, interval_ms, sent: 0 })
}

fn of_path(symbols: &str, query: Option<&str>) -> Result<Subscription, Refusal> {
    let symbols: Vec<&str> = symbols.split(',').filter(|symbol| !symbol.trim().is_empty()).collect();
    subscription(&symbols, interval_ms(&Arguments::new(b"", query)?)?)
}

fn interval_ms(arguments: &Arguments) -> Result<u32, Refusal> {
    arguments.integer("interval_ms", INTERVAL_MS.0, INTERVAL_MS.1, INTERVAL_MS.2)
}

/// Prices of the symbols in the path, until the client closes.
pub(super) async fn prices(
    State(service): Shared,
    Path(symbols): Path<String>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Answer {
    let subscription = of_path(&symbols, query.as_deref())?;
    Ok(limited(upgrade).on_upgrade(move |socket| serve(socket, service, Some(subscription))))
}

/// Prices of what the client subscribes to: `{"type":"subscribe","symbols":["AAPL"],"interval_ms":500}`.
pub(super) async fn stream(State(service): Shared, upgrade: WebSocketUpgrade) -> Response {
    limited(upgrade).on_upgrade(move |socket| serve(socket, service, None))
}

fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.max_message_size(MESSAGE_MAX_BYTES).max_frame_size(MESSAGE_MAX_BYTES)
}

async fn serve(mut socket: WebSocket, service: Arc<Service>, mut subscription: Option<Subscription>) {
    let mut ticker = None;
    if let Some(subscription) = &subscription {
        if say(&mut socket, &subscription.acknowledgement()).await.is_err() {
            return;
        }
        ticker = Some(subscription.ticker());
    }
    loop {
        let tick = async {
            match &mut ticker {
                Some(ticker) => ticker.tick().await,
                None => std::future::pending().await,
            }
        };
        let said = tokio::select! {
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => match command(&text) {
                    Ok(Command::Subscribe(new)) => {
                        let answer = new.acknowledgement();
                        ticker = Some(new.ticker());
                        subscription = Some(new);
                        say(&mut socket, &answer).await
                    }
                    Ok(Command::Unsubscribe) => {
                        (ticker, subscription) = (None, None);
                        say(&mut socket, &json!({ "type": "unsubscribe_ack" })).await
                    }
                    Ok(Command::Ping) => say(&mut socket, &json!({ "type": "pong" })).await,
                    Err(refusal) => {
                        say(&mut socket, &json!({ "type": "error", "message": refusal.message() })).await
                    }
                },
                Some(Ok(Message::Binary(_))) => {
                    let reason = "texts alone".into();
                    let close = CloseFrame { code: close_code::UNSUPPORTED, reason };
                    socket.send(Message::Close(Some(close))).await
                }
                // The pong was sent by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_))) => {
                    // The answer goes out with the next read.
                    while let Some(Ok(_)) = socket.recv().await {}
                    return;
                }
                Some(Err(_)) | None => return,
            },
            _ = tick => match &mut subscription {
                Some(subscription) => {
                    let prices = subscription.prices(&service);
                    say(&mut socket, &prices).await
                }
                None => Ok(()),
            },
        };
        if said.is_err() {
            return;
        }
    }
}

async fn say(socket: &mut WebSocket, value: &Value) -> Result<(), axum::Error> {
    socket.send(Message::Text(value.to_string().into())).await
}

/// What a client asks for.
enum Command {
    Subscribe(Subscription),
    Unsubscribe,
    Ping,
}

fn command(text: &str) -> Result<Command, Refusal> {
    let arguments = Arguments::new(text.as_bytes(), None)?;
    match arguments.text("type")? {
        "subscribe" => {
            let symbols = arguments.symbols("symbols")?;
            let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
            Ok(Command::Subscribe(subscription(&symbols, interval_ms(&arguments)?)?))
        }
        "unsubscribe" => Ok(Command::Unsubscribe),
        "ping" => Ok(Command::Ping),
        other => Err(Refusal::Bad(format!("unknown type `{other}`: subscribe, unsubscribe or ping"))),
    }
}

/// The same prices as server-sent events.
pub(super) async fn events(
    State(service): Shared,
    Path(symbols): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let subscription = of_path(&symbols, query.as_deref())?;
    let ticker = subscription.ticker();
    let mut response =
        Response::new(Body::from_stream(Events { service, subscription, ticker, acknowledged: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// A body without end.
struct Events {
    service: Arc<Service>,
    subscription: Subscription,
    ticker: Interval,
    acknowledged: bool,
}

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let text = if std::mem::replace(&mut this.acknowledged, true) {
            std::task::ready!(this.ticker.poll_tick(cx));
            let prices = this.subscription.prices(&this.service);
            format!("id: {}\nevent: prices\ndata: {prices}\n\n", this.subscription.sent)
        } else {
            format!("retry: 1000\nevent: subscription_ack\ndata: {}\n\n", this.subscription.acknowledgement())
        };
        Poll::Ready(Some(Ok(text.into())))
    }
}
