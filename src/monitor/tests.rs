//! The monitor's promises: true counts, bounded labels, rates that follow their counters.

use std::time::Duration;

use super::*;

fn monitor() -> Monitor {
    Monitor::new(DEFAULT_PREFIX).unwrap()
}

/// The value of the series whose line starts with `series` and a space.
fn value(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn requests_are_counted_by_method_route_and_status() {
    let monitor = monitor();
    let endpoint = monitor.endpoint("/items/{id}");
    for status in [200, 200, 404] {
        endpoint.observe("GET", status, Duration::from_millis(20));
    }
    endpoint.observe("POST", 200, Duration::from_secs(30));
    let text = monitor.text().unwrap();
    let get = r#"fiml_requests_total{endpoint="/items/{id}",method="GET",status="200"}"#;
    assert_eq!(value(&text, get), Some(2.0), "{text}");
    let buckets = r#"fiml_request_duration_seconds_bucket{endpoint="/items/{id}",method="GET",le="#;
    assert_eq!(value(&text, &format!("{buckets}\"0.01\"}}")), Some(0.0));
    assert_eq!(value(&text, &format!("{buckets}\"0.05\"}}")), Some(3.0));
    assert_eq!(endpoint.totals().0, 4);
    assert_eq!(endpoint.server_errors(), 0);
}

#[test]
fn an_odd_method_or_status_cannot_grow_the_labels() {
    let monitor = monitor();
    let endpoint = monitor.endpoint("/");
    for n in 0..50_u16 {
        endpoint.observe(&format!("VERB{n}"), 10_000 + n, Duration::ZERO);
    }
    let text = monitor.text().unwrap();
    assert_eq!(value(&text, r#"fiml_requests_total{endpoint="/",method="OTHER",status="599"}"#), Some(50.0));
}

#[test]
fn label_values_past_the_limit_share_one_with_exact_totals() {
    let monitor = monitor();
    for n in 0..LABEL_VALUES_MAX + 50 {
        monitor.endpoint(&format!("/{n}")).observe("GET", 200, Duration::ZERO);
    }
    let text = monitor.text().unwrap();
    let routes = text.lines().filter(|line| line.starts_with("fiml_requests_total{")).count();
    assert_eq!(routes, LABEL_VALUES_MAX + 1);
    let rest = format!(r#"fiml_requests_total{{endpoint="{OVERFLOW_LABEL}",method="GET",status="200"}}"#);
    assert_eq!(value(&text, &rest), Some(50.0));
}

#[test]
fn the_same_name_gives_the_same_handle() {
    let monitor = monitor();
    monitor.cache_layer("l1").hit();
    monitor.cache_layer("l1").miss();
    assert_eq!(monitor.cache_layer("l1").hit_rate(), Some(0.5));
    monitor.operation("read", Duration::from_secs(1)).observe(Duration::from_secs(2));
    assert_eq!(monitor.operation("read", Duration::from_secs(1)).slow(), 1);
}

#[test]
fn rates_without_an_event_have_no_series() {
    let monitor = monitor();
    let layer = monitor.cache_layer("l1");
    let text = monitor.text().unwrap();
    assert!(
        !text.contains("fiml_cache_hit_rate{") && !text.contains("\nfiml_task_completion_rate "),
        "{text}"
    );
    layer.hit();
    layer.hit();
    layer.hit();
    layer.miss();
    monitor.tasks().create();
    monitor.tasks().fail();
    let text = monitor.text().unwrap();
    assert_eq!(value(&text, r#"fiml_cache_hit_rate{layer="l1"}"#), Some(0.75));
    assert_eq!(value(&text, "fiml_task_completion_rate"), Some(0.0), "{text}");
}

#[test]
fn active_requests_return_to_zero_after_a_panic() {
    let monitor = monitor();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _active = monitor.active();
        assert_eq!(monitor.active_requests(), 1);
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(unwound.is_err());
    assert_eq!(monitor.active_requests(), 0);
}

#[test]
fn slow_runs_are_those_over_the_threshold() {
    let monitor = monitor();
    let operation = monitor.operation("query", Duration::from_millis(100));
    operation.observe(Duration::from_millis(100));
    operation.observe(Duration::from_millis(300));
    drop(operation.start());
    assert_eq!((operation.count(), operation.slow()), (2, 1));
    assert_eq!((operation.mean_ms(), operation.slowest_ms()), (Some(200.0), Some(300.0)));
    let text = monitor.text().unwrap();
    assert_eq!(value(&text, r#"fiml_slow_queries_total{operation="query"}"#), Some(1.0));
    operation.start().stop();
    assert_eq!(operation.count(), 3);
}

#[test]
fn provider_calls_are_counted_by_outcome() {
    let monitor = monitor();
    let calls = monitor.provider("alpha", "price");
    calls.observe(CallOutcome::Success, Duration::from_millis(150));
    calls.observe(CallOutcome::NotFound, Duration::from_millis(150));
    let text = monitor.text().unwrap();
    let series = |status: &str| {
        format!(r#"fiml_provider_requests_total{{operation="price",provider="alpha",status="{status}"}}"#)
    };
    assert_eq!(value(&text, &series("success")), Some(1.0));
    assert_eq!(value(&text, &series("error")), Some(0.0));
    assert_eq!(calls.count(CallOutcome::NotFound), 1);
    assert!((calls.total_seconds() - 0.3).abs() < 1e-9);
}

#[test]
fn a_prefix_is_checked() {
    assert!(Monitor::new("shop_v2").is_ok());
    for bad in ["", "2shop", "shop-", "größe"] {
        let error = Monitor::new(bad).unwrap_err();
        assert!(matches!(error, MonitorError::Prefix { .. }), "{bad}: {error}");
    }
}

#[test]
fn two_monitors_share_nothing() {
    let (one, other) = (monitor(), monitor());
    one.cache_layer("l1").hit();
    assert_eq!(other.cache_layer("l1").hits(), 0);
}
