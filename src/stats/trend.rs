//! Where a series comes to rest: its change points, and the slope that remains.
//!
//! Made for one value a second of a run (the logarithm of a typical time), and knows nothing of it. Change points
//! are those of the piecewise constant series with the least squared error plus a penalty for each piece (optimal
//! partitioning: Jackson et al., IEEE Signal Processing Letters 12, 2005; exact, and quadratic in the points, so
//! long series are thinned). The penalty goes by the noise, measured on differences and widened where neighbours
//! are alike (the robust estimator of `AR1seg`: Chakar et al., Bernoulli 23, 2017): independent noise would see a
//! change in every wave of a queue. What counts as steady follows Barrett et al., "Virtual machine warmup blows hot
//! and cold" (OOPSLA 2017): the last level, as far back as pieces equal it.

use std::ops::Range;

/// Fewer points than this say nothing: a queue that fills takes seconds, and the noise must be measured too.
pub const POINTS_MIN: usize = 20;

/// Longer series are thinned to so many points, by medians of neighbours.
const POINTS_MAX: usize = 1_200;

/// Pieces are at least so long: shorter disturbances are noise.
const PIECE_MIN: usize = 5;

/// But the first one: connections are opened and caches filled in a second or two.
const FIRST_PIECE_MIN: usize = 2;

/// The penalty of a piece, in units of the noise's variance times ln(points). BIC takes 2 for noise that is known
/// and normal; here it is estimated, and has tails.
const PENALTY: f64 = 4.0;

/// Levels that differ by less are one level for a reader: ln(1.05), 5 %.
const LEVEL_TOLERANCE: f64 = 0.048_8;

/// A drift over the steady part that a reader should know: ln(1.1), 10 %.
const DRIFT_MIN: f64 = 0.095_3;

/// How many standard errors a slope must be away from zero.
const DRIFT_ERRORS: f64 = 4.0;

/// The steady part is at least this share of the series: a level that came at the very end may be one of many.
const STEADY_SHARE_MIN: f64 = 1.0 / 3.0;

/// Disturbances between two equal levels are bridged up to this share of the series.
const DISTURBED_SHARE_MAX: f64 = 0.1;

/// Points are pulled in to so many standard deviations from the median of their neighbours: an outlier is no level.
const OUTLIER: f64 = 3.0;

/// Neighbours on each side for that median.
const NEIGHBOURS: usize = 3;

/// From the median of absolute deviations to a standard deviation, of normal noise.
const MAD: f64 = 0.674_5;

/// Neighbours are never taken to be less alike than this, since seconds of a queue are, and the estimate of few points
/// strays; nor more, since the penalty grows without bound towards 1.
const LIKENESS: [f64; 2] = [0.3, 0.65];

/// The least noise that is believed in: half a percent. Less is the resolution of what was measured.
const NOISE_MIN: f64 = 0.005;

/// What a series does.
#[derive(Debug, Clone, PartialEq)]
pub enum Course {
    /// Fewer than [`POINTS_MIN`] points.
    TooShort,
    /// It keeps one level from a point on, 0 for the whole series.
    Steady {
        /// The first point of the level that lasts.
        from: usize,
        /// Short stretches in between that had another.
        disturbed: Vec<Range<usize>>,
    },
    /// It rises or falls to the end.
    Drifting {
        /// Its change from the first point to the last, in units of the series.
        change: f64,
    },
    /// It has no level that lasts: the last change came late.
    Restless {
        /// The first point after the last change.
        last_change: usize,
    },
}

/// What a series does. Values must be finite.
pub fn course(series: &[f64]) -> Course {
    if series.len() < POINTS_MIN {
        return Course::TooShort;
    }
    let step = series.len().div_ceil(POINTS_MAX);
    if step == 1 {
        return course_of(series);
    }
    let thinned: Vec<f64> = series.chunks(step).map(median).collect();
    let stretch = |range: &Range<usize>| range.start * step..(range.end * step).min(series.len());
    match course_of(&thinned) {
        Course::Steady { from, disturbed } => {
            Course::Steady { from: from * step, disturbed: disturbed.iter().map(stretch).collect() }
        }
        Course::Restless { last_change } => Course::Restless { last_change: last_change * step },
        course => course,
    }
}

fn course_of(series: &[f64]) -> Course {
    let noise = Noise::of(series);
    let points = without_outliers(series, noise.deviation());
    let sums = Sums::of(&points);
    let penalty = PENALTY * noise.long_variance() * (points.len() as f64).ln();
    let (pieces, error) = sums.partition(penalty);
    let line = sums.line(0..points.len());
    // A straight line costs one parameter more than one level, as each further piece does.
    if pieces.len() > 1 && line.change.abs() >= DRIFT_MIN && line.error + penalty < error {
        return Course::Drifting { change: line.change };
    }
    let (from, disturbed) = level_that_lasts(&sums, &pieces);
    let length = points.len() - from;
    if (length as f64) < (points.len() as f64 * STEADY_SHARE_MIN).max(POINTS_MIN as f64 / 2.0) {
        let last_change = pieces.last().map_or(0, |piece| piece.start);
        return Course::Restless { last_change };
    }
    let line = sums.line(from..points.len());
    let is_certain = line.slope.abs() > DRIFT_ERRORS * (noise.long_variance() / line.spread).sqrt();
    if line.change.abs() >= DRIFT_MIN && is_certain {
        return Course::Drifting { change: line.change };
    }
    Course::Steady { from, disturbed }
}

/// From where on the last piece's level holds, and what disturbed it.
fn level_that_lasts(sums: &Sums, pieces: &[Range<usize>]) -> (usize, Vec<Range<usize>>) {
    let length = sums.len();
    let Some(last) = pieces.last() else { return (0, Vec::new()) };
    let (mut from, mut total, mut count) = (last.start, sums.sum(last), last.len());
    let (mut disturbed, mut pending) = (Vec::new(), Vec::<Range<usize>>::new());
    for piece in pieces.iter().rev().skip(1) {
        let level = total / count as f64;
        if (sums.mean(piece) - level).abs() > LEVEL_TOLERANCE {
            pending.push(piece.clone());
            continue;
        }
        let strange: usize = disturbed.iter().chain(&pending).map(Range::len).sum();
        if strange as f64 > length as f64 * DISTURBED_SHARE_MAX {
            break;
        }
        disturbed.append(&mut pending);
        (from, total, count) = (piece.start, total + sums.sum(piece), count + piece.len());
    }
    disturbed.reverse();
    (from, disturbed)
}

/// The noise of a series, whatever changes of level it has.
struct Noise {
    /// Of the difference of two neighbours.
    variance_of_difference: f64,
    /// How much neighbours are alike: the autocorrelation of an AR(1) process, within [`LIKENESS`].
    likeness: f64,
}

impl Noise {
    fn of(series: &[f64]) -> Self {
        let variance = |lag: usize| {
            let differences: Vec<f64> = series.windows(lag + 1).map(|w| (w[lag] - w[0]).abs()).collect();
            (median(&differences) / MAD).powi(2)
        };
        let (one, two) = (variance(1), variance(2));
        let likeness = if one > 0.0 { two / one - 1.0 } else { 0.0 }.clamp(LIKENESS[0], LIKENESS[1]);
        Self { variance_of_difference: one, likeness }
    }

    /// The variance of one point: differences of alike neighbours are smaller than that.
    fn variance(&self) -> f64 {
        (self.variance_of_difference / 2.0 / (1.0 - self.likeness)).max(NOISE_MIN * NOISE_MIN)
    }

    fn deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The variance of a mean times its points.
    fn long_variance(&self) -> f64 {
        self.variance() * (1.0 + self.likeness) / (1.0 - self.likeness)
    }
}

/// The series with its outliers pulled in. First points stand if at least [`FIRST_PIECE_MIN`] in a row lie out on one
/// side: that is a start.
fn without_outliers(series: &[f64], deviation: f64) -> Vec<f64> {
    let span = 2 * NEIGHBOURS + 1;
    let usual = median(&series[FIRST_PIECE_MIN..FIRST_PIECE_MIN + span]);
    let lies_out =
        |side: f64| series.iter().take_while(|&&value| side * (value - usual) > OUTLIER * deviation).count();
    let start =
        Some(lies_out(1.0).max(lies_out(-1.0))).filter(|start| *start >= FIRST_PIECE_MIN).unwrap_or(0);
    let pull = |(at, value): (usize, &f64)| {
        if at < start {
            return *value;
        }
        // As many at the ends: of four points two outliers make half a median.
        let first = at.saturating_sub(NEIGHBOURS).min(series.len() - span);
        let middle = median(&series[first..first + span]);
        value.clamp(middle - OUTLIER * deviation, middle + OUTLIER * deviation)
    };
    series.iter().enumerate().map(pull).collect()
}

/// The median; of an even number the mean of the middle two. Never of nothing.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// A straight line through points.
struct Line {
    slope: f64,
    /// From the first point to the last.
    change: f64,
    /// Squared deviations of the points from it.
    error: f64,
    /// Squared deviations of the points' places from their mean.
    spread: f64,
}

/// Running sums, so that any stretch's error costs nothing. Values are taken from the first one's, so that little
/// is lost to cancellation.
struct Sums {
    origin: f64,
    values: Vec<f64>,
    squares: Vec<f64>,
    /// Of value times place.
    moments: Vec<f64>,
}

impl Sums {
    fn of(points: &[f64]) -> Self {
        let origin = points.first().copied().unwrap_or(0.0);
        let running = |of: &dyn Fn(usize, f64) -> f64| {
            let mut sum = 0.0;
            let rest = points.iter().enumerate().map(|(at, value)| {
                sum += of(at, value - origin);
                sum
            });
            std::iter::once(0.0).chain(rest.collect::<Vec<_>>()).collect()
        };
        Self {
            origin,
            values: running(&|_, value| value),
            squares: running(&|_, value| value * value),
            moments: running(&|at, value| at as f64 * value),
        }
    }

    fn len(&self) -> usize {
        self.values.len() - 1
    }

    fn sum(&self, range: &Range<usize>) -> f64 {
        self.values[range.end] - self.values[range.start] + self.origin * range.len() as f64
    }

    fn mean(&self, range: &Range<usize>) -> f64 {
        self.sum(range) / range.len() as f64
    }

    /// Squared deviations from the mean of a stretch.
    fn error(&self, start: usize, end: usize) -> f64 {
        let sum = self.values[end] - self.values[start];
        let squares = self.squares[end] - self.squares[start];
        (squares - sum * sum / (end - start) as f64).max(0.0)
    }

    fn line(&self, range: Range<usize>) -> Line {
        let (start, end, count) = (range.start, range.end, range.len() as f64);
        let spread = count * (count * count - 1.0) / 12.0;
        let middle = f64::midpoint(start as f64, end as f64 - 1.0);
        let sum = self.values[end] - self.values[start];
        let slope = (self.moments[end] - self.moments[start] - middle * sum) / spread;
        let error = (self.error(start, end) - slope * slope * spread).max(0.0);
        Line { slope, change: slope * (count - 1.0), error, spread }
    }

    /// The pieces whose error plus a penalty for each but the first is least, and that sum.
    fn partition(&self, penalty: f64) -> (Vec<Range<usize>>, f64) {
        let length = self.len();
        // Of each prefix: the least cost, and where its last piece begins.
        let mut least = vec![(f64::INFINITY, 0); length + 1];
        least[0] = (-penalty, 0);
        for end in FIRST_PIECE_MIN..=length {
            let mut best = (self.error(0, end), 0);
            let starts = FIRST_PIECE_MIN..(end + 1).saturating_sub(PIECE_MIN);
            for start in starts {
                let cost = least[start].0 + self.error(start, end) + penalty;
                if cost < best.0 {
                    best = (cost, start);
                }
            }
            least[end] = best;
        }
        let (mut pieces, mut end) = (Vec::new(), length);
        while end > 0 {
            let start = least[end].1;
            pieces.push(start..end);
            end = start;
        }
        pieces.reverse();
        (pieces, least[length].0)
    }
}

#[cfg(test)]
mod tests;
