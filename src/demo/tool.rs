//! The tools as plain endpoints, `/mcp/tools/NAME`, with a JSON body on any method.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::analysis::{self, STYLES};
use super::argument::Arguments;
use super::query;
use super::reply::{Refusal, json_text, json_value, with_verdict};
use super::service::Service;

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Refusal>;

/// Days of history that market data has by default, and at most.
const DAYS: (u32, u32) = (30, 365);

/// One symbol, or several under `symbols`; `provider` names who is asked first.
pub(super) async fn get_price(State(service): Shared, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let first = match arguments.text_if_any("provider")? {
        None => None,
        Some(name) => Some(named_provider(&service, name)?),
    };
    if arguments.value("symbols").is_some() {
        let symbols = arguments.symbols("symbols")?;
        return batch(&service, &symbols, first).await;
    }
    let found = service.quote(&arguments.symbol("symbol")?, first).await?;
    Ok(found.value.body.answer(&found))
}

fn named_provider(service: &Service, name: &str) -> Result<usize, Refusal> {
    service.providers.named(name).ok_or_else(|| {
        let names: Vec<_> = service.providers.names().collect();
        Refusal::Bad(format!("unknown provider `{name}`; there are {}", names.join(", ")))
    })
}

/// Several prices at once; those that failed are listed apart. A hit only if all were.
pub(super) async fn batch(service: &Arc<Service>, symbols: &[String], first: Option<usize>) -> Answer {
    if symbols.is_empty() {
        return Err(Refusal::Bad("at least one symbol is needed".to_owned()));
    }
    let asked = symbols.iter().map(|symbol| {
        let (service, symbol) = (Arc::clone(service), symbol.clone());
        tokio::spawn(async move { service.quote(&symbol, first).await })
    });
    let (mut prices, mut errors, mut hit) = (Vec::new(), Vec::new(), true);
    for (symbol, asked) in symbols.iter().zip(asked.collect::<Vec<_>>()) {
        match asked.await.unwrap_or(Err(super::provider::Failure::Interrupted)) {
            Ok(found) => {
                hit &= found.layer.is_some();
                prices.push(found.value.body.close(&found));
            }
            Err(failure) => {
                hit = false;
                errors.push(json!({ "symbol": symbol, "error": failure.to_string() }));
            }
        }
    }
    let (count, errors, prices) = (prices.len(), Value::Array(errors), prices.join(","));
    let text = format!(r#"{{"prices":[{prices}],"count":{count},"errors":{errors},"cached":{hit}}}"#);
    Ok(with_verdict(json_text(text), hit))
}

pub(super) async fn get_market_data(
    State(service): Shared,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let days = arguments.integer("days", DAYS.0, 1, DAYS.1)?;
    let found = analysis::market_data(&service, &arguments.symbol("symbol")?, days).await?;
    Ok(found.value.answer(&found))
}

pub(super) async fn generate_narrative(
    State(service): Shared,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let style = arguments.choice("style", &STYLES.map(|style| style.name))?;
    let found = analysis::narrative(&service, &arguments.symbol("symbol")?, style).await?;
    Ok(found.value.answer(&found))
}

pub(super) async fn analyze_sentiment(
    State(service): Shared,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let found = analysis::sentiment(&service, &arguments.symbol("symbol")?).await?;
    Ok(found.value.answer(&found))
}

pub(super) async fn get_fundamentals(
    State(service): Shared,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let found = analysis::fundamentals(&service, &arguments.symbol("symbol")?).await?;
    Ok(found.value.answer(&found))
}

pub(super) async fn analyze_portfolio(
    State(service): Shared,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let arguments = Arguments::new(&body, query.as_deref())?;
    let (portfolio, hit) = analysis::portfolio(&service, arguments.holdings()?).await?;
    Ok(with_verdict(json_value(&portfolio), hit))
}

/// A bad query is an answer with `status: "failed"` inside, as in the service imitated.
pub(super) async fn execute_dsl(State(service): Shared, body: Bytes) -> Answer {
    let arguments = Arguments::body(&body)?;
    Ok(json_value(&query::run(&service, arguments.text("query")?, arguments.flag("async")?).await))
}

pub(super) async fn validate_dsl(body: Bytes) -> Answer {
    let arguments = Arguments::body(&body)?;
    Ok(json_value(&query::validate(arguments.text("query")?)))
}
