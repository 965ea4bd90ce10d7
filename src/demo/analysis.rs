//! What is made of prices: history, narratives, sentiment, fundamentals, portfolios.
//!
//! All but the portfolio are documents of the two caches; each is made by the work that it claims:
//! provider questions and model calls in sequence.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cache::Found;
use super::clock;
use super::price::{Asset, round};
use super::provider::{Failure, Question, Source};
use super::reply::Refusal;
use super::service::{Document, Service};

type Made = Result<Found<Document>, Failure>;

/// How a narrative is written.
pub(super) struct Style {
    pub(super) name: &'static str,
    /// Calls of the text model, one after another.
    calls: u32,
}

/// Every style, the default first.
pub(super) const STYLES: [Style; 4] = [
    Style { name: "concise", calls: 2 },
    Style { name: "detailed", calls: 4 },
    Style { name: "technical", calls: 3 },
    Style { name: "fundamental", calls: 3 },
];

const DAY_SECONDS: f64 = 86_400.0;

/// A price and the daily bars of the `days` before.
pub(super) async fn market_data(service: &Arc<Service>, symbol: &str, days: u32) -> Made {
    let (key, symbol) = (format!("market:{symbol}:{days}"), symbol.to_owned());
    let make = |service: Arc<Service>| async move {
        let (asset, source) = service.ask(Question::History, &symbol, None).await?;
        let (now, market) = (service.seconds(), service.market);
        let today = (now / DAY_SECONDS).floor();
        let history: Vec<Value> = (1..=days)
            .rev()
            .map(|ago| {
                let day = (today - f64::from(ago)) * DAY_SECONDS;
                json!({ "date": date(day), "bar": market.bar(asset, day, DAY_SECONDS) })
            })
            .map(flat)
            .collect();
        Ok(json!({
            "symbol": asset.symbol,
            "price": market.price(asset, now),
            "change": market.change_percent(asset, now),
            "days": days,
            "history": history,
            "source": source.name,
            "confidence": source.confidence,
            "timestamp": service.clock.now_text(),
        }))
    };
    service.document(&key, make).await
}

/// `{"date": …, "bar": {…}}` with the bar's fields beside the date.
fn flat(mut day: Value) -> Value {
    let fields = day.as_object_mut().expect("made as an object");
    if let Some(Value::Object(bar)) = fields.shift_remove("bar") {
        fields.extend(bar);
    }
    day
}

fn date(seconds: f64) -> String {
    time(seconds).chars().take("2026-01-31".len()).collect()
}

/// `seconds` since the Unix epoch in ISO-8601.
pub(super) fn time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a date that jiff can hold, or the epoch")]
    let whole = seconds as i64;
    clock::text(jiff::Timestamp::from_second(whole).unwrap_or_default())
}

/// A text about a symbol, by several model calls in sequence.
pub(super) async fn narrative(service: &Arc<Service>, symbol: &str, style: &'static str) -> Made {
    let (key, symbol) = (format!("narrative:{symbol}:{style}"), symbol.to_owned());
    let calls = STYLES.iter().find(|known| known.name == style).map_or(1, |known| known.calls);
    let make = |service: Arc<Service>| async move {
        let quote = service.quote(&symbol, None).await?.value;
        let (operation, seconds) = (service.operation("narrative"), service.monitor.narrative(style));
        let timing = operation.start();
        for _ in 0..calls {
            service.model_call().await;
        }
        let elapsed = timing.stop();
        seconds.observe(elapsed.as_secs_f64());
        let text = story(&service, quote.asset, quote.price, quote.change, style);
        Ok(json!({
            "symbol": quote.asset.symbol,
            "style": style,
            "narrative": text,
            "words": text.split_whitespace().count(),
            "model_calls": calls,
            "generation_ms": round(elapsed.as_secs_f64() * 1_000.0, 3),
            "price": quote.price,
            "confidence": quote.source.confidence,
            "timestamp": service.clock.now_text(),
        }))
    };
    service.document(&key, make).await
}

fn story(service: &Service, asset: &Asset, price: f64, change: f64, style: &str) -> String {
    let (market, now) = (&service.market, service.seconds());
    let direction = if change >= 0.0 { "up" } else { "down" };
    let size = change.abs();
    let first = format!(
        "{} ({}) trades at {price}, {direction} {size}% over the last day.",
        asset.name, asset.symbol
    );
    let mut parts = vec![first];
    let closes = market.daily_closes(asset, now, 30);
    let mean = closes.iter().sum::<f64>() / closes.len() as f64;
    let side = if price >= mean { "above" } else { "below" };
    if matches!(style, "technical" | "detailed") {
        let spread = round(volatility_percent(&closes), 2);
        parts.push(format!("It stands {side} its 30-day average of {}, and", round(mean, asset.decimals)));
        parts.push(format!("its daily moves over that time have a deviation of {spread}%."));
    }
    if matches!(style, "fundamental" | "detailed") {
        if asset.supply > 0.0 {
            parts
                .push(format!("At this price all of it is worth {:.1} billion.", price * asset.supply / 1e9));
        } else {
            parts.push("As a currency pair it has no earnings; interest rates drive it.".to_owned());
        }
    }
    if style == "detailed" {
        parts.push("Nothing in this text is advice: it was written by a sample service.".to_owned());
    }
    parts.join(" ")
}

/// Standard deviation of daily returns, per cent; 0 with fewer than three prices.
pub(super) fn volatility_percent(closes: &[f64]) -> f64 {
    let returns: Vec<f64> = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    if returns.len() < 2 {
        return 0.0;
    }
    let mean = returns.iter().sum::<f64>() / returns.len() as f64;
    let squares: f64 = returns.iter().map(|r| (r - mean).powi(2)).sum();
    (squares / (returns.len() - 1) as f64).sqrt() * 100.0
}

/// What the news say of a symbol: one provider question, one model call.
pub(super) async fn sentiment(service: &Arc<Service>, symbol: &str) -> Made {
    let (key, symbol) = (format!("sentiment:{symbol}"), symbol.to_owned());
    let make = |service: Arc<Service>| async move {
        let (asset, source) = service.ask(Question::News, &symbol, None).await?;
        service.model_call().await;
        let change = service.market.change_percent(asset, service.seconds());
        let score = round((change / 5.0).tanh(), 3);
        let label = match score {
            s if s > 0.1 => "positive",
            s if s < -0.1 => "negative",
            _ => "neutral",
        };
        let articles = 5.0 + service.market.share(asset, "articles") * 40.0;
        Ok(json!({
            "symbol": asset.symbol,
            "sentiment": label,
            "score": score,
            "confidence": source.confidence,
            "articles": articles.floor(),
            "source": source.name,
            "timestamp": service.clock.now_text(),
        }))
    };
    service.document(&key, make).await
}

/// The figures of a company, coin or pair: one provider question.
pub(super) async fn fundamentals(service: &Arc<Service>, symbol: &str) -> Made {
    let (key, symbol) = (format!("fundamentals:{symbol}"), symbol.to_owned());
    let make = |service: Arc<Service>| async move {
        let (asset, source) = service.ask(Question::Fundamentals, &symbol, None).await?;
        Ok(figures(&service, asset, source))
    };
    service.document(&key, make).await
}

/// Figures that don't apply to the class of an asset are null.
fn figures(service: &Service, asset: &Asset, source: Source) -> Value {
    let market = &service.market;
    let price = market.price(asset, service.seconds());
    let equity = asset.class == super::price::Class::Equity;
    let pe_ratio = 12.0 + market.share(asset, "pe") * 40.0;
    let only_equity = |value: f64, decimals| equity.then(|| round(value, decimals));
    json!({
        "symbol": asset.symbol,
        "name": asset.name,
        "class": asset.class.name(),
        "market_cap": (asset.supply > 0.0).then(|| round(price * asset.supply, 0)),
        "pe_ratio": only_equity(pe_ratio, 2),
        "eps": only_equity(price / pe_ratio, 2),
        "dividend_yield": only_equity(market.share(asset, "dividend") * 0.03, 4),
        "beta": round(0.6 + market.share(asset, "beta"), 2),
        "source": source.name,
        "confidence": source.confidence,
        "timestamp": service.clock.now_text(),
    })
}

/// What holdings are worth together, and whether every price came from a cache.
pub(super) async fn portfolio(
    service: &Arc<Service>,
    holdings: Vec<(String, f64)>,
) -> Result<(Value, bool), Refusal> {
    let asked: Vec<_> = holdings
        .into_iter()
        .map(|(symbol, quantity)| {
            let service = Arc::clone(service);
            let quote = tokio::spawn(async move { service.quote(&symbol, None).await });
            (quantity, quote)
        })
        .collect();
    let (mut positions, mut total, mut day_before, mut hit) = (Vec::new(), 0.0, 0.0, true);
    for (quantity, quote) in asked {
        let found = quote.await.unwrap_or(Err(Failure::Interrupted))?;
        hit &= found.layer.is_some();
        let value = found.value.price * quantity;
        total += value;
        day_before += value / (1.0 + found.value.change / 100.0);
        positions.push((found.value, quantity, value));
    }
    let positions: Vec<Value> = positions
        .into_iter()
        .map(|(quote, quantity, value)| {
            json!({
                "symbol": quote.asset.symbol,
                "quantity": quantity,
                "price": quote.price,
                "value": round(value, 2),
                "weight": if total > 0.0 { round(value / total, 5) } else { 0.0 },
            })
        })
        .collect();
    let change = if day_before > 0.0 { round((total / day_before - 1.0) * 100.0, 3) } else { 0.0 };
    let portfolio = json!({
        "total_value": round(total, 2),
        "change": change,
        "holdings": positions.len(),
        "positions": positions,
        "cached": hit,
        "timestamp": service.clock.now_text(),
    });
    Ok((portfolio, hit))
}
