//! The watching thread: waits for a save, reads the script anew, and hands it to the load.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::files::{Files, Waker, Woken};
use super::follower::{Follower, Standing};
use super::news::{News, Read};
use super::reader::{Draft, Reader, Reading, Text};
use crate::diagnostic::Diagnostic;
use crate::engine::{Control, Version};
use crate::plan::Plan;
use crate::script::{DEMO_URL, LogLine};

/// A script whose files are watched.
pub struct Watch {
    files: Files,
    reader: Reader,
    /// What was played last, and what was tried last: a save that changes nothing is no news.
    played: Option<Text>,
    tried: Tried,
    standing: Arc<Standing>,
}

/// What came of the last save.
enum Tried {
    /// It was handed to the load, or is what the load began with.
    Taken,
    /// It could not be played.
    Broken(Vec<Diagnostic>),
    /// It needs a restart.
    Barred(Text),
}

impl Watch {
    /// Of a script; its files are looked after from here on. With what to tell a user where the system tells no changes.
    pub fn new(how: Reading) -> (Self, Option<String>) {
        let ((files, note), reader) = (Files::new(), Reader::new(how));
        let mut watch = Self { files, reader, played: None, tried: Tried::Taken, standing: Arc::default() };
        watch.look_after();
        (watch, note)
    }

    /// What ends a wait from elsewhere.
    pub fn waker(&self) -> Waker {
        self.files.waker()
    }

    /// Reads the script for a load to come; what its top level logs goes to `log`.
    pub fn read(&mut self, log: impl Fn(LogLine) + 'static) -> Result<Draft, Vec<Diagnostic>> {
        self.files.stamp();
        let read = self.reader.read(log);
        self.look_after();
        self.tried = Tried::Taken;
        self.played = read.as_ref().ok().map(|draft| self.reader.text(draft));
        read
    }

    /// Blocks until the script was saved; false when somebody calls the waker.
    pub fn wait(&mut self) -> bool {
        matches!(self.files.wait(), Woken::Saved(..))
    }

    /// The observer of a load to come that is told of what [`Watch::follow`] hands to it.
    pub fn follower<T: FnMut(News)>(&self, tell: T) -> Follower<T> {
        Follower::new(Arc::clone(&self.standing), tell)
    }

    /// Hands each save to a load that has begun, until somebody calls the waker and it is over. `declared` is the plan
    /// as it was read, `plan` the same with its real addresses.
    pub fn follow(
        &mut self,
        control: &Control,
        (declared, plan): (&Plan, Plan),
        is_over: impl Fn() -> bool,
        tell: impl Fn(News) + Clone + 'static,
    ) {
        let demo = demo_of(declared, &plan);
        self.standing.begin(plan);
        let mut version = 1;
        while !is_over() {
            // A call may be an old one, which nobody waited for.
            let Woken::Saved(changed, first) = self.files.wait() else { continue };
            self.files.stamp();
            self.take(control, &mut version, (&changed, first), demo.as_deref(), &tell);
            self.look_after();
        }
    }

    /// Reads a save and hands it to the load.
    fn take(
        &mut self,
        control: &Control,
        version: &mut u64,
        (changed, first): (&BTreeSet<PathBuf>, Instant),
        demo: Option<&str>,
        tell: &(impl Fn(News) + Clone + 'static),
    ) {
        let log = tell.clone();
        let played = self.standing.played();
        let refit = |plan: &mut Plan| refit(plan, demo);
        let read = self.reader.read_over(&played, refit, changed, move |line| log(News::Log(line)));
        let (draft, over, has_new_data) = match read {
            Ok(read) => read,
            Err(diagnostics) => {
                // An editor that saves in two steps is told once.
                if !matches!(&self.tried, Tried::Broken(known) if *known == diagnostics) {
                    tell(News::Broken(diagnostics.clone()));
                    self.tried = Tried::Broken(diagnostics);
                }
                return;
            }
        };
        let text = self.reader.text(&draft);
        let is_played = self.played.as_ref() == Some(&text) && !has_new_data;
        match &self.tried {
            Tried::Taken if is_played => return,
            Tried::Barred(known) if *known == text && !has_new_data => return,
            _ if is_played => {
                self.tried = Tried::Taken;
                return tell(News::Mended);
            }
            _ => {}
        }
        if !over.barred.is_empty() {
            self.tried = Tried::Barred(text);
            return tell(News::Barred(over.barred));
        }
        let number = *version + 1;
        let Draft { source, outside, declared } = draft;
        let handed = Version { number, source, outside, declared: declared.declared, plan: over.plan };
        self.standing.hand_over(number, first);
        // A load that ends takes none; the next one begins with what the files say then.
        if control.reload(handed).is_ok() {
            *version = number;
            (self.played, self.tried) = (Some(text), Tried::Taken);
            let (applied, restart) = (over.applied, over.restart);
            tell(News::Read(Read { version: number, notes: declared.notes, applied, restart }));
        }
    }

    fn look_after(&mut self) {
        self.files.watch(self.reader.asked().iter().cloned());
    }
}

/// All addresses of a plan.
fn urls(plan: &Plan) -> impl Iterator<Item = Option<&String>> {
    plan.scenarios.iter().map(|scenario| scenario.base_url.as_ref()).chain([plan.base_url.as_ref()])
}

/// The address of the embedded demo, where a plan asks for it.
fn demo_of(declared: &Plan, real: &Plan) -> Option<String> {
    let mut pairs = urls(declared).zip(urls(real));
    pairs
        .find(|(declared, _)| declared.is_some_and(|url| url == DEMO_URL))
        .and_then(|(_, real)| real.cloned())
}

/// Gives a plan the address of the demo that runs, where it asks for one.
fn refit(plan: &mut Plan, demo: Option<&str>) -> Result<(), String> {
    let urls = plan.scenarios.iter_mut().filter_map(|scenario| scenario.base_url.as_mut());
    for url in urls.chain(plan.base_url.as_mut()).filter(|url| *url == DEMO_URL) {
        demo.ok_or("the embedded demo is asked for, and doesn't run yet")?.clone_into(url);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan { base_url: Some(url.to_owned()), ..Plan::default() }
    }

    #[test]
    fn the_demo_keeps_its_address_and_is_not_started_by_a_save() {
        let demo = demo_of(&plan(DEMO_URL), &plan("http://127.0.0.1:9"));
        assert_eq!(demo.as_deref(), Some("http://127.0.0.1:9"));
        let mut new = plan(DEMO_URL);
        refit(&mut new, demo.as_deref()).unwrap();
        assert_eq!(new, plan("http://127.0.0.1:9"));
        assert_eq!(demo_of(&plan("http://a"), &plan("http://a")), None);
        assert!(refit(&mut plan(DEMO_URL), None).unwrap_err().contains("doesn't run"));
        refit(&mut plan("http://b"), None).unwrap();
    }
}
