//! `runner doctor`: this machine as a load generator, check by check.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::CliError;
use super::results::ResultsArguments;
use super::run::WorkersArgument;
use super::script::OutsideArguments;
use super::terminal::Terminal;
use crate::diagnostic::Code;
use crate::plan::Overrides;
use crate::session::doctor::{Finding, Machine, Planned, Verdict, examine};
use crate::session::{Config, declare, read};
use crate::units::{format_amount, format_count, parse_rate};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Judge against the load that this script plans
    script: Option<PathBuf>,
    #[command(flatten)]
    outside: OutsideArguments,
    /// Judge against so many virtual users at once
    #[arg(short, long, visible_alias = "vus", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    users: Option<u64>,
    /// Judge against so many iterations a second
    #[arg(long, value_name = "PER_SECOND", value_parser = per_second)]
    rate: Option<f64>,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
}

fn per_second(text: &str) -> Result<f64, String> {
    match text.parse().ok().or_else(|| parse_rate(text).ok()) {
        Some(rate) if f64::is_finite(rate) && rate > 0.0 => Ok(rate),
        _ => Err("write iterations per second, such as 500, or with a unit, such as 3000/m".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let config = arguments.outside.config()?;
    let mut planned = planned(arguments, &config, terminal)?;
    if arguments.users.is_some() {
        planned.users = arguments.users;
        planned.users_max = arguments.users;
    }
    planned.rate_per_s = arguments.rate.or(planned.rate_per_s);
    let workers = arguments.workers.count(config.workers);
    let findings = examine(&Machine::here(&arguments.results.results, workers), &planned);
    if arguments.json {
        terminal.print_json(&serde_json::json!({
            "schema": 1,
            "runner": env!("CARGO_PKG_VERSION"),
            "planned": planned,
            "checks": findings,
        }))?;
    } else {
        terminal.print(&table(&findings, &planned))?;
    }
    // A machine that can't play what is planned: no run took place, so it is none of a run's codes.
    if count(&findings, Verdict::InTheWay) > 0 { Err(CliError::NotPassed(vec![Code::Other])) } else { Ok(()) }
}

/// What the script plans; nothing where none is named.
fn planned(arguments: &Arguments, config: &Config, terminal: &Terminal) -> Result<Planned, CliError> {
    let Some(script) = &arguments.script else { return Ok(Planned::default()) };
    let outside = arguments.outside.of(script, config, terminal)?;
    let overrides = Overrides { base_url: arguments.outside.base_url().cloned(), ..Overrides::default() };
    let declared = declare(&read(script)?, &outside, &overrides, {
        let terminal = terminal.clone();
        move |line| terminal.hand_on("", &line)
    })?;
    Ok(Planned::of(&declared.plan))
}

fn table(findings: &[Finding], planned: &Planned) -> String {
    let load = match (planned.users, planned.rate_per_s) {
        (None, None) => String::new(),
        (users, rate) => {
            // Of users that arrivals hire by need only the most is known.
            let users = match (users, planned.users_max) {
                (Some(users), Some(most)) if most > users => Some(format!("up to {}", counted(most))),
                (Some(users), _) => Some(counted(users)),
                (None, _) => None,
            };
            let rate = rate.map(|rate| format!("{} iterations a second", format_amount(rate)));
            let parts: Vec<String> = users.into_iter().chain(rate).collect();
            format!(", for {}", parts.join(" and "))
        }
    };
    let mut text = format!("this machine as a load generator{load}\n\n");
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    let indent = " ".repeat(width + 4);
    for finding in findings {
        let Finding { name, verdict, saw, why, change } = finding;
        let _ = writeln!(text, "{} {name:<width$}  {saw}", mark(*verdict));
        if let Some(change) = change {
            let _ = writeln!(text, "{indent}why     {why}\n{indent}change  {change}");
        }
    }
    let counted = [
        (Verdict::InTheWay, "in the way"),
        (Verdict::Look, "worth a look"),
        (Verdict::Good, "good"),
        (Verdict::Unknown, "unknown"),
    ];
    let counted: Vec<String> = counted
        .into_iter()
        .map(|(verdict, words)| (count(findings, verdict), mark(verdict), words))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, mark, words)| format!("{mark} {count} {words}"))
        .collect();
    let _ = writeln!(text, "\n{}", counted.join(", "));
    text
}

fn counted(users: u64) -> String {
    format!("{} virtual user{}", format_count(users), if users == 1 { "" } else { "s" })
}

fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Good => '✓',
        Verdict::Look => '!',
        Verdict::InTheWay => '✗',
        Verdict::Unknown => '?',
    }
}
