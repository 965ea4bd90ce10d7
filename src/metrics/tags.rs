//! A series' tags: sorted pairs behind one `Arc`, so that a clone is a count and equal sets compare
//! equal whatever the order they were given in. The empty set, which most calls have, costs nothing. A tag never has an empty value: such a pair is left out.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The `name` of the series that takes what no longer fits under the cap.
pub const OTHER: &str = "__other__";

type Pair = (Arc<str>, Arc<str>);

/// Sorted pairs of tag and value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Pair>", into = "Vec<Pair>")]
pub struct TagSet(Option<Arc<[Pair]>>);

impl TagSet {
    /// Tags from pairs in any order; of two with one key the later wins, empty values are left out.
    pub fn from_pairs<K: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut sorted: Vec<Pair> = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.into(), value.into());
            match sorted.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(at) => sorted[at].1 = value,
                Err(at) => sorted.insert(at, (key, value)),
            }
        }
        sorted.retain(|(_, value)| !value.is_empty());
        Self((!sorted.is_empty()).then(|| sorted.into()))
    }

    /// The tags of the overflow series: `name` = [`OTHER`] alone.
    pub fn other() -> Self {
        Self::from_pairs([("name", OTHER)])
    }

    /// The value of a tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.pairs().binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.pairs()[at].1)
    }

    /// The pairs, sorted by tag.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(key, value)| (&**key, &**value))
    }

    /// The pairs with their shared text, sorted by tag.
    pub(super) fn pairs(&self) -> &[Pair] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The same tags and one more; an empty value removes the tag.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        let added = std::iter::once((Arc::from(key), Arc::from(value)));
        Self::from_pairs(self.pairs().iter().cloned().chain(added))
    }

    /// The tags of both; where both have a tag, `other`'s value.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::from_pairs(self.pairs().iter().chain(other.pairs()).cloned())
    }

    /// How many tags.
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Vec<Pair>> for TagSet {
    fn from(pairs: Vec<Pair>) -> Self {
        Self::from_pairs(pairs)
    }
}

impl From<TagSet> for Vec<Pair> {
    fn from(tags: TagSet) -> Self {
        tags.pairs().to_vec()
    }
}

/// `{tag:value,tag2:value2}`, and nothing for no tags.
impl fmt::Display for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        for (index, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}:{value}", if index == 0 { '{' } else { ',' })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_the_later_pair_wins() {
        let one = TagSet::from_pairs([("b", "2"), ("a", "1")]);
        let two = TagSet::from_pairs([("a", "0"), ("b", "2"), ("a", "1")]);
        assert_eq!(one, two);
        assert_eq!(one.to_string(), "{a:1,b:2}");
    }

    #[test]
    fn an_empty_value_is_no_tag() {
        let tags = TagSet::from_pairs([("group", ""), ("name", "price")]);
        assert_eq!(tags.get("group"), None);
        assert_eq!(tags.with("name", ""), TagSet::default());
    }

    #[test]
    fn a_pair_given_twice_survives_postcard_once() {
        let bytes = postcard::to_stdvec(&vec![("b", "1"), ("a", "1"), ("b", "2")]).unwrap();
        let tags: TagSet = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(tags, TagSet::from_pairs([("a", "1"), ("b", "2")]));
    }
}
