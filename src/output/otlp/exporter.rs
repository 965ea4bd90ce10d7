//! `-o otlp=URL`: a run's seconds, one message each.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::super::{Output, OutputError, Place, Played, SendError, Sink, SpanRoute};
use super::attribute::resource;
use super::metric::{Batch, Span};
use super::post::{Post, quoted};
use super::setting::{Setting, Temporality};
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
    let metrics = Post::new(&setting, &setting.metrics_url).map_err(wrong)?;
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
        total: Snapshot::default(),
        warm_up: Snapshot::default(),
        owes: false,
    }))
}

struct Exporter {
    setting: Setting,
    metrics: Post,
    /// Until it is asked for.
    spans: Option<SpanRoute>,
    resource: Resource,
    /// Of the script's own metrics.
    units: BTreeMap<String, Unit>,
    start_unix_ms: u64,
    /// The latest point's.
    end_unix_ms: u64,
    /// All seconds so far, where sums run from the start.
    total: Snapshot,
    /// The same of the warm-up.
    warm_up: Snapshot,
    /// Whether the latest sums didn't arrive.
    owes: bool,
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
        let (start_unix_ms, temporality) = match self.setting.temporality {
            Temporality::Cumulative => (self.start_unix_ms, Temporality::Cumulative),
            Temporality::Delta => (begin_unix_ms, Temporality::Delta),
        };
        let span = Span { start_unix_ms, end_unix_ms, temporality, is_warm_up: second.is_warm_up };
        match temporality {
            Temporality::Delta => self.send(second.delta.iter(), span),
            Temporality::Cumulative => {
                let total = if second.is_warm_up { &mut self.warm_up } else { &mut self.total };
                total.append(&second.delta);
                self.owes = true;
                self.send_sums(Some(&second.delta), span)?;
                self.owes = false;
                Ok(())
            }
        }
    }

    fn end(&mut self, _: &Summary) -> Result<(), SendError> {
        if !self.owes {
            return Ok(());
        }
        // Sums that got lost are in the next ones; behind the last second there are none.
        self.end_unix_ms += 1;
        let (start_unix_ms, end_unix_ms) = (self.start_unix_ms, self.end_unix_ms);
        let span =
            Span { start_unix_ms, end_unix_ms, temporality: Temporality::Cumulative, is_warm_up: false };
        self.send_sums(None, span)
    }
}

impl Exporter {
    /// Sends the sums of those series that changed, or of all.
    fn send_sums(&mut self, changed: Option<&Snapshot>, span: Span) -> Result<(), SendError> {
        let total = std::mem::take(if span.is_warm_up { &mut self.warm_up } else { &mut self.total });
        let is_changed =
            |series: &&Series| changed.is_none_or(|delta| delta.get(&series.metric, &series.tags).is_some());
        // Past the cap on series, some of a second are counted under others' tags: then all are sent.
        let sent = if changed
            .is_some_and(|delta| delta.iter().any(|series| total.get(&series.metric, &series.tags).is_none()))
        {
            self.send(total.iter(), span)
        } else {
            self.send(total.iter().filter(is_changed), span)
        };
        *(if span.is_warm_up { &mut self.warm_up } else { &mut self.total }) = total;
        sent
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
        let rejected =
            ExportMetricsServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
        match rejected {
            Some(partial) if partial.rejected_data_points > 0 => Err(SendError::Refused(format!(
                "the receiver rejected {} of {points} data points: {}",
                partial.rejected_data_points,
                quoted(&partial.error_message)
            ))),
            _ => Ok(()),
        }
    }
}
