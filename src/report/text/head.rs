//! Whose summary it is: the script, where it went, what it played.

use std::time::Duration;

use super::super::headline::{self, duration};
use super::super::paint::clean;
use super::Page;

impl Page<'_> {
    pub(super) fn head(&mut self) {
        let summary = self.summary;
        if let Some(warning) = headline::warning(summary, self.style) {
            self.lines.extend([warning, String::new()]);
        }
        let name = self.style.heading(&clean(&summary.script_name));
        let url = summary.base_url.as_deref().map(|url| format!(" · {}", clean(url))).unwrap_or_default();
        self.lines.push(format!("  {name}{url}"));
        let scenarios = match summary.scenarios.as_slice() {
            [only] => format!("{}: {}", only.name, only.demand),
            several => format!("{} scenarios", several.len()),
        };
        let took = if summary.elapsed.is_zero() {
            "no load".to_owned()
        } else {
            let paused = match summary.paused {
                Duration::ZERO => String::new(),
                paused => format!(", {} of it paused", duration(paused)),
            };
            let warm_up = summary.warm_up.as_ref().map(|warm_up| duration(warm_up.elapsed));
            let left_out = warm_up.map(|length| format!(", {length} of it warm-up")).unwrap_or_default();
            format!("took {}{paused}{left_out}", duration(summary.elapsed))
        };
        self.lines.push(format!("  {scenarios} · {took} · seed {}", summary.seed));
    }
}
