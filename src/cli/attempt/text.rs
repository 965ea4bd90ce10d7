//! The trace for people: the script's own lines, and beneath each what it did.
//!
//! ```text
//! ▶ flow `price` of scenario `hello`
//!  9 | let r = http::get("/price");
//!    | GET http://127.0.0.1:8000/price → 200 OK in 2.1ms
//!    | …
//!    | r = response 200 OK, 12 B
//! ```

use std::fmt::Write as _;
use std::sync::Arc;

use anstyle::AnsiColor;
use unicode_width::UnicodeWidthChar;

use super::Trace;
use super::body::Excerpt;
use crate::diagnostic::{Mask, clean, render_masked};
use crate::metrics::Phases;
use crate::plan::{Plan, without_login};
use crate::report::Style;
use crate::script::{Event, Message, Place, RequestSeen, Told};
use crate::session::{Act, ActPart, Ended, Tally};
use crate::units::{format_count, format_latency_us, format_size};

/// Columns of a line's number.
const NUMBER: usize = 4;

/// Columns of a level of groups.
const INDENT: usize = 2;

/// A line has at least so many columns, however narrow the terminal.
const COLUMNS_MIN: usize = 60;

/// Failed checks that the last line names.
const NAMED_MAX: usize = 3;

/// The trace in lines.
pub(super) struct Text {
    script: String,
    on_demo: bool,
    full: bool,
    style: Style,
    mask: Mask,
    /// The line of the script that was shown last.
    shown: Option<(Arc<str>, u32)>,
    /// How deep in groups that is.
    level: usize,
    /// Names of checks that did not hold, each once.
    checks_failed: Vec<String>,
    /// The same of requests.
    requests_failed: Vec<String>,
}

impl Text {
    pub(super) fn new(script: &str, on_demo: bool, full: bool, style: Style, mask: Mask) -> Self {
        Self {
            script: script.to_owned(),
            on_demo,
            full,
            style,
            mask,
            shown: None,
            level: 0,
            checks_failed: Vec::new(),
            requests_failed: Vec::new(),
        }
    }

    fn paint(&self, style: anstyle::Style, text: &str) -> String {
        if self.style.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.paint(anstyle::Style::new().bold(), text)
    }

    fn faint(&self, text: &str) -> String {
        self.paint(anstyle::Style::new().dimmed(), text)
    }

    fn good(&self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    fn bad(&self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    fn mark(&self, holds: bool) -> String {
        if holds { self.good("✓") } else { self.bad("✗") }
    }

    fn gutter(&self, number: &str) -> String {
        self.paint(AnsiColor::Blue.on_default().bold(), &format!("{number:>NUMBER$} |"))
    }

    /// Somebody else's text as a line: without secrets, safe to print.
    fn safe(&self, text: &str) -> String {
        clean(&self.mask.mask(text)).replace('\n', " ")
    }

    fn columns(&self) -> usize {
        self.style.width.max(COLUMNS_MIN).saturating_sub(NUMBER + 3 + self.level * INDENT)
    }

    /// A text that is safe as a line's rest, cut unless all is to be shown.
    fn cut(&self, text: &str) -> String {
        if self.full { text.to_owned() } else { cut(text, self.columns()) }
    }

    /// A line beneath the script's.
    fn line(&self, out: &mut String, text: &str) {
        let indent = " ".repeat(self.level * INDENT);
        let line = format!("{} {indent}{text}", self.gutter(""));
        out.push_str(line.trim_end());
        out.push('\n');
    }

    /// The line of the script at which something happened, unless it was shown last.
    fn go_to(&mut self, out: &mut String, place: &Place) {
        let here = (Arc::clone(&place.file), place.line);
        self.level = place.groups;
        if self.shown.as_ref() == Some(&here) {
            return;
        }
        let is_elsewhere = match &self.shown {
            Some((file, _)) => *file != place.file,
            None => *place.file != *self.script,
        };
        if is_elsewhere {
            let arrow = self.paint(AnsiColor::Blue.on_default().bold(), "  -->");
            let _ = writeln!(out, "{arrow} {}", self.safe(&place.file));
        }
        let text = self.cut(&self.safe(&place.text));
        let indent = " ".repeat(self.level * INDENT);
        let line = format!("{} {indent}{}", self.gutter(&place.line.to_string()), self.bold(&text));
        out.push_str(&line);
        out.push('\n');
        self.shown = Some(here);
    }

    fn request(&mut self, out: &mut String, seen: &RequestSeen) {
        let took = format_latency_us(seen.total_ns as f64 / 1e3);
        let outcome = match &seen.answer {
            Ok(answer) => format!("{} {}", answer.status, answer.reason).trim().to_owned(),
            Err(_) => "no answer".to_owned(),
        };
        let outcome = self.safe(&outcome);
        let outcome = if seen.is_expected { self.good(&outcome) } else { self.bad(&outcome) };
        let title = self.safe(&format!("{} {}", seen.method, seen.url));
        self.line(out, &format!("{} {title} → {outcome} in {took}", self.mark(seen.is_expected)));
        self.head(out, '>', &seen.head);
        self.body(out, '>', &seen.body, seen.body_bytes);
        match &seen.answer {
            Ok(answer) => {
                self.head(out, '<', &answer.head);
                self.body(out, '<', &answer.body, answer.body.len() as u64);
            }
            Err(why) => self.line(out, &self.bad(&self.cut(&format!("< no answer: {}", self.safe(why))))),
        }
        self.line(out, &self.faint(&self.cut(&self.safe(&format!("= {}", spent(&seen.phases))))));
        self.line(out, &self.faint(&self.cut(&self.safe(&format!("= {}", carried(seen))))));
        if !seen.is_expected {
            let why = seen.error.as_deref().unwrap_or("its status is not expected");
            let why = self.cut(&self.safe(&format!("failed: {why} (error {})", seen.error_code)));
            self.line(out, &format!("{} {}", self.mark(false), self.bad(&why)));
            let name = self.safe(&format!("{} {}", seen.method, seen.name));
            if !self.requests_failed.contains(&name) {
                self.requests_failed.push(name);
            }
        }
    }

    fn head(&self, out: &mut String, mark: char, head: &str) {
        for line in head.trim_end().lines() {
            let line = self.cut(&format!("{mark} {}", self.safe(line)));
            self.line(out, &self.faint(&line));
        }
    }

    fn body(&self, out: &mut String, mark: char, body: &[u8], bytes: u64) {
        if bytes == 0 {
            return;
        }
        let size = |bytes: usize| format_size(bytes as f64);
        if body.is_empty() {
            return self.line(out, &format!("{mark} ({} from a file)", format_size(bytes as f64)));
        }
        let excerpt = Excerpt::of(body, self.full, &self.mask);
        self.line(out, &self.faint(&mark.to_string()));
        if excerpt.text.is_none() {
            return self.line(out, &format!("{mark} ({} that are no text)", size(excerpt.bytes)));
        }
        for line in excerpt.lines(self.columns().saturating_sub(2)) {
            self.line(out, &self.cut(&format!("{mark} {}", clean(&line))));
        }
        if excerpt.rest > 0 {
            let rest = format!("{mark} … {} more: `--full` shows all", size(excerpt.rest));
            self.line(out, &self.faint(&rest));
        }
    }

    fn message(&self, out: &mut String, message: &Message) {
        let mark = if message.is_sent { '>' } else { '<' };
        let kind = self.safe(&message.kind);
        let excerpt = Excerpt::of(&message.body, self.full, &self.mask);
        let Some(text) = &excerpt.text else {
            let size = format_size(excerpt.bytes as f64);
            return self.line(out, &format!("{mark} {kind}: ({size} that are no text)"));
        };
        // A line each: a stream has many.
        let rest = if excerpt.rest > 0 { "…" } else { "" };
        let text = format!("{}{rest}", clean(text.trim()).replace('\n', " "));
        self.line(out, &self.cut(&format!("{mark} {kind}: {text}")));
    }

    /// ``flow `price` of scenario `hello` ``
    fn title(&self, act: &Act) -> String {
        let name = if act.part.name() == act.function || act.part != ActPart::Flow {
            act.part.name().to_owned()
        } else {
            format!("flow `{}`", act.function)
        };
        let of =
            if act.scenario.is_empty() { String::new() } else { format!(" of scenario `{}`", act.scenario) };
        self.safe(&format!("{name}{of}"))
    }
}

impl Trace for Text {
    fn open(&mut self, plan: &Plan) -> String {
        let on =
            plan.base_url.as_deref().map_or_else(String::new, |url| format!(" on {}", without_login(url)));
        let demo = if self.on_demo { ", the embedded demo" } else { "" };
        format!("{}{demo}\n", self.safe(&format!("{}{on}", self.script)))
    }

    fn begin(&mut self, act: &Act) -> String {
        (self.shown, self.level) = (None, 0);
        let share = act.weight.map_or_else(String::new, |(weight, total)| {
            let (weight, total) = (format_count(weight), format_count(total));
            self.faint(&format!(", {weight} of {total} iterations"))
        });
        format!("\n{} {}{share}\n", self.bold("▶"), self.bold(&self.title(act)))
    }

    fn tell(&mut self, _: &Act, told: &Told) -> String {
        let mut out = String::new();
        // What a module keeps that came with the binary is its own affair.
        let is_std = told.place.as_ref().is_some_and(|place| place.file.starts_with("std/"));
        if is_std && matches!(told.event, Event::Variable { .. }) && !self.full {
            return out;
        }
        match (&told.place, &told.event) {
            // What is within it was shown last.
            (Some(place), Event::GroupEnds { .. }) => self.level = place.groups,
            (Some(place), _) => self.go_to(&mut out, place),
            (None, _) => {}
        }
        match &told.event {
            Event::Request(seen) => self.request(&mut out, seen),
            Event::Check(verdict) => {
                let name = self.safe(&verdict.name);
                let text = if verdict.holds { name.clone() } else { self.bad(&name) };
                self.line(&mut out, &format!("{} {text}", self.mark(verdict.holds)));
                if !verdict.holds && !self.checks_failed.contains(&name) {
                    self.checks_failed.push(name);
                }
            }
            Event::Sample { metric, kind, value } => {
                self.line(&mut out, &self.safe(&format!("+ {kind} {metric}: {value}")));
            }
            Event::Log(line) => {
                for text in clean(&self.mask.mask(&line.text)).lines() {
                    let name = self.paint(AnsiColor::Yellow.on_default(), &format!("{}:", line.level.name()));
                    self.line(&mut out, &format!("{name} {text}"));
                }
            }
            Event::Variable { name, value } => {
                let (name, value) = (self.safe(name), self.safe(value));
                let room = self.columns().saturating_sub(name.chars().count() + 3);
                let value = if self.full { value } else { cut(&value, room) };
                let name = self.paint(AnsiColor::Cyan.on_default(), &name);
                self.line(&mut out, &format!("{name} = {value}"));
            }
            Event::GroupBegins { name } => {
                self.line(&mut out, &format!("group `{}`", self.safe(name)));
            }
            Event::GroupEnds { name, took_ns } => {
                let took = format_latency_us(*took_ns as f64 / 1e3);
                self.line(&mut out, &self.faint(&format!("= group `{}` took {took}", self.safe(name))));
            }
            Event::Slept { ns } => {
                let took = format_latency_us(*ns as f64 / 1e3);
                self.line(&mut out, &self.faint(&format!("= slept {took}")));
            }
            Event::Message(message) => self.message(&mut out, message),
            Event::Call(question) => {
                let call = format!("{}({})", question.function, question.arguments.join(", "));
                let call = self.cut(&self.safe(&format!("? {call}")));
                self.line(&mut out, &self.paint(AnsiColor::Yellow.on_default(), &call));
            }
        }
        out
    }

    fn end(&mut self, act: &Act, ended: &Ended) -> String {
        let mut out = String::new();
        if let Some(gives) = &ended.gives {
            let _ = writeln!(out, "  gives {}", self.cut(&self.safe(gives)));
        }
        if ended.untold > 0 {
            let changes = format_count(ended.untold);
            let text = format!("  {changes} further changes of variables, in loops, are not shown");
            let _ = writeln!(out, "{}", self.faint(&text));
        }
        let took = format_latency_us(ended.took_ns as f64 / 1e3);
        let title = self.title(act);
        match &ended.failure {
            None => {
                let _ = writeln!(out, "{} {title}: {took}", self.mark(true));
            }
            Some(failure) => {
                let width = self.style.width.max(COLUMNS_MIN);
                out.push_str(&render_masked(failure, &self.mask, self.style.colour, width));
                let _ = writeln!(out, "{} {title}: failed after {took}", self.mark(false));
            }
        }
        out
    }

    fn close(&mut self, tally: &Tally) -> String {
        let took = format_latency_us(tally.took_ns as f64 / 1e3);
        let codes = tally.codes();
        if codes.is_empty() {
            let text = format!(
                "passed: {}, {} in {took}",
                counted(tally.requests, "request"),
                counted(tally.checks, "check")
            );
            return format!("\n{} {}\n", self.mark(true), self.good(&text));
        }
        let mut what = Vec::new();
        if tally.calls_failed > 0 {
            what.push(format!("{} of {}", tally.calls_failed, counted(tally.calls, "call")));
        }
        if tally.requests_failed > 0 {
            let names = named(&self.requests_failed);
            what.push(format!("{} of {}{names}", tally.requests_failed, counted(tally.requests, "request")));
        }
        if tally.checks_failed > 0 {
            let names = named(&self.checks_failed);
            what.push(format!("{} of {}{names}", tally.checks_failed, counted(tally.checks, "check")));
        }
        format!("\n{} {}\n", self.mark(false), self.bad(&format!("failed: {} in {took}", what.join(", "))))
    }
}

/// `3 requests`
fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(count), if count == 1 { "" } else { "s" })
}

/// ` (`has a price`, `status is 200`)`
fn named(names: &[String]) -> String {
    let more = if names.len() > NAMED_MAX { ", …" } else { "" };
    let names: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    format!(" ({}{more})", names.join(", "))
}

/// Where the time went: phases that took none are left out.
fn spent(phases: &Phases) -> String {
    let all = [
        ("waiting for a connection", phases.blocked_ns),
        ("resolving", phases.dns_ns),
        ("connecting", phases.connecting_ns),
        ("TLS", phases.tls_ns),
        ("sending", phases.sending_ns),
        ("waiting", phases.waiting_ns),
        ("receiving", phases.receiving_ns),
    ];
    let spent = all.iter().filter(|(_, ns)| *ns > 0);
    let spent: Vec<String> =
        spent.map(|(phase, ns)| format!("{phase} {}", format_latency_us(*ns as f64 / 1e3))).collect();
    if spent.is_empty() { "no time was spent".to_owned() } else { spent.join(" · ") }
}

/// What went over which connection.
fn carried(seen: &RequestSeen) -> String {
    let mut facts = vec![
        format!("{} sent", format_size(seen.bytes_sent as f64)),
        format!("{} received", format_size(seen.bytes_received as f64)),
    ];
    if let Ok(answer) = &seen.answer {
        facts.push(answer.protocol.to_owned());
    }
    facts.extend(seen.tls_version.map(str::to_owned));
    facts.push(match (seen.retried, seen.reused) {
        (true, _) => "a second try".to_owned(),
        (false, true) => "an open connection".to_owned(),
        (false, false) => "a new connection".to_owned(),
    });
    if let Ok(answer) = &seen.answer
        && answer.cache != "unknown"
    {
        facts.push(format!("cache {}", answer.cache));
    }
    facts.join(" · ")
}

/// Cuts a text to a width, and shows that it did.
fn cut(text: &str, width: usize) -> String {
    let columns: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    if columns <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let takes = c.width().unwrap_or(0);
        let is_in = takes <= room;
        room = room.saturating_sub(takes);
        is_in
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
