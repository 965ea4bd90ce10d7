//! The checks, group by group.

use crate::results::Check;
use crate::units::format_count;

use super::super::figure;
use super::super::paint::{clean, left, widest};
use super::{CELL_COLUMNS_MAX, Kin, Page};

impl Page<'_> {
    pub(super) fn checks(&mut self) -> Vec<String> {
        let mut lines = self.metrics(Kin::Checks);
        let checks = &self.summary.checks;
        let names: Vec<String> = checks.iter().map(|check| clean(&check.name)).collect();
        let width = widest(names.iter().map(String::as_str), CELL_COLUMNS_MAX);
        let mut group = "";
        for (check, name) in checks.iter().zip(&names) {
            if check.group != group {
                group = &check.group;
                lines.push(format!("    {}", clean(&group.replace("::", " :: "))));
            }
            lines.push(format!("    {}", self.check(check, &left(name, width))));
        }
        lines
    }

    fn check(&self, check: &Check, name: &str) -> String {
        let passes = format_count(check.passes);
        if check.fails == 0 {
            return format!("{} {name}  {passes}", self.style.mark(true));
        }
        let share = figure::percent(check.passes, check.total());
        let fails = format_count(check.fails);
        format!("{} {name}  {share}  ✓ {passes}  ✗ {fails}", self.style.mark(false))
    }
}
