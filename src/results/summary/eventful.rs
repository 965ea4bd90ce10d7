//! Summaries for tests of what lays them out, stores or sends them: one with something of everything, and odd ones by
//! a seed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Code, Diagnostic, Position, Source};
use crate::engine::{
    Accusation, Books, Connections, Content, End, Example, Examples, Excerpt, FailureKind, Interrupted, Kind,
    Negotiated, Peer, ScriptFailure, Weight,
};
use crate::metrics::{Kind as MetricKind, Metric, Trend, Unit, Value};
use crate::plan::{
    Bounds, Judgement, SummaryMode, SummaryOptions, TimeUnit, TlsVersion, TrendStat,
    Verdict as TargetVerdict, WrittenAt,
};
use crate::results::{
    Answer, Check, Commit, Durations, Endpoint, Finding, Fingerprint, Health, Incomplete, Method,
    MetricTotal, Model, NoEnd, OutputLine, Provenance, ScenarioLine, ScriptVersion, Steadiness, Stretch,
    Summary, Unknown, WarmUpLine, WarmUpPart,
};

/// A distribution with a tail, `slow` of them without an answer.
fn trend(count: u64, slow: u64) -> Trend {
    let mut trend = Trend::new();
    (0..count).for_each(|n| trend.record_us(800 + n * n % 9_973));
    (0..slow).for_each(|_| trend.record_at_least_us(30_000_000));
    trend
}

fn judgement(key: &str, text: &str, verdict: TargetVerdict, observed: Option<f64>, told: &str) -> Judgement {
    Judgement {
        key: key.to_owned(),
        text: text.to_owned(),
        verdict,
        observed,
        observed_text: told.to_owned(),
        beside: None,
        samples: 1_200,
        near: Vec::new(),
        interval: None,
        needed: None,
        written_at: Some(WrittenAt {
            file: Some("load/shop.rhai".to_owned()),
            position: Position { line: 7, column: 1 },
        }),
    }
}

fn scenario(name: &str, executor: &str, model: Model, books: Books) -> ScenarioLine {
    let demand = "10 VUs for 30s, after `warm <up>`".to_owned();
    ScenarioLine { name: name.to_owned(), executor: executor.to_owned(), demand, books, threw: 2, model }
}

fn total(name: &str, kind: MetricKind, unit: Unit, value: Option<Value>) -> MetricTotal {
    MetricTotal { metric: Metric { name: Arc::from(name), kind, unit }, value }
}

fn times(name: &str, trend: Trend) -> MetricTotal {
    total(name, MetricKind::Trend, Unit::Time, Some(Value::Trend(Box::new(trend))))
}

fn metrics() -> Vec<MetricTotal> {
    let mut custom = Trend::new();
    for value in [12.5, 0.0, -3.0, 1e13, 7.125] {
        custom.record(value);
    }
    let rate = |name, hits, total_of| {
        total(name, MetricKind::Rate, Unit::None, Some(Value::Rate { hits, total: total_of }))
    };
    vec![
        total("http_reqs", MetricKind::Counter, Unit::None, Some(Value::Counter(1_204.0))),
        times("http_req_duration", trend(1_180, 0)),
        times("http_req_response_time", trend(1_180, 24)),
        rate("http_req_failed", 60, 1_204),
        rate("checks", 1_180, 1_204),
        total("data_sent", MetricKind::Counter, Unit::Bytes, Some(Value::Counter(48_160.0))),
        total("vus", MetricKind::Gauge, Unit::None, Some(Value::Gauge { last: 3.0, min: 0.0, max: 10.0 })),
        total("basket", MetricKind::Trend, Unit::None, Some(Value::Trend(Box::new(custom)))),
        total("spent", MetricKind::Counter, Unit::Time, Some(Value::Counter(0.1 + 0.2))),
        total("never_fed", MetricKind::Rate, Unit::None, None),
    ]
}

fn judgements() -> Vec<Judgement> {
    let bounds =
        Bounds { low: 12.1, high: 30_000.0, high_at_least: true, text: "12.1ms – > 30.0s".to_owned() };
    vec![
        Judgement {
            beside: Some("response time > 30.0s".to_owned()),
            interval: Some(bounds),
            ..judgement(
                "http_req_duration{name:price}",
                "p(95) < 200ms",
                TargetVerdict::Passed,
                Some(191.2),
                "p(95)=191ms",
            )
        },
        judgement(
            "http_req_failed",
            "rate < 5% over 30s",
            TargetVerdict::Failed,
            Some(0.052),
            "rate=5.20% over 30s",
        ),
        Judgement {
            samples: 0,
            near: vec!["checks{check:is 200}".to_owned()],
            ..judgement(
                "checks{check:is 20}",
                "rate > 99%",
                TargetVerdict::NoSamples,
                None,
                "no samples: no series of `checks` has check:is 20",
            )
        },
        Judgement {
            needed: Some(10_000),
            ..judgement(
                "http_req_duration",
                "p(99.9) < 1s",
                TargetVerdict::TooFew,
                Some(10.5),
                "p(99.9)=10.5ms",
            )
        },
    ]
}

fn diagnostics() -> [Diagnostic; 2] {
    let text = "import \"lib/pay\" as pay;\nfn teardown() {\n    throw \"no & <way>\";\n}\n";
    let source = Arc::new(Source { name: "load/shop.rhai".to_owned(), text: text.to_owned() });
    let error = Diagnostic::new(Code::Teardown, "teardown threw: no & <way>: 100%,\nand more")
        .at(&source, Position { line: 3, column: 5 }, "here")
        .note("it ran 12.0s")
        .hint("say `way`");
    [error, Diagnostic::new(Code::Script, "`price` is unknown")]
}

fn examples() -> Examples {
    let mut unanswered = Example::sample(Kind::Request { status: 0, error_code: 1050 }, "pay", 24);
    unanswered.happened.at = None;
    unanswered.happened.iteration = None;
    unanswered.request.body =
        Excerpt { content: Content::File("in/basket.json".to_owned()), total_bytes: 4_096 };
    unanswered.answer.status = 0;
    unanswered.answer.head.clear();
    unanswered.answer.body = Excerpt { content: Content::Nothing, total_bytes: 0 };
    unanswered.answer.error = Some("request timeout".to_owned());
    unanswered.answer.protocol = "";
    unanswered.answer.remote = None;
    let mut bytes = Example::sample(Kind::Check("is | 200".to_owned()), "price", 3);
    bytes.request.body = Excerpt { content: Content::Bytes(vec![0, 255, 10]), total_bytes: 3 };
    bytes.answer.body = Excerpt { content: Content::Withheld, total_bytes: 70_000 };
    let plain = Example::sample(Kind::Request { status: 503, error_code: 1503 }, "orders", 36);
    Examples { list: vec![plain, unanswered, bytes], more: 7 }
}

fn findings() -> Vec<Finding> {
    let accusation = |code, weight, text: &str| Accusation { code, weight, text: text.to_owned() };
    vec![
        Finding::Unbalanced("started = ok + failed".to_owned()),
        Finding::EndpointFailed {
            name: "/gone|<x>".to_owned(),
            requests: 24,
            causes: vec![("error 1050".to_owned(), 20), ("status 404".to_owned(), 4)],
        },
        Finding::CheckNeverHeld { group: "::pay".to_owned(), name: "is *paid*".to_owned(), count: 9 },
        Finding::NothingFinished { scenario: "late".to_owned(), interrupted: 2 },
        Finding::Accused(accusation("generator-cpu", Weight::Warning, "the busiest worker used 97.0%")),
        Finding::RequestsCut(3),
        Finding::LogLost(12),
    ]
}

fn method() -> Method {
    let peer = |tls, opened| Peer {
        origin: "https://api.test".to_owned(),
        address: Some(SocketAddr::from(([10, 0, 0, 7], 443))),
        is_proxied: opened == 1,
        tls,
        opened,
    };
    let tls =
        Negotiated { version: TlsVersion::Tls13, cipher_suite: "TLS_AES_128_GCM_SHA256", is_http2: true };
    let machine = Fingerprint {
        cores: 8,
        cpu_model: "Example CPU".to_owned(),
        kernel: "6.1.0".to_owned(),
        workers: 4,
        runner: "0.1.0".to_owned(),
        build: "release".to_owned(),
    };
    let commit = Commit { id: "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f".to_owned(), holds_script: false };
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    Method {
        requests: 1_204,
        failed: 60,
        connections: Connections {
            opened: 12,
            reused: 1_192,
            peers: vec![peer(Some(tls), 11), peer(None, 1)],
            peers_more: 2,
        },
        protocols: vec![("HTTP/2.0".to_owned(), 1_000), ("HTTP/1.1".to_owned(), 180)],
        health: Health {
            cpu: Some(0.734),
            cpu_max: Some(0.97),
            lag: Some(trend(3_000, 0)),
            lateness: Some(trend(20, 0)),
            weight: Some(Weight::Warning),
            codes: vec!["generator-cpu"],
        },
        provenance: Some(Provenance {
            machine,
            script: Some(ScriptVersion { sha256, files: 2, commit: Some(commit) }),
        }),
    }
}

impl Summary {
    /// Something of everything, in no sensible relation; failed.
    pub(crate) fn eventful() -> Self {
        let books = Books { scheduled: 400, started: 398, ok: 390, failed: 5, interrupted: 3, dropped: 2 };
        let [error, thrown] = diagnostics();
        let failure = |kind, diagnostic: &Diagnostic| ScriptFailure {
            kind,
            scenario: "shop".to_owned(),
            diagnostic: diagnostic.clone(),
            count: 2,
        };
        let check = |group: &str, name: &str, passes, fails| Check {
            group: group.to_owned(),
            name: name.to_owned(),
            passes,
            fails,
        };
        let part = |requests| WarmUpPart { requests, failed: 1, times: trend(requests, 0), iterations: 40 };
        let answer = |status, error_code, requests| Answer { status, error_code, requests };
        let endpoint = |name: &str, requests, failed, causes: &[(&str, u64)]| Endpoint {
            name: name.to_owned(),
            requests,
            failed,
            duration: trend(requests - failed, 0),
            causes: causes.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect(),
        };
        let interrupted = |place: Option<&str>| Interrupted {
            scenario: "shop".to_owned(),
            place: place.map(str::to_owned),
            count: 2,
            oldest: Duration::from_millis(4_100),
            sum: Duration::from_micros(6_000_001),
        };
        Self {
            script_name: "load/shop.rhai".to_owned(),
            base_url: Some("https://api.test/v1".to_owned()),
            scenarios: vec![
                scenario("shop", "ramping-vus", Model::Closed, books),
                scenario("pa|y", "constant-arrival-rate", Model::Open, Books::default()),
            ],
            elapsed: Duration::from_micros(30_012_345),
            paused: Duration::from_secs(2),
            end: End::TargetFailed("http_req_failed rate < 5% over 30s".to_owned()),
            judgements: judgements(),
            checks: vec![
                check("", "is 200", 1_180, 24),
                check("::pay", "is *paid*", 0, 9),
                check("::pay::card", "has <no> & \"fee\"", 17, 0),
            ],
            metrics: metrics(),
            endpoints: vec![
                endpoint("price", 1_144, 0, &[]),
                endpoint("orders", 36, 36, &[("status 503", 36)]),
                endpoint("/gone|<x>", 24, 24, &[("error 1050", 20), ("status 404", 4)]),
            ],
            answers: vec![answer(200, 0, 1_144), answer(503, 1503, 36), answer(0, 1050, 24)],
            failures: vec![failure(FailureKind::Threw, &thrown), failure(FailureKind::Asserted, &error)],
            failures_more: 4,
            errors: vec![error],
            warnings: vec!["certificates are not checked for api.test".to_owned()],
            findings: findings(),
            requests_cut: 3,
            log_lost: 12,
            seed: u64::MAX,
            durations: Durations { ok: trend(1_144, 0), failed: trend(36, 0) },
            dropped: vec!["http_req_tls_handshaking".to_owned()],
            warm_up: Some(WarmUpLine {
                length: Duration::from_secs(5),
                elapsed: Duration::from_micros(5_000_001),
                is_over: true,
                before: part(100),
                after: part(1_204),
            }),
            steadiness: Some(Steadiness::Steady {
                since: Duration::from_secs(3),
                before_us: Some(30_000),
                after_us: 10_000,
                disturbed: vec![Duration::from_secs(12)..Duration::from_secs(14)],
                stretch: Stretch {
                    begin: Duration::from_secs(5),
                    end: Duration::from_secs(30),
                    is_all: true,
                },
            }),
            interrupted: vec![interrupted(Some("shop.rhai:12:5")), interrupted(None)],
            examples: examples(),
            method: method(),
            outputs: vec![OutputLine {
                output: "json".to_owned(),
                place: "seconds.json".to_owned(),
                delivered_seconds: 29,
                delivered_samples: 12_000,
                lost_seconds: 1,
                lost_samples: 400,
                error: Some("no space left on device".to_owned()),
                delivered_spans: 90,
                lost_spans: 2,
            }],
            run_id: Some("20261128T095155Z-4k2f".to_owned()),
            start_unix_ms: Some(1_795_859_515_123),
            incomplete: None,
            layout: SummaryOptions::default(),
        }
    }

    /// Another one for each seed: parts of the eventful one, and figures of their own.
    pub(crate) fn odd(seed: u64) -> Self {
        let draw = |salt: u64, below: u64| {
            // SplitMix64's finaliser: every bit of the seed reaches every draw.
            let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt << 17);
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (bits ^ (bits >> 31)) % below
        };
        let has = |salt: u64| draw(salt, 2) == 0;
        let mut odd = Self::eventful();
        odd.end = match draw(1, 5) {
            0 => End::Finished,
            1 => End::Interrupted,
            2 => End::Aborted(String::new()),
            3 => End::Aborted("no stock".to_owned()),
            _ => End::NoLoad,
        };
        let stretch = Stretch { begin: Duration::ZERO, end: Duration::from_secs(40), is_all: has(2) };
        odd.steadiness = match draw(3, 7) {
            0 => None,
            1 => Some(Steadiness::Drifting { change: -0.123_456_789, stretch }),
            2 => Some(Steadiness::Restless { last_change: Duration::from_secs(33), stretch }),
            3 => Some(Steadiness::Unknown(Unknown::TooShort { seconds: 3, needed: 20 })),
            4 => Some(Steadiness::Unknown(Unknown::LoadChanges { longest: 9, needed: 20 })),
            5 => Some(Steadiness::Unknown(Unknown::Silent)),
            _ => Some(Steadiness::Steady {
                since: Duration::ZERO,
                before_us: None,
                after_us: draw(4, 1_000_000),
                disturbed: Vec::new(),
                stretch,
            }),
        };
        odd.elapsed = Duration::from_micros(if has(5) { draw(6, 100_000_000) } else { 0 });
        odd.paused = Duration::ZERO;
        odd.seed = draw(7, u64::MAX);
        if has(8) {
            odd.warm_up = None;
        }
        if has(9) {
            odd.judgements.retain(|judgement| judgement.verdict == TargetVerdict::Passed);
        }
        if has(10) {
            odd.errors.clear();
            odd.failures.clear();
        }
        if has(11) {
            odd.checks.clear();
            odd.examples = Examples::default();
            odd.findings.clear();
        }
        if has(12) {
            odd.findings.push(Finding::Accused(Accusation {
                code: "stopped",
                weight: Weight::Inconclusive,
                text: "the process stood for 3 s".to_owned(),
            }));
            odd.method.health.weight = Some(Weight::Inconclusive);
        }
        if has(13) {
            odd.method = Method::default();
            odd.run_id = None;
            odd.start_unix_ms = None;
            odd.outputs.clear();
        }
        if has(15) {
            odd.incomplete = Some(Incomplete {
                seconds: draw(16, 100),
                elapsed: odd.elapsed,
                end_unix_ms: has(17).then_some(1_795_859_515_123),
                damage: has(18).then(|| "at byte 17".to_owned()),
                why: match draw(19, 3) {
                    0 => NoEnd::Died,
                    1 => NoEnd::UnderWay,
                    _ => NoEnd::Unreadable("it has schema 2".to_owned()),
                },
            });
        }
        if has(40) {
            let trend_stats = vec![TrendStat::Count, TrendStat::Percentile(99.9)];
            let time_unit = Some(TimeUnit::Microseconds);
            odd.layout = SummaryOptions { mode: SummaryMode::Compact, trend_stats, time_unit };
        }
        for (salt, metric) in (20..).zip(&mut odd.metrics) {
            match &mut metric.value {
                Some(Value::Counter(sum)) => *sum = draw(salt, u64::MAX) as f64 / 1_000.0,
                Some(Value::Rate { hits, total }) => {
                    *total = draw(salt, 1 << 60);
                    *hits = *total / 3;
                }
                Some(Value::Trend(trend)) => {
                    (0..draw(salt, 2_000)).for_each(|n| trend.record_us(draw(salt + n, 1 << (n % 50))));
                }
                _ => {}
            }
        }
        odd.scenarios.truncate(usize::try_from(draw(14, 3)).unwrap_or(0));
        odd
    }
}
