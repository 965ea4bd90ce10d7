//! Numbers with a prefix of some bits (RFC 7541 §5.1).

use super::HpackError;

/// Bytes behind the prefix: five give 35 bits, more than any length or index that we accept.
const TAIL_MAX_BYTES: u32 = 5;

/// Appends `value`, its prefix of `bits` bits below the flags that `first` sets.
#[expect(clippy::cast_possible_truncation, reason = "each byte takes seven bits")]
pub(super) fn encode(value: usize, bits: u32, first: u8, out: &mut Vec<u8>) {
    let full = (1 << bits) - 1;
    if value < full {
        return out.push(first | value as u8);
    }
    out.push(first | full as u8);
    let mut rest = value - full;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes a number with a prefix of `bits` bits off `input`.
pub(super) fn decode(input: &mut &[u8], bits: u32) -> Result<usize, HpackError> {
    let full = u8::MAX >> (8 - bits);
    let first = take(input)? & full;
    if first < full {
        return Ok(usize::from(first));
    }
    let mut value = u64::from(full);
    for at in 0..TAIL_MAX_BYTES {
        let byte = take(input)?;
        value += u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return u32::try_from(value).map(|value| value as usize).map_err(|_| HpackError::Integer);
        }
    }
    Err(HpackError::Integer)
}

fn take(input: &mut &[u8]) -> Result<u8, HpackError> {
    let (first, rest) = input.split_first().ok_or(HpackError::Truncated)?;
    *input = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541, C.1.
    #[test]
    fn the_appendixs_examples() {
        for (value, bits, bytes) in
            [(10, 5, &[0b01010][..]), (1337, 5, &[0b11111, 0b1001_1010, 0b1010]), (42, 8, &[0b0010_1010])]
        {
            let mut out = Vec::new();
            encode(value, bits, 0, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(decode(&mut &*out, bits), Ok(value));
        }
    }

    #[test]
    fn every_size_comes_back() {
        for bits in 4..=8 {
            for value in
                [0, 1, 14, 15, 16, 30, 31, 126, 127, 128, 255, 256, 16_383, 65_536, u32::MAX as usize]
            {
                let mut out = Vec::new();
                encode(value, bits, 0, &mut out);
                assert_eq!(decode(&mut &*out, bits), Ok(value));
            }
        }
    }

    #[test]
    fn a_number_without_end_is_refused() {
        assert_eq!(decode(&mut &[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00][..], 5), Err(HpackError::Integer));
        assert_eq!(decode(&mut &[0x1f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80][..], 5), Err(HpackError::Integer));
        assert_eq!(decode(&mut &[0x1f, 0x80][..], 5), Err(HpackError::Truncated));
        assert_eq!(decode(&mut &[][..], 5), Err(HpackError::Truncated));
    }
}
