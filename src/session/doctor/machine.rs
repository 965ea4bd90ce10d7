//! The machine as text files, so that checks can be tried on another one's.

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use super::top_rate::Calibrated;

/// Readings of the clock that are timed together: some 5 µs where reading is cheap.
const CLOCK_READINGS: u32 = 200;

/// How often they are timed; the shortest counts, since in the others something came between.
const CLOCK_ROUNDS: u32 = 20;

/// The longest file that is read: `/proc/self/mountinfo` of a busy container host has some 100 KB.
const BYTES_MAX: u64 = 1 << 20;

/// From a path to the file's text; none when it can't be read.
type Read = dyn Fn(&str) -> Option<String>;

/// Where checks look.
pub struct Machine {
    pub(super) read: Box<Read>,
    /// What one reading of the monotonic clock costs.
    pub(super) clock_reading_ns: u64,
    /// Its rate, as far as that was measured.
    pub(super) calibrated: Calibrated,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("clock_reading_ns", &self.clock_reading_ns).finish_non_exhaustive()
    }
}

impl Machine {
    /// The one that this process runs on; its calibration, for so many workers, lies in a folder of results.
    pub fn here(results: &Path, workers: usize) -> Self {
        let calibrated = Calibrated::read(results, workers);
        Self { read: Box::new(read), clock_reading_ns: clock_reading_ns(), calibrated }
    }

    /// One that is made of files.
    #[cfg(test)]
    pub(super) fn of(files: &'static [(&'static str, &'static str)]) -> Self {
        let read = move |path: &str| {
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        };
        Self { read: Box::new(read), clock_reading_ns: 25, calibrated: Calibrated::Never }
    }

    /// A file's text; none when it can't be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        (self.read)(path)
    }

    /// A file that holds one word.
    pub(super) fn word(&self, path: &str) -> Option<String> {
        self.text(path).map(|text| text.trim().to_owned()).filter(|word| !word.is_empty())
    }

    /// A file that holds one number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.word(path)?.parse().ok()
    }

    /// A field of a file of lines `Name:  value`, such as `/proc/self/status`.
    pub(super) fn field(&self, path: &str, name: &str) -> Option<String> {
        let text = self.text(path)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    /// A figure of `/proc/meminfo`, in bytes.
    pub(super) fn memory(&self, name: &str) -> Option<u64> {
        let value = self.field("/proc/meminfo", name)?;
        value.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
    }

    /// A limit of this process, soft and hard, by its name in `/proc/self/limits`; `u64::MAX` is unlimited.
    pub(super) fn limit(&self, name: &str) -> Option<(u64, u64)> {
        let text = self.text("/proc/self/limits")?;
        let values = text.lines().find_map(|line| line.strip_prefix(name))?;
        let mut values = values.split_whitespace().map(|word| match word {
            "unlimited" => Some(u64::MAX),
            number => number.parse().ok(),
        });
        Some((values.next()??, values.next()??))
    }

    /// The cores that this process may use.
    pub(super) fn cores(&self) -> Option<Vec<u64>> {
        list(&self.field("/proc/self/status", "Cpus_allowed_list")?)
    }
}

/// Numbers as the kernel lists them: `0-3,8`.
pub(super) fn list(text: &str) -> Option<Vec<u64>> {
    /// The most that a list may hold: no kernel has as many cores or ports.
    const NUMBERS_MAX: u64 = 1 << 17;
    let mut numbers = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last.checked_sub(first)? > NUMBERS_MAX {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

fn read(path: &str) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

fn clock_reading_ns() -> u64 {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..CLOCK_READINGS {
            black_box(Instant::now());
        }
        start.elapsed() / CLOCK_READINGS
    };
    let shortest = (0..CLOCK_ROUNDS).map(round).min().unwrap_or_default();
    u64::try_from(shortest.as_nanos()).unwrap_or(u64::MAX)
}
