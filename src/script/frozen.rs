//! Constants and shared data: lists and maps that can be read at no cost and never change.
//!
//! Reading `global::X` clones the value: 179 µs for 10,000 strings in a plain list, a counter's
//! step for these. With size limits on, even `len()` walks a plain list; here it is a field.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map,
    NativeCallContext, RhaiNativeFunc, Variant,
};

use super::data::{Cell, Lines, Node, Span, Table, Tree};
use super::engine::LIST_ITEMS_MAX;
use super::error::HostError;

/// A text, table or tree that all workers share. The inner count is touched by all of them, so a user's
/// clones go by the outer one.
type Shared<T> = Rc<Arc<T>>;

/// A list that can't change.
#[derive(Debug, Clone)]
pub struct FrozenList(Items);

#[derive(Debug, Clone)]
enum Items {
    Own(Rc<[Dynamic]>),
    /// The rows of a table.
    Rows(Shared<Table>),
    /// A row of a table whose columns have no names.
    Fields(Shared<Table>, u32),
    Lines(Shared<Lines>),
    /// A list within a tree.
    Tree(Shared<Tree>, Span),
}

/// A map that can't change.
#[derive(Debug, Clone)]
pub struct FrozenMap(Pairs);

#[derive(Debug, Clone)]
enum Pairs {
    Own(Rc<BTreeMap<ImmutableString, Dynamic>>),
    /// A row of a table.
    Row(Shared<Table>, u32),
    /// A map within a tree.
    Tree(Shared<Tree>, Span),
}

/// The value with every list and map in it frozen.
pub fn freeze(value: Dynamic) -> Dynamic {
    if value.is_array() {
        let items = value.into_array().unwrap_or_default();
        return Dynamic::from(FrozenList(Items::Own(items.into_iter().map(freeze).collect())));
    }
    if value.is_map() {
        let pairs = value.try_cast::<Map>().unwrap_or_default();
        let pairs = pairs.into_iter().map(|(key, item)| (key.as_str().into(), freeze(item))).collect();
        return Dynamic::from(FrozenMap(Pairs::Own(Rc::new(pairs))));
    }
    value
}

/// The value with every frozen list and map in it copied into a plain one.
fn thaw(value: Dynamic) -> Dynamic {
    if let Some(list) = value.read_lock::<FrozenList>() {
        return list.thaw().into();
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        return map.thaw().into();
    }
    value
}

/// A value of a table.
fn cell(cell: Cell<'_>) -> Dynamic {
    match cell {
        Cell::Text(text) => ImmutableString::from(&*text).into(),
        Cell::Int(number) => number.into(),
        Cell::Float(number) => number.into(),
        Cell::Bool(flag) => flag.into(),
        Cell::Nothing => Dynamic::UNIT,
    }
}

/// A value of a tree.
fn node(tree: &Shared<Tree>, node: Node) -> Dynamic {
    match node {
        Node::Nothing => Dynamic::UNIT,
        Node::Bool(flag) => flag.into(),
        Node::Int(number) => number.into(),
        Node::Float(number) => number.into(),
        Node::Text(span) => ImmutableString::from(tree.text(span)).into(),
        Node::List(span) => Dynamic::from(FrozenList(Items::Tree(Rc::clone(tree), span))),
        Node::Map(span) => Dynamic::from(FrozenMap(Pairs::Tree(Rc::clone(tree), span))),
    }
}

impl FrozenList {
    /// The rows of a table.
    pub(super) fn rows(table: Arc<Table>) -> Self {
        Self(Items::Rows(Rc::new(table)))
    }

    /// The lines of a file.
    pub(super) fn lines(lines: Arc<Lines>) -> Self {
        Self(Items::Lines(Rc::new(lines)))
    }

    /// The items in order.
    pub fn iter(&self) -> FrozenItems {
        FrozenItems { list: self.clone(), next: 0 }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Items::Own(items) => items.len(),
            Items::Rows(table) => table.len(),
            Items::Fields(table, _) => table.width(),
            Items::Lines(lines) => lines.len(),
            Items::Tree(_, span) => span.len(),
        }
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, which may count from the end as -1.
    pub fn at(&self, index: INT) -> Option<Dynamic> {
        let index = if index < 0 { index.checked_add(INT::try_from(self.len()).ok()?)? } else { index };
        self.nth(usize::try_from(index).ok()?)
    }

    /// The item at `index`.
    pub fn nth(&self, index: usize) -> Option<Dynamic> {
        match &self.0 {
            Items::Own(items) => items.get(index).cloned(),
            Items::Rows(table) => {
                let (row, table) = (table.row(index)?, Rc::clone(table));
                Some(if table.is_named() {
                    Dynamic::from(FrozenMap(Pairs::Row(table, row)))
                } else {
                    Dynamic::from(Self(Items::Fields(table, row)))
                })
            }
            Items::Fields(table, row) => table.cell(*row, index).map(cell),
            Items::Lines(lines) => lines.at(index).map(|line| ImmutableString::from(line).into()),
            Items::Tree(tree, span) => tree.items(*span).get(index).map(|item| node(tree, *item)),
        }
    }

    fn thaw(&self) -> Array {
        self.iter().map(thaw).collect()
    }

    /// What makes a plain list of this one refuses to make a longer one than scripts may have.
    pub(super) fn fits(&self, what: &str) -> Result<(), HostError> {
        if self.len() <= LIST_ITEMS_MAX {
            return Ok(());
        }
        Err(HostError::new(format!(
            "`{what}` would make a list of {} items, more than {LIST_ITEMS_MAX}",
            self.len()
        ))
        .hint("walk it with `for item in list { … }`, or take a part: `list.extract(0, 1000)`"))
    }
}

impl FrozenMap {
    /// A tree's map; a list of it is a [`FrozenList`].
    pub(super) fn tree(tree: Arc<Tree>) -> Dynamic {
        let tree = Rc::new(tree);
        let root = tree.root();
        node(&tree, root)
    }

    /// The pairs: by key, or as the columns of a table stand.
    pub fn iter(&self) -> impl Iterator<Item = (ImmutableString, Dynamic)> {
        (0..self.len()).filter_map(|place| self.pair(place))
    }

    fn pair(&self, place: usize) -> Option<(ImmutableString, Dynamic)> {
        match &self.0 {
            Pairs::Own(pairs) => pairs.iter().nth(place).map(|(key, item)| (key.clone(), item.clone())),
            Pairs::Row(table, row) => {
                Some((table.names().nth(place)?.into(), cell(table.cell(*row, place)?)))
            }
            Pairs::Tree(tree, span) => {
                tree.pair(*span, place).map(|(key, item)| (key.into(), node(tree, item)))
            }
        }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Pairs::Own(pairs) => pairs.len(),
            Pairs::Row(table, _) => table.width(),
            Pairs::Tree(_, span) => span.len(),
        }
    }

    /// True without pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key.
    pub fn find(&self, key: &str) -> Option<Dynamic> {
        match &self.0 {
            Pairs::Own(pairs) => pairs.get(key).cloned(),
            Pairs::Row(table, row) => table.named(*row, key).map(cell),
            Pairs::Tree(tree, span) => tree.get(*span, key).map(|item| node(tree, item)),
        }
    }

    /// The same as a script reads it: what isn't there is nothing, but a table's column that isn't is misspelt.
    pub(super) fn read(&self, key: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        match (self.find(key), &self.0) {
            (Some(value), _) => Ok(value),
            (None, Pairs::Row(table, _)) => Err(table.no_column(key).word(key).into()),
            (None, _) => Ok(Dynamic::UNIT),
        }
    }

    /// What a script gets that writes a value under a key.
    pub(super) fn keep(&self, key: &str, value: &Dynamic) -> Result<(), Box<EvalAltResult>> {
        keep("map", self.find(key), value)
    }

    /// A plain map of the same items, which stay frozen.
    pub(super) fn to_map(&self) -> Map {
        self.iter().map(|(key, item)| (key.as_str().into(), item)).collect()
    }

    fn thaw(&self) -> Map {
        self.iter().map(|(key, item)| (key.as_str().into(), thaw(item))).collect()
    }
}

/// Walks a list without copying it.
pub struct FrozenItems {
    list: FrozenList,
    next: usize,
}

impl Iterator for FrozenItems {
    type Item = Dynamic;

    fn next(&mut self) -> Option<Dynamic> {
        self.next += 1;
        self.list.nth(self.next - 1)
    }
}

impl IntoIterator for &FrozenList {
    type Item = Dynamic;
    type IntoIter = FrozenItems;

    fn into_iter(self) -> FrozenItems {
        self.iter()
    }
}

impl IntoIterator for FrozenList {
    type Item = Dynamic;
    type IntoIter = FrozenItems;

    fn into_iter(self) -> FrozenItems {
        FrozenItems { list: self, next: 0 }
    }
}

fn same(left: &Dynamic, right: &Dynamic) -> bool {
    if let (Ok(a), Ok(b)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref()) {
        return *a == *b;
    }
    match (left.as_int(), right.as_int(), left.as_float(), right.as_float(), left.as_bool(), right.as_bool())
    {
        (Ok(a), Ok(b), ..) => a == b,
        (_, _, Ok(a), Ok(b), ..) => a.to_bits() == b.to_bits(),
        (_, _, _, _, Ok(a), Ok(b)) => a == b,
        _ => left.is_unit() && right.is_unit(),
    }
}

fn out_of_bounds(index: INT, length: usize) -> HostError {
    HostError::new(format!("index {index} is outside this constant list of {length} items"))
}

fn unchangeable(what: &str) -> HostError {
    HostError::new(format!("a constant {what} can't be changed"))
        .hint("copy it first: `let copy = global::NAME.copy();`")
}

fn map_list(
    context: NativeCallContext,
    list: &mut FrozenList,
    call: FnPtr,
) -> Result<Array, Box<EvalAltResult>> {
    list.fits("map")?;
    list.iter().map(|item| call.call_within_context(&context, (item,))).collect()
}

fn filter_list(
    context: NativeCallContext,
    list: &mut FrozenList,
    call: FnPtr,
) -> Result<Array, Box<EvalAltResult>> {
    let mut kept = Array::new();
    for item in list.iter() {
        if kept.len() == LIST_ITEMS_MAX {
            list.fits("filter")?;
        }
        if call.call_within_context::<bool>(&context, (item.clone(),))? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn slice(list: &FrozenList, start: INT, length: INT) -> Array {
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    let length = usize::try_from(length.max(0)).unwrap_or(0);
    let length = length.min(LIST_ITEMS_MAX);
    (start..start.saturating_add(length)).map_while(|index| list.nth(index)).collect()
}

/// As a text; of a long list its beginning.
fn shown(list: &FrozenList) -> String {
    /// More is no text that anybody reads.
    const SHOWN_MAX: usize = 1_000;
    let items: Array = list.iter().take(SHOWN_MAX).map(thaw).collect();
    let text = Dynamic::from(items).to_string();
    match list.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => text,
        Some(more) => format!("{}, … and {more} more]", text.strip_suffix(']').unwrap_or(&text)),
    }
}

/// Rhai writes the value of `map.item.method()` back. Where that left it as it was there is nothing to
/// refuse; of a handle (a metric, a feeder) the same holds, since what it stands for is elsewhere.
fn keep(what: &str, old: Option<Dynamic>, new: &Dynamic) -> Result<(), Box<EvalAltResult>> {
    let is_kept = old.is_some_and(|old| {
        let is_handle = new.is_variant() && !new.is_string() && !new.is_array() && !new.is_map();
        same(&old, new) || (is_handle && old.type_id() == new.type_id())
    });
    if is_kept { Ok(()) } else { Err(unchangeable(what).into()) }
}

/// A method that changes nothing, though it takes a reference that could: Rhai calls it on constants too,
/// and leaves what it is called on where it is.
fn reads<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    engine: &mut Engine,
    name: &str,
    method: FUNC,
) where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    FuncRegistration::new(name).with_purity(true).register_into_engine(engine, method);
}

fn count(length: usize) -> INT {
    INT::try_from(length).unwrap_or(INT::MAX)
}

/// Teaches an engine both types.
pub(super) fn register(engine: &mut Engine) {
    register_list(engine);
    register_map(engine);
}

fn register_list(engine: &mut Engine) {
    engine
        .register_type_with_name::<FrozenList>("constant list")
        .register_iterator::<FrozenList>()
        .register_get("len", |list: &mut FrozenList| count(list.len()))
        .register_indexer_get(|list: &mut FrozenList, index: INT| {
            list.at(index).ok_or_else(|| Box::<EvalAltResult>::from(out_of_bounds(index, list.len())))
        })
        .register_fn("push", |_: &mut FrozenList, _: Dynamic| -> Result<(), Box<EvalAltResult>> {
            Err(unchangeable("list").into())
        });
    FuncRegistration::new_index_setter()
        .with_purity(true)
        .register_into_engine(engine, |list: &mut FrozenList, index: INT, value: Dynamic| {
            keep("list", list.at(index), &value)
        });
    reads(engine, "len", |list: &mut FrozenList| count(list.len()));
    reads(engine, "is_empty", |list: &mut FrozenList| list.is_empty());
    reads(engine, "contains", |list: &mut FrozenList, wanted: Dynamic| {
        list.iter().any(|item| same(&item, &wanted))
    });
    reads(engine, "index_of", |list: &mut FrozenList, wanted: Dynamic| {
        list.iter().position(|item| same(&item, &wanted)).map_or(-1, count)
    });
    reads(engine, "extract", |list: &mut FrozenList, start: INT, length: INT| slice(list, start, length));
    reads(engine, "map", map_list);
    reads(engine, "filter", filter_list);
    reads(engine, "copy", |list: &mut FrozenList| -> Result<Array, Box<EvalAltResult>> {
        list.fits("copy")?;
        Ok(list.thaw())
    });
    reads(engine, "to_string", |list: &mut FrozenList| shown(list));
    reads(engine, "to_debug", |list: &mut FrozenList| shown(list));
}

fn register_map(engine: &mut Engine) {
    engine
        .register_type_with_name::<FrozenMap>("constant map")
        .register_indexer_get(|map: &mut FrozenMap, key: ImmutableString| map.read(&key));
    FuncRegistration::new_index_setter()
        .with_purity(true)
        .register_into_engine(engine, |map: &mut FrozenMap, key: ImmutableString, value: Dynamic| {
            map.keep(&key, &value)
        });
    reads(engine, "len", |map: &mut FrozenMap| count(map.len()));
    reads(engine, "is_empty", |map: &mut FrozenMap| map.is_empty());
    reads(engine, "contains", |map: &mut FrozenMap, key: ImmutableString| map.find(&key).is_some());
    reads(engine, "get", |map: &mut FrozenMap, key: ImmutableString| map.find(&key).unwrap_or(Dynamic::UNIT));
    reads(engine, "keys", |map: &mut FrozenMap| map.iter().map(|(key, _)| key.into()).collect::<Array>());
    reads(engine, "values", |map: &mut FrozenMap| map.iter().map(|(_, item)| item).collect::<Array>());
    reads(engine, "copy", |map: &mut FrozenMap| map.thaw());
    reads(engine, "to_string", |map: &mut FrozenMap| Dynamic::from(map.thaw()).to_string());
    reads(engine, "to_debug", |map: &mut FrozenMap| format!("{:?}", Dynamic::from(map.thaw())));
}
