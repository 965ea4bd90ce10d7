//! A bounded map with a time to live that forgets what was used longest ago.
//!
//! Invariant: the entries form one doubly linked list through a slab, most recently used first;
//! map and list hold the same keys; never more than `capacity` of them.

use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;

/// No entry.
const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Entry<V> {
    key: Arc<str>,
    value: V,
    expires: Instant,
    newer: usize,
    older: usize,
}

/// The map.
#[derive(Debug)]
pub(super) struct Lru<V> {
    capacity: usize,
    places: FxHashMap<Arc<str>, usize>,
    entries: Vec<Entry<V>>,
    newest: usize,
    oldest: usize,
}

impl<V: Clone> Lru<V> {
    /// An empty map for at most `capacity` entries (at least one).
    pub(super) fn new(capacity: usize) -> Lru<V> {
        let capacity = capacity.max(1);
        Lru { capacity, places: FxHashMap::default(), entries: Vec::new(), newest: NONE, oldest: NONE }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The value and when it expires, unless it has.
    pub(super) fn get(&mut self, key: &str, now: Instant) -> Option<(V, Instant)> {
        let at = *self.places.get(key)?;
        if self.entries[at].expires <= now {
            self.remove(at);
            return None;
        }
        self.touch(at);
        let entry = &self.entries[at];
        Some((entry.value.clone(), entry.expires))
    }

    /// Sets a value; the entry used longest ago goes if there is no room.
    pub(super) fn insert(&mut self, key: &str, value: V, expires: Instant) {
        if let Some(&at) = self.places.get(key) {
            self.entries[at].value = value;
            self.entries[at].expires = expires;
            self.touch(at);
            return;
        }
        if self.entries.len() == self.capacity {
            self.remove(self.oldest);
        }
        let (key, at): (Arc<str>, usize) = (key.into(), self.entries.len());
        self.places.insert(Arc::clone(&key), at);
        self.entries.push(Entry { key, value, expires, newer: NONE, older: NONE });
        self.link(at);
    }

    /// Makes `at` the most recently used.
    fn touch(&mut self, at: usize) {
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
    }

    fn link(&mut self, at: usize) {
        let second = self.newest;
        self.entries[at].newer = NONE;
        self.entries[at].older = second;
        self.set_newer(second, at);
        self.set_older(NONE, at);
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.entries[at].newer, self.entries[at].older);
        self.set_older(newer, older);
        self.set_newer(older, newer);
    }

    /// Says what is next older than `at`; next older than `NONE` is the newest of all.
    fn set_older(&mut self, at: usize, older: usize) {
        match at {
            NONE => self.newest = older,
            at => self.entries[at].older = older,
        }
    }

    /// Says what is next newer than `at`; next newer than `NONE` is the oldest of all.
    fn set_newer(&mut self, at: usize, newer: usize) {
        match at {
            NONE => self.oldest = newer,
            at => self.entries[at].newer = newer,
        }
    }

    /// Takes `at` out and moves the last entry of the slab into its place.
    fn remove(&mut self, at: usize) {
        self.unlink(at);
        self.places.remove(&self.entries[at].key);
        self.entries.swap_remove(at);
        if let Some(moved) = self.entries.get(at) {
            let (newer, older) = (moved.newer, moved.older);
            if let Some(place) = self.places.get_mut(&moved.key) {
                *place = at;
            }
            self.set_older(newer, at);
            self.set_newer(older, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_mins(1));
        let mut map = Lru::new(2);
        map.insert("a", 1, later);
        map.insert("b", 2, later);
        assert!(map.get("a", now).is_some());
        map.insert("c", 3, later);
        assert!(map.get("b", now).is_none());
        assert_eq!((map.get("a", now), map.get("c", now)), (Some((1, later)), Some((3, later))));
    }

    #[test]
    fn an_entry_ends_at_its_time() {
        let now = Instant::now();
        let mut map = Lru::new(4);
        map.insert("a", 1, now + Duration::from_millis(10));
        assert!(map.get("a", now + Duration::from_millis(9)).is_some());
        assert!(map.get("a", now + Duration::from_millis(10)).is_none());
        assert_eq!(map.len(), 0);
    }

    proptest! {
        /// Against a plain list that does the same the slow way.
        #[test]
        fn it_behaves_as_a_plain_list(steps in prop::collection::vec((any::<bool>(), 0_u8..12, 1_u64..40), 0..300)) {
            const CAPACITY: usize = 5;
            let start = Instant::now();
            let mut map = Lru::new(CAPACITY);
            let mut list: Vec<(String, u64, Instant)> = Vec::new();
            for (tick, (insert, key, life)) in (0_u64..).zip(steps) {
                let (now, key) = (start + Duration::from_millis(tick), key.to_string());
                let held = list.iter().position(|(k, ..)| *k == key);
                if insert {
                    let expires = now + Duration::from_millis(life);
                    if let Some(at) = held {
                        list.remove(at);
                    } else if list.len() == CAPACITY {
                        list.remove(0);
                    }
                    list.push((key.clone(), tick, expires));
                    map.insert(&key, tick, expires);
                } else {
                    let expected = held.map(|at| list.remove(at)).filter(|(.., expires)| *expires > now);
                    list.extend(expected.clone());
                    prop_assert_eq!(map.get(&key, now), expected.map(|(_, value, expires)| (value, expires)));
                }
                prop_assert_eq!(map.len(), list.len());
            }
        }
    }
}
