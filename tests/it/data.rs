//! Data, feeders and counters over several workers.

use std::collections::BTreeSet;

use crate::fixture::{Finished, root, runner};
use crate::server::{Reply, Server};

const LOAD: &str = "executor: \"shared-iterations\", vus: 8, iterations: 200";

/// The texts that requests brought, one each.
fn asked(script: &str, workers: &str, rows: usize) -> (Finished, Vec<String>) {
    let table = (0..rows).fold("id,name\n".to_owned(), |all, n| all + &format!("{n:03},\"user, {n}\"\n"));
    let server = Server::start(|request| Reply::new(200, request.text()));
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    let run = runner(["run", "--workers", workers, "test.rhai"]).file("test.rhai", &script);
    let finished = run.file("rows.csv", &table).run();
    let mut asked: Vec<String> = server.requests().iter().map(crate::server::Request::text).collect();
    asked.sort();
    (finished, asked)
}

#[test]
fn a_queue_hands_out_each_row_once_over_two_workers() {
    let script = format!(
        "const Q = feeder(data::csv(\"rows.csv\"), \"queue\");\n\
         const C = shared::counter(\"asked\");\n\
         scenario(\"s\", #{{ {LOAD}, flow: ask }});\n\
         fn ask() {{ http::post(\"/\", #{{ body: global::Q.row().id + \" \" + global::C.next().to_string() }}); }}\n"
    );
    let (finished, asked) = asked(&script, "2", 200);
    finished.expect_code(0);
    let ids: Vec<&str> = asked.iter().filter_map(|text| text.split(' ').next()).collect();
    let expected: Vec<String> = (0..200).map(|n| format!("{n:03}")).collect();
    assert_eq!(ids, expected);
    let counted: BTreeSet<u32> =
        asked.iter().filter_map(|text| text.split(' ').nth(1)?.parse().ok()).collect();
    assert_eq!(counted, (0..200).collect());
}

#[test]
fn an_empty_queue_fails_the_iterations_that_ask() {
    let script = format!(
        "const Q = feeder(data::csv(\"rows.csv\"), \"queue\");\n\
         scenario(\"s\", #{{ {LOAD}, flow: ask }});\n\
         fn ask() {{ http::post(\"/\", #{{ body: global::Q.row().id }}); }}\n"
    );
    let (finished, asked) = asked(&script, "2", 150);
    finished.expect_code(0).expect_said("the feeder has 150 rows, and this is iteration");
    let expected: Vec<String> = (0..150).map(|n| format!("{n:03}")).collect();
    assert_eq!(asked, expected);
}

#[test]
fn every_feeder_gives_the_same_rows_on_one_worker_and_on_two() {
    let feeders = ["unique", "random", "circular", "queue"];
    let declared = feeders.map(|mode| {
        format!("const {} = feeder(data::csv(\"rows.csv\"), \"{mode}\");\n", mode.to_uppercase())
    });
    let read = feeders.map(|mode| format!("${{global::{}.row().id}}", mode.to_uppercase()));
    let script = format!(
        "{}options(#{{ seed: 7 }});\n\
         scenario(\"s\", #{{ executor: \"per-vu-iterations\", vus: 6, iterations: 3, flow: ask }});\n\
         fn ask() {{ http::post(\"/\", #{{ body: `${{vu::id()}} {}` }}); }}\n",
        declared.concat(),
        read.join(" ")
    );
    let (one, alone) = asked(&script, "1", 18);
    let (two, together) = asked(&script, "2", 18);
    one.expect_code(0);
    two.expect_code(0);
    assert_eq!(alone, together);
    assert_eq!(alone.len(), 18);
    assert!(alone[0].starts_with("1 000 "), "{alone:?}");
}

#[test]
fn the_example_runs() {
    let script = root().join("scripts/data.rhai");
    runner([std::ffi::OsStr::new("run"), script.as_os_str()]).run().expect_code(0);
}
