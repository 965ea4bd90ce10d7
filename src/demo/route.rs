//! The router: which path leads where, each with its own series.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};

use super::reply::detail;
use super::service::Service;
use super::{health, market, mcp, stream, tool};
use crate::monitor::{Endpoint, Stopwatch};

/// The label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// All endpoints over one service.
pub(super) fn router(service: Arc<Service>) -> Router {
    let routes: [(&str, MethodRouter<Arc<Service>>); 28] = [
        ("/health", get(health::overall)),
        ("/health/db", get(health::database)),
        ("/health/cache", get(health::cache)),
        ("/health/providers", get(health::providers)),
        ("/health/providers/{name}", get(health::provider)),
        ("/metrics", get(health::to_metrics)),
        ("/metrics/", get(health::metrics)),
        ("/api/metrics/cache", get(health::cache_metrics)),
        ("/api/metrics/performance", get(health::performance_metrics)),
        ("/api/metrics/tasks", get(health::task_metrics)),
        ("/api/market/prices", get(market::prices)),
        ("/api/market/candles/{symbol}", get(market::candles)),
        ("/api/market/assets/{symbol}", get(market::asset)),
        ("/api/market/search", get(market::search)),
        ("/mcp/tools", get(mcp::list)),
        ("/mcp/tools/call", post(mcp::call)),
        ("/mcp/tools/get_price", get(tool::get_price).post(tool::get_price)),
        ("/mcp/tools/get_market_data", get(tool::get_market_data).post(tool::get_market_data)),
        ("/mcp/tools/generate_narrative", get(tool::generate_narrative).post(tool::generate_narrative)),
        ("/mcp/tools/analyze_sentiment", get(tool::analyze_sentiment).post(tool::analyze_sentiment)),
        ("/mcp/tools/get_fundamentals", get(tool::get_fundamentals).post(tool::get_fundamentals)),
        ("/mcp/tools/analyze_portfolio", get(tool::analyze_portfolio).post(tool::analyze_portfolio)),
        ("/mcp/tools/execute_dsl", post(tool::execute_dsl)),
        ("/mcp/tools/validate_dsl", post(tool::validate_dsl)),
        ("/dsl/execute", post(tool::execute_dsl)),
        ("/ws/prices/{symbols}", any(stream::prices)),
        ("/ws/stream", any(stream::stream)),
        ("/sse/prices/{symbols}", get(stream::events)),
    ];
    let mut router = Router::new().method_not_allowed_fallback(not_allowed);
    for (path, handlers) in routes {
        router = router
            .route(path, handlers.layer(middleware::from_fn_with_state(Watch::new(&service, path), watch)));
    }
    let unmatched: MethodRouter<Arc<Service>> = any(not_found);
    router
        .fallback_service(
            unmatched
                .layer(middleware::from_fn_with_state(Watch::new(&service, UNMATCHED), watch))
                .with_state(Arc::clone(&service)),
        )
        .with_state(service)
}

/// What a route feeds.
#[derive(Clone)]
struct Watch {
    service: Arc<Service>,
    endpoint: Endpoint,
}

impl Watch {
    fn new(service: &Arc<Service>, route: &str) -> Watch {
        Watch { service: Arc::clone(service), endpoint: service.monitor.endpoint(route) }
    }
}

async fn watch(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let (_active, clock) = (watch.service.monitor.active(), Stopwatch::start());
    let method = request.method().clone();
    let response = next.run(request).await;
    watch.endpoint.observe(method.as_str(), response.status().as_u16(), clock.elapsed());
    response
}

async fn not_found() -> Response {
    detail(StatusCode::NOT_FOUND, "Not Found")
}

async fn not_allowed() -> Response {
    detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
