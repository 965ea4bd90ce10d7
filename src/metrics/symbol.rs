//! Text as a number: what a request is keyed by is interned once, so that the hot path hashes and
//! compares a few integers and touches no string.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::TagSet;
use super::tags::OTHER;

/// How many texts (and how many tag sets) a recorder interns. Ten times the cap on series: names beyond
/// that could not have series of their own anyway, and a URL made of random numbers must not eat the memory.
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
        symbols.intern_tags(&TagSet::default());
        symbols
    }

    /// The text's number; past the cap that of `__other__`.
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(&known) = self.text_index.get(text) {
            return known;
        }
        // One place stays free for `__other__` itself.
        if self.texts.len() >= SYMBOLS_MAX - 1 && text != OTHER {
            return self.intern(OTHER);
        }
        let text: Arc<str> = Arc::from(text);
        let symbol = Symbol(u32::try_from(self.texts.len()).expect("capped far below u32::MAX"));
        self.texts.push(Arc::clone(&text));
        self.text_index.insert(text, symbol);
        symbol
    }

    /// The tag set's number; past the cap that of `{name:__other__}`.
    pub(super) fn intern_tags(&mut self, tags: &TagSet) -> Symbol {
        if let Some(&known) = self.tag_index.get(tags) {
            return known;
        }
        if self.tag_sets.len() >= SYMBOLS_MAX - 1 && !tags.is_other() {
            return self.intern_tags(&TagSet::other());
        }
        let symbol = Symbol(u32::try_from(self.tag_sets.len()).expect("capped far below u32::MAX"));
        self.tag_sets.push(tags.clone());
        self.tag_index.insert(tags.clone(), symbol);
        symbol
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
        assert_eq!(all[SYMBOLS_MAX + 1], all[SYMBOLS_MAX + 9]);
        assert_eq!(&*symbols.text(symbols.text_index["7"]), "7");
        assert_eq!(symbols.texts.len(), SYMBOLS_MAX);
    }
}
