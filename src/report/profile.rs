//! A profile as a table: which functions took the processor's time, and where scripts computed and waited.

use crate::profile::{Folded, Profile, ProfileError, Samples};
use crate::units::{format_count, format_duration, format_latency_us, format_percent};

use super::Style;
use super::paint::{clean, columns, cut, right};

/// Rows of a table.
const ROWS_MAX: usize = 15;

/// Rows of a table of a script, which is short.
const SCRIPT_ROWS_MAX: usize = 10;

/// A stack is known to its end in at least this share of samples, or something is said.
const ROOTED_MIN: f64 = 0.99;

/// Before a name: two shares and what lies between.
const SHARE_COLUMNS: usize = 8;

/// Lays a profile out; `files` are what it was written to, in `folder`. The text ends in a newline.
pub fn profile(profile: &Profile, folder: &str, files: &[&str], style: &Style) -> String {
    let mut page = Page { style: *style, lines: Vec::new() };
    page.lines.push(format!("  {}", style.heading("PROFILE")));
    match &profile.native {
        Some(Ok(samples)) => page.native(samples),
        Some(Err(error)) => page.note(&format!("no native profile: {}", reason(error))),
        None => {}
    }
    if let Some(computing) = &profile.computing {
        let unit = if computing.total() == 1 { "sample" } else { "samples" };
        let total = format!("{} {unit}", format_count(computing.total()));
        page.table("script: where it computes", &total, computing, false, SCRIPT_ROWS_MAX);
    }
    if let Some(waiting) = &profile.waiting {
        let total = format!("{} of all users", format_latency_us(waiting.total() as f64));
        page.table("script: where it waits", &total, waiting, false, SCRIPT_ROWS_MAX);
    }
    page.lines.extend([String::new(), format!("    in {}: {}", clean(folder), files.join(" "))]);
    page.lines.join("\n") + "\n"
}

fn reason(error: &ProfileError) -> String {
    clean(&error.to_string())
}

struct Page {
    style: Style,
    lines: Vec<String>,
}

impl Page {
    fn note(&mut self, text: &str) {
        self.lines.push(format!("    {} {text}", self.style.note("note:")));
    }

    fn native(&mut self, samples: &Samples) {
        let count = samples.count();
        let cpu = format_latency_us(samples.cpu.as_micros() as f64);
        if count == 0 {
            let every = format_duration(std::time::Duration::from_millis(4));
            self.note(&format!(
                "no samples: the load used {cpu} of processor time, and one is taken every {every} of it; let it run longer"
            ));
            return;
        }
        let rooted = samples.rooted() as f64 / count as f64;
        self.lines.push(format!(
            "    {} samples of {cpu} of processor time ({} a second asked for) · {} reach their thread's root · {} lost",
            format_count(count),
            samples.hertz,
            format_percent(rooted),
            format_count(samples.lost),
        ));
        if rooted < ROOTED_MIN {
            self.note(
                "many stacks are cut short: a build has frame pointers if it was made in the project's folder, whose `.cargo/config.toml` asks for them",
            );
        }
        if samples.elsewhere > 0 {
            let elsewhere = format_count(samples.elsewhere);
            self.note(&format!("{elsewhere} more fell on threads that are not looked into"));
        }
        let folded = samples.folded();
        let mut threads: Vec<(&str, u64)> = folded.groups().into_iter().collect();
        threads.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let share = |taken: u64| format_percent(taken as f64 / count as f64);
        let threads: Vec<String> =
            threads.iter().map(|(name, taken)| format!("{} {}", clean(name), share(*taken))).collect();
        self.lines.push(format!("    threads: {}", threads.join(" · ")));
        self.table("function", "of all samples", &folded, true, ROWS_MAX);
    }

    fn table(&mut self, title: &str, total: &str, stacks: &Folded, is_grouped: bool, rows_max: usize) {
        let sum = stacks.total();
        if sum == 0 {
            self.lines.extend([String::new(), format!("    {title}: nothing")]);
            return;
        }
        let top = stacks.top(is_grouped);
        let head = format!(
            "    {}{}  {title}, {total}",
            right("own", SHARE_COLUMNS),
            right("all", SHARE_COLUMNS + 1)
        );
        self.lines.extend([String::new(), self.style.faint(&head)]);
        let shown: Vec<_> = top.iter().filter(|row| row.own > 0).take(rows_max).collect();
        let share = |taken: u64| right(&format_percent(taken as f64 / sum as f64), SHARE_COLUMNS);
        for row in shown {
            let start = format!("    {} {}  ", share(row.own), share(row.total));
            let room = self.style.width.saturating_sub(columns(&start)).max(40);
            self.lines.push(format!("{start}{}", cut(&clean(&row.name), room)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Frame, Stack};
    use std::time::Duration;

    const PLAIN: Style = Style { colour: false, width: 100 };

    fn samples() -> Samples {
        let frame = |name: &str| Frame { function: name.to_owned(), file: None };
        let frames =
            ["std::sys::thread::unix::Thread::new::thread_start", "runner::run", "rhai::eval", "recv"];
        let stack = |thread: &str, frames: &[usize], count| Stack {
            thread: thread.to_owned(),
            frames: frames.to_vec(),
            count,
        };
        Samples {
            frames: frames.map(frame).to_vec(),
            stacks: vec![
                stack("worker 0", &[0, 1, 2], 900),
                stack("worker 0", &[0, 1], 97),
                stack("null-server", &[0, 3], 200),
                stack("null-server", &[3], 3),
            ],
            hertz: 249,
            cpu: Duration::from_millis(4_820),
            lost: 2,
            elsewhere: 0,
        }
    }

    #[test]
    fn a_whole_profile() {
        let computing = "flow (a.rhai:3);http::get 30\nflow (a.rhai:4);check 10\n".parse().ok();
        let waiting = "flow (a.rhai:3);http::get 4000000\n".parse().ok();
        let whole = Profile { native: Some(Ok(samples())), computing, waiting };
        insta::assert_snapshot!(profile(&whole, ".runner/profile", &["native.svg", "native.folded"], &PLAIN));
    }

    #[test]
    fn what_is_missing_is_said() {
        let short = Samples { stacks: Vec::new(), cpu: Duration::from_micros(1_200), ..samples() };
        let whole = Profile { native: Some(Ok(short)), computing: Some(Folded::default()), waiting: None };
        let text = profile(&whole, "p", &[], &PLAIN);
        assert!(text.contains("note: no samples: the load used 1.20ms of processor time"), "{text}");
        assert!(text.contains("script: where it computes: nothing"), "{text}");
        let refused = ProfileError::Timer(std::io::Error::from_raw_os_error(1));
        let whole = Profile { native: Some(Err(refused)), ..Profile::default() };
        let text = profile(&whole, "p", &[], &PLAIN);
        assert!(
            text.contains("note: no native profile: the system refused a timer of processor time"),
            "{text}"
        );
        let mut cut = samples();
        cut.stacks[3].count = 100;
        cut.elsewhere = 7;
        let text = profile(&Profile { native: Some(Ok(cut)), ..Profile::default() }, "p", &[], &PLAIN);
        assert!(text.contains("note: many stacks are cut short"), "{text}");
        assert!(text.contains("note: 7 more fell on threads"), "{text}");
    }
}
