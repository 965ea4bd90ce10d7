//! The flags that lay out the summary and choose what is sent on, k6's by their names: each becomes an option as a
//! script would give it, and is read and refused as such.

use crate::plan::{Options, PlanError, SummaryMode, SummaryOptions, Value};

/// How the summary looks, instead of what the script says.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Summary")]
pub(super) struct LayoutArguments {
    /// How much the summary shows: full, compact or disabled
    #[arg(long = "summary-mode", env = "RUNNER_SUMMARY_MODE", value_name = "MODE")]
    mode: Option<String>,
    /// The figures of times and other trends, such as "avg,p(95),p(99.9),count"
    #[arg(long = "summary-trend-stats", env = "RUNNER_SUMMARY_TREND_STATS", value_name = "FIGURES")]
    trend_stats: Option<String>,
    /// One unit for all times of requests: s, ms or us
    #[arg(long = "summary-time-unit", env = "RUNNER_SUMMARY_TIME_UNIT", value_name = "UNIT")]
    time_unit: Option<String>,
}

/// How the summary looks, and what is sent on.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Summary")]
pub(super) struct SummaryArguments {
    #[command(flatten)]
    layout: LayoutArguments,
    /// Send only these of runner's own tags to the outputs, such as name,method,status
    #[arg(long, env = "RUNNER_SYSTEM_TAGS", value_name = "TAGS")]
    system_tags: Option<String>,
}

/// What is given, as a script's `options(#{ … })` would have it.
fn given<const N: usize>(flags: [(&str, &Option<String>); N]) -> Options {
    let given = |(name, value): (&str, &Option<String>)| Some((name.to_owned(), Value::Text(value.clone()?)));
    flags.into_iter().filter_map(given).collect()
}

impl LayoutArguments {
    /// What is given, as options.
    fn options(&self) -> Options {
        given([
            ("summary_mode", &self.mode),
            ("summary_trend_stats", &self.trend_stats),
            ("summary_time_unit", &self.time_unit),
        ])
    }

    /// What is given in place of what a layout says.
    pub(super) fn over(&self, layout: &SummaryOptions) -> Result<SummaryOptions, PlanError> {
        layout.overridden(&self.options())
    }

    /// Whether there is to be no summary.
    pub(super) fn are_disabled(&self) -> bool {
        self.over(&SummaryOptions::default()).is_ok_and(|layout| layout.mode == SummaryMode::Disabled)
    }
}

impl SummaryArguments {
    /// What is given, as options.
    pub(super) fn options(&self) -> Options {
        let tags = given([("system_tags", &self.system_tags)]);
        self.layout.options().into_iter().chain(tags).collect()
    }
}
