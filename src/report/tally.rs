//! Several scripts in one line: how many of how many passed.

use super::Style;
use super::paint::clean;

/// What became of one of several scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It passed.
    Passed,
    /// It did not, or could not be played.
    Failed,
    /// Its figures are the generator's rather than the service's.
    Inconclusive,
    /// The user stopped it; until then nothing was wrong.
    Stopped,
    /// The user stopped the run before its turn came.
    NotPlayed,
}

/// `✓ passed: 2 of 2 scripts`, or which did not; without a newline. It never says `passed:` unless all did.
pub fn tally(scripts: &[(String, Ending)], style: Style) -> String {
    let of = |ending: Ending| scripts.iter().filter(move |(_, its)| *its == ending);
    let (passed, all) = (of(Ending::Passed).count(), scripts.len());
    if passed == all {
        return format!("{} {passed} of {all} scripts", style.good("✓ passed:"));
    }
    let others = [
        (Ending::Failed, "failed"),
        (Ending::Inconclusive, "inconclusive"),
        (Ending::Stopped, "stopped by the user"),
        (Ending::NotPlayed, "not played"),
    ];
    let named = others.into_iter().filter_map(|(ending, words)| {
        let names: Vec<String> = of(ending).map(|(name, _)| clean(name)).collect();
        (!names.is_empty()).then(|| format!("{words}: {}", names.join(", ")))
    });
    let named: Vec<String> = named.collect();
    let head = if of(Ending::Failed).next().is_some() {
        style.bad("✗ failed:")
    } else if of(Ending::Stopped).next().is_none() {
        style.bad("✗ inconclusive:")
    } else {
        style.note("✗ stopped by the user:")
    };
    format!("{head} {passed} of {all} scripts passed; {}", named.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(endings: &[Ending]) -> String {
        let scripts: Vec<(String, Ending)> =
            endings.iter().zip(["a.rhai", "b.rhai", "c.rhai"]).map(|(e, name)| (name.into(), *e)).collect();
        tally(&scripts, Style { colour: false, width: 100 })
    }

    #[test]
    fn it_says_how_many_passed_and_which_did_not() {
        use Ending::{Failed, Inconclusive, NotPlayed, Passed, Stopped};
        assert_eq!(told(&[Passed, Passed]), "✓ passed: 2 of 2 scripts");
        assert_eq!(
            told(&[Passed, Failed, Failed]),
            "✗ failed: 1 of 3 scripts passed; failed: b.rhai, c.rhai"
        );
        assert_eq!(
            told(&[Passed, Inconclusive, Passed]),
            "✗ inconclusive: 2 of 3 scripts passed; inconclusive: b.rhai"
        );
        assert_eq!(
            told(&[Inconclusive, Failed, Passed]),
            "✗ failed: 1 of 3 scripts passed; failed: b.rhai; inconclusive: a.rhai"
        );
        assert_eq!(
            told(&[Passed, Stopped, NotPlayed]),
            "✗ stopped by the user: 1 of 3 scripts passed; stopped by the user: b.rhai; not played: c.rhai"
        );
    }
}
