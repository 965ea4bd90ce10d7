//! `runner doctor`: this very machine, against loads that any can play and that none can.

use serde_json::Value;

use super::fixture::{Finished, runner};

fn checks(finished: &Finished) -> Vec<Value> {
    let value: Value = serde_json::from_str(&finished.stdout).expect("JSON on standard output");
    assert_eq!(value["schema"], 1);
    value["checks"].as_array().expect("checks").clone()
}

fn verdict(checks: &[Value], name: &str) -> String {
    let check =
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}"));
    check["verdict"].as_str().expect("a verdict").to_owned()
}

/// What was seen differs between machines; names, marks and order don't.
fn shape(text: &str) -> String {
    let is_check = |line: &&str| line.starts_with(['✓', '!', '✗', '?']) && !line.contains(" good");
    let name = |line: &str| line.chars().skip(2).take(19).collect::<String>().trim_end().to_owned();
    text.lines().filter(is_check).map(name).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_check_has_its_line_and_nothing_planned_is_in_nobodys_way() {
    let finished = runner(["doctor"]).run().expect_code(0).expect_said("this machine as a load generator\n");
    assert_eq!(
        shape(&finished.stdout),
        "descriptors, local ports, TIME_WAIT, connection tracking, somaxconn, stacks, address space, memory, top rate, \
         cores, CPU quota, other work, steal, governor, turbo, clock, perf rights"
    );
    let last = finished.stdout.lines().last().expect("a last line");
    assert!(last.contains(" good") && !last.contains("in the way"), "{last}");
}

#[test]
fn one_user_is_in_nobodys_way() {
    let finished = runner(["doctor", "-u", "1", "--rate", "1", "--json"]).run().expect_code(0);
    let checks = checks(&finished);
    for check in &checks {
        let (verdict, change) = (check["verdict"].as_str().expect("a verdict"), &check["change"]);
        assert_ne!(verdict, "in_the_way", "{check}");
        assert_eq!(change.is_string(), verdict == "look", "{check}");
        assert!(!check["saw"].as_str().expect("what it saw").is_empty(), "{check}");
        assert!(!check["why"].as_str().expect("a reason").is_empty(), "{check}");
    }
    assert_eq!(verdict(&checks, "descriptors"), "good");
}

#[test]
fn a_million_users_are_more_than_the_ports_and_the_exit_code_says_so() {
    let finished = runner(["doctor", "--users", "1000000"]).run().expect_code(1);
    finished
        .expect_said("this machine as a load generator, for 1,000,000 virtual users\n")
        .expect_said("✗ local ports")
        .expect_said(" to one address: enough for ")
        .expect_said("change  runner run   # on several machines, or against several addresses")
        .expect_said("✗ ");
}

#[test]
fn a_script_says_what_is_planned_and_flags_win() {
    let script =
        "scenario(\"many\", #{ executor: \"constant-vus\", vus: 1000000, duration: \"1s\", flow: || {} });";
    let ask = |arguments: &[&str]| {
        runner([&["doctor", "many.rhai", "--json"], arguments].concat()).file("many.rhai", script).run()
    };
    let checks_of = |finished: Finished| checks(&finished);
    assert_eq!(verdict(&checks_of(ask(&[]).expect_code(1)), "local ports"), "in_the_way");
    assert_eq!(verdict(&checks_of(ask(&["-u", "5"]).expect_code(0)), "local ports"), "good");
}

#[test]
fn the_embedded_service_takes_a_descriptor_a_user_too() {
    let script = "base_url(\"demo\"); scenario(\"s\", #{ executor: \"constant-vus\", vus: 5, duration: \"1s\", flow: || {} });";
    let finished = runner(["doctor", "s.rhai", "--json"]).file("s.rhai", script).run().expect_code(0);
    let value: Value = serde_json::from_str(&finished.stdout).expect("JSON on standard output");
    assert_eq!(value["planned"]["is_embedded"], true);
    assert_eq!(value["planned"]["users"], 5);
}

#[test]
fn a_script_that_does_not_load_and_a_rate_of_nothing_are_told() {
    runner(["doctor", "none.rhai"])
        .run()
        .expect_code(104)
        .expect_said("failed to read the script `none.rhai`");
    runner(["doctor", "--rate", "0"]).run().expect_code(2).expect_said("write iterations per second");
    let finished = runner(["doctor", "--rate", "3000/m"]).run().expect_code(0);
    finished.expect_said("this machine as a load generator, for 50 iterations a second\n");
    runner(["doctor", "--users", "0"]).run().expect_code(2);
}
