//! Writes against a server of the tests that answers what it is told to: what is sent, what is tried again, and
//! what an account says of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use prost::Message;

use super::*;
use crate::engine::Books;
use crate::metrics::{MetricId, Recorder, TagSet};
use crate::output::prometheus::message::{Histogram, Request, WriteRequest};

/// What the server got.
#[derive(Clone, Debug)]
struct Got {
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn unpacked(&self) -> Vec<u8> {
        snap::raw::Decoder::new().decompress_vec(&self.body).unwrap()
    }

    /// `name{label=value,…}` with its values and times; of histograms their counts.
    fn series(&self) -> Vec<(String, Vec<(f64, i64)>)> {
        let request = WriteRequest::decode(&*self.unpacked()).unwrap();
        let series = request.timeseries.iter().map(|series| {
            let pairs: Vec<_> = series.labels.iter().map(|label| (&*label.name, &*label.value)).collect();
            assert!(pairs.is_sorted(), "{pairs:?}");
            let count = |histogram: &Histogram| (histogram.count_int.unwrap() as f64, histogram.timestamp);
            let samples = series.samples.iter().map(|sample| (sample.value, sample.timestamp));
            (shown(&pairs), samples.chain(series.histograms.iter().map(count)).collect())
        });
        series.collect()
    }
}

fn shown(pairs: &[(&str, &str)]) -> String {
    let name = pairs.iter().find(|(name, _)| *name == "__name__").unwrap().1;
    let labels: Vec<_> = pairs
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// Answers each request with the next of the answers, and with the last one for ever; an empty one hangs.
struct Server {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (answers, all): (Vec<String>, _) =
            (answers.iter().map(|&answer| answer.to_owned()).collect(), Arc::clone(&got));
        std::thread::spawn(move || {
            let mut hung = Vec::new();
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(stream.read_line(&mut head).unwrap(), 0, "cut: {head}");
                }
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                stream.read_exact(&mut body).unwrap();
                let number = {
                    let mut all = all.lock().unwrap();
                    all.push(Got { head, body });
                    all.len()
                };
                let answer = answers.get(number - 1).or(answers.last()).unwrap();
                if answer.is_empty() {
                    hung.push(stream);
                    continue;
                }
                let (status, rest) = answer.split_once('\n').unwrap_or((answer, ""));
                let (headers, text) = rest.split_once("\n\n").unwrap_or((rest, ""));
                let headers = headers.lines().fold(String::new(), |all, line| all + line + "\r\n");
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { port, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn sink(&self, options: &str) -> Box<dyn Sink> {
        let url = format!("http://127.0.0.1:{}/write#prefix=r{options}", self.port);
        open(&Place::parse(&OUTPUT, &url).unwrap()).unwrap()
    }
}

/// Seconds that a recorder fills.
struct Run {
    recorder: Recorder,
    number: u64,
}

impl Run {
    fn new() -> Self {
        Self { recorder: Recorder::new(&[]), number: 0 }
    }

    fn metric(&mut self, name: &str) -> MetricId {
        self.recorder.metric(name).unwrap().0
    }

    /// So many requests to a name, each of 1 ms.
    fn requests(&mut self, name: &str, count: u64) {
        let (reqs, times) = (self.metric("http_reqs"), self.metric("http_req_duration"));
        let tags = TagSet::from_pairs([("name", name)]);
        let (reqs, times) = (self.recorder.series(reqs, &tags), self.recorder.series(times, &tags));
        for _ in 0..count {
            self.recorder.add(reqs, 1.0);
            self.recorder.trend_us(times, 1_000);
        }
    }

    fn second(&mut self) -> PlayedSecond {
        self.number += 1;
        PlayedSecond {
            number: self.number,
            end_unix_ms: 1_000 * self.number,
            elapsed: Duration::from_secs(self.number),
            is_warm_up: false,
            is_paused: false,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            delta: self.recorder.take(self.number),
        }
    }
}

fn end(sink: &mut Box<dyn Sink>) -> Result<(), SendError> {
    sink.end(&Summary::uneventful())
}

#[test]
fn sums_begin_at_zero_go_on_and_end() {
    let server = Server::start(&["204 No Content"]);
    let (mut sink, mut run) = (server.sink(""), Run::new());
    run.requests("/a", 3);
    sink.second(&run.second()).unwrap();
    run.requests("/b", 1);
    sink.second(&run.second()).unwrap();
    run.requests("/a", 2);
    sink.second(&run.second()).unwrap();
    end(&mut sink).unwrap();
    let got = server.got();
    assert_eq!(got.len(), 4);
    for header in
        ["content-encoding: snappy", "content-type: application/x-protobuf\r", "write-version: 0.1.0"]
    {
        assert!(got[0].head.contains(header), "{}", got[0].head);
    }
    let of = |name: &str, values: &[(f64, i64)]| (name.to_owned(), values.to_vec());
    let (times, reqs) = ("r_http_req_duration_seconds{name=/a}", "r_http_reqs_total{name=/a}");
    assert_eq!(got[0].series(), [of(times, &[(0.0, 0), (3.0, 1_000)]), of(reqs, &[(0.0, 0), (3.0, 1_000)])]);
    let second = got[1].series();
    assert_eq!(second[1], of("r_http_reqs_total{name=/b}", &[(0.0, 1_000), (1.0, 2_000)]));
    assert_eq!(second.len(), 2, "what stayed the same is not told again");
    assert_eq!(got[2].series(), [of(times, &[(5.0, 3_000)]), of(reqs, &[(5.0, 3_000)])]);
    let last = got[3].series();
    assert_eq!(last.len(), 4);
    let stale = |at: usize| (last[at].1[0].0.to_bits(), last[at].1[0].1);
    assert_eq!(stale(2), (0x7ff0_0000_0000_0002, 3_001), "a stale marker behind the last value");
    let request = WriteRequest::decode(&*got[3].unpacked()).unwrap();
    assert_eq!(request.timeseries[0].histograms[0].sum.to_bits(), 0x7ff0_0000_0000_0002);
}

#[test]
fn a_server_that_is_overloaded_is_asked_again() {
    let server = Server::start(&[
        "503 Service Unavailable",
        "429 Too Many Requests\nretry-after: 1",
        "204 No Content",
    ]);
    let (mut sink, mut run) = (server.sink(""), Run::new());
    run.requests("/a", 3);
    let begun = Instant::now();
    sink.second(&run.second()).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waited as long as it was asked to");
    let bodies: Vec<_> = server.got().iter().map(Got::series).collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[0], bodies[2]);
    assert_eq!(sink.caught_up(), CaughtUp::default());
}

#[test]
fn what_is_refused_is_lost_until_the_next_sums_bring_it() {
    let server = Server::start(&["400 Bad Request\n\nout of order\nsecret line", "204 No Content"]);
    let (mut sink, mut run) = (server.sink(""), Run::new());
    run.requests("/a", 3);
    let error = sink.second(&run.second()).unwrap_err().to_string();
    assert_eq!(error, "400 Bad Request: out of order");
    run.requests("/b", 1);
    sink.second(&run.second()).unwrap();
    assert_eq!(sink.caught_up(), CaughtUp { seconds: 1, samples: 4 }, "of a counter one, and three times");
    assert_eq!(sink.caught_up(), CaughtUp::default());
    let series = server.got()[1].series();
    assert_eq!(series.len(), 4);
    assert!(series.contains(&("r_http_reqs_total{name=/a}".to_owned(), vec![(0.0, 0), (3.0, 2_000)])));
}

#[test]
fn one_that_asks_for_more_time_than_there_is_is_left_alone() {
    let server = Server::start(&["429 Too Many Requests\nretry-after: 60\n\nslow down", "204 No Content"]);
    let (mut sink, mut run) = (server.sink(""), Run::new());
    let begun = Instant::now();
    run.requests("/a", 1);
    assert_eq!(sink.second(&run.second()).unwrap_err().to_string(), "429 Too Many Requests: slow down");
    run.requests("/a", 1);
    let error = sink.second(&run.second()).unwrap_err().to_string();
    assert!(error.contains("asked not to be called for another"), "{error}");
    assert!(begun.elapsed() < PATIENCE, "nothing waited for it");
    assert_eq!(server.got().len(), 1);
}

#[test]
fn one_that_hangs_is_given_up_and_what_may_have_arrived_begins_once() {
    let server = Server::start(&["", "204 No Content"]);
    let (mut sink, mut run) = (server.sink(",timeout=200ms"), Run::new());
    run.requests("/a", 3);
    let error = sink.second(&run.second()).unwrap_err().to_string();
    assert!(error.contains("timed out"), "{error}");
    run.requests("/a", 1);
    sink.second(&run.second()).unwrap();
    let series = server.got()[1].series();
    assert!(series.iter().all(|(_, values)| *values == [(4.0, 2_000)]), "{series:?}");
}

#[test]
fn nobody_there_is_told_with_the_reason() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://ada:hunter2@127.0.0.1:{port}/write#timeout=300ms");
    let mut sink = open(&Place::parse(&OUTPUT, &url).unwrap()).unwrap();
    let mut run = Run::new();
    run.requests("/a", 1);
    let error = sink.second(&run.second()).unwrap_err().to_string();
    assert!(error.contains("onnection refused"), "{error}");
    assert!(!error.contains("hunter2") && !error.contains("ada"), "{error}");
}

#[test]
fn version_two_sends_each_text_once_and_believes_what_was_written() {
    let written = "204 No Content\nX-Prometheus-Remote-Write-Samples-Written: 2\nX-Prometheus-Remote-Write-Histograms-Written: ";
    let answers = [
        "200 OK".to_owned(),
        format!("{written}1"),
        format!("{written}2"),
        "400 Bad Request\nX-Prometheus-Remote-Write-Samples-Written: 1\n\nbad label".to_owned(),
    ];
    let server = Server::start(&answers.each_ref().map(String::as_str));
    let (mut sink, mut run) = (server.sink(",version=2"), Run::new());
    let mut second = || {
        run.requests("/a", 3);
        sink.second(&run.second()).map_err(|error| error.to_string())
    };
    assert!(second().unwrap_err().contains("#version=1"), "a receiver of 1.0 says nothing of what it wrote");
    assert_eq!(second(), Ok(()), "it wrote more than two samples");
    assert_eq!(second(), Ok(()));
    assert_eq!(second().unwrap_err(), "400 Bad Request: bad label (it wrote 1 of them)");
    let got = server.got();
    assert!(
        got[0].head.contains("content-type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r")
    );
    assert!(got[0].head.contains("write-version: 2.0.0"));
    let request = Request::decode(&*got[0].unpacked()).unwrap();
    assert_eq!(request.symbols[0], "");
    let mut symbols = request.symbols.clone();
    symbols.sort_unstable();
    symbols.dedup();
    assert_eq!(symbols.len(), request.symbols.len(), "{symbols:?}");
    let metadata = request.timeseries[1].metadata.as_ref().unwrap();
    assert_eq!(
        (metadata.r#type, &*request.symbols[metadata.help_ref as usize]),
        (1, "requests sent, answered or not")
    );
    let series = &request.timeseries[1];
    let starts: Vec<_> = series.samples.iter().map(|sample| (sample.value, sample.start_timestamp)).collect();
    assert_eq!(starts, [(0.0, 0), (3.0, 0)]);
    let later = Request::decode(&*got[1].unpacked()).unwrap();
    assert_eq!(later.timeseries[1].samples.len(), 1, "what may have arrived begins once");
}

#[test]
fn version_two_with_less_written_than_sent_has_lost_something() {
    assert!(confirmed(Some(3), 3).is_ok());
    assert!(confirmed(Some(2), 3).unwrap_err().why.contains("2 of 3"));
}

#[test]
fn of_the_warm_up_levels_alone_are_told() {
    let server = Server::start(&["204 No Content"]);
    let (mut sink, mut run) = (server.sink(""), Run::new());
    run.requests("/a", 3);
    let vus = run.metric("vus");
    let series = run.recorder.series(vus, &TagSet::default());
    run.recorder.set(series, 7.0);
    sink.second(&PlayedSecond { is_warm_up: true, ..run.second() }).unwrap();
    assert_eq!(server.got()[0].series(), [("r_vus{}".to_owned(), vec![(7.0, 1_000)])]);
    run.requests("/a", 1);
    sink.second(&run.second()).unwrap();
    let series = server.got()[1].series();
    assert!(series.contains(&("r_http_reqs_total{name=/a}".to_owned(), vec![(0.0, 1_000), (1.0, 2_000)])));
}

#[test]
fn credentials_come_from_the_environment_and_are_never_told() {
    let wrote = "401 Unauthorized\n\nno hunter2, no aHVudGVyMg, no t0ken";
    let server = Server::start(&[wrote]);
    let place =
        |url: &str| Place::parse(&OUTPUT, &format!("http://{url}127.0.0.1:{}/", server.port)).unwrap();
    let push = |url: &str, variables: &[(&str, &str)]| {
        let variable = |name: &str| {
            let end = name.rsplit('_').next().unwrap();
            variables.iter().find(|(known, _)| *known == end).map(|(_, value)| (*value).to_owned())
        };
        let mut pusher = Pusher::new(&place(url), PATIENCE, variable).map_err(|error| error.to_string())?;
        let why = pusher.push(&[], |_| Vec::new()).unwrap_err().why;
        Ok::<_, String>((server.got().pop().unwrap().head, why))
    };
    let (head, why) = push("", &[("USERNAME", "ada"), ("PASSWORD", "hunter2")]).unwrap();
    assert!(head.contains("authorization: Basic YWRhOmh1bnRlcjI="), "{head}");
    assert_eq!(why, "401 Unauthorized: no ***, no ***, no t0ken");
    let (head, _) = push("ada:hunter%32@", &[]).unwrap();
    assert!(head.contains("authorization: Basic YWRhOmh1bnRlcjI="), "{head}");
    let (head, why) = push("", &[("TOKEN", "t0ken"), ("HEADERS", "X-Scope-OrgID: t1, X-B:hunter2")]).unwrap();
    assert!(head.contains("authorization: Bearer t0ken") && head.contains("x-scope-orgid: t1"), "{head}");
    assert!(why.ends_with("no ***, no ***, no ***"), "{why}");
    for wrong in [
        [("HEADERS", "Content-Type: x"), ("A", "")],
        [("HEADERS", "hunter2"), ("A", "")],
        [("USERNAME", "a"), ("TOKEN", "hunter2")],
    ] {
        let error = push("", &wrong).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn wrong_options_and_urls_are_told_before_the_load() {
    for (wrong, said) in [
        ("localhost:9090", "write a URL"),
        ("ftp://a/", "write a URL"),
        ("http://a/#version=3", "neither `1` nor `2`"),
        ("http://a/#histograms=sparse", "neither `native` nor `classic`"),
        ("http://a/#buckets=1", "from 8 to 10000"),
        ("http://a/#timeout=5s", "`4s` at most"),
        ("http://a/#stale=maybe", "neither `true` nor `false`"),
    ] {
        let error = open(&Place::parse(&OUTPUT, wrong).unwrap()).err().unwrap().to_string();
        assert!(error.contains(said), "{wrong}: {error}");
    }
}
