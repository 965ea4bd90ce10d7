//! The dates of cookies, read by the algorithm of RFC 6265 §5.1.1: tokens in any order, whatever stands between.

/// Seconds of a day.
const DAY_S: i64 = 86_400;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds since 1970 of a cookie's date; `None` where it is none, or before 1601.
pub(super) fn parse_cookie_date(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|&byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        if time.is_none() {
            time = time_of(token);
            if time.is_some() {
                continue;
            }
        }
        if day.is_none() {
            day = number(token, 1, 2);
            if day.is_some() {
                continue;
            }
        }
        if month.is_none() {
            month = month_of(token);
            if month.is_some() {
                continue;
            }
        }
        if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (day, month, [hour, minute, second]) = (day?, month?, time?);
    let is_date = year >= 1601 && (1..=days_of(month, year)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// `hh:mm:ss` of one or two digits each; what follows is no digit.
fn time_of(token: &[u8]) -> Option<[i64; 3]> {
    let mut fields = token.splitn(3, |&byte| byte == b':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    let whole = |field: &[u8]| number(field, 1, 2).filter(|_| field.iter().all(u8::is_ascii_digit));
    Some([whole(hour)?, whole(minute)?, number(second, 1, 2)?])
}

/// The digits that a token begins with, if they are so many.
fn number(token: &[u8], digits_min: usize, digits_max: usize) -> Option<i64> {
    let count = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = (digits_min..=digits_max).contains(&count).then(|| &token[..count])?;
    Some(digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

/// 1 to 12, by the three letters that a token begins with.
fn month_of(token: &[u8]) -> Option<i64> {
    let letters = token.get(..3)?;
    let at = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(letters))?;
    i64::try_from(at + 1).ok()
}

fn days_of(month: i64, year: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, counted in years that begin in March, so that leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let days_before_month = (153 * ((month + 9) % 12) + 2) / 5;
    365 * year + year / 4 - year / 100 + year / 400 + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_however_they_are_written() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("6 nov 1994 8:49:37", 784_111_777),
            ("1994 Nov 6 08:49:37", 784_111_777),
            ("08:49:37 NOVEMBER 06 1994 UTC", 784_111_777),
            ("06-Nov-1994-08:49:37", 784_111_777),
            ("Wed, 09 Jun 2021 10:18:14 GMT", 1_623_233_894),
            ("Mon, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
            ("Fri, 01 Jan 69 00:00:00 GMT", 3_124_224_000),
            ("Thu, 01 Jan 70 00:00:00 GMT", 0),
            ("Thu, 01st Jan 1970x 00:00:00z GMT", 0),
        ] {
            assert_eq!(parse_cookie_date(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "Thu, 01 Jan 1970",
            "00:00:00 GMT",
            "Thu, 01 Jan 1600 00:00:00 GMT",
            "Thu, 00 Jan 1970 00:00:00 GMT",
            "Thu, 32 Jan 1970 00:00:00 GMT",
            "Tue, 30 Feb 2000 00:00:00 GMT",
            "Tue, 29 Feb 1900 00:00:00 GMT",
            "Thu, 31 Apr 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 24:00:00 GMT",
            "Thu, 01 Jan 1970 00:60:00 GMT",
            "Thu, 01 Jan 1970 00:00:60 GMT",
            "Thu, 01 Jan 12345 00:00:00 GMT",
            "Thu, 01 Foo 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 000:00:00 GMT",
            "Thu, 01 Jan 1970 00x:00:00 GMT",
        ] {
            assert_eq!(parse_cookie_date(text), None, "{text}");
        }
    }
}
