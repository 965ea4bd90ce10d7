//! What can be wrong with a plan. The caller knows the position in the script and attaches it.

use super::metric_choice::MetricsError;
use super::system_tags::SystemTagsError;
use super::target::TargetError;
use crate::diagnostic::{Code, Diagnostic};
use crate::units::{UnitError, format_count, format_duration};
use std::time::Duration;

/// Options listed beside the one that is meant.
const KNOWN_SHOWN_MAX: usize = 20;

/// What is wrong with a plan; the text fits behind `error: `.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// An option that its owner does not have.
    #[error("{owner} has no option `{option}`")]
    UnknownOption {
        /// Whose options: "executor `constant-vus`".
        owner: String,
        /// The option as written.
        option: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// An option of another executor.
    #[error("executor `{executor}` has no option `{option}`")]
    ForeignOption {
        /// The scenario's executor.
        executor: String,
        /// The option as written.
        option: String,
        /// The executors that have it.
        owners: Vec<String>,
        /// All options that the scenario could have.
        known: Vec<String>,
    },
    /// An option that must be given.
    #[error("{owner} needs the option `{option}`")]
    MissingOption {
        /// Whose options.
        owner: String,
        /// The option's name.
        option: String,
        /// What it takes: "a duration".
        takes: String,
    },
    /// An option given twice, in two spellings.
    #[error("`{first}` and `{second}` are the same option")]
    GivenTwice {
        /// One spelling.
        first: String,
        /// The other.
        second: String,
    },
    /// A value of the wrong type.
    #[error("`{option}` takes {takes}, not {got}")]
    WrongType {
        /// The option's name.
        option: String,
        /// What it takes: "a duration".
        takes: String,
        /// What it got: "the number 3".
        got: String,
    },
    /// A quantity that could not be read.
    #[error("`{option}`: {}", source.problem())]
    Unit {
        /// The option's name.
        option: String,
        /// What is wrong with the text.
        source: UnitError,
    },
    /// A number or a duration outside its limits.
    #[error("`{option}` is {got}, but must be {allowed}")]
    OutOfRange {
        /// The option's name.
        option: String,
        /// The value.
        got: String,
        /// The limits: "from 1 to 1,000,000".
        allowed: String,
    },
    /// A warm-up that leaves nothing to measure.
    #[error("`warm_up` is {}, but the load lasts {} at most", format_duration(*warm_up), format_duration(*duration))]
    WarmUpTooLong {
        /// The warm-up.
        warm_up: Duration,
        /// The load's length.
        duration: Duration,
    },
    /// A text that is no stage.
    #[error("`{text}` is no stage")]
    Stage {
        /// The text.
        text: String,
    },
    /// A name that is empty or has characters that no selector can match.
    #[error("`{name}` is no name for a {what}")]
    Name {
        /// What is named: "scenario".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A scenario without an executor.
    #[error("scenario `{scenario}` names no executor")]
    NoExecutor {
        /// The scenario's name.
        scenario: String,
        /// The executor whose options it has, if there is one.
        meant: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// An executor that does not exist.
    #[error("no executor is named `{name}`")]
    UnknownExecutor {
        /// The name as written.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// Fewer shared iterations than users.
    #[error("{iterations} iterations are too few for {vus} virtual users")]
    FewerIterationsThanUsers {
        /// The iterations to share.
        iterations: u64,
        /// The users that share them.
        vus: u64,
    },
    /// Stages that never reach one user.
    #[error("the stages never reach one virtual user")]
    NoUsers,
    /// Stages of a rate in which nothing is due.
    #[error("the stages never start an iteration")]
    NoArrivals,
    /// Fewer users than are there from the start.
    #[error("`max_vus` is {vus_max}, but {pre_allocated_vus} are pre-allocated")]
    FewerUsersThanAllocated {
        /// The users that are there from the start.
        pre_allocated_vus: u64,
        /// The most there may be.
        vus_max: u64,
    },
    /// The length of a queue where nothing waits.
    #[error("`queue_max` is the length of a queue, and iterations that find no free user are dropped")]
    QueueWithoutQueueing,
    /// A rate with its own unit, and a time unit beside it.
    #[error("`{option}` is {rate:?}, and `time_unit` is given too")]
    RateWithTwoUnits {
        /// The option's name.
        option: String,
        /// The rate as written.
        rate: String,
    },
    /// A pause between iterations whose starts are given.
    #[error("`think` makes no sense in scenario `{scenario}`, whose iterations start at a rate")]
    ThinkWithArrivals {
        /// The scenario's name.
        scenario: String,
    },
    /// A word that an option doesn't know.
    #[error("`{option}` can't be {got:?}")]
    UnknownWord {
        /// The option's name.
        option: String,
        /// The word.
        got: String,
        /// One like it.
        near: Option<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// Flows by weight, and none of them.
    #[error("`weighted` got no flow")]
    NoChoice,
    /// A weight that is no positive integer.
    #[error("the weight of `{flow}` is {got}, but must be an integer from 1 to {}", format_count(*weight_max))]
    Weight {
        /// The flow.
        flow: String,
        /// Its weight.
        got: String,
        /// The largest weight.
        weight_max: u64,
    },
    /// Weights within weights.
    #[error("a weighted flow cannot hold another weighted flow")]
    NestedWeights,
    /// A longest pause below the shortest.
    #[error("`between` goes from {} to {}", format_duration(*min), format_duration(*max))]
    ThinkOrder {
        /// The shortest pause.
        min: Duration,
        /// The longest pause.
        max: Duration,
    },
    /// A throughput that no user can keep.
    #[error("`throughput` is {per_second} a second, but must be a positive number")]
    ThinkThroughput {
        /// Iterations per second.
        per_second: f64,
    },
    /// Weights of shards that make no table.
    #[error("the weights {weights:?} of the shards make no table of at most {period_max} entries")]
    StripeWeights {
        /// The weights.
        weights: Vec<u64>,
        /// The longest table.
        period_max: u64,
    },
    /// Two scenarios of one name.
    #[error("two scenarios are named `{name}`")]
    DuplicateScenario {
        /// The name.
        name: String,
    },
    /// A scenario that is asked for and doesn't exist.
    #[error("the script has no scenario `{name}`")]
    UnknownScenario {
        /// The name as written.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// More scenarios than a run can show.
    #[error("the plan has {count} scenarios, more than {count_max}")]
    TooManyScenarios {
        /// How many.
        count: usize,
        /// How many there may be.
        count_max: usize,
    },
    /// A scenario that waits for one that isn't there.
    #[error("`start_after`: no scenario is named `{name}`")]
    UnknownStartAfter {
        /// The name as written.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All other scenarios.
        known: Vec<String>,
    },
    /// A scenario that waits for itself.
    #[error("scenario `{name}` would start after itself{}", circle(name, through))]
    StartAfterCircle {
        /// Its name.
        name: String,
        /// The scenarios between it and itself, in the order of waiting.
        through: Vec<String>,
    },
    /// Targets, and nothing that could meet them.
    #[error("the script declares targets but no scenario")]
    TargetsWithoutScenario,
    /// The top-level options `vus`, `duration`, `iterations`, `stages` beside scenarios.
    #[error("the script declares both scenarios and the load {options}")]
    ShortcutBesideScenarios {
        /// Which: "`vus`, `duration`".
        options: String,
    },
    /// Two ways to say what the load is.
    #[error("{first} and {second} exclude each other")]
    ShortcutConflict {
        /// One option, as the user wrote it.
        first: String,
        /// The other.
        second: String,
    },
    /// A flag that replaces the scenario, where there are several.
    #[error("{flags} would replace the scenarios {}", quoted(scenarios))]
    SeveralScenarios {
        /// The flags: "`--vus`".
        flags: String,
        /// The scenarios' names.
        scenarios: Vec<String>,
    },
    /// Only `--vus`, where users change over time.
    #[error("`--vus` alone cannot change scenario `{scenario}`, whose users vary")]
    VusAlone {
        /// The scenario's name.
        scenario: String,
    },
    /// Only `--vus`, where iterations start at a rate.
    #[error("`--vus` alone cannot change scenario `{scenario}`, whose iterations start at a rate")]
    VusOfArrivals {
        /// The scenario's name.
        scenario: String,
    },
    /// The option `metrics`.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The option `system_tags`.
    #[error(transparent)]
    SystemTags(#[from] SystemTagsError),
    /// A target that is wrong in itself.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl PlanError {
    /// What is wrong: lower case, no full stop.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            PlanError::UnknownOption { near, known, .. } => match did_you_mean(near) {
                // A list that nobody reads would hide what is meant.
                Some(meant) if known.len() > KNOWN_SHOWN_MAX => meant,
                Some(meant) => {
                    // The nearest first; the others as the reference has them, the owner's own in front.
                    let others = known.iter().filter(|known| !near.contains(known));
                    let known: Vec<String> = near.iter().chain(others).cloned().collect();
                    format!("{meant} its options are {}", quoted(&known))
                }
                None => format!("its options are {}", quoted(known)),
            },
            PlanError::ForeignOption { executor, option, owners, known } => {
                let verb = if owners.len() == 1 { "has" } else { "have" };
                let executors = quoted(owners);
                format!("{executors} {verb} `{option}`; `{executor}` has {}", quoted(known))
            }
            PlanError::MissingOption { option, takes, .. } => format!("`{option}` takes {takes}"),
            PlanError::GivenTwice { second, .. } => format!("keep `{second}`"),
            PlanError::WrongType { .. }
            | PlanError::OutOfRange { .. }
            | PlanError::StripeWeights { .. }
            | PlanError::TooManyScenarios { .. }
            | PlanError::NestedWeights
            | PlanError::ThinkThroughput { .. } => return None,
            PlanError::WarmUpTooLong { .. } => {
                "let the load last longer, or measure all of it: `--warm-up 0s`".to_string()
            }
            PlanError::Unit { source, .. } => source.advice(),
            PlanError::Stage { .. } => {
                "write `#{ duration: \"30s\", target: 50 }`, or \"30s:50\" for short".to_string()
            }
            PlanError::Name { .. } => {
                "use letters, digits, `_`, `-` and `.`, at most 100 characters".to_string()
            }
            PlanError::NoExecutor { meant: Some(meant), .. } => {
                format!("write `executor: \"{meant}\"`, which takes these options")
            }
            PlanError::NoExecutor { known, .. } => {
                format!("write `executor: \"constant-vus\"`, or one of {}", quoted(known))
            }
            PlanError::UnknownExecutor { near, known, .. } => match did_you_mean(near) {
                Some(near) => format!("{near} there are {}", quoted(known)),
                None => format!("there are {}", quoted(known)),
            },
            PlanError::FewerIterationsThanUsers { iterations, .. } => {
                format!("write `vus: {iterations}`, or take the executor `per-vu-iterations`")
            }
            PlanError::NoUsers => {
                "a ramp ends before it reaches its target: add a stage that holds it, such as \"30s:1\""
                    .to_string()
            }
            PlanError::NoArrivals => {
                "give a stage a rate above 0, and time for it: \"30s:50\"".to_string()
            }
            PlanError::FewerUsersThanAllocated { pre_allocated_vus, .. } => {
                format!("write `max_vus: {pre_allocated_vus}` or more, or leave it out")
            }
            PlanError::QueueWithoutQueueing => {
                "write `when_busy: \"queue\"` beside it, or leave it out".to_string()
            }
            PlanError::RateWithTwoUnits { .. } => {
                "leave `time_unit` out, or write the rate as a number".to_string()
            }
            PlanError::ThinkWithArrivals { .. } => {
                "leave it out: users wait for the next arrival anyway; `sleep` in the flow makes an iteration longer"
                    .to_string()
            }
            PlanError::UnknownWord { near: Some(near), .. } => format!("did you mean {near:?}?"),
            PlanError::UnknownWord { known, .. } => {
                let known: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
                format!("write {}", known.join(" or "))
            }
            PlanError::NoChoice => "write `weighted(#{ price: 80, analysis: 20 })`".to_string(),
            PlanError::Weight { .. } => "leave a flow out that should never run".to_string(),
            PlanError::ThinkOrder { min, max } => {
                format!("write `between(\"{}\", \"{}\")`", format_duration(*max), format_duration(*min))
            }
            PlanError::DuplicateScenario { .. } => {
                "name them apart: metrics are told apart by it".to_string()
            }
            PlanError::UnknownStartAfter { near, known, .. } => match did_you_mean(near) {
                Some(near) => near,
                None if known.is_empty() => "there is no other one: leave `start_after` out".to_string(),
                None => format!("there are {}", quoted(known)),
            },
            PlanError::StartAfterCircle { .. } => {
                "`start_after` names the scenario that must be over before".to_string()
            }
            PlanError::UnknownScenario { known, .. } if known.is_empty() => "it declares none".to_string(),
            PlanError::UnknownScenario { near, known, .. } => match did_you_mean(near) {
                Some(near) => format!("{near} it has {}", quoted(known)),
                None => format!("it has {}", quoted(known)),
            },
            PlanError::TargetsWithoutScenario => {
                "a target without samples fails: declare a scenario, or give `--vus` and `--duration`"
                    .to_string()
            }
            PlanError::ShortcutBesideScenarios { .. } => {
                "keep one: the scenarios, or the load in `options`".to_string()
            }
            PlanError::ShortcutConflict { first, .. } => format!("leave {first} out"),
            PlanError::SeveralScenarios { .. } => {
                "only one scenario can be replaced: change the script instead, or read the value from `env`"
                    .to_string()
            }
            PlanError::VusAlone { .. } | PlanError::VusOfArrivals { .. } => {
                "give `--duration` or `--stage` too, which replaces the script's load".to_string()
            }
            PlanError::Metrics(error) => error.hint(),
            PlanError::SystemTags(error) => error.hint(),
            PlanError::Target(error) => return error.hint(),
        };
        Some(hint)
    }

    /// The word of the script that is wrong, where there is one to point at.
    pub fn word(&self) -> Option<&str> {
        match self {
            PlanError::UnknownOption { option, .. }
            | PlanError::ForeignOption { option, .. }
            | PlanError::WrongType { option, .. }
            | PlanError::Unit { option, .. }
            | PlanError::OutOfRange { option, .. } => Some(option),
            PlanError::GivenTwice { second, .. } => Some(second),
            PlanError::UnknownWord { got, .. } => Some(got),
            PlanError::RateWithTwoUnits { .. } => Some("time_unit"),
            PlanError::QueueWithoutQueueing => Some("queue_max"),
            PlanError::FewerUsersThanAllocated { .. } => Some("max_vus"),
            PlanError::ThinkWithArrivals { .. } => Some("think"),
            PlanError::WarmUpTooLong { .. } => Some("warm_up"),
            PlanError::Stage { text } => Some(text),
            PlanError::Name { name, .. }
            | PlanError::UnknownExecutor { name, .. }
            | PlanError::DuplicateScenario { name }
            | PlanError::UnknownStartAfter { name, .. } => Some(name),
            PlanError::StartAfterCircle { .. } => Some("start_after"),
            PlanError::Weight { flow, .. } => Some(flow),
            PlanError::Metrics(error) => Some(error.word()),
            PlanError::SystemTags(error) => Some(error.word()),
            PlanError::Target(error) => error.word(),
            _ => None,
        }
    }

    /// As it will be shown; the caller adds the place.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::new(Code::Plan, self.message());
        match self.hint() {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

/// "`a`, `b` and `c`".
fn quoted(names: &[String]) -> String {
    match names {
        [] => "none".to_string(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", most.join(", "))
        }
    }
}

/// ": it waits for `b`, which waits for `a`"; nothing when there is nobody between.
fn circle(name: &str, through: &[String]) -> String {
    if through.is_empty() {
        return String::new();
    }
    let waits = through.iter().map(String::as_str).chain([name]).map(|other| format!("waits for `{other}`"));
    format!(": it {}", waits.collect::<Vec<_>>().join(", which "))
}

fn did_you_mean(near: &[String]) -> Option<String> {
    (!near.is_empty()).then(|| {
        let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        format!("did you mean {}?", near.join(" or "))
    })
}
