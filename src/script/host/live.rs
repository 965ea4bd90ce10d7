//! What web sockets and streams of events have in common: series of their own, tagged once as they are opened, and the
//! times at which something came.

use std::cell::Cell;

use rhai::{Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::super::route::{name_of, url_of};
use super::super::series_key::SeriesKey;
use super::super::stage::Stage;
use super::super::vu::Vu;
use super::call_back;
use super::options::Options;
use super::outgoing::Outgoing;
use crate::metrics::{Recorder, SeriesId, Symbol, TagSet};

/// The metrics that arrivals add to.
#[derive(Debug)]
pub(super) struct Names {
    /// A counter.
    pub(super) arrived: &'static str,
    /// A trend.
    pub(super) first: &'static str,
    /// A trend.
    pub(super) between: &'static str,
}

/// One of them, open: what its samples are tagged by, and when something came.
#[derive(Debug)]
pub(super) struct Live {
    names: &'static Names,
    more: TagSet,
    /// These and its user's.
    tags: Symbol,
    start_ns: u64,
    last_ns: Cell<Option<u64>>,
}

impl Live {
    /// With `more` tags than its user has.
    pub(super) fn new(
        (stage, vu): (&Stage, &Vu),
        names: &'static Names,
        more: TagSet,
        start_ns: u64,
    ) -> Self {
        let tags = stage.recorder().with(|recorder| vu.symbol_with(recorder, &more));
        Self { names, more, tags, start_ns, last_ns: Cell::new(None) }
    }

    /// Records that something came.
    pub(super) fn arrived(&self, stage: &Stage, vu: &Vu, at_ns: u64) {
        let (trend, since_ns) = match self.last_ns.replace(Some(at_ns)) {
            None => (self.names.first, self.start_ns),
            Some(last_ns) => (self.names.between, last_ns),
        };
        self.add(stage, vu, self.names.arrived, 1.0);
        self.time(stage, vu, trend, at_ns.saturating_sub(since_ns));
    }

    /// Adds to a counter.
    pub(super) fn add(&self, stage: &Stage, vu: &Vu, metric: &str, value: f64) {
        put(stage, vu, metric, self.tags, |recorder, series| recorder.add(series, value));
    }

    /// Adds to a trend.
    pub(super) fn time(&self, stage: &Stage, vu: &Vu, metric: &str, ns: u64) {
        put(stage, vu, metric, self.tags, |recorder, series| recorder.trend_us(series, ns / 1_000));
    }

    /// The time since its start.
    pub(super) fn age_ns(&self, stage: &Stage) -> u64 {
        stage.clock().now_ns().saturating_sub(self.start_ns)
    }

    /// Adds to the rate of those that failed, with the failure's number.
    pub(super) fn ended(&self, stage: &Stage, vu: &Vu, metric: &str, error_code: u16) {
        let mut tags = self.tags;
        if error_code != 0 {
            let code = TagSet::from_pairs([("error_code".to_owned(), error_code.to_string())]);
            tags = stage.recorder().with(|recorder| vu.symbol_with(recorder, &self.more.and(&code)));
        }
        put(stage, vu, metric, tags, |recorder, series| {
            recorder.rate(series, u64::from(error_code != 0), 1);
        });
    }
}

fn put(stage: &Stage, vu: &Vu, metric: &str, tags: Symbol, put: impl FnOnce(&mut Recorder, SeriesId)) {
    stage.recorder().with(|recorder| {
        let (metric, _) = recorder.metric(metric).expect("a built-in metric");
        let (scenario, group) = (vu.cast.scenario_symbol, vu.group_symbol.get());
        let key = SeriesKey { metric, check: Symbol::NONE, scenario, group, tags };
        let series = stage.series(recorder, key);
        put(recorder, series);
    });
}

/// What samples are tagged by, beside the user's tags: `status`, and `name` and `url` as requests; the call's own win.
pub(super) fn tags(
    stage: &Stage,
    outgoing: &Outgoing<'_>,
    status: u16,
    url: impl FnOnce(&str) -> String,
) -> TagSet {
    let endpoint = &outgoing.route.endpoint;
    let mut tags = vec![("status".to_owned(), status.to_string())];
    if let Some(name) = &outgoing.call.name {
        tags.push(("name".to_owned(), name.to_string()));
    } else {
        tags.push(("name".to_owned(), name_of(stage, endpoint).into_owned()));
        tags.push(("url".to_owned(), url(&url_of(stage, endpoint))));
    }
    TagSet::from_pairs(tags).and(&outgoing.call.tags)
}

/// How long to go on taking what comes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    most: Option<u64>,
    duration_ns: Option<u64>,
    idle_ns: Option<u64>,
}

/// How many nanoseconds to wait at most; for ever without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Option<u64>);

/// More than that is no bound.
const MOST_MAX: u64 = 1_000_000_000;

impl Bounds {
    /// Takes the bounds out of the options of a call; `most` is the name of the number.
    pub(super) fn take(
        function: &str,
        options: &mut Map,
        most: &'static str,
    ) -> Result<Self, Box<EvalAltResult>> {
        let names = [most, "duration", "idle_timeout"];
        let own: Map = names.iter().filter_map(|name| options.remove_entry(*name)).collect();
        let given = Options::new(function, &own, &names)?;
        let time = |name| own.contains_key(name).then(|| given.duration_ns(name, "0s")).transpose();
        Ok(Self {
            most: own.contains_key(most).then(|| given.count(most, 1, MOST_MAX)).transpose()?,
            duration_ns: time("duration")?,
            idle_ns: time("idle_timeout")?,
        })
    }

    /// How long to wait for the next, after so many were taken and so much time has passed; nothing where it is enough.
    pub(super) fn wait(&self, taken: u64, age_ns: u64) -> Option<Wait> {
        if self.most.is_some_and(|most| taken >= most) {
            return None;
        }
        let left_ns = match self.duration_ns {
            Some(duration_ns) => Some(duration_ns.checked_sub(age_ns).filter(|left| *left > 0)?),
            None => None,
        };
        Some(Wait(match (left_ns, self.idle_ns) {
            (Some(left), Some(idle)) => Some(left.min(idle)),
            (one, other) => one.or(other),
        }))
    }
}

/// Calls a closure with what came; false once it gives `false`.
pub(super) fn goes_on(
    context: &NativeCallContext<'_>,
    vu: &Vu,
    closure: &FnPtr,
    arguments: &mut [Dynamic],
) -> Result<bool, Box<EvalAltResult>> {
    Ok(call_back(context, vu, closure, arguments)?.as_bool() != Ok(false))
}

/// Whether a closure of the script takes so many arguments.
pub(super) fn takes(context: &NativeCallContext<'_>, closure: &FnPtr, count: usize) -> bool {
    let count = closure.curry().len() + count;
    context.iter_namespaces().any(|module| module.get_script_fn(closure.fn_name(), count).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_end_what_comes_without_end() {
        assert_eq!(Bounds::default().wait(1_000_000, u64::MAX), Some(Wait(None)));
        let bounds = Bounds { most: Some(2), duration_ns: Some(100), idle_ns: Some(30) };
        assert_eq!(bounds.wait(0, 0), Some(Wait(Some(30))));
        assert_eq!(bounds.wait(1, 90), Some(Wait(Some(10))), "what is left of the duration");
        assert_eq!(bounds.wait(2, 0), None, "enough of them");
        assert_eq!(bounds.wait(0, 100), None, "long enough");
    }
}
