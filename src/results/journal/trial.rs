//! One trial of the reader with arbitrary bytes: it never panics, asks for no more memory than it may, and gives an exact prefix of
//! what a journal held. `fuzz/` plays it for hours, a test in short.
//!
//! Input: a byte that says what the rest is: a whole file, records' payloads in frames with right checksums, or changes to
//! a good journal.

use std::io::{self, Cursor};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::frame::{self, FIRST_LINE, Kind};
use super::medium::Medium;
use super::record::Press;
use super::{Head, KeptSecond, Survey, Tail, Writer};
use crate::diagnostic::Mask;
use crate::engine::Books;
use crate::metrics::{Recorder, TagSet};
use crate::plan::Plan;
use crate::results::PlayedSecond;

/// A medium in memory.
impl Medium for &mut Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.truncate(usize::try_from(length).map_err(io::Error::other)?);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plays one input.
///
/// # Panics
/// If the reader breaks a promise.
pub fn journal(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    match how % 4 {
        0 => read(rest),
        1 => read(&[FIRST_LINE, rest].concat()),
        2 => read(&framed(rest)),
        _ => changed(rest),
    }
}

/// Reads all that can be read.
fn read(bytes: &[u8]) {
    let mut input = Cursor::new(bytes);
    let Ok(mut survey) = Survey::of(&mut input) else { return };
    let mut seconds = 0;
    survey.each_second(&mut input, |_| seconds += 1).expect("memory doesn't fail");
    assert!(seconds <= survey.seconds);
    let _ = survey.summary(&mut input, false).expect("memory doesn't fail").verdict();
}

/// Records of these payloads, behind a good head: length, kind, plain bytes, which are compressed where the kind is.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    /// Made once: a third of a trial would be spent with it.
    static HEAD: OnceLock<Vec<u8>> = OnceLock::new();
    let mut press = Press::new().expect("a compressor");
    let mut bytes = FIRST_LINE.to_vec();
    let head = HEAD.get_or_init(|| {
        let head = serde_json::to_vec(&good_head()).expect("a head");
        Press::new().expect("a compressor").after(Vec::new(), &head).expect("it fits")
    });
    let mut checksum = frame::put(&mut bytes, Kind::Head, head, frame::first_checksum());
    while let Some(([kind, state, body], more)) = rest.split_first_chunk::<3>() {
        let (state, more) = more.split_at(usize::from(*state).min(more.len()));
        let (body, more) = more.split_at(usize::from(*body).min(more.len()));
        rest = more;
        let (kind, open) = match kind % 4 {
            0 | 1 => (Kind::Second, state),
            2 => (Kind::Total, &[][..]),
            _ => (Kind::End, &[][..]),
        };
        let payload = press.after(open.to_vec(), body).expect("it fits");
        checksum = frame::put(&mut bytes, kind, &payload, checksum);
    }
    bytes
}

/// A good journal with bytes changed and its end cut: what is read is a prefix of what was written.
fn changed(changes: &[u8]) {
    /// Made once: most of a trial would be spent with it.
    static GOOD: OnceLock<(Vec<u8>, Vec<PlayedSecond>)> = OnceLock::new();
    let (good, written) = GOOD.get_or_init(|| {
        let good = good_journal();
        let written = seconds(&good).expect("it is good").1;
        (good, written)
    });
    let mut bytes = good.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
        if change[2] == 0 {
            bytes.truncate(at.max(1));
        }
    }
    let Some((tail, found)) = seconds(&bytes) else { return };
    assert!(written.starts_with(&found), "no prefix");
    assert!(bytes == *good || tail != Tail::Whole, "a change was not noticed");
    read(&bytes);
}

fn seconds(bytes: &[u8]) -> Option<(Tail, Vec<PlayedSecond>)> {
    let mut input = Cursor::new(bytes);
    let survey = Survey::of(&mut input).ok()?;
    let mut seconds = Vec::new();
    survey.each_second(&mut input, |second| seconds.push(second)).ok()?;
    Some((survey.tail, seconds))
}

fn good_head() -> Head {
    Head::new("a.rhai", &Plan::default(), 7, 1_000_000, 2, &Mask::default())
}

/// A few seconds, with an end.
pub(super) fn good_journal() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &good_head()).expect("memory doesn't fail");
    let mut recorder = Recorder::new(&[]);
    for number in 1..=4 {
        let (metric, _) = recorder.metric("http_req_response_time").expect("built in");
        let series = recorder.series(metric, &TagSet::from_pairs([("name", "/a")]));
        (0..200 * number).for_each(|sample| recorder.trend_us(series, 1_000 + sample * sample));
        let second = PlayedSecond {
            number,
            end_unix_ms: 1_000_000 + 1_000 * number,
            elapsed: Duration::from_secs(number),
            is_warm_up: false,
            is_paused: false,
            vus: 3,
            vus_max: 4,
            books: Books::default(),
            delta: recorder.take(number),
        };
        writer.second(&KeptSecond::alone(Arc::new(second)));
    }
    writer.end(&serde_json::json!({ "schema": 1 }));
    assert!(writer.into_error().is_none());
    bytes
}
