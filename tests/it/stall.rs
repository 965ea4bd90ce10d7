//! What a stall of the service does to the figures, against what arithmetic says.
//!
//! 200 iterations a second arrive at a server that takes 2 ms, and that answers nobody for a twentieth of
//! the time, half-way through. Whoever measures from the start of a request alone sees five slow requests;
//! hundreds of people waited. The short form runs with the other tests; `make prove-load` takes the minute
//! of the original, with its narrower bounds.
#![expect(clippy::print_stdout, reason = "the figures are what `make prove-load` is run for")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::fixture::{Finished, conclusive, pause, runner};
use crate::server::{Reply, Server};

const PER_SECOND: f64 = 200.0;
const SERVICE: Duration = Duration::from_millis(2);

/// How long, and how exact.
struct Form {
    seconds: f64,
    /// Of what arithmetic says.
    tolerance: f64,
}

impl Form {
    fn asked() -> Self {
        match std::env::var("PROOF").as_deref() {
            Ok("full") => Self { seconds: 60.0, tolerance: 0.02 },
            // A busy machine stalls too, for some milliseconds.
            _ => Self { seconds: 12.0, tolerance: 0.1 },
        }
    }

    fn stall(&self) -> f64 {
        self.seconds / 20.0
    }

    /// The response time that a share of all arrivals exceeds, if those of the stall are answered together at
    /// its end: of 12,000 the 120 slowest begin in its first 0.6 s.
    fn tail(&self, share: f64) -> f64 {
        self.stall() - share * self.seconds
    }

    /// The same if the queue drains at `drain` a second: it takes the longer the later one came.
    fn drained_tail(&self, share: f64, drain: f64) -> f64 {
        // Arrival k of the stall waits S − k/r + k/d; above a wait of w lie (S − w) / (1/r − 1/d) of them.
        let slope = 1.0 / PER_SECOND - 1.0 / drain;
        self.stall() - share * self.seconds * PER_SECOND * slope
    }

    fn near(&self, what: &str, got: f64, due: f64) {
        let off = (got - due).abs() / due;
        println!("{what}: {got} s, arithmetic says {due:.3} s, {:.2} % off", off * 100.0);
        assert!(off <= self.tolerance, "{what}: {got} s is not {due:.3} s");
    }

    /// Plays the load with those options beside the rate, and holds its requests against the server's count.
    fn conclude(&self, options: &str) -> Finished {
        conclusive(|| self.play(options))
    }

    fn play(&self, options: &str) -> Finished {
        let begin = OnceLock::new();
        let (from, length) = (self.seconds / 2.0, self.stall());
        let server = Server::start(move |_| {
            let elapsed = begin.get_or_init(Instant::now).elapsed().as_secs_f64();
            if elapsed >= from && elapsed < from + length {
                pause(Duration::from_secs_f64(from + length - elapsed));
            }
            pause(SERVICE);
            Reply::ok("ok")
        });
        let script = format!(
            "base_url(\"{}\");
            scenario(\"steady\", #{{ executor: \"constant-arrival-rate\", rate: {PER_SECOND}, duration: \"{}s\",
                flow: || http::get(\"/\"), {options} }});
            target(\"http_req_failed\", \"rate == 0%\");",
            server.url(),
            self.seconds,
        );
        let runner = runner(["run", "-q", "--no-preflight", "steady.rhai"]).file("steady.rhai", &script);
        let finished = runner.timeout(Duration::from_secs_f64(self.seconds + 60.0)).run();
        finished.expect_counted(server.count())
    }
}

/// A figure of the table of service and response times, in seconds.
fn time(finished: &Finished, side: &str, column: &str) -> f64 {
    let mut lines = finished.stdout.lines().skip_while(|line| !line.contains("SERVICE AND RESPONSE TIME"));
    let at = lines.nth(1).and_then(|head| head.split_whitespace().position(|word| word == column));
    let cell = lines.find(|line| line.contains(side)).and_then(|line| {
        let (_, cells) = line.split_once(side)?;
        cells.split_whitespace().nth(at?)
    });
    let cell = cell.unwrap_or_else(|| panic!("no {column} of {side}\n{}", finished.printed()));
    let (number, unit) = cell.split_at(cell.find(|c: char| c.is_alphabetic() || c == 'µ').unwrap_or(0));
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{cell} is no time\n{}", finished.printed()));
    number
        * match unit {
            "s" => 1.0,
            "ms" => 1e-3,
            "µs" => 1e-6,
            other => panic!("{other}"),
        }
}

fn iterations(form: &Form) -> f64 {
    PER_SECOND * form.seconds
}

#[test]
fn full_users_by_need_see_the_stall_in_service_and_response_time() {
    let form = Form::asked();
    let finished = form.conclude("").expect_code(0);
    assert!((finished.figure("iterations") - iterations(&form)).abs() <= 1.0, "{}", finished.printed());
    for side in ["service", "response"] {
        form.near(&format!("{side} p(99) by need"), time(&finished, side, "p(99)"), form.tail(0.01));
        if iterations(&form) >= 10_000.0 {
            form.near(&format!("{side} p(99.9) by need"), time(&finished, side, "p(99.9)"), form.tail(0.001));
        }
    }
}

#[test]
fn full_five_users_and_a_queue_see_it_in_the_response_time_alone() {
    let form = Form::asked();
    let bound = 2.0 * PER_SECOND * form.stall();
    let options = format!("max_vus: 5, when_busy: \"queue\", queue_max: {bound}");
    let finished = form.conclude(&options).expect_code(0);
    assert!((finished.figure("iterations") - iterations(&form)).abs() <= 1.0, "{}", finished.printed());
    // Five users of 2 ms each; what the client and the server add shows within the tolerance.
    let drain = 5.0 / SERVICE.as_secs_f64();
    form.near(
        "response p(99) of a queue",
        time(&finished, "response", "p(99)"),
        form.drained_tail(0.01, drain),
    );
    let service = time(&finished, "service", "p(99)");
    assert!(service < form.stall() / 4.0, "five of thousands were slow: p(99) is {service} s");
}

#[test]
fn full_five_users_that_drop_make_the_run_inconclusive() {
    let form = Form::asked();
    let finished = form.play("max_vus: 5").expect_code(111);
    let due = PER_SECOND * form.stall() - 5.0;
    let dropped = finished.figure("dropped_iterations");
    println!("dropped {dropped}, arithmetic says {due}");
    // The five that were under way may have begun just before.
    assert!(
        (dropped - due).abs() <= 5.0 + due * form.tolerance,
        "{dropped} is not {due}\n{}",
        finished.printed()
    );
    let sum = finished.figure("iterations") + dropped;
    assert!((sum - iterations(&form)).abs() <= 1.0, "{sum}\n{}", finished.printed());
    assert!(
        finished
            .stdout
            .lines()
            .find(|line| !line.trim().is_empty())
            .is_some_and(|line| line.contains("inconclusive"))
    );
}
