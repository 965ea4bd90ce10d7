//! Another version of a plan that is played already: what of it can hold from now on, and what needs a restart.
//!
//! The scenarios that are played stay, in their order and each with its kind of demand, since the users of a load hang
//! on them; so a [`TakeOver`]'s plan is the running one with what can change in it. Nothing is left out in silence:
//! each difference between the two plans is a sentence, with both values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Arrivals, Demand, Hooks, Plan, RunOptions, Scenario, Users};
use crate::units::format_duration;

/// What becomes of a running plan when its script has changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TakeOver {
    /// The running plan with what can change while it is played.
    pub plan: Plan,
    /// What holds from now on, a sentence each: ``scenario `a`: 20 VUs for 1m, was 10 VUs for 1m``.
    pub applied: Vec<String>,
    /// What holds after a restart only, a sentence each.
    pub restart: Vec<String>,
    /// Why nothing of the new script can be played before a restart, if so: the plan is the running one then.
    pub barred: Vec<String>,
}

impl TakeOver {
    /// Holds what a script declares now, flags applied, against what is played.
    pub fn of(running: &Plan, new: &Plan) -> Self {
        let barred = barred(running, new);
        if !barred.is_empty() {
            return Self { plan: running.clone(), barred, ..Self::default() };
        }
        let mut over = Self { plan: running.clone(), ..Self::default() };
        over.metrics(new);
        over.scenarios(new);
        over.base_url(new);
        over.targets(new);
        over.options(&new.options);
        over.hooks(new.hooks);
        over.plan.params.clone_from(&new.params);
        over
    }

    /// Whether the plan stays as it is, and nothing waits for a restart.
    pub fn is_same(&self) -> bool {
        self.applied.is_empty() && self.restart.is_empty() && self.barred.is_empty()
    }

    /// New ones are made where samples are; those that are gone are told to the end.
    fn metrics(&mut self, new: &Plan) {
        for metric in &new.metrics {
            if self.plan.metrics.iter().all(|known| known.name != metric.name) {
                self.applied.push(format!("the {} `{}` is new", metric.kind, metric.name));
                self.plan.metrics.push(metric.clone());
            }
        }
    }

    fn scenarios(&mut self, new: &Plan) {
        let played: Vec<String> = self.plan.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        let mut gone = Vec::new();
        for (index, name) in played.iter().enumerate() {
            match new.scenarios.iter().find(|scenario| scenario.name == *name) {
                Some(scenario) => self.scenario(index, scenario),
                None => gone.push(index),
            }
        }
        let mut added: Vec<&Scenario> =
            new.scenarios.iter().filter(|scenario| !played.contains(&scenario.name)).collect();
        for index in gone {
            let old = &self.plan.scenarios[index];
            // A name is a tag on each sample, so another one is another scenario; but who reads this renamed it.
            let renamed = added.iter().position(|new| is_renamed(old, new));
            self.restart.push(match renamed.map(|at| added.remove(at)) {
                Some(new) => format!("scenario `{}` is called `{}` now", old.name, new.name),
                None => format!("scenario `{}` is gone from the script, and is played on", old.name),
            });
        }
        for scenario in added {
            let load = scenario.describe();
            self.restart.push(format!("scenario `{}` is new: {load}", scenario.name));
        }
    }

    /// What has changed of a scenario that both have.
    fn scenario(&mut self, index: usize, new: &Scenario) {
        let mut old = self.plan.scenarios[index].clone();
        let name = new.name.clone();
        let mut lists = Lists { of: format!("scenario `{name}`"), over: self };
        match took(&old.demand, &new.demand) {
            Taken::Nothing => {}
            Taken::All(demand) => {
                lists.applied("", old.demand.describe(), demand.describe(), "the course of its load");
                (old.demand, old.executor) = (demand, new.executor.clone());
            }
            Taken::Part(demand, left) => {
                if demand != old.demand {
                    lists.applied("", old.demand.describe(), demand.describe(), "the course of its load");
                    (old.demand, old.executor) = (demand, new.executor.clone());
                }
                for (what, was, now) in left {
                    lists.restart(what, was, now, "");
                }
            }
            Taken::None(why) => {
                lists.restart(why, old.demand.describe(), new.demand.describe(), "other options");
            }
        }
        if old.flow != new.flow {
            lists.applied(
                "flow ",
                format!("`{}`", old.flow),
                format!("`{}`", new.flow),
                "weights of its flow",
            );
            old.flow = new.flow.clone();
        }
        if old.think != new.think {
            lists.applied("think time ", old.think.describe(), new.think.describe(), "its think time");
            old.think = new.think;
        }
        if old.graceful_stop != new.graceful_stop {
            let [was, now] = [old.graceful_stop, new.graceful_stop].map(format_duration);
            lists.applied("graceful stop ", was, now, "");
            old.graceful_stop = new.graceful_stop;
        }
        // They are parts of what each user is.
        for (what, was, now) in [("variable", &old.env, &new.env), ("tag", &old.tags, &new.tags)] {
            for (key, was, now) in differences(was, now) {
                lists.restart(&format!("{what} `{key}` "), or_none(was), or_none(now), "");
            }
        }
        if old.base_url != new.base_url {
            let [was, now] = [&old.base_url, &new.base_url].map(|one| url(one.as_deref()));
            lists.restart("`base_url` ", was, now, "its login");
        }
        if old.start_time != new.start_time {
            let [was, now] = [old.start_time, new.start_time].map(format_duration);
            lists.restart("`start_time` ", was, now, "");
        }
        if old.start_after != new.start_after {
            lists.restart(
                "`start_after` ",
                or_none(old.start_after.clone()),
                or_none(new.start_after.clone()),
                "",
            );
        }
        if old.rps != new.rps {
            let [was, now] = [old.rps, new.rps].map(|rps| or_none(rps.map(crate::units::format_rate)));
            lists.restart("`rps` ", was, now, "");
        }
        old.position = new.position;
        self.plan.scenarios[index] = old;
    }

    fn base_url(&mut self, new: &Plan) {
        if self.plan.base_url != new.base_url {
            let [was, now] = [&self.plan.base_url, &new.base_url].map(|one| url(one.as_deref()));
            Lists { of: "`base_url`".to_owned(), over: self }.restart("", was, now, "its login");
        }
    }

    fn targets(&mut self, new: &Plan) {
        let dropped = self.plan.dropped_metrics();
        let is_measured = |metric: &str| dropped.iter().all(|name| **name != *metric);
        let (taken, left): (Vec<_>, Vec<_>) =
            new.targets.iter().cloned().partition(|target| is_measured(&target.selector.metric));
        for target in left {
            let metric = &target.selector.metric;
            self.restart.push(format!("target `{}`: the run that goes on drops `{metric}`", target.key));
        }
        let told = |targets: &[super::Target]| {
            let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for target in targets {
                told.entry(target.key.clone()).or_default().push(target_text(target));
            }
            told.into_iter().map(|(key, texts)| (key, texts.join(" and "))).collect()
        };
        for (key, was, now) in differences(&told(&self.plan.targets), &told(&taken)) {
            let of = format!("target `{key}`");
            Lists { of, over: self }.applied("", or_none(was), or_none(now), "");
        }
        self.plan.targets = taken;
    }

    /// What each request looks up holds from now on; the rest was used up when the load began.
    fn options(&mut self, new: &RunOptions) {
        let old = self.plan.options.clone();
        let taken = RunOptions {
            timeout: new.timeout,
            connect_timeout: new.connect_timeout,
            throws: new.throws,
            fold_ids: new.fold_ids,
            min_iteration_duration: new.min_iteration_duration,
            summary: new.summary.clone(),
            ..old.clone()
        };
        let [was, now, left] = [&old, &taken, new].map(settings);
        let or_default = |value: Option<String>| value.unwrap_or_else(|| "its default".to_owned());
        for (name, was, now) in differences(&was, &now) {
            let of = format!("option `{name}`");
            Lists { of, over: self }.applied("", or_default(was), or_default(now), "its value");
        }
        let left = differences(&now, &left);
        if left.is_empty() && taken != *new {
            self.restart.push("options of HTTP have changed".to_owned());
        }
        for (name, was, now) in left {
            let of = format!("option `{name}`");
            Lists { of, over: self }.restart("", or_default(was), or_default(now), "its value");
        }
        self.plan.options = taken;
    }

    fn hooks(&mut self, new: Hooks) {
        let old = self.plan.hooks;
        if !old.setup && new.setup {
            self.restart.push("`setup` is new".to_owned());
        }
        for (name, was, now) in [
            ("on_start", old.on_start, new.on_start),
            ("on_stop", old.on_stop, new.on_stop),
            ("teardown", old.teardown, new.teardown),
        ] {
            match (was, now) {
                (false, true) => self.applied.push(format!("`{name}` is new")),
                (true, false) => self.applied.push(format!("`{name}` is gone")),
                _ => {}
            }
        }
        // What has run has run.
        self.plan.hooks = Hooks { setup: old.setup, ..new };
    }
}

/// Where a sentence goes that says both values.
struct Lists<'a> {
    /// What it is of.
    of: String,
    over: &'a mut TakeOver,
}

impl Lists<'_> {
    /// `same` is said where the two values read alike.
    fn applied(&mut self, what: &str, was: String, now: String, same: &str) {
        let sentence = self.sentence(what, &was, &now, same);
        self.over.applied.push(sentence);
    }

    fn restart(&mut self, what: &str, was: String, now: String, same: &str) {
        let sentence = self.sentence(what, &was, &now, same);
        self.over.restart.push(sentence);
    }

    fn sentence(&self, what: &str, was: &str, now: &str, same: &str) -> String {
        let of = &self.of;
        if was == now {
            format!("{of}: {what}{same} changed ({now})")
        } else {
            format!("{of}: {what}{now}, was {was}")
        }
    }
}

/// What of another demand a scenario can have while it is played.
enum Taken {
    /// They are equal.
    Nothing,
    /// It whole.
    All(Demand),
    /// This, and what is left for a restart: an option, its value before, its value now.
    Part(Demand, Vec<(&'static str, String, String)>),
    /// Nothing of it; what to say before both.
    None(&'static str),
}

fn took(old: &Demand, new: &Demand) -> Taken {
    match (old, new) {
        _ if old == new => Taken::Nothing,
        (Demand::Users(old), Demand::Users(new)) => took_users(old, new),
        (Demand::Arrivals(old), Demand::Arrivals(new)) => took_arrivals(old, new),
        _ => Taken::None("another kind of load, "),
    }
}

fn took_users(old: &Users, new: &Users) -> Taken {
    // Iterations are shared out to the users when they begin.
    if old.bound.is_some() || new.bound.is_some() {
        return Taken::None("a number of iterations is shared out when it begins: ");
    }
    Taken::All(Demand::Users(new.clone()))
}

/// Draws go on, and users that were there before the start were there.
fn took_arrivals(old: &Arrivals, new: &Arrivals) -> Taken {
    let taken = Arrivals { jitter: old.jitter, pre_allocated_vus: old.pre_allocated_vus, ..new.clone() };
    if taken == *new {
        return Taken::All(Demand::Arrivals(taken));
    }
    let mut left = Vec::new();
    let count = crate::units::format_count;
    if old.pre_allocated_vus != new.pre_allocated_vus {
        left.push(("`pre_allocated_vus` ", count(old.pre_allocated_vus), count(new.pre_allocated_vus)));
    }
    if old.jitter != new.jitter {
        left.push(("`jitter` ", json_text(&old.jitter), json_text(&new.jitter)));
    }
    Taken::Part(Demand::Arrivals(taken), left)
}

/// A metric keeps its kind: samples of another would be lost.
fn barred(running: &Plan, new: &Plan) -> Vec<String> {
    let of = |metric: &crate::metrics::Metric| {
        let known = running.metrics.iter().find(|known| known.name == metric.name);
        match known {
            Some(known) if known.kind != metric.kind => Some(format!(
                "the metric `{}` is a {} now, and was a {}",
                metric.name, metric.kind, known.kind
            )),
            Some(known) if known.unit != metric.unit => {
                Some(format!("the metric `{}` has another unit now", metric.name))
            }
            _ => None,
        }
    };
    new.metrics.iter().filter_map(of).collect()
}

/// Whether two scenarios differ in their names alone.
fn is_renamed(old: &Scenario, new: &Scenario) -> bool {
    *new == Scenario { name: new.name.clone(), position: new.position, ..old.clone() }
}

/// The options as text, by the names that users write.
fn settings(options: &RunOptions) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if let Ok(Json::Object(fields)) = serde_json::to_value(options) {
        for (name, value) in fields {
            match value {
                _ if name == "http" => {}
                Json::Object(fields) => {
                    let field = |(key, value): (String, Json)| (format!("{name}.{key}"), plain_text(&value));
                    settings.extend(fields.into_iter().map(field));
                }
                value => _ = settings.insert(name, plain_text(&value)),
            }
        }
    }
    let http = options.http.settings().into_iter().map(|(name, text)| (name.to_owned(), text));
    settings.extend(http);
    let debug = options.http.debug.map(|debug| ("http_debug".to_owned(), json_text(&debug)));
    settings.extend(debug);
    settings
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).map_or_else(|_| String::new(), |value| plain_text(&value))
}

fn plain_text(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An address without its login.
fn url(url: Option<&str>) -> String {
    or_none(url.map(super::without_login))
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "none".to_owned())
}

fn target_text(target: &super::Target) -> String {
    let mut text = format!("`{}`", target.text);
    if target.abort_on_fail {
        text.push_str(" or the run ends");
        if !target.delay_abort_eval.is_zero() {
            text = format!("{text} after {}", format_duration(target.delay_abort_eval));
        }
    }
    if target.allow_few {
        text.push_str(" on few samples");
    }
    text
}

/// Keys whose values differ: with the one, and the other.
fn differences(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    differing.map(|key| (key.clone(), old.get(key).cloned(), new.get(key).cloned())).collect()
}

#[cfg(test)]
mod tests;
