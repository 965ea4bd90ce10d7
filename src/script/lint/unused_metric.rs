//! A metric that is declared and never gets a sample.

use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint =
    Lint { name: "unused_metric", about: "a metric of the script's own that nothing adds to", look };

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let has_target = |name: &str| subject.plan.targets.iter().any(|target| target.selector.metric == name);
    let survey = subject.survey;
    (survey.metrics.iter())
        // One with a target is a case of its own, which is worse.
        .filter(|metric| !survey.feeds(&metric.name) && !has_target(&metric.name))
        .map(|metric| {
            let holder = metric.holder.as_deref().unwrap_or("NAME");
            Finding::new(
                metric.place,
                format!("nothing adds to the metric `{}`", metric.name),
                match metric.holder {
                    Some(_) => format!("write `global::{holder}.add(…)` in a flow, or take it out"),
                    None => "keep it, `const NAME = …`, and write `global::NAME.add(…)` in a flow".to_owned(),
                },
            )
        })
        .collect()
}
