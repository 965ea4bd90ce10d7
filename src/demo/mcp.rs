//! `/mcp/tools` and `/mcp/tools/call`: the tools behind one endpoint, their answers as JSON inside
//! a string. A tool that fails, or isn't there, is HTTP 200 with `isError: true`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::argument::Arguments;
use super::price::ASSETS;
use super::reply::{Refusal, json_value, whole_seconds};
use super::service::Service;
use super::{analysis, query};

type Shared = State<Arc<Service>>;

/// How deep a search goes; the default first.
const DEPTHS: [&str; 3] = ["quick", "standard", "deep"];
/// Sessions that a list shows.
const SESSIONS_SHOWN: usize = 100;

/// One tool: name, what it does, its fields (name, JSON type, required).
struct Tool {
    name: &'static str,
    about: &'static str,
    fields: &'static [(&'static str, &'static str, bool)],
}

const TOOLS: [Tool; 7] = [
    Tool {
        name: "search-by-symbol",
        about: "Price of an equity or pair; depth standard adds analysis, deep a narrative too",
        fields: &[("symbol", "string", true), ("depth", "string", false)],
    },
    Tool {
        name: "search-by-coin",
        about: "The same for a coin, by name or symbol",
        fields: &[("coin", "string", true), ("depth", "string", false)],
    },
    Tool {
        name: "execute-fk-dsl",
        about: "Executes a query, at once or as a task",
        fields: &[("query", "string", true), ("async", "boolean", false)],
    },
    Tool { name: "get-task-status", about: "The state of a task", fields: &[("taskId", "string", true)] },
    Tool {
        name: "create-analysis-session",
        about: "Begins a session over symbols",
        fields: &[("name", "string", false), ("symbols", "array", false)],
    },
    Tool { name: "list-sessions", about: "The newest sessions", fields: &[] },
    Tool {
        name: "warm-cache",
        about: "Fetches prices that are not cached; all known symbols by default",
        fields: &[("symbols", "array", false)],
    },
];

pub(super) async fn list() -> Response {
    let tools: Vec<Value> = TOOLS
        .iter()
        .map(|tool| {
            let properties: serde_json::Map<_, _> = tool
                .fields
                .iter()
                .map(|(name, kind, _)| ((*name).to_owned(), json!({ "type": kind })))
                .collect();
            let required: Vec<_> =
                tool.fields.iter().filter(|(.., required)| *required).map(|(name, ..)| name).collect();
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            json!({ "name": tool.name, "description": tool.about, "inputSchema": schema })
        })
        .collect();
    json_value(&json!({ "tools": tools }))
}

/// 422 if the body has no `name` or its `arguments` are no object; else 200.
pub(super) async fn call(State(service): Shared, body: Bytes) -> Result<Response, Refusal> {
    let envelope = Arguments::body(&body)?;
    let name = envelope.text("name")?;
    let arguments = Arguments::inner(envelope.object("arguments")?);
    let answer = match name {
        "search-by-symbol" => search(&service, &arguments, "symbol").await,
        "search-by-coin" => search(&service, &arguments, "coin").await,
        "execute-fk-dsl" => execute(&service, &arguments).await,
        "get-task-status" => task_status(&service, &arguments),
        "create-analysis-session" => create_session(&service, &arguments),
        "list-sessions" => Ok(list_sessions(&service)),
        "warm-cache" => warm(&service, &arguments).await,
        _ => Err(Refusal::Absent(format!("unknown tool `{name}`"))),
    };
    let (text, is_error) = match answer {
        Ok(value) => (value.to_string(), false),
        Err(refusal) => (json!({ "error": refusal.message(), "status": "failed" }).to_string(), true),
    };
    Ok(json_value(&json!({ "content": [{ "type": "text", "text": text }], "isError": is_error })))
}

/// The price at once, from the caches if they have it, and a task that reads the news; with depth
/// the analysis and the narrative are waited for.
async fn search(service: &Arc<Service>, arguments: &Arguments, field: &str) -> Result<Value, Refusal> {
    let depth = arguments.choice("depth", &DEPTHS)?;
    let symbol = if field == "coin" { coin(arguments.text(field)?) } else { None };
    let symbol = match symbol {
        Some(symbol) => symbol.to_owned(),
        None => arguments.symbol(field)?,
    };
    let found = service.quote(&symbol, None).await?;
    let quote = &found.value;
    let mut answer = json!({
        "symbol": quote.asset.symbol,
        "name": quote.asset.name,
        "depth": depth,
        "cached": {
            "price": quote.price,
            "change": quote.change,
            "source": quote.source.name,
            "ttl": whole_seconds(found.ttl),
            "confidence": quote.source.confidence,
            "hit": found.layer.is_some(),
            "layer": found.layer.map(super::cache::Layer::name),
        },
        "task": task(service, &symbol),
    });
    if depth != "quick" {
        let sentiment = analysis::sentiment(service, &symbol).await?;
        answer["analysis"] = sentiment.value.value(&sentiment);
    }
    if depth == "deep" {
        let narrative = analysis::narrative(service, &symbol, "detailed").await?;
        answer["narrative"] = narrative.value.value(&narrative);
    }
    Ok(answer)
}

fn task(service: &Arc<Service>, symbol: &str) -> Value {
    let (worker, symbol) = (Arc::clone(service), symbol.to_owned());
    let begun = service.tasks.begin("news", async move {
        let found = analysis::sentiment(&worker, &symbol).await.map_err(|failure| failure.to_string())?;
        Ok(found.value.value(&found))
    });
    match begun {
        Some(id) => json!({ "id": id, "status": "queued" }),
        None => json!({ "id": null, "status": "refused" }),
    }
}

/// The symbol of a coin by its name, `bitcoin`.
fn coin(name: &str) -> Option<&'static str> {
    ASSETS.iter().find(|asset| asset.name.eq_ignore_ascii_case(name.trim())).map(|asset| asset.symbol)
}

async fn execute(service: &Arc<Service>, arguments: &Arguments) -> Result<Value, Refusal> {
    Ok(query::run(service, arguments.text("query")?, arguments.flag("async")?).await)
}

fn task_status(service: &Service, arguments: &Arguments) -> Result<Value, Refusal> {
    let id = arguments.text("taskId")?;
    match service.tasks.find(id) {
        Some(task) => Ok(json!({ "task": task, "taskId": id, "status": task.status })),
        None => Err(Refusal::Absent(format!("task `{id}` not found"))),
    }
}

fn create_session(service: &Service, arguments: &Arguments) -> Result<Value, Refusal> {
    let name = arguments.text_if_any("name")?.unwrap_or("analysis");
    let session = service.sessions.create(name, arguments.symbols("symbols")?, service.clock.now_text());
    Ok(json!(session))
}

fn list_sessions(service: &Service) -> Value {
    let (sessions, total) = service.sessions.newest(SESSIONS_SHOWN);
    json!({ "sessions": sessions, "total": total })
}

async fn warm(service: &Arc<Service>, arguments: &Arguments) -> Result<Value, Refusal> {
    let mut symbols = arguments.symbols("symbols")?;
    if symbols.is_empty() {
        symbols = ASSETS.iter().map(|asset| asset.symbol.to_owned()).collect();
    }
    let asked: Vec<_> = symbols
        .into_iter()
        .map(|symbol| {
            let service = Arc::clone(service);
            tokio::spawn(async move { (service.quote(&symbol, None).await, symbol) })
        })
        .collect();
    let (mut warmed, mut already, mut failed) = (0_u32, 0_u32, Vec::new());
    for asked in asked {
        match asked.await {
            Ok((Ok(found), _)) if found.layer.is_some() => already += 1,
            Ok((Ok(_), _)) => warmed += 1,
            Ok((Err(failure), symbol)) => {
                failed.push(json!({ "symbol": symbol, "error": failure.to_string() }));
            }
            Err(_) => failed.push(json!({ "symbol": null, "error": "the fetch was interrupted" })),
        }
    }
    Ok(json!({ "warmed": warmed, "already_cached": already, "failed": failed }))
}
