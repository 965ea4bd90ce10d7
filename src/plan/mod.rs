//! The declared test as data: scenarios, their demand, targets and verdicts.
//!
//! A script declares a [`Plan`], flags change it ([`Overrides`]), the engine runs it, `runner inspect`
//! prints it. It holds no handle of anything: two runs of a script's top level give equal plans, and its
//! JSON reads back as the same plan.

mod address;
mod change;
mod curve;
mod demand;
mod error;
pub mod executor;
mod flow;
mod hooks;
mod http;
mod ids;
mod metric_choice;
pub mod options;
mod order;
mod overrides;
mod param;
mod rate_curve;
mod request;
mod run_options;
mod scenario;
mod schedule;
mod slots;
mod stripe;
mod summary_options;
mod system_tags;
mod target;
mod think;
mod validate;
mod verdict;
mod written_at;

pub use address::without_login;
pub use change::TakeOver;
pub use curve::{Curve, Interval, Stage};
pub use demand::{Arrivals, Bound, Demand, Jitter, Users, WhenBusy};
pub use error::PlanError;
pub use executor::{COMMON_OPTIONS, EXECUTORS, Executor};
pub use flow::{Choice, Flow, WEIGHT_MAX, Weighted};
pub use hooks::Hooks;
pub use http::{
    ClientCertificate, Dns, DnsPolicy, DnsSelect, HTTP_OPTIONS, HttpDebug, HttpOptions, HttpVersion,
    Insecure, ProxyChoice, Tls, TlsVersion,
};
pub use ids::Ids;
pub use metric_choice::{MetricChoice, MetricsError};
pub use options::{OptionSpec, Options, Reader, VUS_MAX, Value, canonical, parse_cap};
pub use overrides::{DEFAULT_FLOW, DEFAULT_SCENARIO, Overrides, Shortcut};
pub use param::{
    Given, GivenParams, PARAM_VARIABLE, Param, ParamError, ParamKind, ParamRules, ParamSource, ParamValue,
    param_value,
};
pub use rate_curve::{RateCurve, RateStage};
pub use request::Request;
pub use run_options::{RUN_OPTIONS, RunDefaults, RunOptions};
pub use scenario::Scenario;
pub use schedule::Schedule;
pub use slots::Slots;
pub use stripe::Stripe;
pub use summary_options::{SUMMARY_OPTIONS, SummaryMode, SummaryOptions, TimeUnit, TrendStat};
pub use system_tags::{SYSTEM_TAGS, SYSTEM_TAGS_OPTION, SystemTags, SystemTagsError};
pub use target::{Aggregate, Expression, Operator, Quantity, Target, TargetError, TargetOptions, WINDOW_MAX};
pub use think::Think;
pub use verdict::{Bounds, Judgement, Standing, Verdict, Window, judge};
pub use written_at::WrittenAt;

use crate::metrics::{Metric, Overflow};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A declared test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Where relative URLs go.
    pub base_url: Option<String>,
    /// The scenarios, in the order of declaration.
    pub scenarios: Vec<Scenario>,
    /// The targets, in the order of declaration.
    pub targets: Vec<Target>,
    /// The script's own metrics.
    pub metrics: Vec<Metric>,
    /// Which functions of the life cycle the script has.
    pub hooks: Hooks,
    /// Options of the whole run.
    pub options: RunOptions,
    /// The script's parameters, in the order of declaration.
    pub params: Vec<Param>,
}

impl Plan {
    /// Which scenario has that name, from 0.
    pub fn scenario_index(&self, name: &str) -> Option<usize> {
        self.scenarios.iter().position(|scenario| scenario.name == name)
    }

    /// The most users that can exist, all scenarios together.
    pub fn vus_max(&self) -> u64 {
        self.scenarios.iter().fold(0, |sum, scenario| sum.saturating_add(scenario.demand.peak()))
    }

    /// The most iterations that are to start in a second; none where no scenario has a rate. Of scenarios whose
    /// times overlap the peaks are added up, even if they don't fall together.
    pub fn peak_rate(&self) -> Option<f64> {
        let spans: Vec<(Duration, Duration, f64)> = self
            .scenarios
            .iter()
            .filter_map(|scenario| {
                let start = scenario.start_time;
                let end = start.saturating_add(scenario.demand.duration());
                Some((start, end, scenario.demand.peak_rate()?))
            })
            .collect();
        // Where most overlap, one of them begins.
        let at = |instant| {
            let there = spans.iter().filter(|(start, end, _)| *start <= instant && instant < *end);
            there.map(|(.., rate)| rate).sum::<f64>()
        };
        spans.iter().map(|(start, ..)| at(*start)).reduce(f64::max)
    }

    /// What series past the cap are told apart by: what the targets ask for.
    pub fn overflow(&self) -> Overflow {
        Overflow::of(self.targets.iter().map(|target| &target.selector))
    }

    /// When the last scenario is over at the latest, without graceful stops.
    pub fn duration(&self) -> Duration {
        let ends = self.scenarios.iter().enumerate();
        let ends = ends.map(|(index, s)| self.start_max(index, false).saturating_add(s.demand.duration()));
        ends.max().unwrap_or_default()
    }

    /// When the load is over at the latest, graceful stops included.
    pub fn end_max(&self) -> Duration {
        let ends = self.scenarios.iter().enumerate().map(|(index, scenario)| {
            let end = self.start_max(index, true).saturating_add(scenario.demand.duration());
            end.saturating_add(scenario.graceful_stop)
        });
        ends.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
