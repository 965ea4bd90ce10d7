//! Folded stacks: `outer;inner 12`, a line each, as Brendan Gregg's tools and speedscope read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::ProfileError;

/// Stacks, and how much of something was met in each: samples, or microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// By the names of the calls, the outermost first.
    stacks: BTreeMap<Vec<String>, u64>,
}

/// What a function took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its name.
    pub name: String,
    /// In itself.
    pub own: u64,
    /// With all that it called; a recursion counts once.
    pub total: u64,
}

impl Folded {
    /// Adds to a stack. Names lose what the format can't hold: `;` and ends of lines.
    pub fn add<'n>(&mut self, names: impl IntoIterator<Item = &'n str>, amount: u64) {
        let names: Vec<String> = names.into_iter().map(plain).collect();
        if amount > 0 && !names.is_empty() {
            *self.stacks.entry(names).or_default() += amount;
        }
    }

    /// Adds another's stacks.
    pub fn merge(&mut self, other: &Self) {
        for (names, amount) in &other.stacks {
            *self.stacks.entry(names.clone()).or_default() += amount;
        }
    }

    /// The sum of all.
    pub fn total(&self) -> u64 {
        self.stacks.values().sum()
    }

    /// The functions, those with most of their own first. The outermost name of each stack is left out when it
    /// is no function but what groups them.
    pub fn top(&self, is_grouped: bool) -> Vec<Own> {
        let mut found: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (names, amount) in &self.stacks {
            let functions = &names[usize::from(is_grouped)..];
            if let Some(leaf) = functions.last() {
                found.entry(leaf).or_default().0 += amount;
            }
            for name in functions.iter().collect::<BTreeSet<_>>() {
                found.entry(name).or_default().1 += amount;
            }
        }
        let mut top: Vec<Own> =
            found.into_iter().map(|(name, (own, total))| Own { name: name.to_owned(), own, total }).collect();
        // Stable, so that equals stay in the order of their names.
        top.sort_by_key(|own| std::cmp::Reverse((own.own, own.total)));
        top
    }

    /// By the outermost name: what each group took.
    pub fn groups(&self) -> BTreeMap<&str, u64> {
        let mut groups = BTreeMap::new();
        for (names, amount) in &self.stacks {
            *groups.entry(names[0].as_str()).or_default() += amount;
        }
        groups
    }
}

/// A name as the format can hold it.
fn plain(name: &str) -> String {
    name.trim().replace(';', ":").replace(char::is_control, " ")
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stacks.iter().try_for_each(|(names, amount)| writeln!(f, "{} {amount}", names.join(";")))
    }
}

impl FromStr for Folded {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let mut folded = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let failed = || ProfileError::Folded { line: index + 1 };
            let (names, amount) = line.trim_end().rsplit_once(' ').ok_or_else(failed)?;
            if names.trim().is_empty() {
                return Err(failed());
            }
            folded.add(names.split(';'), amount.parse().map_err(|_| failed())?);
        }
        Ok(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(text: &str) -> Folded {
        text.parse().unwrap()
    }

    #[test]
    fn own_and_total_are_told_apart_and_a_recursion_counts_once() {
        let stacks = folded("w;main;f 3\nw;main;f;g 5\nw;main;f;g;f 2\n");
        let own = |name: &str, own, total| Own { name: name.to_owned(), own, total };
        assert_eq!(stacks.top(true), [own("f", 5, 10), own("g", 5, 7), own("main", 0, 10)]);
        assert_eq!(stacks.top(false).last(), Some(&own("w", 0, 10)));
        assert_eq!(stacks.groups(), BTreeMap::from([("w", 10)]));
        assert_eq!(stacks.total(), 10);
    }

    #[test]
    fn what_is_no_stack_is_told_with_its_line() {
        for (text, at) in [("a 1\nb\n", 2), ("a x\n", 1), (" 3\n", 1), ("a -3", 1)] {
            let error = text.parse::<Folded>().unwrap_err();
            assert!(matches!(error, ProfileError::Folded { line } if line == at), "{text}: {error}");
        }
        assert_eq!(folded("\n\n"), Folded::default());
    }

    #[test]
    fn names_keep_to_the_format() {
        let mut stacks = Folded::default();
        stacks.add(["a;b\n", "closure (x.rhai:3)"], 2);
        stacks.add([], 2);
        assert_eq!(stacks.to_string(), "a:b;closure (x.rhai:3) 2\n");
    }

    fn stacks() -> impl Strategy<Value = Folded> {
        let names = proptest::collection::vec("[a-z;<> :()\\n]{1,6}[a-z]", 1..5);
        proptest::collection::vec((names, 0_u64..1_000), 0..20).prop_map(|list| {
            let mut folded = Folded::default();
            for (names, amount) in &list {
                folded.add(names.iter().map(String::as_str), *amount);
            }
            folded
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(stacks in stacks()) {
            prop_assert_eq!(folded(&stacks.to_string()), stacks);
        }

        #[test]
        fn merging_loses_nothing(one in stacks(), other in stacks()) {
            let mut both = one.clone();
            both.merge(&other);
            prop_assert_eq!(both.total(), one.total() + other.total());
            prop_assert_eq!(&both, &folded(&format!("{one}{other}")));
            let own: u64 = both.top(false).iter().map(|row| row.own).sum();
            prop_assert_eq!(own, both.total());
        }
    }
}
