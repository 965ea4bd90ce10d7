//! Executes a query: its steps in sequence, then the result from quotes and the market's history.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::parse::{Condition, Metric, Query};
use crate::demo::analysis::volatility_percent;
use crate::demo::price::{ASSETS, Asset, round};
use crate::demo::provider::Failure;
use crate::demo::service::{Quote, Service};

/// The days over which an RSI is taken at least, or it says nothing.
const RSI_DAYS_MIN: u32 = 2;

/// Runs `query` and returns its report; its duration is counted also when it fails.
pub(super) async fn execute(service: &Arc<Service>, query: &Query) -> Result<Value, Failure> {
    let (operation, seconds) = (service.operation("query"), service.monitor.query(query.kind()));
    let timing = operation.start();
    let result = result_of(service, query).await;
    let elapsed = timing.stop();
    seconds.observe(elapsed.as_secs_f64());
    Ok(json!({
        "status": "completed",
        "query_type": query.kind(),
        "result": result?,
        "steps": query.steps(),
        "execution_ms": round(elapsed.as_secs_f64() * 1_000.0, 3),
        "timestamp": service.clock.now_text(),
    }))
}

async fn result_of(service: &Arc<Service>, query: &Query) -> Result<Value, Failure> {
    for _ in query.steps() {
        service.query_step().await;
    }
    Ok(match query {
        Query::Get { metrics, symbols } | Query::Compare { symbols, metrics } => {
            let mut rows = Vec::new();
            for symbol in symbols {
                rows.push(row(service, &*quote(service, symbol).await?, metrics));
            }
            let first = metrics.first().map_or("price", |metric| metric.name).to_lowercase();
            if matches!(query, Query::Compare { .. }) {
                let rank = |row: &Value| row[&first].as_f64().unwrap_or(f64::MIN);
                rows.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
                json!({ "ranked_by": first, "assets": rows })
            } else {
                json!({ "assets": rows })
            }
        }
        Query::Analyze { symbols, aspects } => {
            let mut analyses = Map::new();
            for symbol in symbols {
                let quote = quote(service, symbol).await?;
                let found =
                    aspects.iter().map(|aspect| (aspect.to_lowercase(), view(service, &quote, aspect)));
                analyses.insert(symbol.clone(), Value::Object(found.collect()));
            }
            Value::Object(analyses)
        }
        Query::Evaluate { symbol, metrics } => row(service, &*quote(service, symbol).await?, metrics),
        Query::Find { class, conditions } => {
            let now = service.seconds();
            let wanted = |asset: &&Asset| class.is_none_or(|class| class == asset.class);
            let holds = |asset: &&Asset| {
                conditions
                    .iter()
                    .all(|c| met(c, measure(service, asset, &c.metric, service.market.price(asset, now))))
            };
            let found: Vec<_> =
                ASSETS.iter().filter(wanted).filter(holds).map(|asset| asset.symbol).collect();
            json!({ "count": found.len(), "symbols": found })
        }
        Query::Track { symbols, conditions } => {
            let mut tracked = Map::new();
            for symbol in symbols {
                let quote = quote(service, symbol).await?;
                let met =
                    conditions.iter().all(|c| met(c, measure(service, quote.asset, &c.metric, quote.price)));
                tracked.insert(symbol.clone(), json!({ "price": quote.price, "triggered": met }));
            }
            Value::Object(tracked)
        }
        Query::Correlate { left, right, days } => {
            let (a, b) = (quote(service, left).await?, quote(service, right).await?);
            let now = service.seconds();
            let closes = |asset| service.market.daily_closes(asset, now, days + 1);
            let coefficient = correlation(&closes(a.asset), &closes(b.asset)).map(|r| round(r, 4));
            json!({ "left": left, "right": right, "window_days": days, "correlation": coefficient })
        }
    })
}

async fn quote(service: &Arc<Service>, symbol: &str) -> Result<Arc<Quote>, Failure> {
    Ok(service.quote(symbol, None).await?.value)
}

fn row(service: &Service, quote: &Quote, metrics: &[Metric]) -> Value {
    let mut row = Map::new();
    row.insert("symbol".to_owned(), json!(quote.asset.symbol));
    for metric in metrics {
        row.insert(metric.name.to_lowercase(), json!(measure(service, quote.asset, metric, quote.price)));
    }
    Value::Object(row)
}

/// A measure that doesn't apply, or that has too few days, is `None`.
fn measure(service: &Service, asset: &Asset, metric: &Metric, price: f64) -> Option<f64> {
    let (market, now) = (&service.market, service.seconds());
    let closes = || market.daily_closes(asset, now, metric.days + 1);
    match metric.name {
        "PRICE" => Some(price),
        "CHANGE" => Some(market.change_percent(asset, now)),
        "VOLUME" => Some(market.bar(asset, (now / 86_400.0).floor() * 86_400.0, 86_400.0).volume as f64),
        "VOLATILITY" => Some(round(volatility_percent(&closes()), 4)),
        "RETURN" => closes().first().map(|first| round((price / first - 1.0) * 100.0, 3)),
        "SMA" => {
            let closes = closes();
            Some(round(closes.iter().sum::<f64>() / closes.len() as f64, asset.decimals))
        }
        "RSI" if metric.days >= RSI_DAYS_MIN => rsi(&closes()),
        "BETA" => Some(round(0.6 + market.share(asset, "beta"), 2)),
        "MARKET_CAP" if asset.supply > 0.0 => Some(round(price * asset.supply, 0)),
        _ => None,
    }
}

fn view(service: &Service, quote: &Quote, aspect: &str) -> Value {
    let names: &[&'static str] = match aspect {
        "TECHNICALS" => &["SMA", "RSI", "CHANGE"],
        "FUNDAMENTALS" => &["MARKET_CAP", "BETA"],
        "SENTIMENT" => &["CHANGE", "RETURN"],
        _ => &["VOLATILITY", "BETA"],
    };
    let metrics: Vec<Metric> = names.iter().map(|name| Metric { name, days: 30 }).collect();
    row(service, quote, &metrics)
}

fn met(condition: &Condition, value: Option<f64>) -> bool {
    let Some(value) = value else { return false };
    let bound = condition.bound;
    match condition.operator {
        ">" => value > bound,
        ">=" => value >= bound,
        "<" => value < bound,
        "<=" => value <= bound,
        "=" => (value - bound).abs() < f64::EPSILON,
        _ => (value - bound).abs() >= f64::EPSILON,
    }
}

/// Wilder's relative strength index without smoothing: gains' share of all moves, 0 to 100.
fn rsi(closes: &[f64]) -> Option<f64> {
    let moves = closes.windows(2).map(|pair| pair[1] - pair[0]);
    let (gains, all) = moves.fold((0.0, 0.0), |(gains, all), m| (gains + m.max(0.0), all + m.abs()));
    (all > 0.0).then(|| round(gains / all * 100.0, 2))
}

/// Pearson's coefficient of two series of one length; `None` if one stands still.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |series: &[f64]| series.iter().sum::<f64>() / series.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - mean_a, y - mean_b)).sum::<f64>();
    let scale = (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt();
    (scale > 0.0).then(|| sum(|x, y| x * y) / scale)
}
