//! Whole summaries as they are printed, and the edges of single lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::diagnostic::{Code, Diagnostic, Position, Source};
use crate::engine::{End, Outcome, ScenarioOutcome, ScriptFailure};
use crate::metrics::{Kind, Metric, Phases, Recorder, RequestKey, RequestSample, TagSet, Unit};
use crate::plan::{Options, Plan, Scenario, Target, TargetOptions, Value as OptionValue, judge};
use crate::results::{Books, FailureKind, Incomplete, NoEnd, OutputLine};
use crate::results::{Content, Example, Examples, Excerpt, Kind as Failed};

const PLAIN: Style = Style { colour: false, width: 100 };

/// A run in the making.
struct Run {
    plan: Plan,
    recorder: Recorder,
    outcome: Outcome,
}

impl Run {
    fn new(scenarios: &[(&str, i64, Books)], targets: &[(&str, &str)]) -> Run {
        let metric = |name: &str, kind, unit| Metric { name: Arc::from(name), kind, unit };
        let metrics = vec![
            metric("basket", Kind::Trend, Unit::None),
            metric("stock", Kind::Gauge, Unit::None),
            metric("slow_prices", Kind::Counter, Unit::None),
        ];
        let target = |(key, text): &(&str, &str)| {
            Target::parse(key, text, &TargetOptions::default(), &metrics, None).unwrap()
        };
        let plan = Plan {
            base_url: Some("http://127.0.0.1:8080".into()),
            scenarios: scenarios.iter().map(|(name, vus, _)| scenario(name, *vus)).collect(),
            targets: targets.iter().map(target).collect(),
            metrics: metrics.clone(),
            ..Plan::default()
        };
        let became = |(name, _, books): &(&str, i64, Books)| ScenarioOutcome {
            name: (*name).to_owned(),
            books: *books,
            threw: books.failed,
        };
        let outcome = Outcome {
            total: Recorder::new(&metrics).take(0),
            elapsed: Duration::from_secs(25),
            scenarios: scenarios.iter().map(became).collect(),
            seed: 42,
            ..Outcome::uneventful()
        };
        Run { plan, recorder: Recorder::new(&metrics), outcome }
    }

    fn series(&mut self, metric: &str, tags: &[(&str, &str)]) -> crate::metrics::SeriesId {
        let (id, _) = self.recorder.metric(metric).unwrap();
        self.recorder.series(id, &TagSet::from_pairs(tags.iter().copied()))
    }

    fn rate(&mut self, metric: &str, tags: &[(&str, &str)], hits: u64, total: u64) {
        let series = self.series(metric, tags);
        self.recorder.rate(series, hits, total);
    }

    fn request(&mut self, name: &str, status: u16, us: u64) {
        let key = RequestKey {
            name: self.recorder.intern(name),
            status,
            error_code: if status == 0 { 1050 } else { 0 },
            expected: (200..400).contains(&status),
            ..RequestKey::default()
        };
        self.recorder.request(
            &key,
            &RequestSample {
                phases: Phases {
                    sending_ns: 12_000,
                    waiting_ns: us * 1_000,
                    receiving_ns: 30_000,
                    ..Phases::default()
                },
                response_time_ns: (us + 50) * 1_000,
                responded: status > 0,
                failed: status >= 400,
                bytes_sent: 150,
                bytes_received: 1_000,
                ..RequestSample::default()
            },
        );
    }

    fn users(&mut self, iterations: u64) {
        let durations = self.series("iteration_duration", &[("scenario", "main")]);
        for index in 0..iterations {
            self.recorder.trend_us(durations, 2_000 + index * 10);
        }
        let (vus, vus_max) = (self.series("vus", &[]), self.series("vus_max", &[]));
        self.recorder.set(vus, 1.0);
        self.recorder.set(vus, 10.0);
        self.recorder.set(vus_max, 10.0);
    }

    fn summary(mut self) -> Summary {
        self.outcome.total = self.recorder.take(25);
        let judge = |target| judge(target, &self.outcome.total, self.outcome.elapsed, None);
        self.outcome.judgements = self.plan.targets.iter().map(judge).collect();
        Summary::new("prices.rhai", &self.plan, &self.outcome)
    }

    fn text(self) -> String {
        render(&self.summary(), &PLAIN)
    }
}

fn scenario(name: &str, vus: i64) -> Scenario {
    let options: Options = BTreeMap::from([
        ("executor".to_owned(), OptionValue::Text("constant-vus".into())),
        ("vus".to_owned(), OptionValue::Int(vus)),
        ("duration".to_owned(), OptionValue::Text("25s".into())),
        ("flow".to_owned(), OptionValue::Text("shop".into())),
    ]);
    Scenario::from_options(name, &options, None).unwrap()
}

fn books(ok: u64, failed: u64, interrupted: u64) -> Books {
    let started = ok + failed + interrupted;
    Books { scheduled: started, started, ok, failed, interrupted, dropped: 0 }
}

fn threw(message: &str, count: u64) -> ScriptFailure {
    let text = "fn shop() {\n    throw \"no price today\";\n}\n";
    let source = Arc::new(Source { name: "prices.rhai".into(), text: text.into() });
    ScriptFailure {
        kind: FailureKind::Threw,
        scenario: "main".into(),
        diagnostic: Diagnostic::new(Code::Script, message).at(&source, Position { line: 2, column: 5 }, ""),
        count,
    }
}

fn passing() -> Run {
    let targets = [("http_req_duration{name:price}", "p(95) < 200ms"), ("checks", "rate > 99%")];
    let mut run = Run::new(&[("main", 10, books(1_204, 0, 0))], &targets);
    for index in 0..1_204 {
        run.request("price", 200, 182 + index * 10);
    }
    run.rate("checks", &[("check", "status is 200")], 1_204, 1_204);
    run.users(1_204);
    run
}

#[test]
fn a_passing_run() {
    insta::assert_snapshot!(passing().text());
}

#[test]
fn a_failing_run_with_everything() {
    let targets = [
        ("http_req_duration{name:price}", "p(95) < 1ms"),
        ("http_req_response_time", "max < 10s"),
        ("cache_hit_rate", "rate > 80%"),
        ("slow_prices", "count < 10"),
        ("http_req_failed{name:prise}", "rate < 1%"),
        ("data_received", "count > 1MB"),
    ];
    let scenarios = [("main", 10, books(390, 24, 2)), ("browse", 2, books(100, 0, 0))];
    let mut run = Run::new(&scenarios, &targets);
    for index in 0..900 {
        run.request("price", if index % 50 == 0 { 503 } else { 200 }, 400 + index * 7);
    }
    for _ in 0..60 {
        run.request("health/\u{1b}[2Jcheck", 404, 90);
    }
    for _ in 0..20 {
        run.request("price", 0, 30_000_000);
    }
    for name in ["a", "b"] {
        run.request(name, 200, 1_000);
    }
    run.rate("checks", &[("check", "status is 200"), ("group", "")], 1_204, 1_204);
    run.rate("checks", &[("check", "has a price"), ("group", "")], 1_180, 1_204);
    run.rate("checks", &[("check", "is fresh"), ("group", "::shop::pay")], 0, 12);
    run.rate("cache_hit_rate", &[], 131, 310);
    run.rate("uptime", &[], 9_999, 10_000);
    let basket = run.series("basket", &[]);
    for value in [1.0, 2.5, 1_000.0] {
        run.recorder.trend(basket, value);
    }
    let stock = run.series("stock", &[]);
    run.recorder.set(stock, 12.5);
    run.recorder.set(stock, 3.0);
    let cpu = run.series("generator_cpu", &[]);
    run.recorder.set(cpu, 0.962);
    run.users(490);
    run.outcome.failures = vec![threw("no price today", 23), threw("first line\nsecond \u{1b}[31mline", 1)];
    run.outcome.failures_more = 3;
    run.outcome.errors = vec![Diagnostic::new(Code::Teardown, "teardown threw: no cart left")];
    run.outcome.requests_cut = 2;
    insta::assert_snapshot!(run.text());
}

#[test]
fn an_empty_run() {
    let mut run = Run::new(&[("main", 10, books(0, 0, 0))], &[("checks", "rate > 99%")]);
    run.outcome.end = End::NoLoad;
    run.outcome.elapsed = Duration::ZERO;
    run.outcome.scenarios.clear();
    run.outcome.errors = vec![Diagnostic::new(Code::Setup, "setup threw: no token")];
    insta::assert_snapshot!(run.text());
}

#[test]
fn sections_come_in_k6s_order_and_the_verdict_is_last() {
    let text = passing().text();
    let line = |start: &str| {
        let found = text.lines().position(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in\n{text}"))
    };
    let order =
        ["TARGETS", "checks.", "http_req_duration.", "iteration_duration.", "data_received."].map(line);
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(text.lines().last(), Some("✓ passed: 2 of 2 targets hold"));
    assert!(text.ends_with('\n'));
}

#[test]
fn metric_lines_have_one_form_at_every_width() {
    let summary = passing().summary();
    for width in [0, 20, 80, 300] {
        let text = render(&summary, &Style { colour: true, width });
        let colons: Vec<usize> = text.lines().filter_map(|line| line.find("..: ")).collect();
        assert!(colons.len() > 8 && colons.iter().all(|at| *at == colons[0]), "{colons:?}");
        assert!(
            text.lines().any(|line| line.starts_with("  http_reqs......................: 1,204  48.2/s")),
            "{text}"
        );
    }
}

#[test]
fn colours_add_and_never_replace() {
    let summary = passing().summary();
    let coloured = render(&summary, &Style { colour: true, ..PLAIN });
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        stripped.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    stripped.push_str(rest);
    assert_ne!(coloured, stripped);
    assert_eq!(stripped, render(&summary, &PLAIN));
}

/// The section of failure examples.
fn examples(list: Vec<Example>, more: u64) -> String {
    let mut run = passing();
    run.outcome.examples = Examples { list, more };
    let text = run.text();
    let (_, section) = text.split_once("FAILURE EXAMPLES\n").expect("the section");
    section.split("\n\n").next().unwrap().to_owned()
}

fn failed(status: u16, name: &str, count: u64) -> Example {
    Example::sample(Failed::Request { status, error_code: 1_000 + status }, name, count)
}

#[test]
fn examples_of_failures() {
    let mut refused = failed(0, "/refused", 40);
    refused.kind = Failed::Request { status: 0, error_code: 1212 };
    refused.answer.error = Some("connection refused by 10.0.0.1:80".to_owned());
    (refused.answer.status, refused.answer.protocol, refused.answer.reused) = (0, "", false);
    refused.answer.head.clear();
    refused.answer.body = Excerpt { content: Content::Nothing, total_bytes: 0 };
    let mut check = Example::sample(Failed::Check("has a \u{1b}[31mprice".to_owned()), "buy", 12);
    check.answer.body = Excerpt {
        content: Content::Text { text: "line\n".repeat(40) + "cut…", is_whole: false },
        total_bytes: 1_234_567,
    };
    refused.request.head.push_str("Cookie: sid=***\n");
    refused.request.body = Excerpt { content: Content::Withheld, total_bytes: 5_000 };
    check.request.body = Excerpt { content: Content::File("rows.csv".to_owned()), total_bytes: 90_000 };
    let more = (0..9).map(|n| failed(404, &format!("/x/{n}"), 9 - n));
    let list = [failed(503, "/orders", 1_203), refused, check].into_iter().chain(more).collect();
    insta::assert_snapshot!(examples(list, 7));
}

#[test]
fn few_examples_say_nothing_of_more() {
    let section = examples(vec![failed(503, "/orders", 1)], 0);
    assert!(
        section.starts_with("  ✗ 1 × status 503, POST /orders  (first after 2.10s, scenario shop,"),
        "{section}"
    );
    assert!(section.lines().last().unwrap().starts_with("      $ curl "), "{section}");
}

fn last_line(run: Run) -> String {
    run.text().lines().last().unwrap().to_owned()
}

#[test]
fn the_last_line_says_how_it_ended() {
    let run = |books, targets: &[_]| Run::new(&[("main", 1, books)], targets);
    let held = [("checks", "count < 10")];
    let judged = |end| {
        let mut run = run(books(4, 0, 0), &held);
        run.rate("checks", &[], 1, 1);
        run.outcome.end = end;
        run
    };
    insta::assert_snapshot!(last_line(run(books(1_204, 0, 0), &[])), @"✓ passed: no targets declared, 1,204 iterations ok");
    insta::assert_snapshot!(last_line(run(books(1, 2, 0), &[])), @"✓ passed: no targets declared, 1 iteration ok, 2 failed");
    insta::assert_snapshot!(last_line(judged(End::Finished)), @"✓ passed: 1 of 1 target holds");
    insta::assert_snapshot!(last_line(run(books(0, 0, 0), &[])), @"✗ failed: no targets declared and no iteration ran to its end");
    insta::assert_snapshot!(last_line(run(books(0, 9, 0), &[])), @"✗ failed: no iteration of scenario `main` was ok, 9 threw");
    insta::assert_snapshot!(last_line(run(books(9, 0, 0), &held)), @"✗ failed: 1 of 1 target doesn't hold");
    insta::assert_snapshot!(last_line(judged(End::Interrupted)), @"✗ stopped by the user after 25.0s: 1 of 1 target holds so far");
    insta::assert_snapshot!(last_line(judged(End::Aborted("no\nstock".into()))), @"✗ failed: aborted by the script: no stock");
    let mut ended = run(books(9, 0, 0), &held);
    ended.outcome.end = End::TargetFailed("checks count < 10".into());
    insta::assert_snapshot!(last_line(ended), @"✗ failed: 1 of 1 target doesn't hold, and `checks count < 10` ended the run after 25.0s");
    let mut interrupted = run(books(9, 0, 0), &held);
    interrupted.outcome.end = End::Interrupted;
    insta::assert_snapshot!(last_line(interrupted), @"✗ failed: stopped by the user after 25.0s; 1 of 1 target doesn't hold");
    let mut broken = run(books(9, 0, 0), &held);
    let error = |code, message: &str| Diagnostic::new(code, message);
    broken.outcome.errors = vec![
        error(Code::Bug, "a worker panicked"),
        error(Code::Teardown, "teardown threw"),
        error(Code::Results, "the disk is full"),
    ];
    insta::assert_snapshot!(last_line(broken), @"✗ failed: a worker panicked; teardown threw; the disk is full; 1 more");
}

#[test]
fn an_inconclusive_run_says_why_before_any_figure_and_names_the_rule_at_the_end() {
    let mut run = Run::new(&[("main", 1, books(9, 0, 0))], &[("checks", "count < 10")]);
    let gap = crate::engine::Gap { start: Duration::from_secs(2), length: Duration::from_secs(5) };
    run.outcome.vitals.gaps = vec![gap];
    let text = run.text();
    let (first, last) = (text.lines().next().unwrap(), text.lines().last().unwrap());
    insta::assert_snapshot!(first, @"✗ inconclusive: the generator stood still for 5.00s, 2.00s after the start [generator-stopped]");
    insta::assert_snapshot!(last, @"✗ inconclusive: generator-stopped; 1 of 1 target doesn't hold; see `runner explain generator-stopped`");
}

#[test]
fn many_endpoints_are_cut_to_the_busiest_and_long_names_to_the_width() {
    let mut run = Run::new(&[("main", 1, books(9, 0, 0))], &[]);
    for index in 0..25 {
        for _ in 0..=index {
            run.request(
                &format!("/a/path/that/is/longer/than/a/narrow/terminal/has/room/for/{index}"),
                200,
                100,
            );
        }
    }
    let text = render(&run.summary(), &Style { colour: false, width: 72 });
    let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("by endpoint")).take(22).collect();
    assert!(table.iter().all(|line| columns(line) <= 72), "{table:#?}");
    assert!(table[1].contains("…") && table[1].contains(" 25 "), "{table:#?}");
    assert_eq!(table[21], "    +5 more");
}

#[test]
fn phases_that_never_happened_are_left_out() {
    let text = passing().text();
    assert!(!text.contains("http_req_tls_handshaking") && !text.contains("http_req_dns"));
    assert!(text.contains("http_req_waiting.."));
}

#[test]
fn a_service_that_never_answered_has_no_duration_and_says_so() {
    let mut run = Run::new(&[("main", 1, books(3, 0, 0))], &[]);
    (0..3).for_each(|_| run.request("price", 0, 5_000_000));
    let text = run.text();
    let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    assert_eq!(line("http_req_duration"), "  http_req_duration..............: no samples");
    assert!(line("http_req_response_time").contains("min > 5.00s"));
    assert!(text.contains("✗ `price`: all 3 requests failed (3 × error 1050)"));
}

#[test]
fn without_a_duration_there_are_no_rates() {
    let mut run = passing();
    run.outcome.elapsed = Duration::ZERO;
    let text = run.text();
    assert!(
        !text.contains("NaN") && !text.contains("inf") && !text.contains("–/s") && !text.contains("/s"),
        "{text}"
    );
    assert!(text.contains("http_reqs......................: 1,204\n"), "{text}");
}

#[test]
fn an_overflow_of_series_is_warned_of() {
    let mut summary = passing().summary();
    summary.warnings = vec![crate::metrics::Warning::SeriesCap.to_string()];
    assert!(render(&summary, &PLAIN).contains("\n  ! more than 10000 series: "));
}

#[test]
fn outputs_tell_what_came_through_and_a_loss_stands_out() {
    let line = |output: &str, place: &str, lost: u64| OutputLine {
        output: output.to_owned(),
        place: place.to_owned(),
        delivered_seconds: 30 - lost,
        delivered_samples: 12_345,
        lost_seconds: lost,
        lost_samples: lost * 400,
        error: (lost > 0).then(|| "the server answered with status 500".to_owned()),
        delivered_spans: if output == "otlp" { 7 } else { 0 },
        lost_spans: if output == "otlp" { lost } else { 0 },
    };
    let outputs = vec![
        line("json", "seconds.jsonl", 0),
        line("influxdb", "http://db:8086/k6", 2),
        line("otlp", "http://otel", 1),
    ];
    let summary = Summary { outputs, ..Summary::uneventful() };
    let text = (REPORT.render)(&summary, &PLAIN);
    let section: Vec<&str> = text.lines().skip_while(|line| !line.contains("OUTPUTS")).take(4).collect();
    assert_eq!(
        section,
        [
            "  OUTPUTS",
            "  ✓ json      seconds.jsonl      30 seconds, 12,345 samples",
            "  ✗ influxdb  http://db:8086/k6  28 of 30 seconds, 12,345 of 13,145 samples",
            "  ✗ otlp      http://otel        29 of 30 seconds, 12,345 of 12,745 samples, 7 of 8 spans",
        ]
    );
    let finding = "  ! output `influxdb` to `http://db:8086/k6`: 2 seconds with 800 samples lost: the server answered with \
                   status 500";
    assert!(text.lines().any(|line| line == finding), "{text}");
    assert!(!(REPORT.render)(&Summary::uneventful(), &PLAIN).contains("OUTPUTS"));
}

#[test]
fn a_run_without_an_end_says_so_in_its_first_line_and_its_last() {
    let mut summary = Summary::uneventful();
    summary.incomplete = Some(Incomplete {
        seconds: 41,
        elapsed: Duration::from_secs(41),
        end_unix_ms: Some(1_764_323_557_211),
        damage: Some("at byte 900: a record doesn't match its checksum".to_owned()),
        why: NoEnd::Died,
    });
    let text = (REPORT.render)(&summary, &PLAIN);
    let lines: Vec<&str> = text.lines().collect();
    insta::assert_snapshot!(lines[0], @"✗ INCOMPLETE: the run came to no end, 41 seconds are kept, the last until 2025-11-28 09:52:37.211 UTC (41.0s of load); its journal is damaged at byte 900: a record doesn't match its checksum");
    insta::assert_snapshot!(lines[1], @"  what a run tells at its end alone is missing: failures of the script and their examples, connections, what was interrupted, the workers' use of the cores");
    insta::assert_snapshot!(lines[lines.len() - 1], @"✗ INCOMPLETE: no verdict; until then: no targets declared, 0 iterations ok");
    assert!(!text.contains("passed"), "{text}");
    assert!(matches!(summary.verdict(), crate::results::Verdict::Inconclusive(_)));
}
