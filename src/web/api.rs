//! The routes of the control API, listed once in [`router`]; docs/exploring.md is their reference.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::clerk::Desk;
use super::guard::{BODY_BYTES_MAX, too_large};
use super::reply::{Answer, Refusal, respond, seal};
use super::wish::{Wish, boolean};
use super::{group, metric, scenario, status};

type Shared = State<Arc<Desk>>;
/// A body, unless it is too large or breaks off.
type Taken = Result<Bytes, BytesRejection>;

pub(super) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/status", get(read_status).patch(patch_status))
        .route("/v1/metrics", get(read_metrics))
        .route("/v1/metrics/{id}", get(read_metric))
        .route("/v1/groups", get(read_groups))
        .route("/v1/groups/{id}", get(read_group))
        .route("/v1/scenarios", get(read_scenarios))
        .route("/v1/scenarios/{name}", get(read_scenario).patch(patch_scenario))
        .route("/v1/reset", post(reset))
        .route("/v1/stop", post(stop))
        .route("/v1/events", get(events))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&desk), guarded))
        .with_state(desk)
}

impl Desk {
    fn respond(&self, answer: Answer) -> Response {
        respond(answer, &self.mask)
    }

    /// Wants something, and answers with the status.
    fn want(&self, wish: impl FnOnce() -> Result<(), Refusal>) -> Response {
        self.respond(wish().map(|()| self.status()))
    }
}

fn attributes(body: Taken) -> Result<serde_json::Map<String, serde_json::Value>, Refusal> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Refusal::new(status, "the body broke off"),
    })?;
    Wish::read(&body)
}

async fn guarded(State(desk): Shared, request: Request, next: Next) -> Response {
    match desk.guard.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            let mut response = desk.respond(Err(refusal));
            // Its body is not read: what comes next on this connection is not its next request.
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            response
        }
    }
}

async fn read_status(State(desk): Shared) -> Response {
    desk.respond(Ok(desk.status()))
}

async fn patch_status(State(desk): Shared, body: Taken) -> Response {
    desk.want(|| status::patch(&desk.control(), &attributes(body)?))
}

async fn read_metrics(State(desk): Shared) -> Response {
    desk.respond(Ok(metric::all(&desk.board())))
}

async fn read_metric(State(desk): Shared, Path(id): Path<String>) -> Response {
    desk.respond(metric::one(&desk.board(), &id))
}

async fn read_groups(State(desk): Shared) -> Response {
    desk.respond(Ok(group::all(&desk.board())))
}

async fn read_group(State(desk): Shared, Path(id): Path<String>) -> Response {
    desk.respond(group::one(&desk.board(), &id))
}

async fn read_scenarios(State(desk): Shared) -> Response {
    desk.respond(Ok(scenario::all(&desk.control(), &desk.board())))
}

async fn read_scenario(State(desk): Shared, Path(name): Path<String>) -> Response {
    desk.respond(scenario::one(&desk.control(), &desk.board(), &name))
}

async fn patch_scenario(State(desk): Shared, Path(name): Path<String>, body: Taken) -> Response {
    let done = attributes(body).and_then(|attributes| scenario::patch(&desk.control(), &name, &attributes));
    desk.respond(done.and_then(|()| scenario::one(&desk.control(), &desk.board(), &name)))
}

async fn reset(State(desk): Shared) -> Response {
    desk.want(|| Ok(desk.control().reset()?))
}

async fn stop(State(desk): Shared, body: Taken) -> Response {
    desk.want(|| {
        let attributes = attributes(body)?;
        Wish::check(&attributes, &["now"], &[])?;
        status::stop(&desk.control(), boolean(&attributes, "now")?.unwrap_or(false));
        Ok(())
    })
}

async fn events(State(desk): Shared) -> Response {
    let greeting = seal(desk.status()["data"]["attributes"].take(), &desk.mask);
    match desk.hub().listen(&greeting) {
        Some(events) => {
            let headers = [
                (header::CONTENT_TYPE, "text/event-stream"),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, Body::from_stream(events)).into_response()
        }
        None => desk.respond(Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "as many listen to the events already as may: close one",
        ))),
    }
}

async fn unknown(State(desk): Shared, uri: Uri) -> Response {
    let detail = format!(
        "there is no `{}`: there are /v1/status, /v1/metrics, /v1/groups, /v1/scenarios, /v1/reset, /v1/stop and /v1/events",
        uri.path()
    );
    desk.respond(Err(Refusal::new(StatusCode::NOT_FOUND, detail)))
}

async fn wrong_method(State(desk): Shared, method: Method, uri: Uri) -> Response {
    let detail = format!("`{}` takes no {method}", uri.path());
    desk.respond(Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, detail)))
}
