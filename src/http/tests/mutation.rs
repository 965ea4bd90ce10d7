//! The fuzz target's trial in short: recorded responses with changes, from a fixed seed.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::super::decode::trial;
use super::recording::all;

/// What is spliced in: the words on which framing depends.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b";",
    b",",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"ffffffffffffffff",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Pcg64Mcg) {
    for _ in 0..random.random_range(0..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..5) {
            0 => bytes[at] = random.random(),
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            _ => {
                let until = random.random_range(at..=bytes.len().min(at + 40));
                let copy = bytes[at..until].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

fn play(inputs: usize) {
    // Long ones say nothing that short ones don't, and cost most of the time.
    let recordings: Vec<Vec<u8>> =
        all().into_iter().map(|recording| recording.bytes).filter(|bytes| bytes.len() < 600).collect();
    let mut random = Pcg64Mcg::seed_from_u64(6);
    for number in 0..inputs {
        let mut bytes = recordings[number % recordings.len()].clone();
        mutate(&mut bytes, &mut random);
        let mut data = random.random::<[u8; 4]>().to_vec();
        // Mostly without another beginning before the recorded one.
        if number % 8 > 0 {
            data[0] &= 0x0f;
        }
        data.extend(bytes);
        trial::response(&data);
    }
}

#[test]
fn changed_responses_keep_the_decoders_promises() {
    play(20_000);
}

#[test]
fn full_changed_responses_keep_the_decoders_promises() {
    play(200_000);
}
