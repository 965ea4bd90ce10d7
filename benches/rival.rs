//! Load generators that are asked what they saw: how each is called for so many requests a second, and what it
//! then reports. Shared by `rivals` and by `tests/it`.
//!
//! Each is called as its own page tells for a rate and a timeout. wrk has no rate: it sends as fast as answers
//! come; h2load has no timeout for a request, and ends with SIGABRT where one for connections strikes. A figure that a tool doesn't print itself (h2load has no percentiles) is taken from what it writes down.
#![allow(dead_code, reason = "each program uses its part")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::pathology::percentile;

/// Connections of wrk at most: it sends as fast as answers come, and more would fill the machine.
const WRK_CONNECTIONS_MAX: u32 = 20;
/// What a user of Locust sends a second, at most (`rivals_locust.py`).
const LOCUST_PER_USER: u32 = 2;
/// What a tool may take beyond its load before it is ended.
const GRACE_SECONDS: u32 = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// `runner run` with `rivals.rhai`.
    Run,
    /// `runner hit`.
    Hit,
    Wrk,
    H2load,
    Oha,
    /// With `--latency-correction`.
    OhaCorrected,
    /// Python; where it is comes from `BENCH_LOCUST`.
    Locust,
}

pub(crate) const RIVALS: [Rival; 7] =
    [Rival::Run, Rival::Hit, Rival::Wrk, Rival::H2load, Rival::Oha, Rival::OhaCorrected, Rival::Locust];

/// What each is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// `None`: on each connection one request after another, as fast as they go.
    pub(crate) per_second: Option<u32>,
    /// Of the tools that are told a number.
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) timeout: Duration,
}

/// A percentile as it was reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    Seconds(f64),
    /// It falls among those who got no answer, and the tool says so.
    NoAnswer,
    /// It says nothing.
    Missing,
}

/// What a tool says that it saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) requests: f64,
    pub(crate) failed: f64,
    pub(crate) p50: Figure,
    pub(crate) p99: Figure,
}

impl Report {
    /// Share of the requests that it counted.
    pub(crate) fn failed_share(&self) -> f64 {
        if self.requests > 0.0 { self.failed / self.requests } else { 0.0 }
    }
}

impl Rival {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "runner run",
            Self::Hit => "runner hit",
            Self::Wrk => "wrk",
            Self::H2load => "h2load",
            Self::Oha => "oha",
            Self::OhaCorrected => "oha --latency-correction",
            Self::Locust => "Locust",
        }
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Run | Self::Hit)
    }

    /// Plays the load and reads what it reports.
    pub(crate) fn play(self, runner: &OsStr, load: Load<'_>) -> Result<Report, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let program = match self {
            Self::Run | Self::Hit => runner.to_owned(),
            Self::Wrk => "wrk".into(),
            Self::H2load => "h2load".into(),
            Self::Oha | Self::OhaCorrected => std::env::var_os("BENCH_OHA").unwrap_or_else(|| "oha".into()),
            Self::Locust => std::env::var_os("BENCH_LOCUST").unwrap_or_else(|| "locust".into()),
        };
        // What hangs is ended by `timeout`, which waits for it: no process is left behind.
        let mut call = Command::new("timeout");
        call.arg((load.seconds + GRACE_SECONDS).to_string()).arg(program);
        call.args(self.words(load, folder.path())).current_dir(folder.path()).stdin(Stdio::null());
        call.envs([("NO_COLOR", "1"), ("TARGET_URL", load.url)]);
        call.env("RATE", load.per_second.unwrap_or(0).to_string())
            .env("DURATION", format!("{}s", load.seconds));
        call.env("TIMEOUT", format!("{}ms", load.timeout.as_millis()));
        let output = call.output().map_err(|error| format!("{}: {error}", self.name()))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        self.report(&stdout, folder.path()).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("{}: {error}, {}\n{stdout}\n{said}", self.name(), output.status)
        })
    }

    fn words(self, load: Load<'_>, folder: &Path) -> Vec<String> {
        let Load { url, per_second, connections: count, seconds, timeout } = load;
        let (time, connections) = (format!("{seconds}s"), count.to_string());
        let rate =
            |flag: &str| per_second.map(|rate| [flag.to_owned(), rate.to_string()]).into_iter().flatten();
        let root = format!("{url}/");
        let words: Vec<String> = match self {
            Self::Run => vec!["run".into(), "--quiet".into(), bench("rivals.rhai")],
            Self::Hit => ["hit", "--json", "--quiet", "-c", &connections, "-d", &time]
                .map(str::to_owned)
                .into_iter()
                .chain(rate("-q"))
                .chain(["--timeout".into()])
                .chain([format!("{}ms", timeout.as_millis()), root])
                .collect(),
            Self::Wrk => [
                "-t1",
                "-c",
                &count.min(WRK_CONNECTIONS_MAX).to_string(),
                "-d",
                &time,
                "--latency",
                "--timeout",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("{}s", timeout.as_secs().max(1)), root])
            .collect(),
            Self::H2load => ["--h1", "-t1", "-c", &connections, "-D", &seconds.to_string()]
                .map(str::to_owned)
                .into_iter()
                .chain(per_second.map(|rate| format!("--rps={}", f64::from(rate) / f64::from(count))))
                .chain([format!("--log-file={}", log_of(folder).display()), root])
                .collect(),
            Self::Oha | Self::OhaCorrected => {
                let corrected = (self == Self::OhaCorrected).then_some("--latency-correction");
                ["--no-tui", "--output-format", "json", "-c", &connections, "-z", &time]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(rate("-q"))
                    .chain(["-t".into()])
                    .chain([format!("{}ms", timeout.as_millis())])
                    .chain(corrected.map(str::to_owned))
                    .chain([root])
                    .collect()
            }
            Self::Locust => {
                let users = per_second.map_or(count, |rate| rate / LOCUST_PER_USER).to_string();
                ["--headless", "--json", "--only-summary", "--loglevel", "CRITICAL", "--users", &users]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(["--spawn-rate".into(), users.clone(), "--run-time".into(), time])
                    .chain(["--host".into(), url.to_owned()])
                    .chain(["--locustfile".into(), bench("rivals_locust.py")])
                    .collect()
            }
        };
        words
    }

    /// What it printed, read.
    fn report(self, stdout: &str, folder: &Path) -> Result<Report, String> {
        match self {
            Self::Run => run(stdout).ok_or_else(|| "no figures".to_owned()),
            Self::Hit => hit(&parse(stdout)?).ok_or_else(|| "no figures".to_owned()),
            Self::Wrk => wrk(stdout).ok_or_else(|| "no figures".to_owned()),
            Self::H2load => {
                let log = std::fs::read_to_string(log_of(folder)).unwrap_or_default();
                h2load(stdout, &log).ok_or_else(|| "no figures".to_owned())
            }
            Self::Oha | Self::OhaCorrected => oha(&parse(stdout)?).ok_or_else(|| "no figures".to_owned()),
            Self::Locust => locust(&parse(stdout)?).ok_or_else(|| "no figures".to_owned()),
        }
    }
}

/// A file of this folder.
fn bench(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(name).to_string_lossy().into_owned()
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("requests.tsv")
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A time such as `4.95ms`, in seconds.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic() || c == 'µ')?);
    let scale = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

/// What a target of ours says of a percentile: `p(99)=4.95ms`.
pub(crate) fn target(summary: &str, metric: &str, percentile: &str) -> Option<Figure> {
    let said = format!(" {percentile}=");
    let told = summary.lines().find_map(|line| {
        let line = line.trim_start_matches([' ', '✓', '✗', '–', '?']);
        line.strip_prefix(metric)
            .filter(|rest| rest.starts_with(' '))?
            .split_once(&said)
            .map(|(_, told)| told)
    })?;
    match told.trim_start() {
        told if told.starts_with('>') => Some(Figure::NoAnswer),
        told => seconds(told.split_whitespace().next()?).map(Figure::Seconds),
    }
}

/// The numbers of a line of our summary.
fn numbers(summary: &str, metric: &str) -> Option<Vec<f64>> {
    let rest = summary
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(metric)?.trim_start_matches('.').strip_prefix(':'))?;
    Some(rest.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect())
}

fn run(summary: &str) -> Option<Report> {
    const METRIC: &str = "http_req_response_time{expected_response:true}";
    Some(Report {
        requests: *numbers(summary, "http_reqs")?.first()?,
        // `10.00%  160 of 1,600`: a share is no number.
        failed: *numbers(summary, "http_req_failed")?.first()?,
        p50: target(summary, METRIC, "p(50)")?,
        p99: target(summary, METRIC, "p(99)").unwrap_or(Figure::Missing),
    })
}

fn hit(json: &Value) -> Option<Report> {
    let times = json.get("response_time")?;
    let without_answer = times.get("without_answer")?.as_f64()? / times.get("count")?.as_f64()?.max(1.0);
    // Where answers failed, it tells the good ones apart.
    let failed_answers = json.get("service_time_failed").and_then(|failed| failed.get("count")?.as_u64());
    let good = json.get("service_time_ok").filter(|_| failed_answers.is_some_and(|count| count > 0));
    let figure = |key: &str, q: f64| match good.unwrap_or(times).get(key).and_then(Value::as_f64) {
        Some(us) => Figure::Seconds(us / 1e6),
        None if without_answer > 1.0 - q => Figure::NoAnswer,
        None => Figure::Missing,
    };
    Some(Report {
        requests: json.get("requests")?.as_f64()?,
        failed: json.get("failed")?.as_f64()?,
        p50: figure("p50_us", 0.5),
        p99: figure("p99_us", 0.99),
    })
}

/// The number before a word, as in `12 requests in`.
fn number_before(text: &str, word: &str) -> Option<f64> {
    text.split_once(word)?.0.split_whitespace().next_back()?.parse().ok()
}

fn wrk(stdout: &str) -> Option<Report> {
    let after = |word: &str| {
        let (_, rest) = stdout.split_once(word)?;
        rest.trim_start().split(|c: char| c != '.' && !c.is_ascii_digit()).next()?.parse::<f64>().ok()
    };
    // `Socket errors: connect 0, read 0, write 0, timeout 20`
    let told = ["errors: connect", ", read", ", write", ", timeout"];
    let errors: f64 =
        told.iter().filter(|_| stdout.contains("Socket errors")).filter_map(|word| after(word)).sum();
    let percentile = |name: &str| {
        let line = stdout.lines().find_map(|line| line.trim().strip_prefix(name));
        line.and_then(|text| seconds(text.trim())).map_or(Figure::Missing, Figure::Seconds)
    };
    Some(Report {
        requests: number_before(stdout, " requests in ")? + errors,
        failed: errors + after("Non-2xx or 3xx responses:").unwrap_or(0.0),
        p50: percentile("50%"),
        p99: percentile("99%"),
    })
}

fn h2load(stdout: &str, log: &str) -> Option<Report> {
    let line = stdout.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        line.split(',').find_map(|part| part.trim().strip_suffix(what)?.trim().parse::<f64>().ok())
    };
    let mut took: Vec<f64> = log
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.trim().parse::<f64>().ok())
        .map(|us| us / 1e6)
        .collect();
    took.sort_by(f64::total_cmp);
    let figure = |q| percentile(&took, q).map_or(Figure::Missing, Figure::Seconds);
    Some(Report { requests: count("done")?, failed: count("failed")?, p50: figure(0.5), p99: figure(0.99) })
}

fn oha(json: &Value) -> Option<Report> {
    let sum = |key: &str| -> f64 {
        json.get(key)
            .and_then(Value::as_object)
            .map_or(0.0, |map| map.values().filter_map(Value::as_f64).sum())
    };
    let errors = sum("errorDistribution");
    let figure = |key: &str| {
        let known = json.get("latencyPercentiles").and_then(|all| all.get(key)).and_then(Value::as_f64);
        known.map_or(Figure::Missing, Figure::Seconds)
    };
    let requests = sum("statusCodeDistribution") + errors;
    let success = json.get("summary")?.get("successRate")?.as_f64().unwrap_or(0.0);
    // Its own word for it: any answer is a success.
    Some(Report { requests, failed: requests * (1.0 - success), p50: figure("p50"), p99: figure("p99") })
}

fn locust(json: &Value) -> Option<Report> {
    let entry = json.get(0)?;
    let requests = entry.get("num_requests")?.as_f64()?;
    // Its histogram: whole milliseconds, two digits above 100.
    let mut times: Vec<(f64, f64)> = entry
        .get("response_times")?
        .as_object()?
        .iter()
        .filter_map(|(ms, count)| Some((ms.parse::<f64>().ok()? / 1e3, count.as_f64()?)))
        .collect();
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let figure = |q: f64| {
        let mut left = q * times.iter().map(|(_, count)| count).sum::<f64>();
        let found = times.iter().find(|(_, count)| {
            left -= count;
            left <= 1e-9
        });
        found.map_or(Figure::Missing, |(time, _)| Figure::Seconds(*time))
    };
    Some(Report {
        requests,
        failed: entry.get("num_failures")?.as_f64()?,
        p50: figure(0.5),
        p99: figure(0.99),
    })
}
