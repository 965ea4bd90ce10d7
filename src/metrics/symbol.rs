//! Text as a number: what a request is keyed by is interned once, so that the hot path hashes and
//! compares a few integers and touches no string.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::TagSet;
use super::tags::OTHER;

/// How many texts (and how many tag sets) a recorder interns, if it has room for series of them until then: ten times
/// the cap on series. Once there is none, nothing new is interned, since it could not have a series of its own.
pub const SYMBOLS_MAX: usize = 100_000;

/// An interned text or tag set of one [`super::Recorder`]; the default is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Symbol(pub(super) u32);

impl Symbol {
    /// The empty text, and no tags.
    pub const NONE: Self = Self(0);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// The texts and tag sets of one recorder.
#[derive(Debug)]
pub(super) struct Symbols {
    texts: Vec<Arc<str>>,
    text_index: FxHashMap<Arc<str>, Symbol>,
    tag_sets: Vec<TagSet>,
    tag_index: FxHashMap<TagSet, Symbol>,
}

impl Symbols {
    pub(super) fn new() -> Self {
        let mut symbols = Self {
            texts: Vec::new(),
            text_index: FxHashMap::default(),
            tag_sets: Vec::new(),
            tag_index: FxHashMap::default(),
        };
        symbols.intern("");
        symbols.intern(OTHER);
        symbols.add_tags(&TagSet::default());
        symbols
    }

    /// The text's number, if it has one.
    pub(super) fn known(&self, text: &str) -> Option<Symbol> {
        self.text_index.get(text).copied()
    }

    /// The tag set's number, if it has one.
    pub(super) fn known_tags(&self, tags: &TagSet) -> Option<Symbol> {
        self.tag_index.get(tags).copied()
    }

    /// The text's number; past the cap that of `__other__`.
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(known) = self.known(text) {
            return known;
        }
        if self.texts.len() >= SYMBOLS_MAX {
            return self.other();
        }
        let text: Arc<str> = Arc::from(text);
        let symbol = Symbol(u32::try_from(self.texts.len()).expect("capped far below u32::MAX"));
        self.texts.push(Arc::clone(&text));
        self.text_index.insert(text, symbol);
        symbol
    }

    /// The number of `__other__`.
    pub(super) fn other(&self) -> Symbol {
        self.known(OTHER).expect("interned at the start")
    }

    /// Whether there is room for another tag set.
    pub(super) fn takes_tags(&self) -> bool {
        self.tag_sets.len() < SYMBOLS_MAX
    }

    /// The number of a tag set that is new: the caller minds the cap.
    pub(super) fn add_tags(&mut self, tags: &TagSet) -> Symbol {
        let symbol = Symbol(u32::try_from(self.tag_sets.len()).expect("capped far below u32::MAX"));
        self.tag_sets.push(tags.clone());
        self.tag_index.insert(tags.clone(), symbol);
        symbol
    }

    /// How many texts and how many tag sets.
    #[cfg(test)]
    pub(super) fn len(&self) -> [usize; 2] {
        [self.texts.len(), self.tag_sets.len()]
    }

    /// The text of a symbol; a symbol of another recorder reads as `__other__`.
    pub(super) fn text(&self, symbol: Symbol) -> Arc<str> {
        self.texts.get(symbol.index()).map_or_else(|| Arc::from(OTHER), Arc::clone)
    }

    /// The tag set of a symbol; a symbol of another recorder reads as `{name:__other__}`.
    pub(super) fn tags(&self, symbol: Symbol) -> TagSet {
        self.tag_sets.get(symbol.index()).map_or_else(TagSet::other, TagSet::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_interned_once() {
        let mut symbols = Symbols::new();
        let price = symbols.intern("price");
        assert_eq!(symbols.intern("price"), price);
        assert_ne!(symbols.intern("health"), price);
        assert_eq!(&*symbols.text(price), "price");
        assert_eq!(symbols.intern(""), Symbol::NONE);
    }

    #[test]
    fn past_the_cap_all_texts_are_other() {
        let mut symbols = Symbols::new();
        let all: Vec<Symbol> = (0..SYMBOLS_MAX + 10).map(|n| symbols.intern(&n.to_string())).collect();
        assert_eq!(&*symbols.text(all[SYMBOLS_MAX + 1]), OTHER);
        assert_eq!(all[SYMBOLS_MAX + 1], symbols.other());
        assert_eq!(all[SYMBOLS_MAX + 1], all[SYMBOLS_MAX + 9]);
        assert_eq!(&*symbols.text(symbols.text_index["7"]), "7");
        assert_eq!(symbols.texts.len(), SYMBOLS_MAX);
    }
}
