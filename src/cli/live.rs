//! What a person sees while runs go on: the live view where standard error is a terminal, one line on a terminal that can do no
//! more, and nothing where nobody looks or quiet is wanted.

use rustix::process::{Signal, getpid, kill_process};

use super::progress::Progress;
use super::terminal::{self, Terminal};
use crate::diagnostic::Diagnostic;
use crate::engine::{NewEpoch, NewFailures, Observer, Tick};
use crate::output::{Act, Look, Spectator, View};
use crate::script::LogLine;

/// What is shown of runs at the same time; while it lives, that stays up.
#[derive(Debug)]
pub(super) struct Live {
    view: Option<View>,
}

/// The observer of one of them.
#[derive(Debug)]
pub(super) struct Watcher {
    line: Progress,
    view: Option<Spectator>,
}

impl Live {
    /// Shows runs, and gives an observer for each, in their order.
    pub(super) fn of(acts: Vec<Act>, quiet: bool, terminal: &Terminal) -> (Self, Vec<Watcher>) {
        let names: Vec<String> = acts.iter().map(|act| act.name.clone()).collect();
        let is_wanted = !quiet && terminal::is_watched() && !terminal::is_dumb();
        let opened = if is_wanted { View::open(acts, look(terminal)).ok() } else { None };
        let (view, spectators) = opened.unzip();
        if let Some(view) = &view {
            terminal.speak_above(view.voice());
        }
        let lines = Progress::of(&names, quiet || view.is_some(), terminal);
        let mut spectators = spectators.into_iter().flatten();
        let watchers = lines.into_iter().map(|line| Watcher { line, view: spectators.next() }).collect();
        (Self { view }, watchers)
    }

    /// Whether the view is up.
    pub(super) fn is_view(&self) -> bool {
        self.view.is_some()
    }

    /// Takes it away, so that something else can be printed.
    pub(super) fn end<'a>(self, watchers: impl IntoIterator<Item = &'a Watcher>) {
        drop(self.view);
        for watcher in watchers {
            watcher.line.clear();
        }
    }
}

fn look(terminal: &Terminal) -> Look {
    Look {
        mask: terminal.mask().clone(),
        colour: terminal::stderr_has_colour(),
        // As Ctrl-C: whoever hears that does what is to be done.
        stop: Box::new(|| _ = kill_process(getpid(), Signal::INT)),
    }
}

impl Observer for Watcher {
    fn tick(&mut self, tick: &Tick<'_>) {
        match &mut self.view {
            Some(view) => view.tick(tick),
            None => self.line.tick(tick),
        }
    }

    fn log(&mut self, line: &LogLine) {
        self.line.log(line);
    }

    fn load_begins(&mut self) {
        self.view.iter_mut().for_each(Observer::load_begins);
    }

    fn load_ends(&mut self) {
        self.view.iter_mut().for_each(Observer::load_ends);
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.view.iter_mut().for_each(|view| view.epoch(new));
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.view.iter_mut().for_each(|view| view.refused(diagnostic));
    }

    fn failing(&mut self, new: &NewFailures) {
        self.view.iter_mut().for_each(|view| view.failing(new));
    }
}
