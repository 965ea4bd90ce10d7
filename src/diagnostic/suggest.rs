//! "Did you mean": the names nearest to a word that is unknown.

/// How many names are suggested at most: more is a list to search, not a hint.
const SUGGESTIONS_MAX: usize = 3;
/// Words longer than this are not compared by edits, which takes time quadratic in their length.
const WORD_CHARACTERS_MAX: usize = 64;

/// The candidates near a word, best first, at most three; case, `_` and `-` do not matter.
///
/// Near is: few edits (a third of the word's length), or one contains the other.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = fold(word);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| distance(&wanted, &fold(candidate)).map(|distance| (distance, candidate)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(SUGGESTIONS_MAX);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Lower case, without what people get wrong between `startVUs`, `start_vus` and `start-vus`.
fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// How far a candidate is, or nothing when it is too far to be meant.
fn distance(word: &[char], candidate: &[char]) -> Option<usize> {
    if word.is_empty() || candidate.is_empty() || word.len().max(candidate.len()) > WORD_CHARACTERS_MAX {
        return None;
    }
    let edits = edits(word, candidate);
    if edits <= (word.len() / 3).max(1) && edits < word.len() {
        return Some(edits);
    }
    // A part of a name ranks behind every misspelling. Two letters are part of nearly anything.
    let (short, long) = if word.len() < candidate.len() { (word, candidate) } else { (candidate, word) };
    let position = long.windows(short.len()).position(|window| window == short)?;
    (short.len() >= 3).then(|| WORD_CHARACTERS_MAX + usize::from(position > 0) * WORD_CHARACTERS_MAX + edits)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (optimal string alignment).
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replace = above[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replace.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 7] =
        ["executor", "flow", "think", "start_time", "start_vus", "graceful_stop", "graceful_ramp_down"];

    #[test]
    fn a_misspelling_finds_its_name() {
        assert_eq!(suggest("exeuctor", OPTIONS), ["executor"]);
        assert_eq!(suggest("thnik", OPTIONS), ["think"]);
        assert_eq!(suggest("startVUs", OPTIONS), ["start_vus"]);
        assert_eq!(suggest("graceful-stop", OPTIONS), ["graceful_stop"]);
    }

    #[test]
    fn a_part_of_a_name_finds_the_whole() {
        assert_eq!(suggest("graceful", OPTIONS), ["graceful_stop", "graceful_ramp_down"]);
        assert_eq!(
            suggest("http_req_duration_ms", ["http_req_duration", "http_reqs"]),
            ["http_req_duration"]
        );
    }

    #[test]
    fn the_nearest_comes_first_and_three_are_enough() {
        assert_eq!(suggest("vus", ["vus_max", "vu", "vus", "vuz", "vux"]), ["vus", "vu", "vux"]);
    }

    #[test]
    fn a_stranger_finds_nothing() {
        assert!(suggest("banana", OPTIONS).is_empty());
        assert!(suggest("", OPTIONS).is_empty());
        assert!(suggest("x", ["a", "b"]).is_empty());
    }
}
