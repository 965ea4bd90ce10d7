//! `-o otlp=URL`: a run's seconds, one message each.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::super::post::quoted;
use super::super::{CaughtUp, Output, OutputError, Place, Played, SendError, Sink, SpanRoute};
use super::attribute::resource;
use super::metric::{Batch, Span};
use super::setting::{Setting, Temporality};
use super::signal::Signal;
use super::trace::SpanExporter;
use crate::metrics::{Series, Snapshot, Unit};
use crate::results::{PlayedSecond, Summary};
use crate::script::Share;

/// `-o otlp=URL`.
pub(in super::super) const OUTPUT: Output = Output {
    name: "otlp",
    alias: Some("opentelemetry"),
    place: "[URL]",
    about: "metrics and traces for OpenTelemetry, over HTTP",
    options: &[
        ("traces", "a span for each request and iteration, or for a share of them: `traces=0.01`"),
        ("temporality", "`cumulative`, or `delta`: each second alone"),
        ("prefix", "before each metric's name"),
        ("service", "the resource's `service.name`: `runner`"),
        ("gzip", "compresses what is sent"),
        ("timeout", "how long an answer may take: `10s`"),
    ],
    open,
};

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let setting = Setting::read(place, |name| std::env::var(name).ok())?;
    let wrong = |error: SendError| OutputError::Place {
        output: place.output,
        at: place.shown(),
        why: error.to_string(),
    };
    let metrics = Signal::new(&setting, &setting.metrics_url).map_err(wrong)?;
    let sink = || SpanExporter::new(&setting).map_err(wrong);
    let spans = match setting.traces {
        Some(share) => Some(SpanRoute { share: Share::new(share), sink: Box::new(sink()?) }),
        None => None,
    };
    Ok(Box::new(Exporter {
        setting,
        spans,
        metrics,
        resource: Resource::default(),
        units: BTreeMap::new(),
        start_unix_ms: 0,
        end_unix_ms: 0,
        sums: Default::default(),
        caught_up: CaughtUp::default(),
    }))
}

struct Exporter {
    setting: Setting,
    metrics: Signal,
    /// Until it is asked for.
    spans: Option<SpanRoute>,
    resource: Resource,
    /// Of the script's own metrics.
    units: BTreeMap<String, Unit>,
    start_unix_ms: u64,
    /// The latest point's.
    end_unix_ms: u64,
    /// Where sums run from the start: those of the warm-up, and those of all else.
    sums: [Sums; 2],
    caught_up: CaughtUp,
}

/// Sums from the start, and what of them didn't arrive yet.
#[derive(Default)]
struct Sums {
    total: Snapshot,
    owed: CaughtUp,
}

impl Sink for Exporter {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.resource = resource(&self.setting, run);
        self.units = run.plan.metrics.iter().map(|metric| (metric.name.to_string(), metric.unit)).collect();
        self.start_unix_ms = run.start_unix_ms;
        self.end_unix_ms = run.start_unix_ms;
        Ok(())
    }

    fn spans(&mut self) -> Option<SpanRoute> {
        self.spans.take()
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        // Of two seconds that end in the same millisecond, as `teardown`'s may, the later has to have a later time.
        let end_unix_ms = second.end_unix_ms.max(self.end_unix_ms + 1);
        let begin_unix_ms = std::mem::replace(&mut self.end_unix_ms, end_unix_ms);
        let is_warm_up = second.is_warm_up;
        match self.setting.temporality {
            Temporality::Delta => {
                let (start_unix_ms, temporality) = (begin_unix_ms, Temporality::Delta);
                let span = Span { start_unix_ms, end_unix_ms, temporality, is_warm_up };
                self.send(second.delta.iter(), span)
            }
            Temporality::Cumulative => {
                let mut sums = std::mem::take(&mut self.sums[usize::from(is_warm_up)]);
                sums.total.append(&second.delta);
                let sent = self.send_sums(&mut sums, Some(&second.delta), is_warm_up);
                if sent.is_err() {
                    sums.owed.seconds += 1;
                    sums.owed.samples = sums.owed.samples.saturating_add(second.samples());
                }
                self.sums[usize::from(is_warm_up)] = sums;
                sent
            }
        }
    }

    fn end(&mut self, _: &Summary) -> Result<(), SendError> {
        // What is owed goes with the next sums; behind the last second there are none.
        for is_warm_up in [false, true] {
            let mut sums = std::mem::take(&mut self.sums[usize::from(is_warm_up)]);
            if sums.owed != CaughtUp::default() {
                self.end_unix_ms += 1;
                self.send_sums(&mut sums, None, is_warm_up)?;
            }
        }
        Ok(())
    }

    fn caught_up(&mut self) -> CaughtUp {
        std::mem::take(&mut self.caught_up)
    }
}

impl Exporter {
    /// Sends those sums that a second changed, or all, as where something is owed; then nothing is any more.
    fn send_sums(
        &mut self,
        sums: &mut Sums,
        changed: Option<&Snapshot>,
        is_warm_up: bool,
    ) -> Result<(), SendError> {
        let Sums { total, owed } = sums;
        let span = Span {
            start_unix_ms: self.start_unix_ms,
            end_unix_ms: self.end_unix_ms,
            temporality: Temporality::Cumulative,
            is_warm_up,
        };
        // Past the cap on series, some of a second are counted under others' tags: then all are sent.
        let has_each =
            |delta: &&Snapshot| delta.iter().all(|series| total.get(&series.metric, &series.tags).is_some());
        match changed.filter(|_| *owed == CaughtUp::default()).filter(has_each) {
            None => self.send(total.iter(), span)?,
            Some(delta) => {
                let is_changed = |series: &&Series| delta.get(&series.metric, &series.tags).is_some();
                self.send(total.iter().filter(is_changed), span)?;
            }
        }
        let CaughtUp { seconds, samples } = std::mem::take(owed);
        self.caught_up.seconds += seconds;
        self.caught_up.samples = self.caught_up.samples.saturating_add(samples);
        Ok(())
    }

    fn send<'a>(&mut self, series: impl Iterator<Item = &'a Series>, span: Span) -> Result<(), SendError> {
        let mut batch = Batch::new(&self.setting.prefix, &self.units);
        series.for_each(|series| batch.add(series, span));
        let points = batch.points();
        if points == 0 {
            return Ok(());
        }
        let answer = self.metrics.send(&batch.request(self.resource.clone()))?;
        // An answer that is none of this protocol's says nothing of a rejection.
        let answer = ExportMetricsServiceResponse::decode(&*answer).ok();
        match answer.and_then(|answer| answer.partial_success) {
            Some(partial) if partial.rejected_data_points > 0 => Err(SendError::Refused(format!(
                "the receiver rejected {} of {points} data points: {}",
                partial.rejected_data_points,
                quoted(&partial.error_message)
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
