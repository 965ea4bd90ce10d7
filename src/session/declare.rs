//! From a file to a plan: read, run the top level once, apply flags, check the whole.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::config::near;
use super::targets::targets_of;
use crate::diagnostic::{Code, Diagnostic, Source, suggest};
use crate::fiber::Current;
use crate::http::{Endpoint, Network};
use crate::plan::{Overrides, Param, Plan, ProxyChoice, Scenario, TakeOver};
use crate::script::{Checked, LogLine, Outside, Program, Stage, StillClock};
use crate::units::format_rate;

/// The largest script that is read: a thousand times what one should be.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;

/// A script's plan, as declared and as it will be played.
#[derive(Debug)]
pub struct Declared {
    /// As the script says.
    pub declared: Plan,
    /// With flags applied.
    pub plan: Plan,
    /// What a user should know about the flags.
    pub notes: Vec<String>,
}

/// Arrivals that a cap on requests won't let through: they wait, and nobody sees it in a request's time.
fn held_back(scenario: &Scenario, run_cap: Option<f64>) -> Option<String> {
    let rate = scenario.demand.peak_rate()?;
    let cap = [scenario.rps, run_cap].into_iter().flatten().reduce(f64::min).filter(|cap| rate > *cap)?;
    Some(format!(
        "scenario `{}` starts up to {} iterations, and `rps` lets {} requests through: they will queue before it",
        scenario.name,
        format_rate(rate),
        format_rate(cap)
    ))
}

/// Reads a script; `-` is standard input.
pub fn read(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Err(Diagnostic::new(Code::Plan, format!("`{name}` is a folder, not a script"))
            .hint("name a `.rhai` file in it"));
    }
    let text =
        if name == "-" { read_from(std::io::stdin()) } else { std::fs::File::open(path).and_then(read_from) };
    match text {
        Ok(text) => {
            // What some editors put in front; it is no part of the text.
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            Ok(Arc::new(Source { name, text }))
        }
        Err(error) => Err(unread(path, &name, &error)),
    }
}

fn unread(path: &Path, name: &str, error: &std::io::Error) -> Diagnostic {
    if error.kind() == ErrorKind::InvalidData {
        return Diagnostic::new(Code::Plan, format!("the script `{name}` is no text in UTF-8: {error}"))
            .hint("save it as UTF-8 in the editor; or is it no script at all?");
    }
    let near = if error.kind() == ErrorKind::NotFound { near_file(path) } else { None };
    Diagnostic::new(Code::Plan, format!("failed to read the script `{name}`: {error}")).hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a `.rhai` file, or `-` for standard input".to_owned(),
    })
}

fn read_from(file: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let length = file.take(SCRIPT_BYTES_MAX + 1).read_to_end(&mut bytes)? as u64;
    if length > SCRIPT_BYTES_MAX {
        let limit = crate::units::format_size(SCRIPT_BYTES_MAX as f64);
        return Err(std::io::Error::other(format!("it is larger than {limit}")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let what = match error.as_bytes() {
            // The marks that editors put in front of UTF-16.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16".to_owned(),
            bytes => {
                let sound = &bytes[..error.utf8_error().valid_up_to()];
                let line = String::from_utf8_lossy(sound).matches('\n').count();
                format!("line {} holds a byte that is none", line + 1)
            }
        };
        std::io::Error::new(ErrorKind::InvalidData, what)
    })
}

/// A script beside the missing one with a name like it.
fn near_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    names.sort_unstable();
    let near = suggest(wanted, names.iter().map(String::as_str)).first().map(|near| (*near).to_owned())?;
    Some(path.with_file_name(near).display().to_string())
}

/// Runs the top level once and makes the plan. `log` gets what it prints.
pub fn declare(
    source: &Arc<Source>,
    outside: &Outside,
    overrides: &Overrides,
    log: impl Fn(LogLine) + 'static,
) -> Result<Declared, Box<Diagnostic>> {
    let log = Rc::new(log);
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside.clone(), shared(&log));
    let (program, declared) = Program::load(source, &stage)?;
    complete((source, outside), &program, declared, overrides, shared(&log))
}

/// The same for a script whose plan is played already: what of it can hold at once. `refit` gives the new plan its
/// real addresses, or says what stands in the way.
pub(super) fn declare_over(
    (source, outside): (&Arc<Source>, &Outside),
    overrides: &Overrides,
    (running, refit): (&Plan, impl FnOnce(&mut Plan) -> Result<(), String>),
    log: impl Fn(LogLine) + 'static,
) -> Result<(Declared, TakeOver), Box<Diagnostic>> {
    let log = Rc::new(log);
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside.clone(), shared(&log));
    let (program, declared) = Program::load(source, &stage)?;
    let declared = complete((source, outside), &program, declared, overrides, shared(&log))?;
    let mut plan = declared.plan.clone();
    let bar = |why: Vec<String>| TakeOver { plan: running.clone(), barred: why, ..TakeOver::default() };
    if let Err(why) = refit(&mut plan) {
        return Ok((declared, bar(vec![why])));
    }
    let over = TakeOver::of(running, &plan);
    // A scenario that is gone from the script is played on, as long as the script has its function.
    if let Err(error) = program.check_flows(&over.plan) {
        let why = over.restart.iter().cloned().chain([error.message]).collect();
        return Ok((declared, bar(why)));
    }
    match over.plan.validate() {
        Ok(()) => Ok((declared, over)),
        Err(error) => Ok((declared, bar(vec![error.to_string()]))),
    }
}

/// The same without an end at the first error: the plan, if there is one, and all that is to be said.
pub fn check(
    source: &Arc<Source>,
    outside: &Outside,
    overrides: &Overrides,
    log: impl Fn(LogLine) + 'static,
) -> (Option<Declared>, Vec<Diagnostic>) {
    let log = Rc::new(log);
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside.clone(), shared(&log));
    let Checked { sound, diagnostics } = Program::check(source, &stage);
    let declared =
        sound.map(|(program, plan)| complete((source, outside), &program, plan, overrides, shared(&log)));
    match declared.transpose() {
        Ok(declared) => (declared, diagnostics),
        // What the lints say of it matters once it can be run.
        Err(error) => (None, vec![*error]),
    }
}

/// The same log for another script.
fn shared<L: Fn(LogLine) + 'static>(log: &Rc<L>) -> impl Fn(LogLine) + 'static + use<L> {
    let log = Rc::clone(log);
    move |line| log(line)
}

/// Applies flags to what was declared, and looks at the whole.
fn complete(
    (source, outside): (&Source, &Outside),
    program: &Program,
    declared: Plan,
    overrides: &Overrides,
    log: impl Fn(LogLine) + 'static,
) -> Result<Declared, Box<Diagnostic>> {
    let mut plan = declared.clone();
    let mut notes = Vec::new();
    if let Some(file) = &overrides.targets {
        plan.targets = targets_of(file, &plan, outside, log)?;
        if !declared.targets.is_empty() {
            notes.push(format!("`--targets {}` replaces the script's own targets", file.name));
        }
    }
    check_secrets(outside)?;
    notes.extend(check_params(outside, &declared.params)?);
    let refuse = |error| Box::new(program.plan_error(&error));
    notes.extend(overrides.apply(&mut plan).map_err(refuse)?);
    plan.validate().map_err(refuse)?;
    program.check_flows(&plan)?;
    notes.extend(check_network(&plan)?);
    notes.extend(plan.kept_metrics());
    if plan.scenarios.is_empty() && !plan.hooks.setup && !plan.hooks.teardown {
        return Err(Box::new(
            Diagnostic::new(
                Code::Plan,
                format!("{} declares no scenario and has no `fn flow()`", source.name),
            )
            .hint("declare `scenario(\"name\", #{ executor: …, flow: … })`, or write `fn flow() { … }`"),
        ));
    }
    notes.extend(plan.scenarios.iter().filter_map(|scenario| held_back(scenario, plan.options.rps)));
    Ok(Declared { declared, plan, notes })
}

/// Whether this machine can carry out what the options say of HTTP; names the proxies that only the environment does.
pub(super) fn check_network(plan: &Plan) -> Result<Vec<String>, Diagnostic> {
    let network = Network::new(&plan.options.http)
        .map_err(|error| Diagnostic::new(Code::Plan, error.to_string()).hint(error.hint))?;
    if plan.options.http.proxy != ProxyChoice::Environment {
        return Ok(Vec::new());
    }
    let urls = plan.scenarios.iter().filter_map(|scenario| scenario.base_url.as_ref()).chain(&plan.base_url);
    let proxies: BTreeSet<String> =
        urls.filter_map(|url| network.proxy_of(&Endpoint::parse(None, url).ok()?)).collect();
    let note =
        |proxy| format!("requests go through the environment's proxy {proxy}; `--proxy none` goes without");
    Ok(proxies.into_iter().map(note).collect())
}

/// Whether the script has the secrets that the command line sets. Later runs of the top level read none.
fn check_secrets(outside: &Outside) -> Result<(), Box<Diagnostic>> {
    let Some((name, near)) = outside.secrets.complete().into_iter().next() else { return Ok(()) };
    let refused =
        Diagnostic::new(Code::Usage, format!("`--secret {name}`: the script asks for no such secret"));
    Err(Box::new(refused.hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it does so with `const {} = secret(\"{name}\");`", name.to_uppercase()),
    })))
}

/// Whether the script has the parameters that a user sets. The command line is written for it alone, an
/// environment is not: there a variable too many is a note.
fn check_params(outside: &Outside, declared: &[Param]) -> Result<Vec<String>, Box<Diagnostic>> {
    let given = &outside.params;
    for name in given.command_line.keys() {
        if declared.iter().all(|param| param.name != *name) {
            let (message, hint) = unknown_param(name, declared);
            return Err(Box::new(
                Diagnostic::new(Code::Usage, format!("`--param {name}`: {message}")).hint(hint),
            ));
        }
    }
    let is_unused =
        |variable: &&String| declared.iter().all(|param| Param::variable(&param.name) != **variable);
    let note = |variable: &String| {
        let variables: Vec<String> = declared.iter().map(|param| Param::variable(&param.name)).collect();
        let known: Vec<&str> = variables.iter().map(String::as_str).collect();
        let near = near(variable, &known).map_or_else(String::new, |near| format!(": {near}"));
        format!("`{variable}` sets no parameter of the script{near}")
    };
    Ok(given.environment.keys().filter(is_unused).map(note).collect())
}

/// What is wrong with a parameter that the script doesn't have, and what to do.
pub(super) fn unknown_param(name: &str, declared: &[Param]) -> (String, String) {
    let names: Vec<&str> = declared.iter().map(|param| param.name.as_str()).collect();
    let list = format!("the script has `{}`", names.join("`, `"));
    let hint = match near(name, &names) {
        _ if names.is_empty() => {
            format!("it declares none: write `const {} = param(\"{name}\", …);`", name.to_uppercase())
        }
        Some(near) => format!("{near} {list}"),
        None => list,
    };
    (format!("the script has no parameter `{name}`"), hint)
}
