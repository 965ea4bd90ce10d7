//! `-o otlp=URL` into a receiver that decodes what came: totals are those of the summary and of the service's own
//! count, each `traceparent` that the service saw has its span, and a receiver that fails costs no load.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::fixture::{Finished, Runner, pause, runner};
use super::server::{Reply, Request, Server};

/// A service with one answer for each path.
fn service() -> Server {
    Server::start(|request| match request.path() {
        "/missing" => Reply::new(404, "no"),
        "/moved" => Reply::new(302, "").header("location", "/there"),
        "/slow" => {
            pause(Duration::from_secs(20));
            Reply::ok("late")
        }
        "/events" => Reply::ok("data: one\n\n").header("content-type", "text/event-stream"),
        _ => Reply::ok("ok"),
    })
}

/// A receiver that takes all.
pub(crate) fn receiver() -> Server {
    Server::start(|_| Reply::ok(Vec::new()).header("content-type", "application/x-protobuf"))
}

fn play(service: &Server, script: &str, out: &str) -> Runner {
    let script = script.replace("SERVICE", &service.url());
    runner(["run", "-q", "--no-preflight", "flow.rhai", "-o", out]).file("flow.rhai", &script)
}

const SCRIPT: &str = r#"
base_url("SERVICE");
const DEPTH = trend("queue_depth");
scenario("shop", #{ executor: "per-vu-iterations", vus: 3, iterations: 50, flow: "flow" });
fn flow() {
    let r = http::get("/a", #{ name: "price" });
    check(r.status == 200, "is ok");
    http::post("/b", #{ body: "12345" });
    http::get("/missing", #{ expected_statuses: [200] });
    global::DEPTH.add(7.5);
}
"#;

/// What came to one path of a receiver.
pub(crate) fn bodies(receiver: &Server, path: &str) -> Vec<Vec<u8>> {
    let plain = |request: Request| match request.headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*request.body).read_to_end(&mut plain).expect("whole gzip");
            plain
        }
        _ => request.body,
    };
    let requests = receiver.requests().into_iter().filter(|request| request.path() == path);
    requests
        .inspect(|request| assert_eq!(request.headers["content-type"], "application/x-protobuf"))
        .map(plain)
        .collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn tags(attributes: &[KeyValue]) -> String {
    let pairs: BTreeSet<String> = attributes
        .iter()
        .map(|attribute| {
            format!("{}={}", attribute.key, text(attributes, &attribute.key).unwrap_or_default())
        })
        .collect();
    pairs.into_iter().collect::<Vec<_>>().join(",")
}

/// What a point adds up to: a number, or a distribution's count, sum and buckets by index at its scale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sum {
    Number(f64),
    Distribution { count: u64, sum: f64, zeros: u64, in_buckets: u64, min: f64, max: f64 },
}

/// The sums of all points by name and tags: the last one of each where they are cumulative, added up where not.
pub(crate) struct Totals(BTreeMap<(String, String), Sum>);

impl Totals {
    pub(crate) fn of(bodies: &[Vec<u8>]) -> Self {
        let mut totals = BTreeMap::new();
        for body in bodies {
            let request = ExportMetricsServiceRequest::decode(&**body).expect("a message of metrics");
            for resource in request.resource_metrics {
                expect_resource(resource.resource.as_ref().expect("a resource"));
                for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                    let (points, is_delta) = points(metric.data.expect("data"));
                    for (attributes, sum) in points {
                        let key = (metric.name.clone(), tags(&attributes));
                        match totals.get_mut(&key) {
                            Some(known) if is_delta => add(known, sum),
                            _ => _ = totals.insert(key, sum),
                        }
                    }
                }
            }
        }
        Self(totals)
    }

    /// Of all tags of a metric.
    pub(crate) fn number(&self, name: &str) -> f64 {
        let of = self.0.iter().filter(|((known, _), _)| known == name);
        of.map(|(_, sum)| match sum {
            Sum::Number(number) => *number,
            Sum::Distribution { count, .. } => *count as f64,
        })
        .sum()
    }
}

fn expect_resource(resource: &Resource) {
    assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("runner"));
    assert_eq!(text(&resource.attributes, "runner.script").as_deref(), Some("flow.rhai"));
    assert!(text(&resource.attributes, "runner.run.id").is_some_and(|id| id.len() > 10), "{resource:?}");
}

fn points(data: Data) -> (Vec<(Vec<KeyValue>, Sum)>, bool) {
    const DELTA: i32 = 1;
    let number = |value: Option<Number>| {
        Sum::Number(match value.expect("a value") {
            Number::AsDouble(number) => number,
            Number::AsInt(number) => number as f64,
        })
    };
    match data {
        Data::Gauge(gauge) => {
            let points = gauge.data_points.into_iter().map(|point| (point.attributes, number(point.value)));
            (points.collect(), false)
        }
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            let points = sum.data_points.into_iter().map(|point| {
                assert!(0 < point.start_time_unix_nano && point.start_time_unix_nano < point.time_unix_nano);
                (point.attributes, number(point.value))
            });
            (points.collect(), sum.aggregation_temporality == DELTA)
        }
        Data::ExponentialHistogram(histogram) => {
            let points = histogram.data_points.into_iter().map(|point| {
                let in_buckets = point.positive.iter().flat_map(|buckets| &buckets.bucket_counts).sum();
                assert_eq!(point.count, point.zero_count + in_buckets, "{point:?}");
                let of = |figure: Option<f64>| figure.expect("a figure of a distribution with samples");
                // Of what got no answer nobody knows the largest.
                let unknown = |figure: Option<f64>| figure.unwrap_or(f64::INFINITY);
                let (sum, min, max) = (of(point.sum), unknown(point.min), unknown(point.max));
                let zeros = point.zero_count;
                (point.attributes, Sum::Distribution { count: point.count, sum, zeros, in_buckets, min, max })
            });
            (points.collect(), histogram.aggregation_temporality == DELTA)
        }
        other => panic!("{other:?}"),
    }
}

fn add(known: &mut Sum, more: Sum) {
    match (known, more) {
        (Sum::Number(known), Sum::Number(more)) => *known += more,
        (
            Sum::Distribution { count, sum, zeros, in_buckets, min, max },
            Sum::Distribution {
                count: count2,
                sum: sum2,
                zeros: zeros2,
                in_buckets: in2,
                min: min2,
                max: max2,
            },
        ) => {
            (*count, *sum, *zeros, *in_buckets) =
                (*count + count2, *sum + sum2, *zeros + zeros2, *in_buckets + in2);
            (*min, *max) = (min.min(min2), max.max(max2));
        }
        (known, more) => panic!("{known:?} and {more:?}"),
    }
}

#[expect(clippy::float_cmp, reason = "counts, which are exact")]
fn expect_totals(finished: &Finished, totals: &Totals, service: &Server) {
    assert_eq!(finished.figure("http_reqs"), 450.0);
    assert_eq!(service.count(), 450);
    for name in ["http_reqs", "http_req_duration", "http_req_response_time", "http_req_failed.total"] {
        assert_eq!(totals.number(name), 450.0, "{name}: {:?}", totals.0);
    }
    assert_eq!(totals.number("http_req_failed.occurred"), 150.0);
    assert_eq!((totals.number("checks.total"), totals.number("checks.occurred")), (150.0, 150.0));
    assert_eq!((totals.number("iterations"), totals.number("iteration_duration")), (150.0, 150.0));
    let own = totals.0.iter().find(|((name, _), _)| name == "queue_depth").expect("the script's own");
    let expected =
        Sum::Distribution { count: 150, sum: 1_125.0, zeros: 0, in_buckets: 150, min: 7.5, max: 7.5 };
    assert_eq!(*own.1, expected);
    let missing =
        totals.0.iter().find(|((name, tags), _)| name == "http_reqs" && tags.contains("status=404"));
    assert_eq!(missing.expect("a series of its own").1, &Sum::Number(150.0));
}

#[test]
fn sums_that_run_from_the_start_end_as_the_summary_does() {
    let (service, receiver) = (service(), receiver());
    let finished = play(&service, SCRIPT, &format!("otlp={}", receiver.url())).run().expect_code(0);
    let bodies = bodies(&receiver, "/v1/metrics");
    expect_totals(&finished, &Totals::of(&bodies), &service);
    let request = ExportMetricsServiceRequest::decode(&*bodies[0]).unwrap();
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let duration = metrics.iter().find(|metric| metric.name == "http_req_duration").unwrap();
    assert_eq!((duration.unit.as_str(), duration.description.is_empty()), ("ms", false));
    assert!(metrics.iter().any(|metric| metric.name == "data_sent" && metric.unit == "By"));
    assert_eq!(receiver.count_of("/v1/traces"), 0);
    assert!(service.requests().iter().all(|request| !request.headers.contains_key("traceparent")));
}

#[test]
fn seconds_by_themselves_add_up_to_the_summary_compressed_and_by_k6s_name() {
    let (service, receiver) = (service(), receiver());
    let out = format!("experimental-opentelemetry={}/v1/metrics#temporality=delta,gzip", receiver.url());
    let finished = play(&service, SCRIPT, &out).run().expect_code(0);
    assert!(receiver.requests().iter().all(|request| request.headers["content-encoding"] == "gzip"));
    expect_totals(&finished, &Totals::of(&bodies(&receiver, "/v1/metrics")), &service);
}

#[test]
fn the_environment_names_the_receiver_and_its_key_is_sent_and_not_shown() {
    let (service, receiver) = (service(), receiver());
    let finished = play(&service, SCRIPT, "opentelemetry")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2hunter2,x-team=load%20tests")
        .run()
        .expect_code(0);
    assert!(receiver.count() > 0);
    for request in receiver.requests() {
        assert_eq!(
            (&*request.headers["x-key"], &*request.headers["x-team"]),
            ("hunter2hunter2", "load tests")
        );
    }
    assert!(!finished.printed().contains("hunter2"), "{}", finished.printed());
}

/// All spans that came, and the `traceparent`s that the service saw.
pub(crate) fn spans(receiver: &Server) -> Vec<Span> {
    let requests = bodies(receiver, "/v1/traces");
    let requests = requests.iter().map(|body| ExportTraceServiceRequest::decode(&**body).expect("spans"));
    let resources = requests.flat_map(|request| request.resource_spans);
    let scopes = resources.inspect(|spans| expect_resource(spans.resource.as_ref().expect("a resource")));
    scopes.flat_map(|spans| spans.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn header_of(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

fn seen(service: &Server) -> Vec<String> {
    service.requests().iter().filter_map(|request| request.headers.get("traceparent").cloned()).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}

pub(crate) const CLIENT: i32 = 3;

#[test]
fn each_traceparent_that_the_service_saw_is_a_span_below_its_iteration() {
    let (service, receiver) = (service(), receiver());
    let script = r#"
base_url("SERVICE");
scenario("shop", #{ executor: "per-vu-iterations", vus: 2, iterations: 20, flow: "flow" });
fn setup() { http::get("/setup"); }
fn flow() {
    group("buy", || { http::get("/a?token=hidden", #{ name: "price" }); });
    http::get("/moved");
    http::batch(["/b", "/c"]);
    http::get("/missing", #{ expected_statuses: [200] });
    sse::each("/events", #{ events: 1 }, |event| {});
    ws::connect("/no_socket", |socket| {});
    http::get("/own", #{ headers: #{ "TraceParent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } });
}
"#;
    let finished = play(&service, script, &format!("otlp={}#traces", receiver.url())).run().expect_code(0);
    // Two hops of a redirect, two of a batch, and `setup`'s; the web socket's is none.
    assert!((finished.figure("http_reqs") - 321.0).abs() < 0.5);
    assert!(finished.stdout.contains(" samples, 361 spans\n"), "{}", finished.printed());
    let spans = spans(&receiver);
    let (requests, iterations): (Vec<Span>, Vec<Span>) =
        spans.into_iter().partition(|span| span.kind == CLIENT);
    let (own, ours): (Vec<String>, Vec<String>) =
        seen(&service).into_iter().partition(|header| header.contains("b7ad6b7169203331"));
    assert_eq!((own.len(), ours.len(), iterations.len()), (40, 321, 40));
    assert_eq!(sorted(ours), sorted(requests.iter().map(header_of).collect()));
    let parents: BTreeMap<_, _> = iterations.iter().map(|span| (span.span_id.clone(), span)).collect();
    assert_eq!(parents.len(), 40, "each id is one span's");
    for span in &requests {
        if span.name == "GET /setup" {
            assert!(span.parent_span_id.is_empty());
            assert_eq!(text(&span.attributes, "runner.group").as_deref(), Some("::setup"));
            continue;
        }
        let parent = parents[&span.parent_span_id];
        assert_eq!(parent.trace_id, span.trace_id);
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano);
        assert_eq!(text(&parent.attributes, "runner.vu"), text(&span.attributes, "runner.vu"));
    }
    let named =
        |name: &str| requests.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}"));
    let price = named("GET price");
    let of_price = |key: &str| text(&price.attributes, key).unwrap_or_default();
    assert_eq!(of_price("url.full"), format!("{}/a?token=***", service.url()));
    assert_eq!((&*of_price("http.response.status_code"), &*of_price("runner.group")), ("200", "::buy"));
    assert_eq!(
        (&*of_price("server.address"), of_price("server.port")),
        ("127.0.0.1", service.port().to_string())
    );
    assert_eq!((&*of_price("network.protocol.version"), price.status.is_none()), ("1.1", true));
    let missing = named("GET /missing");
    assert_eq!(text(&missing.attributes, "error.type").as_deref(), Some("404"));
    assert_eq!(missing.status.as_ref().unwrap().code, 2);
    assert_eq!(
        (named("GET /events").status.is_none(), named("GET /no_socket").status.is_some()),
        (true, true)
    );
}

#[test]
fn system_tags_that_are_left_out_are_in_no_span_either() {
    let (service, receiver) = (service(), receiver());
    let script = r#"
base_url("SERVICE");
scenario("shop", #{ executor: "per-vu-iterations", vus: 1, iterations: 2, flow: "flow" });
fn flow() {
    vu::tag("team", "red");
    group("buy", || { http::get("/missing", #{ name: "price", expected_statuses: [200] }); });
    http::get("http://127.0.0.1:1/down");
}
"#;
    let out = format!("otlp={}#traces", receiver.url());
    let played = play(&service, script, &out).env("RUNNER_SYSTEM_TAGS", "method,error_code").run();
    assert!((played.figure("http_reqs") - 4.0).abs() < 0.5, "{}", played.printed());
    let spans = spans(&receiver);
    let names: BTreeSet<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["GET", "iteration"]);
    let left_out = "runner.scenario runner.group runner.name url.full http.response.status_code network.protocol.version";
    for span in &spans {
        for key in left_out.split(' ') {
            assert_eq!(text(&span.attributes, key), None, "{key} of {span:?}");
        }
        let has = |key: &str| text(&span.attributes, key).is_some();
        assert_eq!(has("http.request.method"), span.kind == CLIENT);
        assert!(has("runner.vu") && (has("team") || span.kind != CLIENT), "{span:?}");
        // Which port it was is no tag; the status of the first and the error's text are.
        assert_eq!(has("error.type"), text(&span.attributes, "server.port").as_deref() == Some("1"));
        let message = span.status.as_ref().map(|status| &*status.message);
        assert!(matches!(message, None | Some("the answer was not one that is expected")), "{span:?}");
    }
    assert_eq!(spans.iter().filter(|span| span.kind == CLIENT).count(), 4);
}

#[test]
fn a_share_is_of_whole_traces_and_the_rest_is_told_not_to_record() {
    let (service, receiver) = (service(), receiver());
    let script = r#"
base_url("SERVICE");
scenario("shop", #{ executor: "per-vu-iterations", vus: 4, iterations: 100, flow: "flow" });
fn flow() { http::get("/a"); http::get("/b"); }
"#;
    play(&service, script, &format!("otlp={}#traces=0.3", receiver.url())).run().expect_code(0);
    let spans = spans(&receiver);
    let requests: Vec<String> = spans.iter().filter(|span| span.kind == CLIENT).map(header_of).collect();
    let (sampled, others): (Vec<String>, Vec<String>) =
        seen(&service).into_iter().partition(|header| header.ends_with("-01"));
    assert_eq!(sampled.len() + others.len(), 800);
    assert!(others.iter().all(|header| header.ends_with("-00")));
    // 400 draws of 0.3: six standard deviations are 55.
    let traces: BTreeSet<&[u8]> = spans.iter().map(|span| &*span.trace_id).collect();
    assert!((65..=175).contains(&traces.len()), "{}", traces.len());
    assert_eq!((sampled.len(), spans.len()), (2 * traces.len(), 3 * traces.len()));
    assert_eq!(sorted(sampled), sorted(requests));
}

#[test]
fn what_the_stop_cut_has_its_span_too() {
    let (service, receiver) = (service(), receiver());
    let script = r#"
base_url("SERVICE");
scenario("shop", #{ executor: "constant-vus", vus: 2, duration: "1s", graceful_stop: "0s", flow: "flow" });
fn flow() { http::batch(["/slow", "/slow"]); }
"#;
    let finished = play(&service, script, &format!("otlp={}#traces", receiver.url())).run();
    assert!(finished.stdout.contains("under way at the stop"), "{}", finished.printed());
    let spans = spans(&receiver);
    let requests: Vec<&Span> = spans.iter().filter(|span| span.kind == CLIENT).collect();
    assert_eq!(requests.len(), 4);
    assert_eq!(sorted(seen(&service)), sorted(requests.iter().map(|span| header_of(span)).collect()));
    for span in &requests {
        assert_eq!(text(&span.attributes, "error.type").as_deref(), Some("cut"));
        assert!(spans.iter().any(|parent| parent.span_id == span.parent_span_id && parent.kind != CLIENT));
    }
}

#[test]
fn secrets_are_in_no_metric_and_no_span() {
    let (service, receiver) = (service(), receiver());
    let script = r#"
base_url("SERVICE");
const KEY = secret("key");
scenario("shop", #{ executor: "per-vu-iterations", vus: 1, iterations: 5, flow: "flow" });
fn flow() {
    vu::tag("team", global::KEY);
    http::get("/a/" + global::KEY + "?k=" + global::KEY, #{ name: "of " + global::KEY });
    group(global::KEY, || { http::get("/b", #{ tags: #{ kind: global::KEY } }); });
    check(true, global::KEY);
}
"#;
    play(&service, script, &format!("otlp={}#traces", receiver.url()))
        .env("RUNNER_SECRET_KEY", "hunter2hunter2")
        .run()
        .expect_code(0);
    assert!(receiver.count_of("/v1/traces") > 0 && receiver.count_of("/v1/metrics") > 0);
    for request in receiver.requests() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains("hunter2"), "{body}");
        assert!(body.contains("***"));
    }
}

#[test]
fn a_receiver_that_hangs_or_is_down_costs_no_load_and_five_seconds_at_most() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let places = [
        format!("http://{}", silent.local_addr().expect("bound")),
        format!("http://127.0.0.1:{}", super::fixture::closed_port()),
    ];
    for place in places {
        let service = service();
        let script = r#"
base_url("SERVICE");
scenario("shop", #{ executor: "constant-arrival-rate", rate: 50, duration: "2s", max_vus: 10, flow: "flow" });
fn flow() { http::get("/a"); }
"#;
        let finished = play(&service, script, &format!("otlp={place}#traces")).run().expect_code(0);
        assert_eq!((service.count(), finished.figure("http_reqs")), (100, 100.0), "{place}");
        assert!(finished.duration < Duration::from_secs(2 + 5 + 3), "{place}: {:?}", finished.duration);
        // A hundred requests, each the only one of its iteration.
        assert!(finished.stdout.contains("0 of 200 spans"), "{}", finished.printed());
        assert!(finished.stdout.contains("  ! output `otlp`"), "{}", finished.printed());
    }
}

#[test]
fn what_is_wrong_with_the_place_is_told_before_the_load() {
    let service = service();
    for (out, says) in [
        ("otlp=localhost:4317", "http://"),
        ("otlp=http://localhost:4318#traces=3", "from 0 to 1"),
        ("otlp=http://localhost:4318#tracse", "no option `tracse`"),
        ("otlpp=http://localhost:4318", "did you mean `otlp`"),
        ("json", "doesn't say where"),
    ] {
        play(&service, SCRIPT, out).run().expect_code(104).expect_said(says);
    }
    assert_eq!(service.count(), 0);
}
