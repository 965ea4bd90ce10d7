//! A journal cut anywhere, changed anywhere, and on a disk that fails.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::frame::Frames;
use super::medium::Medium;
use super::trial::good_journal;
use super::*;
use crate::diagnostic::Mask;
use crate::engine::{Books, ScenarioOutcome, SoFar, Worst};
use crate::metrics::{Recorder, Snapshot, TagSet, Value};
use crate::plan::{Plan, Target, TargetOptions, Verdict};
use crate::results::PlayedSecond;

fn head(plan: &Plan) -> Head {
    Head::new("a.rhai", plan, 7, 1_000_000, 2, &Mask::default())
}

/// A second of two names, with times around 20 ms.
fn second(number: u64) -> PlayedSecond {
    let mut recorder = Recorder::new(&[]);
    let (times, _) = recorder.metric("http_req_response_time").unwrap();
    let (requests, _) = recorder.metric("http_reqs").unwrap();
    for (name, count) in [("/a", 300), ("/b", 20)] {
        let tags = TagSet::from_pairs([("name", name)]);
        let (times, requests) = (recorder.series(times, &tags), recorder.series(requests, &tags));
        for sample in 0..count {
            recorder.trend_us(times, 20_000 + (sample * sample * 7 + number * 131) % 9_000);
            recorder.add(requests, 1.0);
        }
    }
    let ok = number * 320;
    PlayedSecond {
        number,
        end_unix_ms: 1_000_000 + 1_000 * number,
        elapsed: Duration::from_secs(number),
        is_warm_up: false,
        is_paused: false,
        vus: 3,
        vus_max: 4,
        books: Books { scheduled: ok, started: ok, ok, ..Books::default() },
        delta: recorder.take(number),
    }
}

/// A journal of so many seconds, with a total each `total_every`, without an end.
fn journal(plan: &Plan, seconds: &[PlayedSecond], total_every: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &head(plan)).unwrap();
    let mut total = Snapshot::default();
    for (at, second) in (1..).zip(seconds) {
        writer.second(&KeptSecond::alone(Arc::new(second.clone())));
        total.append(&second.delta);
        if at % total_every == 0 {
            writer.sum(&total, &SoFar::default());
        }
    }
    assert!(writer.into_error().is_none());
    bytes
}

fn read(bytes: &[u8]) -> Result<(Survey, Vec<PlayedSecond>), JournalError> {
    let mut input = Cursor::new(bytes);
    let survey = Survey::of(&mut input)?;
    let mut seconds = Vec::new();
    survey.each_second(&mut input, |second| seconds.push(second))?;
    Ok((survey, seconds))
}

#[test]
fn what_was_written_reads_back_equal() {
    let seconds: Vec<_> = (1..=5).map(second).collect();
    let bytes = journal(&Plan::default(), &seconds, 2);
    let (survey, found) = read(&bytes).unwrap();
    assert_eq!(found, seconds);
    assert_eq!(survey.head, head(&Plan::default()));
    assert_eq!((survey.tail, survey.seconds, survey.end), (Tail::Cut(0), 5, None));
}

#[test]
fn cut_at_every_byte_it_is_an_exact_prefix() {
    let seconds: Vec<_> = (1..=6).map(second).collect();
    let bytes = journal(&Plan::default(), &seconds, 2);
    let (mut headless, mut before) = (0, 0);
    for length in 0..=bytes.len() {
        match read(&bytes[..length]) {
            Ok((survey, found)) => {
                assert_eq!(found, seconds[..found.len()], "cut at {length}");
                assert!(matches!(survey.tail, Tail::Cut(_)), "cut at {length}: {:?}", survey.tail);
                assert!((before..=before + 1).contains(&found.len()), "one after another");
                before = found.len();
            }
            Err(JournalError::Head { .. }) if before == 0 => headless = length,
            Err(error) => panic!("cut at {length}: {error}"),
        }
    }
    assert_eq!(before, 6);
    assert!(headless < 2_000, "the head alone is needed, not {headless} bytes");
}

#[test]
fn each_flipped_bit_of_64_kib_is_noticed() {
    const BYTES: usize = 64 << 10;
    let mut seconds = Vec::new();
    let mut bytes = Vec::new();
    while bytes.len() < BYTES {
        let from = seconds.len() as u64;
        seconds.extend((from + 1..=from + 20).map(second));
        bytes = journal(&Plan::default(), &seconds, 30);
    }
    // Where records begin, by which the one with the flipped bit is the next to be read.
    let mut frames = Frames::open(&bytes[..]).unwrap();
    let mut places = vec![frames.place()];
    while frames.next().is_ok() {
        places.push(frames.place());
    }
    let offset = |place: &frame::Place| usize::try_from(place.offset).unwrap();
    assert_eq!(offset(&places[places.len() - 1]), bytes.len());
    let mut survey_at = 0;
    for at in 0..BYTES {
        let place = places.iter().rfind(|place| offset(place) <= at).copied();
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let next = match place {
                None => Frames::open(&bytes[..]).map(|_| ()).map_err(|error| error.to_string()),
                Some(place) => {
                    let mut frames = Frames::resume(&bytes[offset(&place)..], place);
                    frames.next().map(|_| ()).map_err(|stop| format!("{stop:?}"))
                }
            };
            assert!(next.is_err(), "byte {at}, bit {bit}");
            // What that makes of the whole, now and then: it takes longer.
            if 8 * at + bit == survey_at {
                survey_at += 4_001;
                if let Ok((survey, found)) = read(&bytes) {
                    assert!(survey.tail != Tail::Cut(0), "byte {at}, bit {bit}: {:?}", survey.tail);
                    assert_eq!(found, seconds[..found.len()], "byte {at}, bit {bit}");
                    assert!(found.len() < seconds.len());
                }
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn a_record_that_is_left_out_doubled_or_moved_is_noticed() {
    let seconds: Vec<_> = (1..=3).map(second).collect();
    let ends: Vec<usize> =
        (0..=3).map(|count| journal(&Plan::default(), &seconds[..count], 9).len()).collect();
    let bytes = journal(&Plan::default(), &seconds, 9);
    let record = |number: usize| &bytes[ends[number - 1]..ends[number]];
    let head = &bytes[..ends[0]];
    for (order, read_until) in [([1, 3, 3], 1), ([1, 1, 2], 1), ([2, 1, 3], 0), ([1, 3, 2], 1)] {
        let records: Vec<u8> = order.iter().flat_map(|number| record(*number)).copied().collect();
        let (survey, found) = read(&[head, &records].concat()).unwrap();
        assert_eq!(found, seconds[..read_until], "{order:?}");
        assert!(matches!(survey.tail, Tail::Damaged { .. }), "{order:?}: {:?}", survey.tail);
    }
}

#[test]
fn what_is_no_journal_is_told_apart() {
    assert!(matches!(read(b"PK\x03\x04 and so on, and on"), Err(JournalError::Foreign)));
    assert!(matches!(read(b"runner journal 2\nfuture"), Err(JournalError::Version { found: '2' })));
    assert!(matches!(read(b""), Err(JournalError::Head { .. })));
    assert!(matches!(read(b"runner jour"), Err(JournalError::Head { .. })));
}

/// A disk that fails as it is told: each call takes the next of its answers, and then all is well.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// How much of a write goes through before it fails; none: all of it, and no failure.
    writes: Vec<Option<usize>>,
    cuts_fail: bool,
    position: usize,
}

impl Medium for &mut Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let answer = if self.writes.is_empty() { None } else { self.writes.remove(0) };
        let through = answer.map_or(bytes.len(), |through| through.min(bytes.len()));
        let position = self.position;
        self.bytes.truncate(position);
        self.bytes.extend_from_slice(&bytes[..through]);
        self.position += through;
        match answer {
            Some(_) => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.position = usize::try_from(length).unwrap();
        if self.cuts_fail {
            return Err(io::ErrorKind::Other.into());
        }
        let position = self.position;
        self.bytes.truncate(position);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_was_full_for_a_while_leaves_no_gap_and_is_told() {
    let seconds: Vec<_> = (1..=8).map(second).collect();
    for cuts_fail in [false, true] {
        for first in 0..7 {
            for through in [0, 1, 7, 400] {
                let mut disk = Disk { cuts_fail, ..Disk::default() };
                disk.writes = vec![None; first];
                disk.writes.extend([Some(through); 3]);
                let mut writer = Writer::begin(&mut disk, &head(&Plan::default())).unwrap();
                for second in &seconds {
                    writer.second(&KeptSecond::alone(Arc::new(second.clone())));
                }
                writer.end(&serde_json::json!({}));
                let (verb, error) = writer.into_error().expect("it failed");
                assert_eq!((verb, error.kind()), ("write", io::ErrorKind::StorageFull));
                let (survey, found) = read(&disk.bytes).unwrap();
                assert_eq!((found, survey.tail), (seconds.clone(), Tail::Whole), "write {first}, {through}");
            }
        }
    }
}

#[test]
fn a_disk_that_stays_full_keeps_a_prefix_and_no_memory() {
    let mut disk = Disk { writes: vec![None, None, None], ..Disk::default() };
    disk.writes.extend(std::iter::repeat_n(Some(100), 100_000));
    let mut writer = Writer::begin(&mut disk, &head(&Plan::default())).unwrap();
    let one = second(1).delta;
    let mut number = 0;
    // More than may wait.
    for _ in 0..writer::BACKLOG_BYTES_MAX / 300 {
        number += 1;
        let second = PlayedSecond { number, delta: one.clone(), ..second(1) };
        writer.second(&KeptSecond::alone(Arc::new(second)));
        if writer.waiting_bytes() == 0 && number > 10 {
            break;
        }
    }
    assert!(number > 1_000, "gave up after {number} seconds");
    assert_eq!(writer.waiting_bytes(), 0);
    assert!(writer.into_error().is_some());
    let (survey, found) = read(&disk.bytes).unwrap();
    assert_eq!((found.len(), survey.tail), (2, Tail::Cut(0)), "what was torn is cut off");
}

fn windowed() -> Plan {
    let target = |expression: &str| {
        let options =
            TargetOptions { abort_on_fail: false, delay_abort_eval: Duration::ZERO, allow_few: false };
        Target::parse("http_reqs", expression, &options, &[], None).unwrap()
    };
    Plan { targets: vec![target("rate > 200/s"), target("rate > 310/s over 2s")], ..Plan::default() }
}

#[test]
fn a_replay_from_a_total_is_that_of_all_seconds() {
    let seconds: Vec<_> = (1..=11).map(second).collect();
    let sum_up = |total_every| {
        let bytes = journal(&windowed(), &seconds, total_every);
        let mut input = Cursor::new(&bytes[..]);
        let mut survey = Survey::of(&mut input).unwrap();
        (survey.summary(&mut input, false).unwrap(), bytes.len())
    };
    let (plain, _) = sum_up(99);
    assert_eq!(
        plain.incomplete.as_ref().map(|known| (known.seconds, known.elapsed.as_secs())),
        Some((11, 11))
    );
    let requests = |summary: &crate::results::Summary| match &summary.metric("http_reqs").unwrap().value {
        Some(Value::Counter(sum)) => *sum,
        other => panic!("{other:?}"),
    };
    assert!((requests(&plain) - 11.0 * 320.0).abs() < 1e-9);
    for every in 1..=11 {
        let (from_total, _) = sum_up(every);
        assert_eq!(from_total.metrics, plain.metrics, "a total each {every} seconds");
        assert_eq!(from_total.judgements, plain.judgements, "a total each {every} seconds");
    }
}

#[test]
fn the_worst_window_is_kept_and_judged() {
    let silent = Value::Counter(100.0);
    let worst = |revision, value| Worst { revision, value };
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &head(&windowed())).unwrap();
    let mut told = Vec::new();
    for number in 1..=4 {
        // From the third second on there was a window below the limit.
        let of_window = if number < 3 { worst(0, None) } else { worst(1, Some(&silent)) };
        let so_far = SoFar {
            scenarios: vec![ScenarioOutcome { name: "a".into(), books: Books::default(), threw: 0 }],
            worst: vec![worst(0, None), of_window],
            ..SoFar::default()
        };
        writer.second(&KeptSecond::new(Arc::new(second(number)), &so_far, &mut told));
    }
    assert!(writer.into_error().is_none());
    let verdicts = |bytes: &[u8]| {
        let mut input = Cursor::new(bytes);
        let summary = Survey::of(&mut input).unwrap().summary(&mut input, false).unwrap();
        summary.judgements.iter().map(|judgement| judgement.verdict).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&bytes), [Verdict::Passed, Verdict::Failed]);
}

#[test]
fn a_warm_up_is_left_out_and_told_apart() {
    let mut seconds: Vec<_> = (1..=5).map(second).collect();
    seconds[..2].iter_mut().for_each(|second| second.is_warm_up = true);
    let mut plan = Plan::default();
    plan.options.warm_up = Duration::from_secs(2);
    let bytes = journal(&plan, &seconds, 99);
    let mut input = Cursor::new(&bytes[..]);
    let summary = Survey::of(&mut input).unwrap().summary(&mut input, false).unwrap();
    let warm_up = summary.warm_up.as_ref().unwrap();
    assert_eq!(
        (warm_up.length, warm_up.elapsed, warm_up.is_over),
        (plan.options.warm_up, plan.options.warm_up, true)
    );
    assert_eq!((warm_up.before.times.count(), warm_up.after.times.count()), (640, 960));
    assert_eq!(summary.measured(), Duration::from_secs(3));
}

#[test]
fn a_bomb_is_no_memory() {
    // 300 MiB of nothing, in some thirty kilobytes.
    let bomb = zstd::bulk::compress(&vec![0; 300 << 20], 3).unwrap();
    assert!(bomb.len() < 64 << 10);
    let error = record::plain(&bomb).unwrap_err();
    assert_eq!(error.to_string(), "it is larger than any");
}

proptest! {
    #[test]
    fn arbitrary_bytes_break_no_promise(
        how in 0u8..4,
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        trial::journal(&[&[how], &rest[..]].concat());
    }

    #[test]
    fn changes_to_a_good_journal_are_noticed(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
        let bytes = changes.iter().flat_map(|(at, change)| [at.to_le_bytes()[0], at.to_le_bytes()[1], *change]);
        trial::journal(&std::iter::once(3).chain(bytes).collect::<Vec<u8>>());
    }
}

#[test]
fn a_whole_journal_has_its_end() {
    let (survey, found) = read(&good_journal()).unwrap();
    assert_eq!((survey.tail, found.len()), (Tail::Whole, 4));
    assert_eq!(survey.end, Some(serde_json::json!({ "schema": 1 })));
    let (survey, _) = read(&[&good_journal()[..], b"x"].concat()).unwrap();
    assert!(matches!(survey.tail, Tail::Damaged { .. }));
}
