//! Pages as they are seen, on terminals of several sizes.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::act::Act;
use super::super::mail::Word;
use super::super::moment::{Check, Endpoint, FailedKind, Figures, Health, Moment, Standing, Target};
use super::super::steer::press;
use super::*;
use crate::diagnostic::{Code, Diagnostic, Mask};
use crate::engine::{
    Books, Control, Example, FailureKind, Kind, NewFailures, Progress, ScenarioStatus, ScriptFailure, State,
    Status,
};
use crate::metrics::Quantile;
use crate::output::terminal::key::Key;
use crate::plan::{Options, Plan, Scenario, Value};

const SECOND: Duration = Duration::from_secs(1);

/// Ten users and 20 arrivals a second for a minute, and two users after that.
pub(in super::super) fn plan() -> Plan {
    let scenario = |name: &str, pairs: Vec<(&str, Value)>| {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut options: Options = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        options.insert("flow".to_owned(), text("f"));
        Scenario::from_options(name, &options, None).unwrap()
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let users = |count| {
        vec![("executor", text("constant-vus")), ("vus", Value::Int(count)), ("duration", text("60s"))]
    };
    let arrivals = vec![
        ("executor", text("constant-arrival-rate")),
        ("rate", Value::Int(20)),
        ("duration", text("60s")),
        ("max_vus", Value::Int(50)),
    ];
    let mut later = users(2);
    later.push(("start_after", text("traffic")));
    let scenarios =
        vec![scenario("traffic", users(10)), scenario("arrivals", arrivals), scenario("later", later)];
    Plan { scenarios, ..Plan::default() }
}

fn status() -> Status {
    let scenario =
        |name: &str, progress, users, rate| ScenarioStatus { name: name.to_owned(), progress, users, rate };
    Status {
        state: State::Running,
        elapsed: SECOND * 24,
        paused: Duration::ZERO,
        vus: 12,
        vus_max: 62,
        scenarios: vec![
            scenario("traffic", Progress::Running, Some(10), None),
            scenario("arrivals", Progress::Running, None, Some(20.0)),
            scenario("later", Progress::Waiting, Some(0), None),
        ],
    }
}

fn figures(requests: u64, p50_us: u64, failed: u64) -> Figures {
    let time = |value_us| Some(Quantile { value_us, at_least: false });
    let percentiles =
        [time(p50_us), time(p50_us * 3), if requests < 1_000 { None } else { time(p50_us * 8) }];
    Figures { requests, per_second: requests as f64 / 24.0, percentiles, failed: (failed, requests) }
}

fn moment() -> Moment {
    let endpoint = |name: &str, figures| Endpoint { name: name.into(), now: figures, last: None };
    let target = |key: &str, text: &str, standing, observed: &str, margin| Target {
        key: key.to_owned(),
        text: text.to_owned(),
        standing,
        observed: observed.to_owned(),
        margin,
    };
    let books =
        |ok, failed| Books { scheduled: ok + failed, started: ok + failed, ok, failed, ..Books::default() };
    Moment {
        elapsed: SECOND * 24,
        end_max: SECOND * 150,
        vus: 12,
        vus_max: 62,
        books: Books { dropped: 2, ..books(12_450, 3) },
        scenarios: vec![books(12_000, 0), Books { dropped: 2, ..books(450, 3) }, Books::default()],
        epoch: 1,
        lasted: (SECOND * 24, None),
        endpoints: vec![
            endpoint("price", figures(12_000, 12_300, 0)),
            endpoint("/orders/{id}", figures(5_400, 1_240, 12)),
            endpoint("/a/very/long/path/that/nobody/wants/to/read/to/its/end", figures(450, 480, 450)),
            endpoint("/health", figures(99, 120, 0)),
        ],
        more: Some((17, Figures { percentiles: [None; 3], ..figures(34, 0, 0) })),
        checks: vec![
            Check { name: "found".into(), held: 0, total: 450 },
            Check { name: "status is 200".into(), held: 12_000, total: 12_000 },
        ],
        targets: vec![
            target(
                "http_req_duration{name:price}",
                "p(95) < 200ms",
                Standing::Holds,
                "p(95)=36.9ms",
                Some(0.8155),
            ),
            target("http_req_failed", "rate < 5%", Standing::Holds, "rate=4.81%", Some(0.038)),
            target("checks", "rate > 99%", Standing::Fails, "rate=96.39%", Some(-0.0264)),
            target("orders", "count > 10", Standing::Open, "no samples yet", None),
        ],
        health: Health {
            cpu: Some(0.341),
            wait: Some(0.001),
            lag_us: Some(210),
            slow: (0, 24),
            is_slow: false,
        },
        failed: vec![
            (FailedKind::Request { name: "orders".to_owned(), status: 503, error_code: 1503 }, 12),
            (FailedKind::Check("found".into()), 450),
        ],
        ..Moment::default()
    }
}

/// A board of that run, 24 seconds after its start.
pub(in super::super) fn board() -> Board {
    let plan = plan();
    let control = Control::sample(&plan, status());
    let mut board =
        Board::new(vec![Act { name: "shop.rhai".to_owned(), plan, control }], &Mask::default(), false);
    board.hear(Word::Begun(0));
    for second in 1..=24_u32 {
        let (rate, p95_us) =
            (500.0 + f64::from(second % 7) * 40.0, Some(u64::from(second % 5) * 4_000 + 20_000));
        board.hear(Word::Second(0, Box::new(Moment { rate: Some(rate), p95_us, ..moment() })));
    }
    board
}

fn with_failures(mut board: Board) -> Board {
    let kind = Kind::Request { status: 503, error_code: 1503 };
    let failure = ScriptFailure {
        kind: FailureKind::Threw,
        scenario: "arrivals".to_owned(),
        diagnostic: Diagnostic::new(Code::Script, "no `price` in\nthe answer"),
        count: 1,
    };
    // Two workers tell of the same.
    for _ in 0..2 {
        let examples = vec![Example::sample(kind.clone(), "orders", 1)];
        board.hear(Word::Failing(0, Box::new(NewFailures { examples, failures: vec![failure.clone()] })));
    }
    board
}

fn in_second_epoch(mut board: Board) -> Board {
    let mut moment = moment();
    (moment.epoch, moment.lasted) = (2, (SECOND * 12, Some(SECOND * 24)));
    for endpoint in &mut moment.endpoints[..2] {
        endpoint.last = Some(figures(endpoint.now.requests * 2, 14_000, 1));
    }
    board.hear(Word::Second(0, Box::new(moment)));
    board
}

/// What a terminal of that size shows of it.
fn seen(board: &Board, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let lines = page(board, usize::from(columns), usize::from(rows));
    terminal.draw(|frame| draw(&lines, frame.area(), frame.buffer_mut())).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_run_on_a_small_terminal() {
    insta::assert_snapshot!(seen(&with_failures(board()), 79, 20));
}

#[test]
fn a_run_on_a_large_terminal() {
    insta::assert_snapshot!(seen(&with_failures(board()), 199, 42));
}

#[test]
fn two_epochs_stand_one_above_the_other_on_a_small_terminal() {
    insta::assert_snapshot!(seen(&in_second_epoch(board()), 79, 20));
}

#[test]
fn two_epochs_stand_beside_each_other_on_a_large_terminal() {
    insta::assert_snapshot!(seen(&in_second_epoch(board()), 199, 42));
}

#[test]
fn a_tiny_terminal_has_one_line() {
    assert_eq!(
        page(&board(), 19, 4).iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["▶ running  24s of …"]
    );
    assert_eq!(page(&board(), 200, 8).len(), 1);
    assert_eq!(page(&board(), 59, 50).len(), 1);
}

#[test]
fn failures_and_keys_open_in_front_of_the_tables() {
    let mut board = with_failures(board());
    press(&mut board, Key::Char('e'));
    insta::assert_snapshot!("failures", seen(&board, 79, 32));
    press(&mut board, Key::Char('?'));
    insta::assert_snapshot!("keys", seen(&board, 79, 20));
    press(&mut board, Key::Char('?'));
    assert!(seen(&board, 79, 20).contains("TARGETS") || seen(&board, 79, 20).contains("p(95) < 200ms"));
}

#[test]
fn before_anything_is_known_there_is_a_page_too() {
    let plan = plan();
    let act = Act { name: "shop.rhai".to_owned(), plan, control: Control::default() };
    let board = Board::new(vec![act], &Mask::default(), false);
    insta::assert_snapshot!(seen(&board, 79, 20));
}

#[test]
fn no_page_is_larger_than_its_terminal_and_no_terminal_is_too_small() {
    let boards = [board(), with_failures(board()), in_second_epoch(with_failures(board()))];
    for mut board in boards {
        for overlay in [Overlay::None, Overlay::Failures, Overlay::Help] {
            board.overlay = overlay;
            board.scroll = 1_000;
            for columns in (1..230).step_by(3) {
                for rows in 1..60 {
                    let lines = page(&board, columns, rows);
                    assert!(lines.len() <= rows, "{columns}×{rows}: {} lines", lines.len());
                    let wide = lines.iter().find(|line| line.width() > columns);
                    assert!(wide.is_none(), "{columns}×{rows}: {wide:?}");
                }
            }
        }
    }
}

#[test]
fn rows_are_dealt_out_in_turn_once_each_has_the_least() {
    assert_eq!(deal(10, &[3, 20, 2], &[1, 5, 1]), [2, 6, 2]);
    assert_eq!(deal(4, &[3, 20, 2], &[1, 5, 1]), [1, 2, 1]);
    assert_eq!(deal(100, &[3, 20, 2], &[1, 5, 1]), [3, 20, 2]);
    assert_eq!(deal(0, &[3], &[1]), [0]);
}
