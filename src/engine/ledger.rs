//! Whether a run's books balance: what scenarios booked, what metrics recorded, what was sent.
//!
//! Every run is held against these equations at its end; one that doesn't hold is a bug of ours, and the
//! summary says which. What isn't recorded balances with nothing. The server's own count is held against `http_reqs` by the tests.

use std::collections::BTreeSet;

use crate::metrics::{Selector, Snapshot, Value};

use super::books::{Books, ScenarioOutcome};

/// The equations that don't hold, each in words.
pub(super) fn imbalances(
    scenarios: &[ScenarioOutcome],
    total: &Snapshot,
    dropped: &BTreeSet<&str>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut sum = Books::default();
    for ScenarioOutcome { name, books, .. } in scenarios {
        sum.add(*books);
        let ended = books.ok + books.failed + books.interrupted;
        check(
            &mut found,
            || format!("scenario `{name}`: scheduled = started + dropped"),
            books.scheduled,
            books.started + books.dropped,
        );
        check(
            &mut found,
            || format!("scenario `{name}`: started = ok + failed + interrupted"),
            books.started,
            ended,
        );
    }
    let completed = sum.ok + sum.failed;
    let recorded = |metric| count(total, metric);
    let metrics = [
        ("iterations = ok + failed", recorded("iterations"), completed),
        ("iteration_duration = ok + failed", recorded("iteration_duration"), completed),
        ("dropped_iterations = dropped", recorded("dropped_iterations"), sum.dropped),
        ("http_req_failed = http_reqs", recorded("http_req_failed"), recorded("http_reqs")),
        ("http_req_response_time = http_reqs", recorded("http_req_response_time"), recorded("http_reqs")),
    ];
    let is_recorded =
        |equation: &str| !dropped.iter().any(|name| equation.split(' ').any(|word| word == *name));
    for (equation, left, right) in metrics.into_iter().filter(|(equation, ..)| is_recorded(equation)) {
        check(&mut found, || equation.to_owned(), left, right);
    }
    found
}

fn check(found: &mut Vec<String>, equation: impl FnOnce() -> String, left: u64, right: u64) {
    if left != right {
        found.push(format!("{}, but {left} is not {right}", equation()));
    }
}

/// A counter's sum; of the others how many samples there are.
fn count(total: &Snapshot, metric: &str) -> u64 {
    match total.select(&Selector::all(metric)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
        Some(Value::Counter(sum)) => sum as u64,
        Some(Value::Rate { total, .. }) => total,
        Some(Value::Trend(trend)) => trend.count(),
        Some(Value::Gauge { .. }) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, TagSet};

    fn recorded(iterations: u64) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        let mut series = |name: &str| {
            let (metric, _) = recorder.metric(name).unwrap();
            recorder.series(metric, &TagSet::default())
        };
        let (counter, duration) = (series("iterations"), series("iteration_duration"));
        recorder.add(counter, iterations as f64);
        (0..iterations).for_each(|_| recorder.trend_us(duration, 5));
        recorder.take(1)
    }

    fn scenario(books: Books) -> ScenarioOutcome {
        ScenarioOutcome { name: "a".into(), books, threw: 0 }
    }

    #[test]
    fn good_books_balance() {
        let books = Books { scheduled: 9, started: 9, ok: 6, failed: 2, interrupted: 1, dropped: 0 };
        assert_eq!(imbalances(&[scenario(books)], &recorded(8), &BTreeSet::new()), [""; 0]);
        assert_eq!(imbalances(&[], &Snapshot::default(), &BTreeSet::new()), [""; 0]);
    }

    #[test]
    fn what_does_not_balance_is_named() {
        let books = Books { scheduled: 9, started: 7, ok: 6, failed: 0, interrupted: 0, dropped: 1 };
        assert_eq!(
            imbalances(&[scenario(books)], &recorded(5), &BTreeSet::new()),
            [
                "scenario `a`: scheduled = started + dropped, but 9 is not 8",
                "scenario `a`: started = ok + failed + interrupted, but 7 is not 6",
                "iterations = ok + failed, but 5 is not 6",
                "iteration_duration = ok + failed, but 5 is not 6",
                "dropped_iterations = dropped, but 0 is not 1",
            ]
        );
    }
    #[test]
    fn what_is_not_recorded_is_not_missed() {
        let books = Books { scheduled: 8, started: 8, ok: 8, ..Books::default() };
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("iterations").unwrap();
        let iterations = recorder.series(metric, &TagSet::default());
        recorder.add(iterations, 8.0);
        let total = recorder.take(1);
        assert_eq!(imbalances(&[scenario(books)], &total, &BTreeSet::new()).len(), 1);
        assert_eq!(imbalances(&[scenario(books)], &total, &BTreeSet::from(["iteration_duration"])), [""; 0]);
    }
}
