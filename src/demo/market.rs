//! `/api/market/…`: prices, candles, assets, search.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::argument::Arguments;
use super::price::{self, ASSETS, Asset};
use super::provider::{Failure, Question};
use super::reply::{Refusal, json_value, with_verdict};
use super::service::Service;
use super::{analysis, tool};

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Refusal>;

/// Candle widths: name, seconds; the default first.
const INTERVALS: [(&str, u32); 5] = [("1d", 86_400), ("1h", 3_600), ("15m", 900), ("5m", 300), ("1m", 60)];
/// Candles given by default, and at most.
const CANDLES: (u32, u32) = (30, 500);

/// 400 without symbols or with too many.
pub(super) async fn prices(State(service): Shared, RawQuery(query): RawQuery) -> Answer {
    let symbols = Arguments::new(b"", query.as_deref())?.symbols("symbols")?;
    tool::batch(&service, &symbols, None).await
}

pub(super) async fn candles(
    State(service): Shared,
    Path(symbol): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let arguments = Arguments::new(b"", query.as_deref())?;
    let interval = arguments.choice("interval", &INTERVALS.map(|(name, _)| name))?;
    let limit = arguments.integer("limit", CANDLES.0, 1, CANDLES.1)?;
    let symbol = normalised(&symbol)?;
    let seconds = INTERVALS.iter().find(|(name, _)| *name == interval).map_or(60, |(_, seconds)| *seconds);
    let key = format!("candles:{symbol}:{interval}:{limit}");
    let make = |service: Arc<Service>| async move {
        let (asset, source) = service.ask(Question::History, &symbol, None).await?;
        let width = f64::from(seconds);
        let last = (service.seconds() / width).floor();
        let candles: Vec<Value> = (1..=limit)
            .rev()
            .map(|ago| {
                let start = (last - f64::from(ago)) * width;
                let bar = service.market.bar(asset, start, width);
                json!({
                    "time": analysis::time(start), "open": bar.open, "high": bar.high, "low": bar.low,
                    "close": bar.close, "volume": bar.volume,
                })
            })
            .collect();
        Ok(json!({
            "symbol": asset.symbol,
            "interval": interval,
            "count": candles.len(),
            "candles": candles,
            "source": source.name,
            "timestamp": service.clock.now_text(),
        }))
    };
    let found = service.document(&key, make).await?;
    Ok(found.value.answer(&found))
}

pub(super) async fn asset(State(service): Shared, Path(symbol): Path<String>) -> Answer {
    let found = service.quote(&normalised(&symbol)?, None).await?;
    let mut body = described(found.value.asset);
    let fields = body.as_object_mut().expect("made as an object");
    if let Value::Object(quote) = found.value.body.value(&found) {
        fields.extend(quote);
    }
    Ok(with_verdict(json_value(&body), found.layer.is_some()))
}

pub(super) async fn search(RawQuery(query): RawQuery) -> Answer {
    let arguments = Arguments::new(b"", query.as_deref())?;
    let words = arguments.text("q")?.to_lowercase();
    let matches = |asset: &&Asset| {
        asset.symbol.to_lowercase().contains(&words) || asset.name.to_lowercase().contains(&words)
    };
    let results: Vec<Value> = ASSETS.iter().filter(matches).map(described).collect();
    Ok(json_value(&json!({ "query": words, "count": results.len(), "results": results })))
}

fn described(asset: &Asset) -> Value {
    json!({ "symbol": asset.symbol, "name": asset.name, "class": asset.class.name() })
}

/// What can't be a symbol is unknown too: a path has no body to be invalid.
fn normalised(symbol: &str) -> Result<String, Refusal> {
    price::normalise(symbol).ok_or_else(|| Failure::Unknown { symbol: symbol.to_owned() }.into())
}
