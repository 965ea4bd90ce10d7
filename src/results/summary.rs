//! The summary: everything a report shows, computed once from the plan and the outcome.
//!
//! Pure: no clock, no file, no rounding. Lists are in the order that a reader wants them in, and never in
//! that of a hash.

#[cfg(test)]
mod eventful;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Mask};
use crate::engine::{Books, End, Examples, Interrupted, Outcome, ScriptFailure};
use crate::metrics::{
    BUILTINS, Metric, OTHER, Selector, Series, Snapshot, Trend, Unit, Value, Warning, builtin,
};
use crate::plan::{Judgement, Plan, Scenario, SummaryOptions, Verdict as TargetVerdict, without_login};

use super::crowd::Crowd;
use super::{Finding, Incomplete, Method, Model, OutputLine, Steadiness, WarmUpLine, finding};

/// A run, as reports read it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The script as the user named it.
    pub script_name: String,
    /// Where relative URLs went, without user and password.
    pub base_url: Option<String>,
    /// A line for each scenario, in the order of declaration.
    pub scenarios: Vec<ScenarioLine>,
    /// From the start of the load to its end; zero when there was none.
    pub elapsed: Duration,
    /// How much of that it was paused.
    pub paused: Duration,
    /// Why the load ended.
    pub end: End,
    /// The targets' verdicts, in the order of declaration.
    pub judgements: Vec<Judgement>,
    /// The checks, sorted by group and name.
    pub checks: Vec<Check>,
    /// Built-in metrics in the order of the reference, then the script's own; only those with samples,
    /// and all that the script declares.
    pub metrics: Vec<MetricTotal>,
    /// Requests by their tag `name`, most requests first.
    pub endpoints: Vec<Endpoint>,
    /// All requests by what came back, most requests first.
    pub answers: Vec<Answer>,
    /// Failures of the script, most frequent first.
    pub failures: Vec<ScriptFailure>,
    /// Failures beyond those.
    pub failures_more: u64,
    /// What went wrong outside of iterations.
    pub errors: Vec<Diagnostic>,
    /// What a reader of the numbers must know of how they were recorded.
    pub warnings: Vec<String>,
    /// What stands out, gravest first.
    pub findings: Vec<Finding>,
    /// Requests that the stop cut: the service saw them, no metric did.
    pub requests_cut: u64,
    /// Lines of the log that were lost.
    pub log_lost: u64,
    /// The seed of the random numbers.
    pub seed: u64,
    /// `http_req_duration` of answers that were expected, and of those that weren't.
    pub durations: Durations,
    /// Metrics that were not recorded, since the option `metrics` leaves them out.
    pub dropped: Vec<String>,
    /// What is left out of all figures, where the plan has a warm-up.
    pub warm_up: Option<WarmUpLine>,
    /// When response times came to a level, or why nobody can say; nothing without requests.
    pub steadiness: Option<Steadiness>,
    /// Iterations that were cut, by scenario and place, most first.
    pub interrupted: Vec<Interrupted>,
    /// Of each kind of failed request the first one, most frequent first.
    pub examples: Examples,
    /// How it was measured.
    pub method: Method,
    /// What became of the outputs, in the order they were asked for.
    pub outputs: Vec<OutputLine>,
    /// The run's name, where it is kept.
    pub run_id: Option<String>,
    /// When the load began, in milliseconds since 1970, UTC; none of a run of which nobody looked at the clock.
    pub start_unix_ms: Option<u64>,
    /// Of a run that came to no end: how far it is known.
    pub incomplete: Option<Incomplete>,
    /// How reports lay it out, as the plan says.
    pub layout: SummaryOptions,
}

/// Times of answers, by whether they were expected: a fast error is no fast answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    /// Tag `expected_response:true`.
    pub ok: Trend,
    /// Tag `expected_response:false`.
    pub failed: Trend,
}

impl Durations {
    /// Both, where there are answers that failed; else the ok ones are all, and need no line of their own.
    pub fn apart(&self) -> Option<&Self> {
        (self.failed.count() > 0).then_some(self)
    }
}

/// What a scenario asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioLine {
    /// Its name.
    pub name: String,
    /// Its executor's name.
    pub executor: String,
    /// Its demand in words, and when it starts: ``10 VUs for 30s, after `warmup` ``.
    pub demand: String,
    /// Its iterations.
    pub books: Books,
    /// How many of the failed ones threw.
    pub threw: u64,
    /// Whether its load waits for answers.
    pub model: Model,
}

/// A check of one group, all scenarios together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The group's path, `::outer::inner`; empty outside of groups.
    pub group: String,
    /// Its name.
    pub name: String,
    /// How often it held.
    pub passes: u64,
    /// How often it didn't.
    pub fails: u64,
}

impl Check {
    /// How often it was asked.
    pub fn total(&self) -> u64 {
        self.passes.saturating_add(self.fails)
    }
}

/// A metric over all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricTotal {
    /// Name, kind and unit.
    pub metric: Metric,
    /// What was recorded; nothing for a declared metric that saw no sample.
    pub value: Option<Value>,
}

/// The requests of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The tag `name`.
    pub name: String,
    /// How many were sent.
    pub requests: u64,
    /// How many of them failed.
    pub failed: u64,
    /// `http_req_duration` of the answered ones; empty when none was.
    pub duration: Trend,
    /// What the failed ones had: `status 404`, `error 1212`, most frequent first.
    pub causes: Vec<(String, u64)>,
}

/// The requests that one status or one error came back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status; 0 where no answer came.
    pub status: u16,
    /// The error's code; 0 where there was none.
    pub error_code: u16,
    /// How many requests.
    pub requests: u64,
}

impl Summary {
    /// Sums up a run of a plan.
    pub fn new(script_name: &str, plan: &Plan, outcome: &Outcome) -> Self {
        let mut summary = Self {
            script_name: script_name.to_owned(),
            base_url: plan.base_url.as_deref().map(without_login),
            scenarios: scenarios(plan, outcome),
            elapsed: whole_us(outcome.elapsed),
            paused: whole_us(outcome.paused),
            end: outcome.end.clone(),
            judgements: judgements(script_name, outcome),
            checks: checks(&outcome.total),
            metrics: metrics(plan, &outcome.total),
            endpoints: endpoints(&outcome.total),
            answers: answers(&outcome.total),
            failures: outcome.failures.clone(),
            failures_more: outcome.failures_more,
            errors: outcome.errors.clone(),
            warnings: plan
                .options
                .http
                .insecure
                .warning()
                .into_iter()
                .chain(outcome.total.warnings.iter().map(|warning| told(warning, plan, &outcome.total)))
                .collect(),
            findings: Vec::new(),
            requests_cut: outcome.requests_cut,
            log_lost: outcome.log_lost,
            seed: outcome.seed,
            durations: durations(&outcome.total),
            dropped: plan.dropped_metrics().into_iter().map(str::to_owned).collect(),
            warm_up: WarmUpLine::of(outcome),
            steadiness: Steadiness::of(outcome),
            interrupted: outcome.interrupted.iter().map(cut).collect(),
            examples: outcome.examples.clone(),
            method: Method::default(),
            outputs: Vec::new(),
            run_id: None,
            start_unix_ms: None,
            incomplete: None,
            layout: plan.options.summary.clone(),
        };
        summary.findings = finding::find(&summary, plan, outcome);
        summary.method = Method::of(outcome, &summary.findings);
        summary
    }

    /// A run that came to its end in a second and of which nothing else is to be told, for tests to add to.
    #[cfg(test)]
    pub(crate) fn uneventful() -> Self {
        Self::new("a.rhai", &Plan::default(), &Outcome::uneventful())
    }

    /// Hides secrets in every text, so that nothing that is laid out or stored shows one. The names of
    /// built-in metrics, by which reports find them, stay.
    pub fn apply(&mut self, mask: &Mask) {
        let hide = |text: &mut String| mask.apply(text);
        hide(&mut self.script_name);
        self.base_url.iter_mut().chain(&mut self.warnings).chain(&mut self.dropped).for_each(hide);
        for scenario in &mut self.scenarios {
            hide(&mut scenario.name);
            // It may name the one that it waits for.
            hide(&mut scenario.demand);
        }
        for judgement in &mut self.judgements {
            let Judgement { key, text, observed_text, beside, near, written_at, .. } = judgement;
            [key, text, observed_text].into_iter().chain(beside).chain(near).for_each(hide);
            written_at.iter_mut().flat_map(|place| &mut place.file).for_each(hide);
        }
        for check in &mut self.checks {
            [&mut check.group, &mut check.name].into_iter().for_each(hide);
        }
        for MetricTotal { metric, .. } in &mut self.metrics {
            if builtin(&metric.name).is_none()
                && let Cow::Owned(masked) = mask.mask(&metric.name)
            {
                metric.name = masked.into();
            }
        }
        for endpoint in &mut self.endpoints {
            hide(&mut endpoint.name);
        }
        for failure in &mut self.failures {
            hide(&mut failure.scenario);
            failure.diagnostic.apply(mask);
        }
        for interrupted in &mut self.interrupted {
            hide(&mut interrupted.scenario);
            interrupted.place.iter_mut().for_each(hide);
        }
        self.errors.iter_mut().for_each(|error| error.apply(mask));
        self.findings.iter_mut().for_each(|finding| finding.apply(mask));
        for example in &mut self.examples.list {
            example.hide(&mut |text| mask.apply(text));
        }
        for output in &mut self.outputs {
            [&mut output.place].into_iter().chain(&mut output.error).for_each(hide);
        }
        self.method.connections.peers.iter_mut().for_each(|peer| mask.apply(&mut peer.origin));
        match &mut self.end {
            End::Aborted(text) | End::TargetFailed(text) => hide(text),
            End::Finished | End::Interrupted | End::NoLoad => {}
        }
    }

    /// The targets that don't hold, those without samples among them.
    pub fn failed_targets(&self) -> impl Iterator<Item = &Judgement> {
        self.judgements.iter().filter(|judgement| judgement.verdict != TargetVerdict::Passed)
    }

    /// All scenarios' iterations.
    pub fn books(&self) -> Books {
        self.scenarios.iter().fold(Books::default(), |mut sum, scenario| {
            sum.add(scenario.books);
            sum
        })
    }

    /// A metric by name; none when it neither is declared nor has samples.
    pub fn metric(&self, name: &str) -> Option<&MetricTotal> {
        self.metrics.iter().find(|total| &*total.metric.name == name)
    }

    /// How much of the load the figures are of: all of it but the warm-up.
    pub fn measured(&self) -> Duration {
        self.elapsed.saturating_sub(self.warm_up.as_ref().map_or(Duration::ZERO, |warm_up| warm_up.elapsed))
    }

    /// An amount per second of measured load; none when there was none.
    pub fn per_second(&self, amount: f64) -> Option<f64> {
        let measured = self.measured();
        (!measured.is_zero()).then(|| amount / measured.as_secs_f64())
    }
}

fn cut(interrupted: &Interrupted) -> Interrupted {
    let Interrupted { oldest, sum, .. } = *interrupted;
    Interrupted { oldest: whole_us(oldest), sum: whole_us(sum), ..interrupted.clone() }
}

/// What became of the targets. One that says of no other file is of the script; that of a module which comes with the
/// binary lies in no file of the user's.
fn judgements(script_name: &str, outcome: &Outcome) -> Vec<Judgement> {
    let placed = |mut judgement: Judgement| {
        let mut written_at = judgement.written_at.take();
        if let Some(written) = &mut written_at {
            written.file.get_or_insert_with(|| script_name.to_owned());
        }
        // Of files the names end in `.rhai`.
        let is_std = |file: &str| file.starts_with("std/") && !file.contains('.');
        judgement.written_at = written_at.filter(|written| !written.file.as_deref().is_some_and(is_std));
        judgement
    };
    outcome.judgements.iter().cloned().map(placed).collect()
}

/// Without what a file, which has whole microseconds, would lose: a report of it must print the same.
pub(super) fn whole_us(duration: Duration) -> Duration {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// A warning in words; of too many series, with what there was too much of.
fn told(warning: &Warning, plan: &Plan, total: &Snapshot) -> String {
    let crowd = (*warning == Warning::SeriesCap).then(|| Crowd::of(total, plan.options.fold_ids)).flatten();
    crowd.map_or_else(|| warning.to_string(), |crowd| crowd.to_string())
}

fn scenarios(plan: &Plan, outcome: &Outcome) -> Vec<ScenarioLine> {
    let line = |scenario: &Scenario| {
        let became = outcome.scenarios.iter().find(|became| became.name == scenario.name);
        ScenarioLine {
            name: scenario.name.clone(),
            executor: scenario.executor.clone(),
            demand: scenario.describe(),
            books: became.map_or_else(Books::default, |became| became.books),
            threw: became.map_or(0, |became| became.threw),
            model: Model::of(&scenario.demand),
        }
    };
    plan.scenarios.iter().map(line).collect()
}

fn checks(total: &Snapshot) -> Vec<Check> {
    let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for series in total.of("checks") {
        if let Value::Rate { hits, total } = series.value {
            let key = (series.tags.get("group").unwrap_or(""), series.tags.get("check").unwrap_or(OTHER));
            let (passes, fails) = sums.entry(key).or_default();
            *passes = passes.saturating_add(hits);
            *fails = fails.saturating_add(total.saturating_sub(hits));
        }
    }
    let check = |((group, name), (passes, fails)): ((&str, &str), _)| Check {
        group: group.to_owned(),
        name: name.to_owned(),
        passes,
        fails,
    };
    sums.into_iter().map(check).collect()
}

fn metrics(plan: &Plan, total: &Snapshot) -> Vec<MetricTotal> {
    let recorded = |name: &str| total.select(&Selector::all(name));
    let mut metrics: Vec<MetricTotal> = Vec::new();
    for builtin in BUILTINS {
        if let Some(value) = recorded(builtin.name) {
            let metric = Metric { name: Arc::from(builtin.name), kind: builtin.kind, unit: builtin.unit };
            metrics.push(MetricTotal { metric, value: Some(value) });
        }
    }
    let dropped = plan.dropped_metrics();
    for metric in &plan.metrics {
        let is_builtin = BUILTINS.iter().any(|builtin| builtin.name == &*metric.name);
        let is_dropped = dropped.contains(&*metric.name);
        if !is_builtin && !is_dropped && !metrics.iter().any(|known| known.metric.name == metric.name) {
            let value = recorded(&metric.name);
            metrics.push(MetricTotal { metric: metric.clone(), value });
        }
    }
    // Nothing that was recorded is left out, even if the plan doesn't know of it.
    for series in total {
        if metrics.iter().all(|known| known.metric.name != series.metric)
            && let Some(value) = recorded(&series.metric)
        {
            let metric = Metric { name: Arc::clone(&series.metric), kind: value.kind(), unit: Unit::None };
            metrics.push(MetricTotal { metric, value: Some(value) });
        }
    }
    metrics
}

/// What is added up of an endpoint's series.
#[derive(Default)]
struct Sums<'a> {
    requests: f64,
    failed: u64,
    duration: Trend,
    causes: BTreeMap<(&'a str, &'a str), u64>,
}

/// The requests of a snapshot by their names; those with most come first.
pub(super) fn endpoints(total: &Snapshot) -> Vec<Endpoint> {
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    for series in total.of("http_reqs") {
        if let Value::Counter(requests) = series.value {
            sums.entry(name_of(series)).or_default().requests += requests;
        }
    }
    for series in total.of("http_req_failed") {
        if let Value::Rate { hits, .. } = series.value
            && hits > 0
        {
            let sum = sums.entry(name_of(series)).or_default();
            sum.failed = sum.failed.saturating_add(hits);
            *sum.causes.entry(cause_of(series)).or_default() += hits;
        }
    }
    for series in total.of("http_req_duration") {
        if let Value::Trend(trend) = &series.value {
            sums.entry(name_of(series)).or_default().duration.merge(trend);
        }
    }
    let endpoint = |(name, sum): (&str, Sums)| {
        let cause = |((what, code), count): ((&str, &str), u64)| (format!("{what} {code}"), count);
        let mut causes: Vec<(String, u64)> = sum.causes.into_iter().map(cause).collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: equal ones by name
        let requests = whole(sum.requests);
        Endpoint { name: name.to_owned(), requests, failed: sum.failed, duration: sum.duration, causes }
    };
    let mut endpoints: Vec<Endpoint> = sums.into_iter().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.requests));
    endpoints
}

fn durations(total: &Snapshot) -> Durations {
    let mut durations = Durations::default();
    for series in total.of("http_req_duration") {
        if let Value::Trend(trend) = &series.value {
            match series.tags.get("expected_response") {
                Some("true") => durations.ok.merge(trend),
                Some("false") => durations.failed.merge(trend),
                _ => {} // past the cap of series tags are lost
            }
        }
    }
    durations
}

fn answers(total: &Snapshot) -> Vec<Answer> {
    let mut sums: BTreeMap<(u16, u16), f64> = BTreeMap::new();
    for series in total.of("http_reqs") {
        if let Value::Counter(requests) = series.value {
            let tag = |name| series.tags.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
            *sums.entry((tag("status"), tag("error_code"))).or_default() += requests;
        }
    }
    let answer = |((status, error_code), requests)| Answer { status, error_code, requests: whole(requests) };
    let mut answers: Vec<Answer> = sums.into_iter().map(answer).collect();
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.requests)); // stable: equal ones by status
    answers
}

/// A counter of whole things.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
fn whole(count: f64) -> u64 {
    count as u64
}

fn name_of(series: &Series) -> &str {
    let tags = &series.tags;
    tags.get("name").or_else(|| tags.get("url")).unwrap_or(OTHER)
}

/// The status where there was one, else the error's code.
fn cause_of(series: &Series) -> (&str, &str) {
    match (series.tags.get("status"), series.tags.get("error_code")) {
        (Some(status), _) if status != "0" => ("status", status),
        (_, Some(code)) => ("error", code),
        _ => ("cause", "unknown"),
    }
}

#[cfg(test)]
mod tests;
