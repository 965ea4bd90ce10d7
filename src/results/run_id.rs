//! A run's name: when it began, in UTC, and four characters, so that runs which begin together differ.

use std::fmt;

use jiff::Timestamp;

/// Characters behind the time.
const TAIL: usize = 4;

/// What the tail is made of: digits and small letters, less those that look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A run's name, `20261128T095155Z-4k2f`: sorts by time, and is safe as a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// Of a run that begins at that time; `random` gives the tail.
    pub fn new(start: Timestamp, random: u64) -> Self {
        let mut id = start.strftime("%Y%m%dT%H%M%SZ-").to_string();
        for at in 0..TAIL {
            let index = usize::try_from(random >> (5 * at) & 31).unwrap_or(0);
            id.push(char::from(ALPHABET[index]));
        }
        Self(id)
    }

    /// A text that has the form of a run's name; no other ever becomes part of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, tail) = text.split_once('-')?;
        let (date, clock) = time.split_once('T')?;
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_time = digits(date, 8) && clock.strip_suffix('Z').is_some_and(|clock| digits(clock, 6));
        let is_tail = tail.len() == TAIL && tail.bytes().all(|byte| ALPHABET.contains(&byte));
        (is_time && is_tail).then(|| Self(text.to_owned()))
    }

    /// When the run began, to the second; none where the name holds no real time.
    pub fn begun(&self) -> Option<Timestamp> {
        let [year, month, day, hour, minute, second] =
            [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].map(|digits| self.0.get(digits).unwrap_or_default());
        format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_sorts_by_time() {
        let at = |second| RunId::new(Timestamp::from_second(second).unwrap(), 0x000f_4240);
        assert_eq!(at(0).as_str(), "19700101T000000Z-0jgy");
        assert_eq!(RunId::parse(at(0).as_str()), Some(at(0)));
        assert!(at(999_999_999) < at(1_000_000_000));
        assert_eq!(at(999_999_999).begun().unwrap().as_second(), 999_999_999);
        assert_eq!(RunId::parse("20261340T000000Z-0jgy").unwrap().begun(), None, "no such month");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for text in [
            "",
            "..",
            "/etc",
            "20261128T095155Z-",
            "20261128T095155Z-4k2",
            "20261128T095155Z-4k2ff",
            "20261128T095155Z-../x",
            "20261128T095155Z-4K2F",
            "20261128T0951Z-4k2f",
            "2026é128T095155Z-4k2f",
            "20261128T095155Z-4k2f/..",
            "last",
        ] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
