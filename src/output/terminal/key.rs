//! Keys, as terminals send them: a byte, or a sequence that begins with an escape.

/// A key that means something to the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A letter or sign.
    Char(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Tab,
    BackTab,
    Escape,
    /// Ctrl-Z.
    Suspend,
}

const ESCAPE: u8 = 0x1b;

/// The keys of what was read at once. What is no key of ours is left out, and with it the whole of its sequence.
pub(super) fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match first {
            0x1a => keys.push(Key::Suspend),
            b'\t' => keys.push(Key::Tab),
            b' '..=b'~' => keys.push(Key::Char(char::from(*first))),
            &ESCAPE => match rest {
                [b'[', parameters @ ..] => {
                    let end = parameters.iter().position(|byte| (0x40..=0x7e).contains(byte));
                    let (sequence, rest) = parameters.split_at(end.map_or(parameters.len(), |end| end + 1));
                    keys.extend(named(sequence));
                    bytes = rest;
                }
                [b'O', letter, rest @ ..] => {
                    keys.extend(named(&[*letter]));
                    bytes = rest;
                }
                [] | [ESCAPE, ..] => keys.push(Key::Escape),
                // A letter with Alt.
                [_, rest @ ..] => bytes = rest,
            },
            _ => {}
        }
    }
    keys
}

/// The key of a sequence, without what it begins with.
fn named(sequence: &[u8]) -> Option<Key> {
    Some(match sequence {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"C" => Key::Right,
        b"D" => Key::Left,
        b"Z" => Key::BackTab,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_arrows_and_pages_are_keys() {
        assert_eq!(keys(b"w?"), [Key::Char('w'), Key::Char('?')]);
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[Z\x1b[5~\t"),
            [Key::Up, Key::Down, Key::BackTab, Key::PageUp, Key::Tab]
        );
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys(b"\x1b\x1b[C"), [Key::Escape, Key::Right]);
        assert_eq!(keys(b"\x1a"), [Key::Suspend]);
    }

    #[test]
    fn sequences_that_mean_nothing_leave_no_letters_behind() {
        assert_eq!(
            keys(b"\x1b[200~q\x1b[1;5C\x1bq"),
            [Key::Char('q')],
            "a paste, Ctrl with an arrow, Alt with a letter"
        );
        assert_eq!(keys(b"\x1b[12"), [], "cut off");
        assert_eq!(keys("ä€\r\n\x7f".as_bytes()), []);
    }
}
