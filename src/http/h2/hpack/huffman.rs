//! The Huffman code of RFC 7541, appendix B.
//!
//! The code is canonical (codes of one length count up with their symbols), so the lengths are all there is to
//! know: codes and look-up tables are derived when the crate is compiled.

use super::HpackError;

/// How many bits each byte takes; the last is the end of the string, which never appears.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const SYMBOLS: usize = 257;
const END: u16 = 256;
const LENGTH_MAX: usize = 30;
/// Bits that the first look-up decides by: all of ASCII's usual characters take no more.
const QUICK_BITS: u32 = 8;

/// For each length: the first code, and how many symbols are shorter.
struct Tables {
    codes: [u32; SYMBOLS],
    /// Symbols by code.
    sorted: [u16; SYMBOLS],
    /// Of each length the first code beyond it, aligned to 32 bits.
    beyond: [u64; LENGTH_MAX + 1],
    first: [u32; LENGTH_MAX + 1],
    shorter: [u16; LENGTH_MAX + 1],
    /// Symbol and length of what begins with these bits; no length where more bits decide.
    quick: [(u8, u8); 1 << QUICK_BITS],
}

static TABLES: Tables = tables();

#[expect(clippy::cast_possible_truncation, reason = "257 symbols, 30 bits: all of it fits")]
const fn tables() -> Tables {
    let mut tables = Tables {
        codes: [0; SYMBOLS],
        sorted: [0; SYMBOLS],
        beyond: [0; LENGTH_MAX + 1],
        first: [0; LENGTH_MAX + 1],
        shorter: [0; LENGTH_MAX + 1],
        quick: [(0, 0); 1 << QUICK_BITS],
    };
    let (mut code, mut seen, mut length) = (0u32, 0usize, 1usize);
    while length <= LENGTH_MAX {
        code <<= 1;
        tables.first[length] = code;
        tables.shorter[length] = seen as u16;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                tables.codes[symbol] = code;
                tables.sorted[seen] = symbol as u16;
                if length <= QUICK_BITS as usize {
                    let spare = QUICK_BITS - length as u32;
                    let mut at = code << spare;
                    while at < (code + 1) << spare {
                        tables.quick[at as usize] = (symbol as u8, length as u8);
                        at += 1;
                    }
                }
                code += 1;
                seen += 1;
            }
            symbol += 1;
        }
        tables.beyond[length] = (code as u64) << (32 - length);
        length += 1;
    }
    tables
}

/// How many bytes `text` takes.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends `text` to `out`.
#[expect(clippy::cast_possible_truncation, reason = "the upper bits are cut off on purpose")]
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut count) = (0u64, 0u32);
    for byte in text {
        let symbol = usize::from(*byte);
        let length = u32::from(LENGTHS[symbol]);
        bits = bits << length | u64::from(TABLES.codes[symbol]);
        count += length;
        while count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        // The rest is filled up with the beginning of the end: ones.
        let spare = 8 - count;
        out.push((bits << spare) as u8 | (u8::MAX >> count));
    }
}

/// Appends what `input` says to `out`.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let (mut bits, mut count) = (0u64, 0u32);
    let mut input = input.iter();
    loop {
        while count <= 56
            && let Some(byte) = input.next()
        {
            bits |= u64::from(*byte) << (56 - count);
            count += 8;
        }
        let (symbol, length) = TABLES.quick[(bits >> (64 - QUICK_BITS)) as usize];
        let length = u32::from(length);
        if length > 0 && length <= count {
            out.push(symbol);
            bits <<= length;
            count -= length;
            continue;
        }
        match long(bits) {
            Some((symbol, length)) if length <= count => {
                out.push(symbol);
                bits <<= length;
                count -= length;
            }
            // What is left is less than a symbol: it has to be the padding.
            _ if count < 8 && bits == !(u64::MAX.checked_shr(count).unwrap_or(0)) => return Ok(()),
            _ => return Err(HpackError::Huffman),
        }
    }
}

/// The symbol that the bits begin with, and its length; `None` for the end.
#[expect(clippy::cast_possible_truncation, reason = "lengths are 30 at most, symbols but the end are bytes")]
fn long(bits: u64) -> Option<(u8, u32)> {
    let top = bits >> 32;
    let length = (5..=LENGTH_MAX).find(|length| top < TABLES.beyond[*length])?;
    let code = (top >> (32 - length)) as u32;
    let at = u32::from(TABLES.shorter[length]) + (code - TABLES.first[length]);
    match TABLES.sorted[at as usize] {
        END => None,
        symbol => Some((symbol as u8, length as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_appendix() {
        for (symbol, code) in [
            (b'0', 0),
            (b'a', 3),
            (b' ', 0x14),
            (b':', 0x5c),
            (b'\\', 0x7fff0),
            (0, 0x1ff8),
            (249, 0x0fff_fffe),
        ] {
            assert_eq!(TABLES.codes[usize::from(symbol)], code, "{symbol}");
        }
        assert_eq!(TABLES.codes[usize::from(END)], 0x3fff_ffff);
    }

    #[test]
    fn every_byte_comes_back() {
        let text: Vec<u8> = (0..=255).chain((0..=255).rev()).chain(*b"www.example.com").collect();
        for from in 0..text.len() {
            let text = &text[from..];
            let mut bytes = Vec::new();
            encode(text, &mut bytes);
            assert_eq!(bytes.len(), encoded_len(text));
            let mut back = Vec::new();
            decode(&bytes, &mut back).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn padding_is_ones_and_less_than_a_byte() {
        let mut out = Vec::new();
        for (bytes, good) in [
            (&[0x07][..], true),                // `0` and three ones
            (&[0x00], false),                   // `0` and three zeros
            (&[0x07, 0xff], false),             // a whole byte of padding
            (&[0xff, 0xff, 0xff, 0xff], false), // the end itself
            (&[0xff], false),
            (&[], true),
        ] {
            assert_eq!(decode(bytes, &mut out).is_ok(), good, "{bytes:x?}");
        }
    }
}
