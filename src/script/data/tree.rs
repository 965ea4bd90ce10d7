//! A JSON file that all users share: its values side by side in one arena, its texts in one buffer.
//!
//! Reading a value is an index, not a walk, and nothing is counted across threads.

use std::fmt;
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::super::error::HostError;
use super::super::value::DEPTH_MAX;
use super::file;

/// A value; lists and maps say where their items lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Node {
    /// `null`.
    Nothing,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(Span),
    /// Items among the tree's nodes.
    List(Span),
    /// Pairs among the tree's pairs, sorted by key.
    Map(Span),
}

/// A range of a tree's texts, nodes or pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Span {
    from: u32,
    length: u32,
}

impl Span {
    fn new(from: usize, length: usize) -> Self {
        let narrow = |size| u32::try_from(size).expect("data files are far below 4 GiB");
        Self { from: narrow(from), length: narrow(length) }
    }

    /// How many there are.
    pub(in super::super) fn len(self) -> usize {
        self.length as usize
    }

    fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.from as usize + self.length as usize
    }
}

/// A file of JSON.
#[derive(Debug, Default)]
pub(in super::super) struct Tree {
    texts: String,
    nodes: Vec<Node>,
    pairs: Vec<(u32, Node)>,
    keys: Vec<Box<str>>,
    root: Option<Node>,
}

impl Tree {
    /// Reads a file within the script's folder.
    pub(super) fn read(folder: &Path, path: &str) -> Result<Self, HostError> {
        Self::new(path, &file::read(folder, path)?)
    }

    fn new(path: &str, text: &str) -> Result<Self, HostError> {
        let mut tree = Self::default();
        let mut known = FxHashMap::default();
        let mut json = serde_json::Deserializer::from_str(text);
        let seed = Planter { tree: &mut tree, known: &mut known, depth: 0 };
        let root = seed.deserialize(&mut json).and_then(|root| json.end().map(|()| root));
        let root = root.map_err(|error| broken(path, text, &error))?;
        if !matches!(root, Node::List(_) | Node::Map(_)) {
            return Err(HostError::new(format!("`{path}` holds neither a list nor a map"))
                .hint("a value of its own is a `const` of the script")
                .word(path));
        }
        tree.root = Some(root);
        Ok(tree)
    }

    /// The whole: a list or a map.
    pub(in super::super) fn root(&self) -> Node {
        self.root.expect("reading gave one")
    }

    /// The text of a node.
    pub(in super::super) fn text(&self, span: Span) -> &str {
        &self.texts[span.range()]
    }

    /// The items of a list.
    pub(in super::super) fn items(&self, span: Span) -> &[Node] {
        &self.nodes[span.range()]
    }

    /// A pair of a map, by place.
    pub(in super::super) fn pair(&self, span: Span, place: usize) -> Option<(&str, Node)> {
        let (key, node) = self.pairs[span.range()].get(place)?;
        Some((&self.keys[*key as usize], *node))
    }

    /// The value under a key of a map.
    pub(in super::super) fn get(&self, span: Span, key: &str) -> Option<Node> {
        let pairs = &self.pairs[span.range()];
        let place = pairs.binary_search_by(|(known, _)| (*self.keys[*known as usize]).cmp(key)).ok()?;
        Some(pairs[place].1)
    }
}

fn broken(path: &str, text: &str, error: &serde_json::Error) -> HostError {
    let (line, column) = (error.line(), error.column().max(1));
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    let error = HostError::new(format!("`{path}:{line}:{column}`: the JSON is broken: {what}")).word(path);
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if what.starts_with("trailing characters")
        && text.lines().nth(1).is_some_and(|next| next.starts_with('{'))
    {
        return error.hint(
            "is it a value a line? Then read it with `data::lines(path)`, and each line with `parse_json(line)`",
        );
    }
    error.hint(format!("look at `{}`", line.trim().chars().take(60).collect::<String>()))
}

/// Puts one value into a tree.
struct Planter<'a> {
    tree: &'a mut Tree,
    known: &'a mut FxHashMap<Box<str>, u32>,
    depth: usize,
}

impl Planter<'_> {
    fn below(&mut self) -> Planter<'_> {
        Planter { tree: self.tree, known: self.known, depth: self.depth + 1 }
    }

    fn descend<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format!("it is nested deeper than {DEPTH_MAX} lists or maps")));
        }
        Ok(())
    }

    fn key(&mut self, key: String) -> u32 {
        if let Some(known) = self.known.get(key.as_str()) {
            return *known;
        }
        let number = u32::try_from(self.tree.keys.len()).expect("data files are far below 4 GiB");
        self.tree.keys.push(key.as_str().into());
        self.known.insert(key.into_boxed_str(), number);
        number
    }
}

impl<'de> DeserializeSeed<'de> for Planter<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Planter<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Float(number as f64), Node::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        let from = self.tree.texts.len();
        self.tree.texts.push_str(text);
        Ok(Node::Text(Span::new(from, text.len())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Node, A::Error> {
        self.descend()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.below())? {
            items.push(item);
        }
        let span = Span::new(self.tree.nodes.len(), items.len());
        self.tree.nodes.append(&mut items);
        Ok(Node::List(span))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Node, A::Error> {
        self.descend()?;
        let mut pairs: Vec<(u32, Node)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let key = self.key(key);
            pairs.push((key, map.next_value_seed(self.below())?));
        }
        // Of equal keys the last counts, as everywhere: sorting keeps their order, so it comes first here.
        pairs.reverse();
        pairs.sort_by(|(a, _), (b, _)| self.tree.keys[*a as usize].cmp(&self.tree.keys[*b as usize]));
        pairs.dedup_by_key(|(key, _)| *key);
        let span = Span::new(self.tree.pairs.len(), pairs.len());
        self.tree.pairs.append(&mut pairs);
        Ok(Node::Map(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::new("a.json", text).unwrap()
    }

    fn refusal(text: &str) -> HostError {
        Tree::new("a.json", text).map(|_| ()).expect_err(text)
    }

    #[test]
    fn every_value_is_found_where_it_stands() {
        let tree =
            tree(r#"{"b": [1, 2.5, "x", null, true, {"a": "y"}], "a": {}, "b2": 18446744073709551615}"#);
        let Node::Map(root) = tree.root() else { panic!("a map") };
        assert_eq!(root.len(), 3);
        assert_eq!(tree.pair(root, 0).unwrap().0, "a");
        assert_eq!(tree.get(root, "b2"), Some(Node::Float(18_446_744_073_709_551_615.0)));
        assert_eq!(tree.get(root, "c"), None);
        let Some(Node::List(list)) = tree.get(root, "b") else { panic!("a list") };
        let items = tree.items(list);
        assert_eq!(items[..2], [Node::Int(1), Node::Float(2.5)]);
        assert_eq!(items[3..5], [Node::Nothing, Node::Bool(true)]);
        let (Node::Text(text), Node::Map(inner)) = (items[2], items[5]) else { panic!("{items:?}") };
        assert_eq!(tree.text(text), "x");
        let Some(Node::Text(text)) = tree.get(inner, "a") else { panic!("a text") };
        assert_eq!(tree.text(text), "y");
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        let tree = tree(r#"{"a": 1, "b": 2, "a": 3}"#);
        let Node::Map(root) = tree.root() else { panic!("a map") };
        assert_eq!((root.len(), tree.get(root, "a")), (2, Some(Node::Int(3))));
    }

    #[test]
    fn broken_files_are_told_with_their_place() {
        let error = refusal("[1,\n  2,,3]");
        assert_eq!(error.message, "`a.json:2:5`: the JSON is broken: expected value");
        assert_eq!(error.hint.unwrap(), "look at `2,,3]`");
        assert!(refusal("{\"a\":1}\n{\"a\":2}\n").hint.unwrap().contains("data::lines"));
        assert_eq!(refusal("5").message, "`a.json` holds neither a list nor a map");
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert!(refusal(&deep).message.contains("nested deeper than 64"), "{}", refusal(&deep));
        assert!(Tree::new("a.json", &("[".repeat(64) + &"]".repeat(64))).is_ok());
    }
}
