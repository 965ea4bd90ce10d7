//! `runner hit`: load without a script, and its result in oha's order.
//!
//! Flags are wrk's, oha's and hey's; what they mean as a load is `session`'s. A word that means another thing there
//! than here (oha's `-d` is a body) gets an error that says so.

use std::io::Read as _;
use std::time::Duration;

use super::CliError;
use super::control_api::ControlApiArguments;
use super::http::HttpArguments;
use super::progress::Progress;
use super::results::ResultsArguments;
use super::run::{WorkersArgument, print_failures, style};
use super::script::duration;
use super::signals::Halt;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Control;
use crate::http::ErrorCode;
use crate::plan::{PlanError, VUS_MAX, parse_cap};
use crate::report;
use crate::results::Summary;
use crate::script::Outside;
use crate::session::{self, Aimed, Hit, Load, Part, Settings};
use crate::units::parse_duration;

/// The largest body that is read: far above any API's, and each worker's to send often.
const BODY_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without -n, -d and --stage it sends 200 requests. An answer is a success from status 200 to 399. \
                        Exit code 0: at least one was; 99: none was; 111: the generator was the limit."
)]
pub(super) struct Arguments {
    /// Where to: `http://HOST:PORT/path` (`http://` may be left out), or `demo/path` for the sample service
    #[arg(value_name = "URL")]
    url: String,
    /// Connections, each sends one request after another; with -q the most there may be [default: 50]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=VUS_MAX))]
    connections: Option<u64>,
    /// Requests in all: 1000, 10k, 1m; with -d whichever comes first
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    requests: Option<u64>,
    /// How long, such as 30s; what is under way then may finish
    #[arg(short, visible_short_alias = 'z', long, value_name = "TIME")]
    duration: Option<String>,
    /// Requests a second, all connections together: 100, or a rate such as 600/m. Each is measured from when it
    /// was due, so that a stall of the service shows in all that it held up
    #[arg(short = 'q', long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// A stage TIME:CONNECTIONS, such as 30s:500, or TIME:RATE, such as 30s:500/s; repeatable
    #[arg(long, value_name = "TIME:N", value_delimiter = ',')]
    stage: Vec<String>,
    /// The method [default: GET]
    #[arg(short, long, value_name = "METHOD")]
    method: Option<String>,
    /// A header, "Name: value"; repeatable
    #[arg(short = 'H', long, value_name = "HEADER")]
    header: Vec<String>,
    /// The body: a text, `@FILE`, or `@-` for standard input
    #[arg(short, long, value_name = "TEXT")]
    body: Option<String>,
    /// How long a request may take [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// How long a connection may take to come up [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    connect_timeout: Option<Duration>,
    /// Leave so much of the load's beginning out of all figures, such as 10s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    warm_up: Option<Duration>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
    /// No progress, no heading: the result alone
    #[arg(long)]
    quiet: bool,
    /// Start the load without looking whether the host is there
    #[arg(long)]
    no_preflight: bool,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    #[command(flatten)]
    http: HttpArguments,
    #[command(flatten)]
    api: ControlApiArguments,
}

/// `200`, and oha's `10k` and `1m`.
fn count(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| "write a whole number from 1, such as 200 or 10k".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match parse_cap(text) {
        Ok(rate) if rate > 0.0 => Ok(rate),
        Ok(_) => Err("it must be above 0; without -q each connection sends as fast as it can".to_owned()),
        Err(PlanError::OutOfRange { .. }) => {
            Err("write a rate from one a day to 10,000,000 a second".to_owned())
        }
        Err(_) => Err("write a number a second, such as 100, or a rate, such as 600/m".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let Aimed { name, load, declared } = arguments.hit()?.aim()?;
    if !arguments.quiet {
        for note in &declared.notes {
            terminal.note(format_args!("{note}"));
        }
    }
    let control = Control::default();
    let _halt = Halt::watch(vec![control.clone()], terminal)?;
    let workers = arguments.workers.count(None);
    arguments.results.advise(&declared.plan, workers, arguments.quiet, terminal);
    let api = arguments.api.start(&control, &declared.plan, arguments.quiet, terminal)?;
    let mut observers = Progress::of(std::slice::from_ref(&name), arguments.quiet, terminal);
    let mut observer = api.beside(observers.remove(0));
    let settings = Settings {
        name: name.clone(),
        source: None,
        outside: Outside::default(),
        workers,
        preflight: !arguments.no_preflight,
        folder: None,
        outputs: Vec::new(),
        command: Vec::new(),
    };
    let played = {
        let part = Part { declared, settings, control: &control, observer: &mut observer, profiling: None };
        session::run(vec![part], |_| {
            if !arguments.quiet {
                terminal.say(format_args!("runner {}: {name}\n  {load}\n", env!("CARGO_PKG_VERSION")));
            }
        })
    };
    observer.observer.clear();
    let mut played = played?;
    for summary in played.summaries.drain(..) {
        api.end(summary.as_ref().ok());
        arguments.print(&summary?, &load, terminal)?;
    }
    Ok(played.end()?)
}

impl Arguments {
    fn hit(&self) -> Result<Hit, CliError> {
        let load = Load {
            connections: self.connections,
            requests: self.requests,
            duration: self.duration.as_deref().map(how_long).transpose()?,
            rate: self.rate,
            stages: self.stage.clone(),
        };
        Ok(Hit {
            url: self.url.clone(),
            method: self.method.clone(),
            headers: self.header.iter().map(|text| header(text)).collect::<Result<_, _>>()?,
            body: self.body.as_deref().map(body).transpose()?.unwrap_or_default(),
            load,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            warm_up: self.warm_up,
            http: self.http.options(),
        })
    }

    /// Prints the result, and fails where it didn't pass.
    fn print(&self, summary: &Summary, load: &str, terminal: &Terminal) -> Result<(), CliError> {
        print_failures(terminal, summary);
        let hit = report::Hit { summary, load, explain };
        let printed =
            if self.json { terminal.print_json(&hit.json()) } else { terminal.print(&hit.text(style())) };
        let mut codes = summary.verdict().codes();
        if let Err(error) = printed {
            codes.extend(super::exit::codes(&error));
            super::exit::report(terminal, &error);
        }
        if codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(codes)) }
    }
}

/// What an error code means.
fn explain(code: u16) -> Option<&'static str> {
    ErrorCode::find(code).map(|known| known.about)
}

/// `-d`: a time; in oha and hey it is the body.
fn how_long(text: &str) -> Result<Duration, Diagnostic> {
    let refuse = |message: String, hint: String| Err(Diagnostic::new(Code::Usage, message).hint(hint));
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => refuse(
            "`-d` is 0s, but must be longer".to_owned(),
            "leave it out to send 200 requests".to_owned(),
        ),
        Ok(duration) => Ok(duration),
        // A number was meant as a time, and lacks its unit.
        Err(error) if text.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '-') => {
            refuse(format!("`-d`: {}", error.problem()), error.advice())
        }
        Err(_) => refuse(
            format!("`-d {text}` is no duration"),
            format!("`-d` is how long, such as `-d 10s`; a body goes with `--body`: `-b '{text}'`"),
        ),
    }
}

/// `Name: value`. What is wrong is not shown but for its first word: it may hold a secret.
fn header(text: &str) -> Result<(String, String), Diagnostic> {
    let Some((name, value)) = text.split_once(':') else {
        let word = text.split_whitespace().next().unwrap_or_default();
        return Err(Diagnostic::new(Code::Usage, format!("`-H {word} …` has no colon"))
            .hint("write `-H \"Name: value\"`, in quotes"));
    };
    Ok((name.trim().to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A text, or what a file holds.
fn body(text: &str) -> Result<Vec<u8>, Diagnostic> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.as_bytes().to_vec()) };
    let mut bytes = Vec::new();
    let read = match path {
        "-" => std::io::stdin().take(BODY_BYTES_MAX + 1).read_to_end(&mut bytes),
        path => {
            std::fs::File::open(path).and_then(|file| file.take(BODY_BYTES_MAX + 1).read_to_end(&mut bytes))
        }
    };
    match read {
        Ok(length) if length as u64 > BODY_BYTES_MAX => {
            let limit = crate::units::format_size(BODY_BYTES_MAX as f64);
            Err(Diagnostic::new(Code::Usage, format!("`--body {text}` is larger than {limit}")))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(Diagnostic::new(Code::Usage, format!("failed to read `--body {text}`: {error}"))
            .hint("a text that begins with `@` names a file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(result: Result<impl std::fmt::Debug, Diagnostic>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.code, Code::Usage);
        format!("{}\nhint: {}", error.message, error.hint.as_deref().unwrap_or_default())
    }

    #[test]
    fn counts_may_have_a_suffix() {
        assert_eq!(
            ["200", "10k", "2m", "3M"].map(count),
            [Ok(200), Ok(10_000), Ok(2_000_000), Ok(3_000_000)]
        );
        for wrong in ["", "0", "k", "-1", "1.5k", "10g", "99999999999999999999m"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_number_a_second_or_has_its_period() {
        assert_eq!((rate("100"), rate("600/m"), rate("0.5")), (Ok(100.0), Ok(10.0), Ok(0.5)));
        insta::assert_snapshot!(rate("0").unwrap_err(), @"it must be above 0; without -q each connection sends as fast as it can");
        insta::assert_snapshot!(rate("fast").unwrap_err(), @"write a number a second, such as 100, or a rate, such as 600/m");
        assert!(rate("100000000").is_err());
    }

    #[test]
    fn a_time_has_a_unit_and_a_body_is_told_where_it_goes() {
        assert_eq!(how_long("1m30s"), Ok(Duration::from_secs(90)));
        insta::assert_snapshot!(told(how_long("10")), @r#"
        `-d`: `10` has no unit
        hint: write "10s" or "10ms"
        "#);
        insta::assert_snapshot!(told(how_long("10 seconds")), @r#"
        `-d`: `10 seconds` has an unknown unit
        hint: write "10s"
        "#);
        insta::assert_snapshot!(told(how_long("{\"a\":1}")), @r#"
        `-d {"a":1}` is no duration
        hint: `-d` is how long, such as `-d 10s`; a body goes with `--body`: `-b '{"a":1}'`
        "#);
        assert!(told(how_long("@body.json")).contains("`-b '@body.json'`"));
        assert!(told(how_long("0s")).contains("must be longer"));
    }

    #[test]
    fn a_header_is_split_at_its_first_colon() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header("X-Time: 12:30"), pair("X-Time", "12:30"));
        assert_eq!(header("X:"), pair("X", ""));
        assert_eq!(header("X: a\r\nY: b"), pair("X", "a\r\nY: b"), "refused by whoever sends it");
        let error = told(header("Authorization Bearer secret"));
        assert!(
            error.starts_with("`-H Authorization …` has no colon") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn a_body_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body.json");
        std::fs::write(&path, b"{}\n\xff").unwrap();
        assert_eq!(body("{}"), Ok(b"{}".to_vec()));
        assert_eq!(body(&format!("@{}", path.display())), Ok(b"{}\n\xff".to_vec()), "byte for byte");
        assert!(told(body("@/gone/body.json")).contains("No such file"));
    }
}
