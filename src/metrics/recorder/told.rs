//! Samples told one by one to who wants them ([`Tap`]). Nobody does in most runs; then a recorder asks once a sample, and
//! no more.

use std::sync::Arc;

use super::super::{Figure, Measured, Outlets, RequestSample, STORED_MAX, Sample, Tap};
use super::{Recorder, SeriesId};

/// The way of a recorder's samples.
#[derive(Debug)]
pub(super) struct Told {
    tap: Tap<Sample>,
    /// The wall clock at the zero of the worker's clock.
    wall_start_ns: u64,
}

impl Recorder {
    /// Tells each sample to these outlets; `wall_start_ns` is the wall clock at the zero of the clock of
    /// [`Recorder::at`], in nanoseconds since 1970. At the start alone.
    #[must_use]
    pub fn telling(mut self, outlets: &Outlets<Sample>, wall_start_ns: u64) -> Self {
        self.tap = Tap::new(outlets).map(|tap| Box::new(Told { tap, wall_start_ns }));
        self
    }

    /// Hands over the samples so far, so that those of a second come before its end.
    pub(in super::super) fn hand_over(&mut self) {
        if let Some(told) = &mut self.tap {
            told.tap.flush();
        }
    }

    /// A time in microseconds, or thousandths of another metric.
    #[cold]
    pub(super) fn tell_stored(&mut self, series: SeriesId, stored: u64, at_least: bool) {
        self.tell(series, stored.min(STORED_MAX) as f64 / 1_000.0, 1, at_least);
    }

    #[cold]
    pub(super) fn tell(&mut self, series: SeriesId, value: f64, total: u64, at_least: bool) {
        let (metric, tags) = &self.series[series.index()];
        let metric = &self.metrics[metric.index()];
        let figure = Figure { metric: Arc::clone(&metric.name), kind: metric.kind, value, total, at_least };
        let (tags, at_ns) = (tags.clone(), self.at_ns);
        if let Some(told) = &mut self.tap {
            told.push(at_ns, tags, Measured::Number(figure));
        }
    }

    /// A request as one: its metrics have the same tags.
    #[cold]
    pub(super) fn tell_request(&mut self, series: &[SeriesId], sample: &RequestSample) {
        let is_recorded = |series: &&SeriesId| **series != SeriesId::DROPPED;
        let Some(first) = series.iter().find(is_recorded) else { return };
        let recorded = series.iter().rev().fold(0, |all, series| all << 1 | u16::from(is_recorded(&series)));
        let (tags, at_ns) = (self.series[first.index()].1.clone(), self.at_ns);
        if let Some(told) = &mut self.tap {
            told.push(at_ns, tags, Measured::Request { sample: *sample, recorded });
        }
    }
}

impl Told {
    fn push(&mut self, at_ns: u64, tags: super::TagSet, measured: Measured) {
        self.tap.push(Sample { at_unix_ns: self.wall_start_ns.saturating_add(at_ns), tags, measured });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::super::super::{
        Batch, Kind, Metric, Outlet, Phases, RequestKey, Snapshot, TagSet, Trend, Unit, Value,
    };
    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<Sample>>);

    impl Outlet<Sample> for Heard {
        fn offer(&self, batch: &Batch<Sample>) {
            self.0.lock().unwrap().extend(batch.iter().cloned());
        }
    }

    fn recorder(dropped: &[&str]) -> (Recorder, Arc<Heard>) {
        let own = |name: &str, kind| Metric { name: name.into(), kind, unit: Unit::None };
        let own = [own("size", Kind::Trend), own("depth", Kind::Gauge), own("found", Kind::Rate)];
        let heard = Arc::new(Heard::default());
        let outlets: Outlets<Sample> = Arc::from(vec![Arc::clone(&heard) as Arc<dyn Outlet<Sample>>]);
        (Recorder::new(&own).without(dropped.iter().copied()).telling(&outlets, 1_000), heard)
    }

    /// What samples add up to, as a snapshot has it.
    fn summed(samples: &[Sample]) -> BTreeMap<(String, TagSet), Value> {
        let mut all: BTreeMap<(String, TagSet), Value> = BTreeMap::new();
        for sample in samples {
            for figure in sample.figures() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a test")]
                let value = match figure.kind {
                    Kind::Counter => Value::Counter(figure.value),
                    Kind::Gauge => Value::Gauge { last: figure.value, min: figure.value, max: figure.value },
                    Kind::Rate => Value::Rate { hits: figure.value as u64, total: figure.total },
                    Kind::Trend => {
                        let (mut trend, us) = (Trend::new(), (figure.value * 1_000.0).round() as u64);
                        if figure.at_least {
                            trend.record_at_least_us(us);
                        } else {
                            trend.record_us(us);
                        }
                        Value::Trend(Box::new(trend))
                    }
                };
                let key = (figure.metric.to_owned(), sample.tags.clone());
                match all.get_mut(&key) {
                    Some(sum) => sum.append(&value).unwrap(),
                    None => _ = all.insert(key, value),
                }
            }
        }
        all
    }

    fn listed(snapshot: &Snapshot) -> BTreeMap<(String, TagSet), Value> {
        snapshot
            .iter()
            .map(|series| ((series.metric.to_string(), series.tags.clone()), series.value.clone()))
            .collect()
    }

    #[derive(Debug, Clone)]
    enum Act {
        Request { us: u64, answered: bool, failed: bool, cache: Option<bool>, name: u8 },
        Size(f64),
        Depth(f64),
        Found(u64, u64),
        Iteration(u64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let request =
            (0_u64..5_000_000, any::<bool>(), any::<bool>(), any::<Option<bool>>(), 0_u8..3).prop_map(
                |(us, answered, failed, cache, name)| Act::Request { us, answered, failed, cache, name },
            );
        let act = prop_oneof![
            request,
            (0.0..1e6).prop_map(Act::Size),
            (-1e3..1e3).prop_map(Act::Depth),
            (0_u64..5, 5_u64..9).prop_map(|(hits, total)| Act::Found(hits, total)),
            (0_u64..1_000_000).prop_map(Act::Iteration),
        ];
        proptest::collection::vec(act, 0..400)
    }

    fn play(recorder: &mut Recorder, act: &Act) {
        let series = |recorder: &mut Recorder, name: &str| {
            let (metric, _) = recorder.metric(name).unwrap();
            recorder.series(metric, &TagSet::from_pairs([("scenario", "a")]))
        };
        match *act {
            Act::Request { us, answered, failed, cache, name } => {
                let name = recorder.intern(["/a", "/b", "/c"][usize::from(name)]);
                let phases = Phases { sending_ns: 1_499, waiting_ns: us * 1_000, ..Phases::default() };
                let sample = RequestSample {
                    phases,
                    response_time_ns: us * 1_000 + 700,
                    responded: answered,
                    failed,
                    bytes_sent: 80,
                    bytes_received: us,
                    cache,
                };
                recorder.request(&RequestKey { name, status: 200, ..RequestKey::default() }, &sample);
            }
            Act::Size(value) => {
                let series = series(recorder, "size");
                recorder.trend(series, value);
            }
            Act::Depth(value) => {
                let series = series(recorder, "depth");
                recorder.set(series, value);
            }
            Act::Found(hits, total) => {
                let series = series(recorder, "found");
                recorder.rate(series, hits, total);
            }
            Act::Iteration(us) => {
                let [count, time] = ["iterations", "iteration_duration"].map(|name| series(recorder, name));
                recorder.add(count, 1.0);
                recorder.trend_us(time, us);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn samples_add_up_to_what_the_seconds_hold(
            acts in acts(),
            drops in proptest::sample::subsequence(vec!["http_reqs", "http_req_waiting", "size"], 0..3),
        ) {
            let (mut recorder, heard) = recorder(&drops);
            for act in &acts {
                play(&mut recorder, act);
            }
            let told = recorder.take(1);
            let samples = heard.0.lock().unwrap();
            prop_assert_eq!(summed(&samples), listed(&told));
            let figures: usize = samples.iter().map(|sample| sample.figures().count()).sum();
            prop_assert_eq!(figures as u64, samples.iter().map(Sample::count).sum::<u64>());
        }
    }

    #[test]
    fn a_sample_says_when_it_was() {
        let (mut recorder, heard) = recorder(&[]);
        recorder.begin_seconds(1, 500);
        recorder.at(20);
        play(&mut recorder, &Act::Iteration(5));
        assert!(heard.0.lock().unwrap().is_empty(), "handed over when the second ends");
        recorder.at(700);
        play(&mut recorder, &Act::Iteration(5));
        let times = |heard: &Heard| {
            heard.0.lock().unwrap().iter().map(|sample| sample.at_unix_ns).collect::<Vec<_>>()
        };
        assert_eq!(times(&heard), [1_020, 1_020], "with the first of the next second");
        recorder.take(2);
        assert_eq!(times(&heard), [1_020, 1_020, 1_700, 1_700]);
    }

    #[test]
    fn what_was_refused_or_clamped_is_told_as_it_was_counted() {
        let (mut recorder, heard) = recorder(&[]);
        for value in [f64::NAN, -5.0, 1e13, 2.000_4] {
            play(&mut recorder, &Act::Size(value));
        }
        play(&mut recorder, &Act::Depth(f64::INFINITY));
        let told = recorder.take(1);
        let heard = heard.0.lock().unwrap();
        let values: Vec<f64> = heard.iter().flat_map(Sample::figures).map(|figure| figure.value).collect();
        assert_eq!(values, [0.0, 1e12, 2.0, 3.0, 1.0], "those of `clamped_values` come last");
        assert_eq!(summed(&heard), {
            let mut told = listed(&told);
            // A sample that is no number is counted as clamped, and is none.
            for ((metric, _), value) in &mut told {
                if metric == "size" {
                    let mut trend = Trend::new();
                    for us in [0, 1_000_000_000_000_000, 2_000] {
                        trend.record_us(us);
                    }
                    *value = Value::Trend(Box::new(trend));
                }
            }
            told
        });
    }
}
