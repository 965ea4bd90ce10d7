//! Which statuses don't count as failed: those of a request, of a user, of the run, or 200 to 399 as in k6.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use rhai::{Dynamic, INT, Map};

use super::frozen::{FrozenList, FrozenMap};

/// The least and the greatest status that a response can have.
const STATUSES: RangeInclusive<u16> = 100..=999;

/// Statuses that don't count as failed. A copy is a counter's step.
#[derive(Debug, Clone)]
pub(super) struct Expected(Rc<[RangeInclusive<u16>]>);

impl Expected {
    /// Whatever comes back, as long as something does.
    pub(super) fn any() -> Self {
        Self([STATUSES].into())
    }

    /// What all of a script's values say: a status, `200..300`, `200..=299`, `#{ min: 200, max: 299 }` or a list of
    /// these. Nothing where one of them says none.
    pub(super) fn read<'v>(values: impl IntoIterator<Item = &'v Dynamic>) -> Option<Self> {
        let mut ranges = Vec::new();
        for value in values {
            read_into(value, &mut ranges)?;
        }
        (!ranges.is_empty()).then(|| Self(ranges.into()))
    }

    /// Whether a status is one of them.
    pub(super) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

fn read_into(value: &Dynamic, ranges: &mut Vec<RangeInclusive<u16>>) -> Option<()> {
    if let Some(expected) = value.read_lock::<Expected>() {
        ranges.extend(expected.0.iter().cloned());
        return Some(());
    }
    if let Some(list) = value.read_lock::<FrozenList>() {
        return list.iter().try_for_each(|item| read_into(&item, ranges));
    }
    if let Ok(list) = value.as_array_ref() {
        return list.iter().try_for_each(|item| read_into(item, ranges));
    }
    let range = if let Ok(status) = value.as_int() {
        status..=status
    } else if let Some(range) = value.read_lock::<Range<INT>>() {
        range.start..=range.end.checked_sub(1)?
    } else if let Some(range) = value.read_lock::<RangeInclusive<INT>>() {
        range.clone()
    } else if let Some(map) = value.read_lock::<FrozenMap>() {
        of_map(&map.to_map())?
    } else {
        of_map(&*value.as_map_ref().ok()?)?
    };
    // k6's callback may name 0, for no answer at all.
    let status = |number: INT| u16::try_from(number).ok().filter(|status| *status <= *STATUSES.end());
    let (least, most) = (status(*range.start())?, status(*range.end())?);
    (least <= most).then(|| ranges.push(least..=most))
}

/// k6's `{ min, max }`.
fn of_map(map: &Map) -> Option<RangeInclusive<INT>> {
    let bound = |name: &str| map.get(name)?.as_int().ok();
    (map.len() == 2).then_some(bound("min")?..=bound("max")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Option<Expected> {
        let value: Dynamic = rhai::Engine::new().eval(source).unwrap();
        Expected::read([&value])
    }

    #[test]
    fn statuses_are_read_one_by_one_and_in_ranges() {
        for (source, inside, outside) in [
            ("404", 404, 200),
            ("[200, 404]", 404, 403),
            ("200..300", 299, 300),
            ("200..=299", 299, 300),
            ("#{ min: 200, max: 299 }", 299, 300),
            ("[200..300, 404, #{ min: 500, max: 503 }]", 502, 504),
            ("0", 0, 200),
        ] {
            let expected = read(source).unwrap_or_else(|| panic!("{source}"));
            assert!(expected.contains(inside) && !expected.contains(outside), "{source}");
        }
        assert!(Expected::any().contains(500) && !Expected::any().contains(0));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for source in [
            "[]",
            "-1",
            "1000",
            "\"200\"",
            "300..200",
            "200..200",
            "#{ min: 200 }",
            "#{ min: 1, max: 2, x: 3 }",
        ] {
            assert!(read(source).is_none(), "{source}");
        }
    }
}
