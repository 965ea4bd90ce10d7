//! Bars and sparklines of block characters.

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A graph of values, one a column, so many rows high, the last value at the right: the rows from the top. It begins at
/// zero and ends at the largest value; whatever is above zero shows.
pub(super) fn spark(values: &[Option<f64>], width: usize, rows: usize) -> Vec<String> {
    let values = &values[values.len().saturating_sub(width)..];
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0 and the rows' eighths"
    )]
    let eighths = |value: f64| match value {
        _ if value <= 0.0 || most <= 0.0 => 0,
        _ => ((value / most * (rows * 8) as f64).round() as usize).clamp(1, rows * 8),
    };
    let blank = " ".repeat(width - values.len());
    let row = |row: usize| {
        let below = (rows - 1 - row) * 8;
        let cell = |value: &Option<f64>| match value.map(|value| eighths(value).saturating_sub(below)) {
            None | Some(0) => ' ',
            Some(full) => EIGHTHS[full.min(8) - 1],
        };
        blank.chars().chain(values.iter().map(cell)).collect()
    };
    (0..rows).map(row).collect()
}

/// What is done of a bar, and what is left of it.
pub(super) fn bar(share: f64, width: usize) -> (String, String) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and the width")]
    let done = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    ("━".repeat(done), "─".repeat(width - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_is_full_and_the_least_above_zero_shows() {
        let values = [Some(0.0), Some(0.01), Some(4.0), None, Some(8.0)];
        assert_eq!(spark(&values, 7, 1), ["   ▁▄ █"]);
        assert_eq!(spark(&values, 5, 2), ["    █", " ▁█ █"]);
        assert_eq!(spark(&values, 2, 1), [" █"], "the last ones");
        assert_eq!(spark(&[Some(0.0)], 2, 1), ["  "]);
    }

    #[test]
    fn a_bar_is_as_full_as_its_share() {
        assert_eq!(bar(0.5, 4), ("━━".to_owned(), "──".to_owned()));
        assert_eq!((bar(2.0, 2).0, bar(-1.0, 2).1), ("━━".to_owned(), "──".to_owned()));
    }
}
