//! A sum that may be larger than what most readers of JSON take for an integer: past 2⁶⁴ it is a text of its digits.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(pub(super) u128);

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(sum) => serializer.serialize_u64(sum),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Sum;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or its digits as a text")
            }

            fn visit_u64<E: Error>(self, sum: u64) -> Result<Sum, E> {
                Ok(Sum(sum.into()))
            }

            fn visit_str<E: Error>(self, digits: &str) -> Result<Sum, E> {
                digits.parse().map(Sum).map_err(|_| E::invalid_value(Unexpected::Str(digits), &self))
            }
        }

        deserializer.deserialize_any(Digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sum_is_read_as_it_was_written() {
        for (sum, text) in [
            (0, "0"),
            (u128::from(u64::MAX), "18446744073709551615"),
            (1 << 64, "\"18446744073709551616\""),
            (u128::MAX, "\"340282366920938463463374607431768211455\""),
        ] {
            let written = serde_json::to_string(&Sum(sum)).unwrap();
            assert_eq!(written, text);
            assert_eq!(serde_json::from_str::<Sum>(&written).unwrap(), Sum(sum));
            let value = serde_json::to_value(Sum(sum)).unwrap();
            assert_eq!(serde_json::from_value::<Sum>(value).unwrap(), Sum(sum));
        }
        for wrong in ["-1", "1.5", "\"-1\"", "\"x\"", "null"] {
            assert!(serde_json::from_str::<Sum>(wrong).is_err(), "{wrong}");
        }
    }
}
