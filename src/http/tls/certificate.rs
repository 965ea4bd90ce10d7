//! What an error says of a certificate: whose it is, who signed it, from when to when it holds.
//!
//! Reads just enough DER (X.690, RFC 5280 §4.1) for that; whether a certificate is to be trusted is webpki's to say.
//! What it can't read it leaves out.

use rustls::pki_types::UnixTime;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `id-at-commonName` and `id-at-organizationName`.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// A name in an error stays readable.
const NAME_MAX_CHARS: usize = 80;

/// A certificate's names and times.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: Option<u64>,
    pub(super) not_after: Option<u64>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let (_, whole, _) = element(der)?;
        let (_, mut fields, _) = element(whole)?;
        let (tag, _, rest) = element(fields)?;
        if tag == EXPLICIT_VERSION {
            fields = rest;
        }
        let (_, _serial, rest) = element(fields)?;
        let (_, _algorithm, rest) = element(rest)?;
        let (_, issuer, rest) = element(rest)?;
        let (_, validity, rest) = element(rest)?;
        let (_, subject, _) = element(rest)?;
        let (from_tag, from, later) = element(validity)?;
        let (until_tag, until, _) = element(later)?;
        Some(Self { issuer, subject, not_before: time(from_tag, from), not_after: time(until_tag, until) })
    }

    /// Whether its owner signed it too.
    pub(super) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    pub(super) fn subject(&self) -> String {
        name(self.subject)
    }

    pub(super) fn issuer(&self) -> String {
        name(self.issuer)
    }
}

/// The date of a certificate's time: `2026-11-28`.
pub(super) fn date(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).ok();
    let date = second.and_then(|second| jiff::Timestamp::from_second(second).ok());
    date.map_or_else(|| "an unknown day".into(), |date| date.strftime("%Y-%m-%d").to_string())
}

/// Tag, content and what follows.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = input.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The common name, else the organisation, else nothing known.
fn name(name: &[u8]) -> String {
    let mut organization = None;
    let mut rest = name;
    while let Some((SET, set, next)) = element(rest) {
        rest = next;
        let Some((SEQUENCE, pair, _)) = element(set) else { continue };
        let Some((_, kind, value)) = element(pair) else { continue };
        let Some((_, value, _)) = element(value) else { continue };
        let text = || {
            let text = String::from_utf8_lossy(value);
            text.chars().filter(|char| !char.is_control()).take(NAME_MAX_CHARS).collect::<String>()
        };
        if kind == COMMON_NAME {
            return text();
        }
        if kind == ORGANIZATION {
            organization = Some(text());
        }
    }
    organization.unwrap_or_else(|| "a name without words".into())
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` in seconds since 1970.
fn time(tag: u8, text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let full = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.into(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    let timestamp = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    u64::try_from(timestamp.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Firm");
        params.distinguished_name.push(rcgen::DnType::CommonName, "a\u{7}.test");
        params.not_before = rcgen::date_time_ymd(2001, 2, 3);
        params.not_after = rcgen::date_time_ymd(2050, 12, 31);
        let made = params.self_signed(&key).unwrap();
        let read = Certificate::read(made.der()).unwrap();
        assert!(read.is_self_signed());
        assert_eq!((&*read.subject(), &*read.issuer()), ("a.test", "a.test"));
        assert_eq!((read.not_before, read.not_after), (Some(981_158_400), Some(2_556_057_600)));
        let until = UnixTime::since_unix_epoch(std::time::Duration::from_hours(710_016));
        assert_eq!(date(until), "2050-12-31");
    }

    #[test]
    fn broken_der_is_no_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        // Whatever is cut off or changed, nothing panics, and what can't be read isn't made up.
        for end in 0..made.der().len() {
            assert!(Certificate::read(&made.der()[..end]).is_none(), "{end}");
        }
        for at in 0..made.der().len() {
            let mut changed = made.der().to_vec();
            changed[at] ^= 0xff;
            if let Some(read) = Certificate::read(&changed) {
                let _ = (read.subject(), read.issuer());
            }
        }
        assert!(Certificate::read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
        assert!(Certificate::read(&[SEQUENCE, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1]).is_none());
    }
}
