//! `runner inspect`: the plan that a script declares, flags applied, without a request.

use super::CliError;
use super::results::ResultsArguments;
use super::run::WorkersArgument;
use super::script::{LoadArguments, Script, ScriptArguments};
use super::terminal::Terminal;
use crate::diagnostic::clean;
use crate::plan::{Param, ParamValue, Plan, Scenario, Think, without_login};
use crate::units::{format_count, format_duration};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    script: ScriptArguments,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    /// The whole plan as JSON
    #[arg(long)]
    json: bool,
    /// Only what the run needs: virtual users and time (k6's --execution-requirements)
    #[arg(long, alias = "execution-requirements")]
    requirements: bool,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let ScriptArguments { script, outside } = &arguments.script;
    let config = outside.config()?;
    let Script { declared, .. } = outside.declare(script, &config, &arguments.load, terminal)?;
    for note in &declared.notes {
        terminal.note(format_args!("{note}"));
    }
    let plan = &declared.plan;
    arguments.results.advise(plan, arguments.workers.count(config.workers), false, terminal);
    let text = match (arguments.requirements, arguments.json) {
        (true, true) => {
            return terminal.print_json(&serde_json::json!({
                "vus_max": plan.vus_max(),
                "duration": format_duration(plan.duration()),
                "duration_max": format_duration(plan.end_max()),
            }));
        }
        (true, false) => format!(
            "virtual users at most  {}\nduration               {}\nat most                {} (graceful stops included)",
            format_count(plan.vus_max()),
            format_duration(plan.duration()),
            format_duration(plan.end_max())
        ),
        (false, true) => return terminal.print_json(plan),
        (false, false) => table(plan),
    };
    terminal.print(&format!("{text}\n"))
}

fn table(plan: &Plan) -> String {
    let mut lines = Vec::new();
    if let Some(url) = &plan.base_url {
        lines.push(format!("base_url  {}", without_login(url)));
        lines.push(String::new());
    }
    if !plan.params.is_empty() {
        let rows: Vec<[String; 5]> = plan.params.iter().map(param_row).collect();
        lines.extend(columns(&["parameter", "value", "default", "from", ""], &rows));
        lines.push(String::new());
    }
    let rows: Vec<[String; 5]> = plan.scenarios.iter().map(row).collect();
    lines.extend(columns(&["scenario", "executor", "load", "flow", "think"], &rows));
    let settings = plan.options.play_settings();
    if !settings.is_empty() {
        lines.push(String::new());
        let rows: Vec<[String; 2]> =
            settings.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
        lines.extend(columns(&["option", "value"], &rows));
    }
    if !plan.targets.is_empty() {
        lines.push(String::new());
        let rows: Vec<[String; 3]> = plan
            .targets
            .iter()
            .map(|target| {
                let options = [
                    (target.abort_on_fail, "ends the run when it fails"),
                    (target.allow_few, "few samples will do"),
                ];
                let told: Vec<&str> =
                    options.into_iter().filter_map(|(is_on, about)| is_on.then_some(about)).collect();
                [target.key.clone(), target.text.clone(), told.join(", ")]
            })
            .collect();
        lines.extend(columns(&["target", "must hold", ""], &rows));
    }
    if !plan.metrics.is_empty() {
        lines.push(String::new());
        let rows: Vec<[String; 2]> =
            plan.metrics.iter().map(|metric| [metric.name.to_string(), metric.kind.to_string()]).collect();
        lines.extend(columns(&["metric", "kind"], &rows));
    }
    let hooks = [
        (plan.hooks.setup, "setup"),
        (plan.hooks.on_start, "on_start"),
        (plan.hooks.on_stop, "on_stop"),
        (plan.hooks.teardown, "teardown"),
        (plan.hooks.summary, "summary"),
    ];
    let hooks: Vec<&str> = hooks.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
    if !hooks.is_empty() {
        lines.push(String::new());
        lines.push(format!("life cycle  {}", hooks.join(", ")));
    }
    lines.join("\n")
}

fn param_row(param: &Param) -> [String; 5] {
    let shown = |value: &ParamValue| clean(&value.to_string());
    [
        param.name.clone(),
        shown(&param.value),
        shown(&param.default),
        param.source.to_string(),
        clean(&param.about),
    ]
}

fn row(scenario: &Scenario) -> [String; 5] {
    let think = if scenario.think == Think::None { String::new() } else { scenario.think.describe() };
    [scenario.name.clone(), scenario.executor.clone(), scenario.describe(), scenario.flow.to_string(), think]
}

/// Rows under their headings, left-aligned.
fn columns<const N: usize>(headings: &[&str; N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let heading = line(headings);
    let body = rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    std::iter::once(heading).chain(body).collect()
}
