//! Responses of real servers, fed to our decoder and to hyper's client, whole and in pieces.

use std::collections::BTreeMap;

use super::difference::explained;
use super::recording::{Recording, all};
use super::seen::{Seen, hypers, ours};

/// Recordings that the folder is to have at least: fewer would be a file that went missing.
const RECORDINGS_MIN: usize = 500;

fn in_pieces<'a>(recording: &'a Recording, view: fn(bool, &[&'a [u8]], bool) -> Seen, step: usize) -> Seen {
    let pieces: Vec<&[u8]> = recording.bytes.chunks(step).collect();
    view(recording.to_head, &pieces, recording.closed)
}

/// Compares all cuts into two pieces, and byte by byte, with the whole.
fn cut_everywhere<'a>(recording: &'a Recording, view: fn(bool, &[&'a [u8]], bool) -> Seen, whole: &Seen) {
    let bytes = &recording.bytes[..];
    for at in 1..bytes.len() {
        let (first, second) = bytes.split_at(at);
        let cut = view(recording.to_head, &[first, second], recording.closed);
        assert_eq!(cut, *whole, "{}, cut at {at}", recording.name);
    }
    assert_eq!(in_pieces(recording, view, 1), *whole, "{}, byte by byte", recording.name);
}

#[test]
fn real_responses_are_seen_as_hyper_sees_them() {
    let recordings = all();
    assert!(recordings.len() >= RECORDINGS_MIN, "{} recordings", recordings.len());
    let mut complete = 0;
    let mut differences: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for recording in &recordings {
        let whole = recording.bytes.len().max(1);
        let (own, reference) = (in_pieces(recording, ours, whole), in_pieces(recording, hypers, whole));
        assert_eq!(in_pieces(recording, hypers, 1), reference, "hyper, byte by byte: {}", recording.name);
        complete += usize::from(own.message().is_some());
        if !own.agrees_with(&reference) {
            let name = explained(&recording.bytes, &own, &reference);
            let Some(name) = name else {
                panic!("{}\nours: {own:?}\nhyper's: {reference:?}", recording.name);
            };
            differences.entry(name).or_default().push(&recording.name);
        }
    }
    // What real servers send is a response, but for those that were cut on purpose.
    assert!(complete * 100 >= recordings.len() * 95, "{complete} of {} complete", recordings.len());
    // Of all that real servers sent, this alone is seen otherwise.
    assert_eq!(differences, BTreeMap::from([("switching protocols", vec!["aiohttp: upgrade"])]));
}

#[test]
fn real_responses_are_the_same_however_they_are_cut() {
    for recording in &all() {
        let whole = in_pieces(recording, ours, recording.bytes.len().max(1));
        cut_everywhere(recording, ours, &whole);
    }
}

#[test]
fn full_real_responses_are_the_same_to_hyper_however_they_are_cut() {
    for recording in &all() {
        let whole = in_pieces(recording, hypers, recording.bytes.len().max(1));
        cut_everywhere(recording, hypers, &whole);
    }
}
