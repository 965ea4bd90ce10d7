//! Load generators as processes: how each is called, and how many requests it says it completed.
//!
//! All play the same load: so many connections on one core, one request after another on each, for so many
//! seconds. A generator that reports an error among its requests fails the bench: what failed costs other CPU.
#![allow(dead_code, reason = "each bench uses its part")]

use std::process::Command;

use serde_json::Value;

use super::process::{GENERATOR_CORE, Guard, command, figure, runner, script};

/// With fewer requests the fixed costs would show.
const REQUESTS_MIN: f64 = 1_000.0;

/// A load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Wrk,
    H2load,
    Oha,
    /// Python; where it is comes from `BENCH_LOCUST`.
    Locust,
    /// `runner hit`.
    Hit,
    /// `runner run` with a script of this folder.
    Script(&'static str),
    /// The same with outputs, as `RUNNER_OUT` has them; `URL` in them is the load's. At most `rps` requests a second, 0: no limit.
    Sending {
        script: &'static str,
        out: &'static str,
        rps: u32,
    },
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 without TLS.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 over TLS, so many requests at once on each connection.
    Http2 { streams: u32 },
}

/// The load that each plays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) url: &'a str,
    pub(crate) protocol: Protocol,
}

impl Program {
    /// Why it can't be measured here, in a sentence that says what to do.
    pub(crate) fn missing(self) -> Option<String> {
        let (probe, hint) = match self {
            Self::Wrk => (vec!["wrk".into(), "-v".into()], "tests/install.sh wrk"),
            Self::H2load => (vec!["h2load".into(), "--version".into()], "tests/install.sh nghttp2-client"),
            Self::Oha => (vec![oha(), "--version".into()], "cargo install --locked oha, or BENCH_OHA=PATH"),
            Self::Locust => (
                vec![locust()?, "--version".into()],
                "BENCH_LOCUST is to name the program: VENV/bin/locust after VENV/bin/pip install locust",
            ),
            Self::Hit => (
                vec![runner().to_string_lossy().into_owned(), "hit".into(), "--help".into()],
                "this build of the runner has no `runner hit` yet",
            ),
            Self::Script(_) | Self::Sending { .. } => return None,
        };
        let output = Command::new(&probe[0]).args(&probe[1..]).output();
        // wrk has no option that succeeds without a URL: it only has to start.
        let starts = output.is_ok_and(|output| output.status.success() || self == Self::Wrk);
        (!starts).then(|| format!("{} doesn't run: {hint}", probe.join(" ")))
    }

    /// Whether it was asked for: Locust takes long, and is no package of the system.
    pub(crate) fn is_wanted(self) -> bool {
        self != Self::Locust || locust().is_some()
    }

    /// It starts slowly: what a request costs is the difference of a long play and a short one.
    pub(crate) fn starts_slowly(self) -> bool {
        self == Self::Locust
    }

    /// The call that plays the load.
    pub(crate) fn call(self, load: Load<'_>) -> Command {
        let Load { connections, seconds, url, protocol } = load;
        let program = match self {
            Self::Wrk => "wrk".into(),
            Self::H2load => "h2load".into(),
            Self::Oha => oha().into(),
            Self::Locust => locust().unwrap_or_default().into(),
            Self::Hit | Self::Script(_) | Self::Sending { .. } => runner(),
        };
        let mut call = command(Some(GENERATOR_CORE), &program);
        let (connections, time) = (connections.to_string(), format!("{seconds}s"));
        match self {
            Self::Wrk => call.args(["-t1", "-c", &connections, "-d", &time, &format!("{url}/")]),
            Self::H2load => call
                .args(match protocol {
                    Protocol::Http2 { streams } => vec![format!("-m{streams}")],
                    Protocol::Http | Protocol::Https => vec!["--h1".to_owned()],
                })
                .args(["-t1", "-c", &connections, "-D", &seconds.to_string()])
                .arg(format!("{url}/")),
            Self::Oha => call
                .args(match protocol {
                    Protocol::Http => Vec::new(),
                    Protocol::Https => vec!["--insecure".to_owned()],
                    Protocol::Http2 { streams } => {
                        vec!["--insecure".to_owned(), "--http2".to_owned(), format!("-p{streams}")]
                    }
                })
                .args(["--no-tui", "-c", &connections, "-z", &time, &format!("{url}/")]),
            Self::Locust => call
                .args(["--headless", "--json", "--only-summary", "--loglevel", "ERROR", "--locustfile"])
                .arg(script("locustfile.py"))
                .args(["--users", &connections, "--spawn-rate", &connections, "--run-time", &time])
                .args(["--host", url]),
            Self::Hit => call.args(["hit", "--json", "--quiet", "-c", &connections, "-d", &time, url]),
            Self::Script(name) => call.arg("run").arg(script(name)).env("TARGET_URL", url),
            Self::Sending { script: name, out, rps } => {
                call.env("RUNNER_OUT", out.replace("URL", url)).env("RUNNER_RPS", rps.to_string());
                call.arg("run").arg(script(name)).env("TARGET_URL", url)
            }
        };
        if protocol != Protocol::Http {
            // Only a handshake is spared by that; each of them would differ by machine.
            call.env("RUNNER_INSECURE_SKIP_TLS_VERIFY", "true");
            let version = if protocol == Protocol::Https { "1.1" } else { "2" };
            call.env("RUNNER_HTTP_VERSION", version);
        }
        call.env("VUS", connections).env("DURATION", time).env("NO_COLOR", "1");
        call
    }

    /// The requests that it says it completed.
    pub(crate) fn completed(self, stdout: &str) -> Result<f64, String> {
        let (requests, failed) = match self {
            Self::Wrk => {
                (wrk(stdout), f64::from(stdout.contains("Socket errors") || stdout.contains("Non-2xx")))
            }
            Self::H2load => (h2load(stdout, "succeeded"), h2load(stdout, "failed").unwrap_or(1.0)),
            Self::Oha => (
                stdout.lines().find_map(|line| number(line.trim_start().strip_prefix("[200]")?)),
                f64::from(stdout.lines().any(|line| is_other_status(line.trim_start()))),
            ),
            Self::Locust => both(stdout, |json| {
                let entry = json.get(0)?;
                Some((entry.get("num_requests")?.as_f64()?, entry.get("num_failures")?.as_f64()?))
            }),
            Self::Hit => {
                both(stdout, |json| Some((json.get("requests")?.as_f64()?, json.get("failed")?.as_f64()?)))
            }
            Self::Script(_) | Self::Sending { .. } => {
                (figure(stdout, "http_reqs"), figure(stdout, "http_req_failed").unwrap_or(1.0))
            }
        };
        match requests {
            None => Err("it printed no count of requests".to_owned()),
            Some(_) if failed > 0.0 => Err("requests failed".to_owned()),
            Some(requests) if requests < REQUESTS_MIN => Err(format!("only {requests} requests")),
            Some(requests) => Ok(requests),
        }
    }

    /// Plays a load and returns the process, for [`Guard::finish`].
    pub(crate) fn start(self, load: Load<'_>) -> Result<Guard, String> {
        Guard::start(&mut self.call(load))
    }
}

fn oha() -> String {
    std::env::var("BENCH_OHA").unwrap_or_else(|_| "oha".to_owned())
}

fn locust() -> Option<String> {
    std::env::var("BENCH_LOCUST").ok().filter(|path| !path.is_empty())
}

/// `  412315 requests in 3.00s, 26.35MB read`
fn wrk(stdout: &str) -> Option<f64> {
    stdout.lines().find(|line| line.contains(" requests in ")).and_then(number)
}

/// `requests: 412315 total, 412379 started, 412315 done, 412315 succeeded, 0 failed, …`
fn h2load(stdout: &str, what: &str) -> Option<f64> {
    let line = stdout.lines().find_map(|line| line.strip_prefix("requests:"))?;
    line.split(',').find_map(|part| part.trim().strip_suffix(what)).and_then(number)
}

/// A line of oha's status codes, such as `[404] 12 responses`.
fn is_other_status(line: &str) -> bool {
    line.starts_with('[') && line.ends_with("responses") && !line.starts_with("[200]")
}

/// Requests and failed ones of a document.
fn both(stdout: &str, of: impl FnOnce(&Value) -> Option<(f64, f64)>) -> (Option<f64>, f64) {
    let json = serde_json::from_str::<Value>(stdout).ok();
    json.as_ref().and_then(of).map_or((None, 0.0), |(requests, failed)| (Some(requests), failed))
}

fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}
