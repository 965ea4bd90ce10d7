//! The files, read back.

use super::*;
use crate::engine::Books;
use crate::metrics::{Phases, Recorder, RequestKey, RequestSample};
use crate::output::OUTPUTS;

fn second(recorder: &mut Recorder, number: u64, is_warm_up: bool) -> PlayedSecond {
    PlayedSecond {
        number,
        end_unix_ms: 1_790_000_000_000 + number * 1_000,
        elapsed: Duration::from_secs(number),
        is_warm_up,
        is_paused: false,
        vus: 7,
        vus_max: 7,
        books: Books::default(),
        delta: recorder.take(number),
    }
}

fn request(recorder: &mut Recorder, name: &str, ms: u64, status: u16) {
    let key = RequestKey {
        name: recorder.intern(name),
        method: recorder.intern("GET"),
        status,
        error_code: if status == 0 { 1_212 } else { 0 },
        ..RequestKey::default()
    };
    let sample = RequestSample {
        phases: Phases { waiting_ns: ms * 1_000_000, ..Phases::default() },
        response_time_ns: ms * 1_000_000,
        responded: status != 0,
        failed: status != 200,
        bytes_received: 100,
        ..RequestSample::default()
    };
    recorder.request(&key, &sample);
}

fn table(prefix: &str, name: &str) -> Vec<Vec<String>> {
    let path = format!("{prefix}_{name}.csv");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_files_say_what_locusts_would() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("run").to_str().unwrap().to_owned();
    let output = OUTPUTS.iter().find(|output| output.name == "locust").unwrap();
    let mut locust = open(&Place::parse(output, &prefix).unwrap()).unwrap();
    let mut recorder = Recorder::new(&[]);
    request(&mut recorder, "/warm", 5, 200);
    locust.second(&second(&mut recorder, 1, true)).unwrap();
    for ms in 1..=10 {
        request(&mut recorder, "/b", ms, 200);
    }
    request(&mut recorder, "/a", 30, 503);
    locust.second(&second(&mut recorder, 2, false)).unwrap();
    request(&mut recorder, "/a", 50, 503);
    request(&mut recorder, "/a", 1_000, 0);
    locust.second(&second(&mut recorder, 3, false)).unwrap();
    locust.end(&Summary::uneventful()).unwrap();

    let stats = table(&prefix, "stats");
    let short = |row: &[String]| row.join(",");
    assert_eq!(
        short(&stats[0]),
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,\
         Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
    );
    assert_eq!(
        short(&stats[1]),
        "GET,/a,3,3,50,360,30,1000,100,1.5,1.5,50,50,1000,1000,1000,1000,1000,1000,1000,1000,1000"
    );
    assert_eq!(short(&stats[2]), "GET,/b,10,0,5,5.5,1,10,100,5,0,5,7,8,8,9,10,10,10,10,10,10");
    assert_eq!(short(&stats[3][..5]), ",Aggregated,13,3,7");
    assert!((stats[3][5].parse::<f64>().unwrap() - 1_135.0 / 13.0).abs() < 1e-9);
    assert_eq!(short(&stats[3][6..11]), "1,1000,100,6.5,1.5");
    assert_eq!(stats.len(), 4, "a warm-up is in no figure");

    let history = table(&prefix, "stats_history");
    assert_eq!(
        short(&history[0]),
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%,\
         Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,\
         Total Min Response Time,Total Max Response Time,Total Average Content Size"
    );
    assert_eq!(history.len(), 7, "a row a second and name");
    assert_eq!(history[3][..6], ["1790000002", "7", "", "Aggregated", "11.000000", "1.000000"]);
    assert_eq!(history[4][..6], ["1790000003", "7", "GET", "/a", "1.500000", "1.500000"]);
    assert_eq!(short(&history[4][17..]), "3,3,50,360,30,1000,100");

    let failures = table(&prefix, "failures");
    assert_eq!(short(&failures[0]), "Method,Name,Error,Occurrences,First Seen,Last Seen");
    assert_eq!(short(&failures[1]), "GET,/a,error 1212,1,2026-09-21T14:13:23Z,2026-09-21T14:13:23Z");
    assert_eq!(short(&failures[2]), "GET,/a,status 503,2,2026-09-21T14:13:22Z,2026-09-21T14:13:23Z");
    assert_eq!(table(&prefix, "exceptions"), [["Count", "Message", "Traceback", "Nodes"]]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 4, "no temporary file stays: {left:?}");
}

#[test]
fn a_prefix_in_no_folder_is_refused_before_the_load() {
    let output = OUTPUTS.iter().find(|output| output.name == "locust").unwrap();
    let Err(error) = open(&Place::parse(output, "/nowhere/run").unwrap()) else { panic!() };
    assert!(error.to_string().contains("/nowhere/run_stats_history.csv"), "{error}");
}
