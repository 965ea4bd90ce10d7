//! FK-DSL: queries are parsed into a tree and executed step by step, at once or as a task.

mod execute;
mod parse;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value, json};

use super::service::Service;
use parse::{QueryError, parse};

/// Whether `text` is a query, and what is wrong if it isn't.
pub(super) fn validate(text: &str) -> Value {
    match parse(text) {
        Ok(query) => json!({ "valid": true, "query_type": query.kind(), "steps": query.steps() }),
        Err(error) => json!({ "valid": false, "error": report(&error) }),
    }
}

/// Executes `text`. What fails has `status: "failed"` and an `error`; as a task, what comes back is
/// its id.
pub(super) async fn run(service: &Arc<Service>, text: &str, as_task: bool) -> Value {
    let query = match parse(text) {
        Ok(query) => query,
        Err(error) => return json!({ "status": "failed", "query": text, "error": report(&error) }),
    };
    let kind = query.kind();
    if !as_task {
        return match execute::execute(service, &query).await {
            Ok(result) => result,
            Err(failure) => {
                json!({ "status": "failed", "query_type": kind, "error": { "message": failure.to_string() } })
            }
        };
    }
    let worker = Arc::clone(service);
    let begun = service.tasks.begin("query", async move {
        execute::execute(&worker, &query).await.map_err(|failure| failure.to_string())
    });
    match begun {
        Some(id) => json!({
            "status": "queued",
            "query_type": kind,
            "taskId": id,
            "task": { "id": id, "status": "queued" },
        }),
        None => json!({
            "status": "failed",
            "query_type": kind,
            "error": { "message": "too many tasks have not ended yet" },
        }),
    }
}

fn report(error: &QueryError) -> Value {
    json!({ "message": error.to_string(), "position": error.position, "expected": error.expected, "found": error.found })
}
