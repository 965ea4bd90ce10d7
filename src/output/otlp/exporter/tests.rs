//! What is sent again, what is owed, and what counts as lost, against a receiver that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;

use super::*;
use crate::engine::Books;
use crate::metrics::{Recorder, TagSet};
use crate::plan::Plan;
use crate::script::{Ended, Span as Traced, Work};

static OTLP: Output = OUTPUT;

/// A receiver on a port of its own. It answers requests in turn, and what comes behind the last answer by 200.
struct Receiver {
    address: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Receiver {
    fn start(answers: &[(&str, Vec<u8>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        let mut answers: Vec<(String, Vec<u8>)> =
            answers.iter().rev().map(|(head, body)| ((*head).to_owned(), body.clone())).collect();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push(body);
                let (head, body) = answers.pop().unwrap_or_else(|| ("200 OK".to_owned(), Vec::new()));
                let head =
                    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                (&stream).write_all(&[head.as_bytes(), &body].concat()).unwrap();
            }
        });
        Self { address, bodies }
    }

    fn sink(&self, options: &str) -> Box<dyn Sink> {
        let place = Place::parse(&OTLP, &format!("{}#{options}", self.address)).unwrap();
        let mut sink = open(&place).unwrap();
        sink.begin(&run()).unwrap();
        sink
    }

    /// How many requests came.
    fn count(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    /// The points of the latest message: name, whether of the warm-up, value, and its time from and to.
    fn latest(&self) -> Vec<(String, bool, f64, u64, u64)> {
        let bodies = self.bodies.lock().unwrap();
        let message = ExportMetricsServiceRequest::decode(&**bodies.last().unwrap()).unwrap();
        let metrics = message.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        let mut points = Vec::new();
        for metric in metrics.flat_map(|scope| scope.metrics) {
            let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
            for point in sum.data_points {
                let is_warm_up = point.attributes.iter().any(|attribute| attribute.key == "warm_up");
                let Some(Number::AsDouble(value)) = point.value else { panic!("{point:?}") };
                let ms = |ns: u64| ns / 1_000_000;
                let (from, to) = (ms(point.start_time_unix_nano), ms(point.time_unix_nano));
                points.push((metric.name.clone(), is_warm_up, value, from, to));
            }
        }
        points
    }
}

fn run() -> Played {
    let script_name = "a.rhai".to_owned();
    Played { id: None, script_name, start_unix_ms: 1_000_000, plan: Plan::default() }
}

fn second(number: u64, counters: &[&str]) -> PlayedSecond {
    let mut recorder = Recorder::new(&[]);
    for counter in counters {
        let (metric, _) = recorder.metric(counter).unwrap();
        let series = recorder.series(metric, &TagSet::default());
        recorder.add(series, 10.0);
    }
    PlayedSecond {
        number,
        end_unix_ms: 1_000_000 + 1_000 * number,
        elapsed: Duration::from_secs(number),
        is_warm_up: false,
        is_paused: false,
        vus: 1,
        vus_max: 1,
        books: Books::default(),
        delta: recorder.take(number),
    }
}

fn point(name: &str, value: f64, from: u64, to: u64) -> (String, bool, f64, u64, u64) {
    (name.to_owned(), false, value, from, to)
}

const REFUSED: (&str, Vec<u8>) = ("500 No", Vec::new());

#[test]
fn what_is_owed_comes_with_the_next_sums_and_counts_as_delivered_then() {
    let receiver = Receiver::start(&[("200 OK", Vec::new()), REFUSED]);
    let mut sink = receiver.sink("");
    sink.second(&second(1, &["http_reqs"])).unwrap();
    assert_eq!(receiver.latest(), [point("http_reqs", 10.0, 1_000_000, 1_001_000)]);
    let error = sink.second(&second(2, &["http_reqs", "iterations"])).unwrap_err();
    assert_eq!(error.to_string(), "the server answered with status 500");
    assert_eq!(receiver.count(), 2, "500 says that another attempt is of no use");
    sink.second(&second(3, &["http_reqs"])).unwrap();
    let both =
        [point("http_reqs", 30.0, 1_000_000, 1_003_000), point("iterations", 10.0, 1_000_000, 1_003_000)];
    assert_eq!(receiver.latest(), both, "also what the third second did not change");
    assert_eq!(sink.caught_up(), CaughtUp { seconds: 1, samples: 2 });
    assert_eq!(sink.caught_up(), CaughtUp::default(), "told once");
    sink.end(&Summary::uneventful()).unwrap();
    assert_eq!(receiver.count(), 3, "nothing was owed");
}

#[test]
fn what_is_owed_at_the_end_is_sent_then() {
    let receiver = Receiver::start(&[REFUSED]);
    let mut sink = receiver.sink("");
    sink.second(&second(1, &["http_reqs"])).unwrap_err();
    sink.end(&Summary::uneventful()).unwrap();
    assert_eq!(receiver.latest(), [point("http_reqs", 10.0, 1_000_000, 1_001_001)]);
    assert_eq!(sink.caught_up(), CaughtUp { seconds: 1, samples: 1 });
}

#[test]
fn seconds_by_themselves_meet_and_what_is_lost_is_lost() {
    let receiver = Receiver::start(&[REFUSED]);
    let mut sink = receiver.sink("temporality=delta");
    sink.second(&second(1, &["http_reqs"])).unwrap_err();
    sink.second(&second(2, &["http_reqs"])).unwrap();
    assert_eq!(receiver.latest(), [point("http_reqs", 10.0, 1_001_000, 1_002_000)]);
    // `teardown`'s ends with the load.
    sink.second(&PlayedSecond { number: 3, ..second(2, &["http_reqs"]) }).unwrap();
    assert_eq!(receiver.latest(), [point("http_reqs", 10.0, 1_002_000, 1_002_001)]);
    sink.end(&Summary::uneventful()).unwrap();
    assert_eq!((receiver.count(), sink.caught_up()), (3, CaughtUp::default()));
}

#[test]
fn the_warm_up_has_series_of_its_own() {
    let receiver = Receiver::start(&[]);
    let mut sink = receiver.sink("prefix=k6_");
    sink.second(&PlayedSecond { is_warm_up: true, ..second(1, &["http_reqs"]) }).unwrap();
    assert_eq!(receiver.latest(), [("k6_http_reqs".to_owned(), true, 10.0, 1_000_000, 1_001_000)]);
    sink.second(&second(2, &["http_reqs"])).unwrap();
    assert_eq!(receiver.latest(), [point("k6_http_reqs", 10.0, 1_000_000, 1_002_000)]);
}

#[test]
fn a_receiver_that_is_short_of_breath_is_asked_again_when_it_says() {
    let busy = ("429 Busy\r\nRetry-After: 0", Vec::new());
    let receiver = Receiver::start(&[busy.clone(), ("503 Busy", Vec::new()), ("200 OK", Vec::new())]);
    let mut sink = receiver.sink("");
    sink.second(&second(1, &["http_reqs"])).unwrap();
    assert_eq!(receiver.count(), 3);
    // For so long nobody waits: and after a loss nothing is tried twice until something has arrived.
    let never = ("429 Busy\r\nRetry-After: 60", Vec::new());
    let receiver = Receiver::start(&[never, busy.clone(), ("200 OK", Vec::new()), busy]);
    let mut sink = receiver.sink("");
    let error = sink.second(&second(1, &["http_reqs"])).unwrap_err();
    assert_eq!((error.to_string().as_str(), receiver.count()), ("the server answered with status 429", 1));
    sink.second(&second(2, &["http_reqs"])).unwrap_err();
    assert_eq!(receiver.count(), 2);
    sink.second(&second(3, &["http_reqs"])).unwrap();
    sink.second(&second(4, &["http_reqs"])).unwrap();
    assert_eq!(receiver.count(), 5);
}

#[test]
fn what_a_receiver_says_of_a_refusal_is_told_on_one_line() {
    // `google.rpc.Status`: field 2 is the message.
    let message = b"no such\ntenant";
    let status = [&[0x12, u8::try_from(message.len()).unwrap()][..], message].concat();
    let receiver = Receiver::start(&[("400 Bad", status)]);
    let error = receiver.sink("").second(&second(1, &["http_reqs"])).unwrap_err();
    assert_eq!(error.to_string(), "the server answered with status 400: no such tenant");
}

#[test]
fn what_is_rejected_of_a_message_is_lost() {
    let partial =
        ExportMetricsPartialSuccess { rejected_data_points: 1, error_message: "too old".to_owned() };
    let answer = ExportMetricsServiceResponse { partial_success: Some(partial) };
    let receiver = Receiver::start(&[("200 OK", answer.encode_to_vec())]);
    let error = receiver.sink("").second(&second(1, &["http_reqs", "iterations"])).unwrap_err();
    assert_eq!(error.to_string(), "the receiver rejected 1 of 2 data points: too old");
}

#[test]
fn rejected_spans_are_counted_one_by_one() {
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "full".to_owned() };
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
    let receiver = Receiver::start(&[("200 OK", answer.encode_to_vec()), REFUSED]);
    assert!(receiver.sink("").spans().is_none(), "nobody asked for any");
    let mut sink = receiver.sink("traces").spans().unwrap().sink;
    sink.begin(&run());
    let span = Traced {
        trace_id: 1,
        span_id: 2,
        parent_id: None,
        start_unix_ns: 3,
        end_unix_ns: 4,
        scenario: "shop".into(),
        vu: 1,
        iteration: Some(0),
        tags: TagSet::default(),
        work: Work::Iteration(Ended::Cut),
    };
    let spans = vec![span; 3];
    let loss = sink.spans(&spans).unwrap_err();
    assert_eq!((loss.count, loss.error.to_string().as_str()), (2, "the receiver rejected them: full"));
    let loss = sink.spans(&spans).unwrap_err();
    assert_eq!((loss.count, loss.error.to_string().as_str()), (3, "the server answered with status 500"));
    sink.spans(&spans).unwrap();
}
