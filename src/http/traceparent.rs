//! W3C's `traceparent`: which span a request is part of, told to whoever answers it
//! ([trace context](https://www.w3.org/TR/trace-context/), version 00).

use std::fmt;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// A span's name to the world. Neither id is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent {
    /// Of all spans of one trace.
    pub trace_id: u128,
    /// Of the span itself, which is the parent of what the request sets off.
    pub span_id: u64,
    /// Whether the span is recorded, so that whoever answers should record theirs.
    pub is_sampled: bool,
}

/// As the header's value: `00-`, 32 digits, `-`, 16 digits, `-01` or `-00`.
impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_in_the_recommendation() {
        let sampled = Traceparent {
            trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
            span_id: 0x00f0_67aa_0ba9_02b7,
            is_sampled: true,
        };
        assert_eq!(sampled.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let other = Traceparent { trace_id: 1, span_id: 2, is_sampled: false };
        assert_eq!(other.to_string(), "00-00000000000000000000000000000001-0000000000000002-00");
    }
}
