//! `runner hit`: a load without a script, as a plan.
//!
//! One scenario, `hit`, whose flow is one request; from there on it is a run like any other ([`super::run`]), with
//! the same drivers, measurements and verdict. What a load means is decided here:
//!
//! | asked for                | load                                                          |
//! |--------------------------|---------------------------------------------------------------|
//! | nothing, or requests     | so many requests, shared by the connections                   |
//! | a duration               | connections that loop                                         |
//! | both                     | whichever comes first                                         |
//! | a rate, and any of these | requests that are due at the rate, over at most the connections; they queue for one |
//! | stages                   | a number of connections that changes, or (`30s:500/s`) a rate |

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::declare::{Declared, check_network};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::http::{Endpoint, Method, Request as HttpRequest, UrlError};
use crate::plan::{Flow, Options, Plan, PlanError, RateCurve, Request, RunOptions, Scenario, Value};
use crate::script::DEMO_URL;
use crate::units::{format_amount, format_count, format_duration};

/// Connections where nobody says how many: oha's, and hey's.
pub const CONNECTIONS: u64 = 50;

/// Requests where nobody says how many, nor how long: oha's, and hey's.
pub const REQUESTS: u64 = 200;

/// The end of a load that only a number of requests ends: none, for all that anybody waits for.
const DURATION_MAX: Duration = Duration::from_hours(24);

/// The scenario's name.
const SCENARIO: &str = "hit";

/// Requests that are due and wait for a connection; beyond, they are dropped and counted.
const QUEUE_MAX: i64 = 1_000_000;

/// What a URL may be.
const URL_HINT: &str = "write `http://HOST:PORT/path`, or `demo/path` for the embedded sample service";

/// Methods that may be misspelt.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What is to be sent, and how often.
#[derive(Debug, Clone, Default)]
pub struct Hit {
    /// Where to, as the user wrote it: a URL, whose `http://` may be missing, or `demo/path`.
    pub url: String,
    /// The method; nothing for GET.
    pub method: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How much.
    pub load: Load,
    /// How long a request may take, if not as long as in a script.
    pub timeout: Option<Duration>,
    /// How long a connection may take to come up, if not as long as in a script.
    pub connect_timeout: Option<Duration>,
    /// How much of the load's beginning is left out, if anything.
    pub warm_up: Option<Duration>,
    /// Options of HTTP, as a script would give them.
    pub http: Options,
}

/// A load as it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// Connections, each a user that loops.
    pub connections: Option<u64>,
    /// Requests in all.
    pub requests: Option<u64>,
    /// For how long.
    pub duration: Option<Duration>,
    /// Requests that are due a second, all connections together.
    pub rate: Option<f64>,
    /// `30s:500`: connections at the end of that time; `30s:500/s`: a rate.
    pub stages: Vec<String>,
}

/// A hit that can be played.
#[derive(Debug)]
pub struct Aimed {
    /// `GET http://127.0.0.1:8080/x`.
    pub name: String,
    /// The load in words: `200 requests over 50 connections`.
    pub load: String,
    /// The plan, and what a user should know about it.
    pub declared: Declared,
}

impl Hit {
    /// Makes the plan; says what is wrong with it otherwise.
    pub fn aim(&self) -> Result<Aimed, Diagnostic> {
        let mut notes = Vec::new();
        let (base_url, url, login) = aim_at(&self.url, &mut notes)?;
        let method = self.method(&mut notes)?;
        if self.http.contains_key("max_redirects") {
            notes
                .push("`hit` follows no redirects: one is the answer of the URL that is measured".to_owned());
        }
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            headers.extend(login.map(|login| ("Authorization".to_owned(), login)));
        }
        let request = Request {
            method: method.as_str().to_owned(),
            url,
            headers,
            body: Arc::from(self.body.as_slice()),
        };
        check(&request, &method)?;
        let name = match base_url.as_str() {
            DEMO_URL => format!("{method} {DEMO_URL}{}", request.url),
            _ => format!("{method} {base_url}{}", request.url),
        };
        let (mut options, load) = self.load.options(&mut notes)?;
        options.insert("flow".to_owned(), Value::Flow(Flow::Request(request)));
        let warm_up = self.warm_up.map(|length| ("warm_up".to_owned(), time(length)));
        let given: Options = warm_up.into_iter().collect();
        let (defaults, _) = RunOptions::from_options(&given).map_err(|error| refuse(&error))?;
        let mut plan = Plan {
            base_url: Some(base_url),
            options: RunOptions {
                timeout: self.timeout.unwrap_or(defaults.timeout),
                connect_timeout: self.connect_timeout.unwrap_or(defaults.connect_timeout),
                http: defaults.http.overridden(&self.http).map_err(|error| refuse(&error))?,
                ..defaults
            },
            ..Plan::default()
        };
        let scenario = Scenario::from_options(SCENARIO, &options, None);
        scenario.and_then(|scenario| plan.add_scenario(scenario)).map_err(|error| refuse(&error))?;
        plan.validate().map_err(|error| refuse(&error))?;
        notes.extend(check_network(&plan)?);
        Ok(Aimed { name, load, declared: Declared { declared: plan.clone(), plan, notes } })
    }

    fn method(&self, notes: &mut Vec<String>) -> Result<Method, Diagnostic> {
        let Some(written) = &self.method else {
            if !self.body.is_empty() {
                notes.push("the body goes with a GET: `-m POST` sends it with a POST".to_owned());
            }
            return Ok(Method::Get);
        };
        let method = Method::parse(written).map_err(|failure| {
            usage(format!("`-m {written}`: {failure}"), format!("write one of {}", METHODS.join(", ")))
        })?;
        if !METHODS.contains(&method.as_str())
            && let Some(near) = suggest(&written.to_uppercase(), METHODS).first()
        {
            notes.push(format!("`{written}` is sent as it is; did you mean `-m {near}`?"));
        }
        Ok(method)
    }
}

impl Load {
    /// The options of the scenario that plays it, which its executor reads and checks, and the load in words.
    fn options(&self, notes: &mut Vec<String>) -> Result<(Options, String), Diagnostic> {
        let most = self.connections.unwrap_or(CONNECTIONS);
        if !self.stages.is_empty() {
            return self.staged(most);
        }
        if let Some(rate) = self.rate {
            return Ok(self.at_rate(rate, most));
        }
        let requests = self.requests.or(self.duration.is_none().then_some(REQUESTS));
        let connections = requests.map_or(most, |requests| most.min(requests));
        if self.connections.is_some() && connections < most {
            notes.push(format!("{} need no more connections", count(connections, "request")));
        }
        let over = count(connections, "connection");
        let vus = ("vus", int(connections));
        Ok(match (requests, self.duration) {
            (Some(requests), limit) => {
                let iterations = ("iterations", int(requests));
                let max = ("max_duration", time(limit.unwrap_or(DURATION_MAX)));
                let words = format!("{} over {over}{}", count(requests, "request"), at_most(limit));
                (options("shared-iterations", [vus, iterations, max]), words)
            }
            (None, duration) => {
                let duration = duration.unwrap_or(DURATION_MAX);
                let words = format!("{over} for {}", format_duration(duration));
                (options("constant-vus", [vus, ("duration", time(duration))]), words)
            }
        })
    }

    /// Requests that are due, whoever is free to send them.
    fn at_rate(&self, rate: f64, most: u64) -> (Options, String) {
        let requests = self.requests.or(self.duration.is_none().then_some(REQUESTS));
        let takes = requests.map(|requests| time_of(requests, rate));
        let duration = takes.into_iter().chain(self.duration).min().unwrap_or(DURATION_MAX);
        let words = match (requests, takes) {
            (Some(requests), Some(takes)) if takes == duration => {
                format!("{} at {}/s", count(requests, "request"), format_amount(rate))
            }
            _ => format!("{}/s for {}", format_amount(rate), format_duration(duration)),
        };
        let options = options(
            "constant-arrival-rate",
            [("rate", Value::Float(rate)), ("duration", time(duration))].into_iter().chain(open(most)),
        );
        (options, format!("{words}, over at most {}", count(most, "connection")))
    }

    /// Connections or a rate that changes.
    fn staged(&self, most: u64) -> Result<(Options, String), Diagnostic> {
        let other = [(self.requests.is_some(), "-n"), (self.duration.is_some(), "-d")];
        if let Some((_, flag)) = other.into_iter().find(|(is_given, _)| *is_given) {
            return Err(usage(
                format!("`{flag}` and `--stage` are two loads"),
                format!("the stages say how long: leave `{flag}` out"),
            ));
        }
        let is_rate = |stage: &String| stage.contains('/');
        let stages = || self.stages.iter().cloned().map(Value::Text).collect();
        let (total, last) = (self.stages.join(", "), self.stages.last().map_or("", String::as_str));
        if self.stages.iter().all(is_rate) {
            let own =
                [("start_rate", Value::Float(self.rate.unwrap_or(0.0))), ("stages", Value::List(stages()))];
            let options = options("ramping-arrival-rate", own.into_iter().chain(open(most)));
            return Ok((options, format!("stages {total}, over at most {}", count(most, "connection"))));
        }
        if self.rate.is_some() || self.stages.iter().any(is_rate) {
            return Err(usage(
                "`--stage` changes the number of connections, and there is a rate beside it",
                format!("for a rate that changes, write it in each stage: `--stage {last}/s`"),
            ));
        }
        let own = [("start_vus", int(self.connections.unwrap_or(1))), ("stages", Value::List(stages()))];
        Ok((options("ramping-vus", own), format!("stages {total} of connections")))
    }
}

/// What a rate has besides: the connections that serve it, and a queue, so that what finds none free is sent late,
/// and the lateness counts.
fn open(most: u64) -> [(&'static str, Value); 3] {
    let when_busy = Value::Text("queue".to_owned());
    [("max_vus", int(most)), ("when_busy", when_busy), ("queue_max", Value::Int(QUEUE_MAX))]
}

fn options(executor: &str, own: impl IntoIterator<Item = (&'static str, Value)>) -> Options {
    let executor = ("executor", Value::Text(executor.to_owned()));
    let all = std::iter::once(executor).chain(own);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How long so many arrivals take, so that no further one is due.
fn time_of(requests: u64, rate: f64) -> Duration {
    let exact =
        Duration::try_from_secs_f64(requests as f64 / rate).unwrap_or(Duration::MAX).min(DURATION_MAX);
    let second = Duration::from_secs(1);
    // What a float rounds up would be an arrival more.
    let is_more = RateCurve::constant(rate, second, exact).arrivals() > requests;
    exact.saturating_sub(Duration::from_nanos(u64::from(is_more)))
}

fn int(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn time(duration: Duration) -> Value {
    Value::Text(format_duration(duration))
}

fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(number), if number == 1 { "" } else { "s" })
}

fn at_most(limit: Option<Duration>) -> String {
    limit.map(|limit| format!(", for at most {}", format_duration(limit))).unwrap_or_default()
}

/// Where a URL leads: what the plan's `base_url` says, the rest, and the value of `Authorization` for a login in it.
fn aim_at(written: &str, notes: &mut Vec<String>) -> Result<(String, String, Option<String>), Diagnostic> {
    if let Some(rest) = written.strip_prefix(DEMO_URL)
        && (rest.is_empty() || rest.starts_with(['/', '?', '#']))
    {
        // Its port is not known yet; all else is a URL's.
        let endpoint = parse(&format!("http://{DEMO_URL}{rest}"))?;
        return Ok((DEMO_URL.to_owned(), endpoint.target().to_owned(), None));
    }
    let endpoint = match Endpoint::parse(None, written) {
        Ok(endpoint) => endpoint,
        Err(UrlError::NoScheme { .. } | UrlError::Relative { .. }) if !written.starts_with('/') => {
            if is_script(written) {
                return Err(usage(
                    format!("`{written}` is no URL"),
                    format!("`runner run {written}` plays a script; `hit` takes a URL"),
                ));
            }
            let whole = format!("http://{written}");
            let endpoint = parse(&whole)?;
            notes.push(format!("`{written}` has no scheme: `{whole}` is meant"));
            endpoint
        }
        Err(UrlError::Relative { .. } | UrlError::NoScheme { .. }) => {
            return Err(usage(format!("`{written}` names no host"), URL_HINT));
        }
        Err(error) => return Err(refuse_url(&error)),
    };
    let login = endpoint.login().and_then(|login| login.basic().ok());
    Ok((endpoint.origin().to_string(), endpoint.target().to_owned(), login))
}

fn is_script(written: &str) -> bool {
    std::path::Path::new(written).extension().is_some_and(|extension| extension == "rhai")
}

fn parse(url: &str) -> Result<Endpoint, Diagnostic> {
    Endpoint::parse(None, url).map_err(|error| refuse_url(&error))
}

fn refuse_url(error: &UrlError) -> Diagnostic {
    usage(error.to_string(), URL_HINT)
}

/// Whether the request can be sent, before any load.
fn check(request: &Request, method: &Method) -> Result<(), Diagnostic> {
    // Headers alone can be wrong by now, so any endpoint will do.
    let endpoint = Rc::new(parse("http://127.0.0.1/")?);
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let sent = HttpRequest { headers: &headers, body: &request.body, ..HttpRequest::new(method, &endpoint) };
    sent.check().map_err(|failure| usage(failure.to_string(), "nothing was sent: correct the `-H`"))
}

fn refuse(error: &PlanError) -> Diagnostic {
    /// A plan's options, by the flags that give them.
    const FLAGS: [(&str, &str); 8] = [
        ("`warm_up`", "`--warm-up`"),
        ("`vus`", "`-c`"),
        ("`max_vus`", "`-c`"),
        ("`iterations`", "`-n`"),
        ("`duration`", "`-d`"),
        ("`rate`", "`-q`"),
        ("`stages`", "`--stage`"),
        ("`target`", "`--stage`"),
    ];
    let message = FLAGS.iter().fold(error.to_string(), |text, (option, flag)| text.replace(option, flag));
    let diagnostic = Diagnostic::new(Code::Usage, message);
    match error {
        PlanError::Stage { .. } => diagnostic
            .hint("write a time and the connections at its end, `--stage 30s:500`, or the rate: `--stage 30s:500/s`"),
        error => match error.hint() {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        },
    }
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Usage, message).hint(hint)
}

#[cfg(test)]
mod tests;
