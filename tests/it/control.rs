//! Runs that are paused by a signal, and scenarios that wait for one another, over real sockets.

use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Finished, Runner, pause, runner, wait_until};
use crate::server::Server;

const SOON: Duration = Duration::from_secs(20);

fn prepare(script: &str, server: &Server, args: &[&str]) -> Runner {
    let args = args.iter().chain(&["test.rhai"]);
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url())
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    prepare(script, server, args).run()
}

/// Whether no request comes for a while, once those under way have.
fn is_quiet(server: &Server) -> bool {
    pause(Duration::from_millis(150));
    let before = server.count();
    pause(Duration::from_millis(300));
    server.count() == before
}

const LOOP: &str = "scenario(\"users\", #{ executor: \"constant-vus\", vus: 2, duration: \"1s\", flow: || { http::get(\"/u\"); sleep(0.01) } });
    scenario(\"arrivals\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"1s\", flow: || http::get(\"/a\") });";

#[test]
fn a_signal_pauses_a_run_and_another_lets_it_go_on() {
    let server = Server::plain();
    let running = prepare(LOOP, &server, &["run", "--workers", "2"]).start();
    wait_until("both scenarios", SOON, || server.count_of("/u") > 1 && server.count_of("/a") > 1);
    running.signal(Signal::USR1);
    assert!(is_quiet(&server), "requests in the pause");
    running.signal(Signal::USR1);
    let finished = running.wait().expect_code(0);
    let finished = finished.expect_said("paused: once more goes on").expect_said("resumed");
    assert!(finished.stdout.contains(" of it paused"), "{}", finished.printed());
    assert_eq!(server.count_of("/a"), 50, "none is left out for the pause: {}", finished.printed());
    assert!((finished.figure("http_reqs") - server.count() as f64).abs() < 0.5, "{}", finished.printed());
}

#[test]
fn a_run_begins_paused_on_demand() {
    let server = Server::plain();
    for flag in ["--paused", "-p"] {
        let before = server.count();
        let running = prepare(LOOP, &server, &["run", flag]).start();
        pause(Duration::from_millis(500));
        assert_eq!(server.count(), before);
        running.signal(Signal::USR1);
        running.wait().expect_code(0).expect_said("the load begins paused");
        assert!(server.count() > before);
    }
}

#[test]
fn a_paused_run_is_stopped_like_any_other() {
    let server = Server::plain();
    let script =
        format!("{LOOP}\nfn on_stop() {{ http::get(\"/stop\"); }} fn teardown() {{ http::get(\"/down\"); }}");
    let running = prepare(&script, &server, &["run"]).start();
    wait_until("the users", SOON, || server.count_of("/u") > 1);
    running.signal(Signal::USR1);
    assert!(is_quiet(&server));
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert_eq!(server.count_of("/down"), 1, "{}", finished.printed());
    assert!(server.count_of("/stop") >= 2, "{}", finished.printed());
}

#[test]
fn scenarios_play_one_after_another() {
    let server = Server::plain();
    let script = "scenario(\"peak\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"200ms\", start_after: \"warmup\", start_time: \"50ms\", flow: || http::get(\"/peak\") });
        scenario(\"warmup\", #{ executor: \"constant-vus\", vus: 3, duration: \"200ms\", flow: \"warm\" });
        scenario(\"after\", #{ executor: \"per-vu-iterations\", vus: 2, startAfter: \"peak\", flow: || http::get(\"/after\") });
        fn warm() { http::get(\"/warmup\"); sleep(0.05); }";
    for workers in ["1", "3"] {
        let before = server.count();
        play(script, &server, &["run", "--workers", workers]).expect_code(0);
        let mut order: Vec<String> =
            server.requests()[before..].iter().map(|request| request.path().to_owned()).collect();
        order.dedup();
        assert_eq!(order, ["/warmup", "/peak", "/after"], "{workers} workers");
    }
    let shown = play(script, &server, &["inspect"]).expect_code(0).stdout;
    assert!(shown.contains("50/s for 200ms, up to 10,000 VUs, 50ms after `warmup`"), "{shown}");
    let needed = play(script, &server, &["inspect", "--requirements"]).expect_code(0).stdout;
    assert!(needed.contains("duration               10m0.45s"), "{needed}");
}

#[test]
fn an_abort_does_not_wait_for_a_scenario_whose_turn_never_came() {
    let server = Server::plain();
    let script = "scenario(\"first\", #{ executor: \"constant-vus\", duration: \"10m\", flow: || { http::get(\"/first\"); abort(\"enough\") } });
        scenario(\"second\", #{ executor: \"shared-iterations\", iterations: 3, start_after: \"first\", flow: || http::get(\"/second\") });";
    let finished = play(script, &server, &["run", "--workers", "2"]).expect_code(108);
    assert_eq!(server.count_of("/second"), 0, "{}", finished.printed());
    assert!(finished.stdout.contains("3 dropped"), "{}", finished.printed());
}

#[test]
fn a_scenario_that_is_steered_from_outside_holds_its_users() {
    let server = Server::plain();
    let script = "scenario(\"held\", #{ executor: \"externally-controlled\", vus: 2, maxVUs: 5, duration: \"300ms\", flow: || { http::get(`/${vu::id()}`); sleep(0.01) } });
        scenario(\"other\", #{ executor: \"per-vu-iterations\", vus: 1, flow: || http::get(`/${vu::id()}`) });";
    let finished = play(script, &server, &["run", "--workers", "2"]).expect_code(0);
    assert!(server.count_of("/1") > 1 && server.count_of("/2") > 1, "{}", finished.printed());
    assert_eq!((server.count_of("/3"), server.count_of("/6")), (0, 1), "five ids are its own");
    assert!(finished.stdout.contains("2 VUs, steered up to 5, for 300ms"), "{}", finished.printed());
}
