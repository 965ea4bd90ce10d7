//! `runner try`: one iteration of a script, told from request to variable.
//!
//! The trace is data, on standard output; prompts of `--step` and notes go to standard error. It ends by 0 where every
//! request was answered as expected and every check holds, by 99 where not, and as a run does for what the script threw
//! (107), aborted (108) or was stopped in (105).

mod body;
mod json;
mod prompt;
mod text;

use std::io::IsTerminal;
use std::path::PathBuf;

use tokio::sync::oneshot;

use self::json::Json;
use self::prompt::ask;
use self::text::Text;
use super::CliError;
use super::run::style;
use super::script::{LoadArguments, OutsideArguments, Script};
use super::signals::Halt;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Control;
use crate::plan::Plan;
use crate::script::{DEMO_URL, Permit, Told};
use crate::session::{Act, AttemptSettings, Audience, Ended, Tally, attempt};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Arguments {
    /// The script; `-` reads standard input
    script: PathBuf,
    /// Play this scenario alone, or this function of the script
    flow: Option<String>,
    /// Wait before each call of the host: Enter goes to the next, `c` goes on, `q` ends
    #[arg(long)]
    step: bool,
    /// Print a JSON object for each thing that happens, a line each
    #[arg(long)]
    json: bool,
    /// Show bodies and long lines whole
    #[arg(long)]
    full: bool,
    /// Begin without looking whether the hosts are there
    #[arg(long)]
    no_preflight: bool,
    #[command(flatten)]
    outside: OutsideArguments,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    if arguments.step && !std::io::stdin().is_terminal() {
        return Err(Diagnostic::new(
            Code::Usage,
            "`--step` waits for keys, and standard input is no terminal",
        )
        .hint("run it in a terminal, or leave `--step` out: what happens is told all the same")
        .into());
    }
    let config = arguments.outside.config()?;
    let Script { source, outside, declared } =
        arguments.outside.declare(&arguments.script, &config, &arguments.load, terminal)?;
    if arguments.load.is_sized() {
        terminal.note(format_args!(
            "one iteration is played: users, durations, iterations and stages change nothing of it"
        ));
    }
    let control = Control::default();
    let _halt = Halt::watch(vec![control.clone()], terminal)?;
    let name = source.name.clone();
    let on_demo = declared.plan.base_url.as_deref() == Some(DEMO_URL);
    let settings = AttemptSettings {
        outside,
        source,
        preflight: !(arguments.no_preflight || config.is_on("no_preflight")),
        flow: arguments.flow.clone(),
        steps: arguments.step,
    };
    let mut shown = Shown {
        trace: if arguments.json {
            Box::new(Json::new(&name, arguments.full, terminal.mask().clone()))
        } else {
            Box::new(Text::new(&name, on_demo, arguments.full, style(), terminal.mask().clone()))
        },
        terminal,
        failure: None,
    };
    let tally = attempt(declared, settings, &control, &mut shown)?;
    let closing = shown.trace.close(&tally);
    shown.print(closing);
    if let Some(failure) = shown.failure {
        return Err(failure);
    }
    for error in &tally.errors {
        terminal.print_diagnostic(error);
    }
    let codes = tally.codes();
    if codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(codes)) }
}

/// A way to put what happens into writing. Each gives what is to be printed; secrets and what could steer a terminal are
/// out of it.
trait Trace {
    /// All is ready.
    fn open(&mut self, plan: &Plan) -> String;
    /// A function is about to be called.
    fn begin(&mut self, act: &Act) -> String;
    /// Something happened in it.
    fn tell(&mut self, act: &Act, told: &Told) -> String;
    /// It is over.
    fn end(&mut self, act: &Act, ended: &Ended) -> String;
    /// All is over.
    fn close(&mut self, tally: &Tally) -> String;
}

/// Prints the trace as it comes.
struct Shown<'a> {
    trace: Box<dyn Trace>,
    terminal: &'a Terminal,
    /// The first that could not be printed: what is left of the script is played all the same.
    failure: Option<CliError>,
}

impl Shown<'_> {
    fn print(&mut self, text: String) {
        if let Err(error) = Terminal::print_masked(&text) {
            self.failure.get_or_insert(error);
        }
    }
}

impl Audience for Shown<'_> {
    fn open(&mut self, plan: &Plan) {
        let text = self.trace.open(plan);
        self.print(text);
    }

    fn begin(&mut self, act: &Act) {
        let text = self.trace.begin(act);
        self.print(text);
    }

    fn tell(&mut self, act: &Act, told: &Told) {
        let text = self.trace.tell(act, told);
        self.print(text);
    }

    fn end(&mut self, act: &Act, ended: &Ended) {
        let text = self.trace.end(act, ended);
        self.print(text);
    }

    fn ask(&mut self, _: &Told) -> oneshot::Receiver<Permit> {
        ask(self.terminal)
    }
}
