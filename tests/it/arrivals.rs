//! Iterations that start at given times, as the service sees them: how many, when, and what becomes of them while
//! it stalls. The counts are those of the test's own server.

use std::time::Duration;

use crate::fixture::{Finished, figure, root, runner};
use crate::server::Server;
use crate::witness::Witness;

impl Witness {
    fn play(&self, scenario: &str, workers: &str) -> Finished {
        self.play_to(0, scenario, workers)
    }

    /// Plays it to that exit code, and holds its requests against the server's count.
    fn play_to(&self, code: i32, scenario: &str, workers: &str) -> Finished {
        let script = format!(
            "import \"std/phases\" as phases;\nbase_url(\"{}\");\n\
             scenario(\"s\", #{{ {scenario}, flow: || http::get(\"/\") }});\n",
            self.server.url()
        );
        let args = ["run", "--workers", workers, "test.rhai"];
        let finished = runner(args).file("test.rhai", &script).run().expect_code(code);
        finished.expect_counted(self.server.count())
    }

    /// Requests in each second since the first.
    fn seconds(&self) -> Vec<u64> {
        let seen = self.seen();
        let mut seconds = Vec::new();
        for at in &seen {
            let second = usize::try_from((*at - seen[0]).as_secs()).expect("a short test");
            seconds.resize(seconds.len().max(second + 1), 0);
            seconds[second] += 1;
        }
        seconds
    }
}

/// The first figure of a line, as a count.
fn count(finished: &Finished, metric: &str) -> u64 {
    format!("{}", finished.figure(metric)).parse().expect("a count")
}

fn dropped(finished: &Finished) -> u64 {
    figure(&finished.stdout, "dropped_iterations").map_or(0, |_| count(finished, "dropped_iterations"))
}

const STALL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(1500));

#[test]
fn a_rate_is_delivered_to_the_last_request() {
    for workers in ["1", "2"] {
        let witness = Witness::start("/", None);
        let finished =
            witness.play("executor: \"constant-arrival-rate\", rate: 200, duration: \"2s\"", workers);
        let requests = witness.seconds().iter().sum::<u64>();
        assert_eq!((requests, count(&finished, "iterations"), dropped(&finished)), (400, 400, 0));
        finished.expect_said("s  200/s for 2s, up to 10,000 VUs");
    }
}

#[test]
fn users_by_need_hide_no_stall() {
    let witness = Witness::start("/", Some(STALL));
    let finished = witness.play("executor: \"constant-arrival-rate\", rate: 100, duration: \"2s\"", "1");
    assert_eq!((count(&finished, "iterations"), dropped(&finished)), (200, 0));
    // As many users as came in the second of the stall, and each second of the plan has its requests.
    assert!(witness.server.connections() > 80, "{}", finished.printed());
    assert!(witness.seconds()[0] > 90, "{:?}", witness.seconds());
}

#[test]
fn five_users_that_drop_lose_what_comes_in_a_stall_and_say_so() {
    let witness = Witness::start("/", Some(STALL));
    let scenario = "executor: \"constant-arrival-rate\", rate: 100, duration: \"2s\", max_vus: 5";
    // Half of the load was not delivered: whatever the figures say of the service, it isn't the load asked for.
    let finished = witness.play_to(111, scenario, "1");
    let (ran, dropped) = (count(&finished, "iterations"), dropped(&finished));
    assert_eq!(ran + dropped, 200);
    assert_eq!(witness.seconds().iter().sum::<u64>(), ran);
    // 100 come in the stall, and five of them have a user.
    assert!((85..=96).contains(&dropped), "{dropped} dropped\n{}", finished.printed());
}

#[test]
fn five_users_with_a_queue_lose_nothing_and_are_late() {
    let witness = Witness::start("/", Some(STALL));
    let scenario = "executor: \"constant-arrival-rate\", rate: 100, duration: \"2s\", max_vus: 5, when_busy: \"queue\", queue_max: 600";
    let finished = witness.play(scenario, "1");
    assert_eq!((count(&finished, "iterations"), dropped(&finished)), (200, 0));
    assert!(witness.server.connections() <= 6, "five users, and the preflight");
    let line = |metric: &str| {
        let line = finished.stdout.lines().find(|line| line.trim_start().starts_with(metric));
        line.unwrap_or_else(|| panic!("no {metric}\n{}", finished.printed())).to_owned()
    };
    // Five requests saw the stall, but half of the iterations did.
    assert!(line("http_req_duration").contains("med ") && line("iteration_lateness").contains("max "));
    let median = |metric: &str| line(metric).split("med ").nth(1).unwrap_or_default().to_owned();
    assert!(!median("iteration_lateness").starts_with('0'), "{}", finished.printed());
}

/// A plan and what it delivers in each second.
struct Shape {
    scenario: &'static str,
    seconds: &'static [u64],
}

const SHAPES: &[Shape] = &[
    Shape {
        scenario: "executor: \"constant-arrival-rate\", rate: 1000, duration: \"3s\"",
        seconds: &[1000, 1000, 1000],
    },
    Shape {
        scenario: "executor: \"ramping-arrival-rate\", stages: [\"4s:1600\"]",
        seconds: &[200, 600, 1000, 1400],
    },
    Shape {
        scenario: "executor: \"ramping-arrival-rate\", start_rate: 1200, stages: [\"3s:0\"]",
        seconds: &[1000, 600, 200],
    },
    Shape {
        scenario: "executor: \"ramping-arrival-rate\", stages: phases::steps(300, 900, 3, \"1s\")",
        seconds: &[300, 600, 900],
    },
    Shape {
        scenario: "executor: \"ramping-arrival-rate\", stages: phases::replay([#{ time: 0, rate: 800 }, #{ time: 1, rate: 200 }, #{ time: 2, rate: 1000 }])",
        seconds: &[800, 200, 1000],
    },
    // Each stage keeps its count; within it they come at random.
    Shape {
        scenario: "executor: \"ramping-arrival-rate\", jitter: \"poisson\", stages: phases::steps(400, 800, 2, \"1s\")",
        seconds: &[400, 800],
    },
    // Users that loop, at a pace of which no start lies within 20 ms of a second's edge.
    Shape {
        scenario: "executor: \"constant-vus\", vus: 20, duration: \"2970ms\", think: pacing(\"70ms\")",
        seconds: &[300, 280, 280],
    },
    Shape {
        scenario: "executor: \"externally-controlled\", vus: 20, max_vus: 30, duration: \"2970ms\", think: pacing(\"70ms\")",
        seconds: &[300, 280, 280],
    },
    // User g of 20 begins after 120 ms times g; seconds are counted from the first.
    Shape {
        scenario: "executor: \"ramping-vus\", start_vus: 0, stages: [\"2400ms:20\", \"630ms:20\"], think: pacing(\"119ms\")",
        seconds: &[45, 108, 157],
    },
    Shape {
        scenario: "executor: \"per-vu-iterations\", vus: 20, iterations: 40, think: pacing(\"70ms\")",
        seconds: &[300, 280, 220],
    },
    Shape {
        scenario: "executor: \"shared-iterations\", vus: 20, iterations: 800, think: pacing(\"70ms\")",
        seconds: &[300, 280, 220],
    },
];

#[test]
fn full_every_second_of_every_shape_is_delivered_within_one_per_cent() {
    for Shape { scenario, seconds } in SHAPES {
        let total = seconds.iter().sum::<u64>();
        // A busy machine delays what lies at a second's edge; a wrong schedule is wrong each time.
        let attempt = || {
            let witness = Witness::start("/", None);
            witness.play(scenario, "1");
            let mut delivered = witness.seconds();
            // What crossed the plan's end on its way.
            let beyond = delivered.split_off(seconds.len().min(delivered.len()));
            assert_eq!(delivered.iter().chain(&beyond).sum::<u64>(), total, "{scenario}");
            let near = |(got, planned): (&u64, &u64)| {
                got.abs_diff(*planned) as f64 <= (*planned as f64 * 0.01).max(2.0)
            };
            (delivered.iter().zip(*seconds).all(near), delivered)
        };
        let mut attempts = Vec::new();
        let is_near = (0..5).any(|_| {
            let (is_near, delivered) = attempt();
            attempts.push(delivered);
            is_near
        });
        assert!(is_near, "{scenario}: {seconds:?} planned, {attempts:?}");
    }
}

#[test]
fn full_the_example_runs() {
    let script = root().join("scripts/arrivals.rhai");
    let args = [std::ffi::OsStr::new("run"), script.as_os_str()];
    let finished = runner(args).run();
    assert!(matches!(finished.code, Some(0 | 99)), "{}", finished.printed());
    finished.expect_said("600 ok").expect_said("500 ok").expect_said("3 ok");
}

#[test]
fn a_target_on_a_reason_holds_when_nothing_was_dropped_for_it() {
    let server = Server::plain();
    let script = format!(
        "base_url(\"{}\");
        scenario(\"s\", #{{ executor: \"constant-arrival-rate\", rate: 50, duration: \"1s\", flow: || http::get(\"/\") }});
        target(\"dropped_iterations{{reason:no_free_vu}}\", \"count == 0\");
        target(\"dropped_iterations{{scenario:s}}\", \"count == 0\");",
        server.url()
    );
    let finished = runner(["run", "-q", "test.rhai"]).file("test.rhai", &script).run();
    finished.expect_code(0).expect_counted(server.count()).expect_said("2 of 2 targets hold");
}

#[test]
fn each_scenario_is_told_its_own_reasons() {
    let script = "scenario(\"a\", #{ executor: \"constant-arrival-rate\", rate: 10, duration: \"1s\", max_vus: 1, flow: || sleep(0.5) });
        scenario(\"b\", #{ executor: \"shared-iterations\", iterations: 100, max_duration: \"1s\", graceful_stop: \"0s\", flow: || sleep(0.5) });";
    let finished = runner(["run", "-q", "test.rhai"]).file("test.rhai", script).run().expect_code(111);
    let first = finished.stdout.lines().next().unwrap_or_default();
    assert!(first.contains("no_free_vu") && !first.contains("not_started"), "{}", finished.printed());
    let rest = finished.stdout.lines().find(|line| line.contains("could not start")).unwrap_or_default();
    assert!(rest.contains("not_started") && !rest.contains("no_free_vu"), "{}", finished.printed());
}

#[test]
fn arrivals_whose_turn_never_came_are_not_missed() {
    let script = "scenario(\"a\", #{ executor: \"constant-vus\", duration: \"5m\", flow: || { sleep(0.2); abort(\"enough\") } });
        scenario(\"b\", #{ executor: \"constant-arrival-rate\", rate: 10, duration: \"2s\", start_after: \"a\", flow: || sleep(0.5) });";
    let finished = runner(["run", "-q", "test.rhai"]).file("test.rhai", script).run().expect_code(108);
    assert!(!finished.stdout.contains("load-not-delivered"), "{}", finished.printed());
    assert_eq!(dropped(&finished), 0);
}

#[test]
fn a_cap_below_the_rate_is_told_before_and_after() {
    let server = Server::plain();
    let script = format!(
        "base_url(\"{}\");
        scenario(\"s\", #{{ executor: \"constant-arrival-rate\", rate: 50, duration: \"1s\", rps: 5, graceful_stop: \"0s\",
            flow: || http::get(\"/\") }});",
        server.url()
    );
    let finished = runner(["run", "-q", "test.rhai"]).file("test.rhai", &script).run().expect_code(111);
    let finished =
        finished.expect_said("starts up to 50.0/s iterations, and `rps` lets 5.00/s requests through");
    assert!(finished.stdout.contains("load-not-delivered"), "{}", finished.printed());
}
