//! Constants and shared data: lists and maps that can be read at no cost and never change.
//!
//! Reading `global::X` clones the value: 179 µs for 10,000 strings in a plain list, a counter's
//! step for these. With size limits on, even `len()` walks a plain list; here it is a field.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map, NativeCallContext};

use super::error::HostError;

/// A list that can't change.
#[derive(Debug, Clone)]
pub struct FrozenList(Rc<[Dynamic]>);

/// A map that can't change.
#[derive(Debug, Clone)]
pub struct FrozenMap(Rc<BTreeMap<ImmutableString, Dynamic>>);

/// The value with every list and map in it frozen.
pub fn freeze(value: Dynamic) -> Dynamic {
    if value.is_array() {
        let items = value.into_array().unwrap_or_default();
        return Dynamic::from(FrozenList(items.into_iter().map(freeze).collect()));
    }
    if value.is_map() {
        let pairs = value.try_cast::<Map>().unwrap_or_default();
        let pairs = pairs.into_iter().map(|(key, item)| (key.as_str().into(), freeze(item))).collect();
        return Dynamic::from(FrozenMap(Rc::new(pairs)));
    }
    value
}

/// The value with every frozen list and map in it copied into a plain one.
fn thaw(value: &Dynamic) -> Dynamic {
    if let Some(list) = value.read_lock::<FrozenList>() {
        return list.thaw().into();
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        return map.thaw().into();
    }
    value.clone()
}

impl FrozenList {
    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = &Dynamic> {
        self.0.iter()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item at `index`, which may count from the end as -1.
    pub fn at(&self, index: INT) -> Option<&Dynamic> {
        let index = if index < 0 { index + INT::try_from(self.0.len()).ok()? } else { index };
        self.0.get(usize::try_from(index).ok()?)
    }

    fn thaw(&self) -> Array {
        self.0.iter().map(thaw).collect()
    }
}

impl FrozenMap {
    /// The pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ImmutableString, &Dynamic)> {
        self.0.iter()
    }

    /// A plain map of the same items, which stay frozen.
    pub(super) fn to_map(&self) -> Map {
        self.0.iter().map(|(key, item)| (key.as_str().into(), item.clone())).collect()
    }

    fn thaw(&self) -> Map {
        self.0.iter().map(|(key, item)| (key.as_str().into(), thaw(item))).collect()
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
        self.list.0.get(self.next - 1).cloned()
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

fn map_list(context: NativeCallContext, list: FrozenList, call: FnPtr) -> Result<Array, Box<EvalAltResult>> {
    list.iter().map(|item| call.call_within_context(&context, (item.clone(),))).collect()
}

fn filter_list(
    context: NativeCallContext,
    list: FrozenList,
    call: FnPtr,
) -> Result<Array, Box<EvalAltResult>> {
    let mut kept = Array::new();
    for item in list.iter() {
        if call.call_within_context::<bool>(&context, (item.clone(),))? {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn slice(list: &FrozenList, start: INT, length: INT) -> Array {
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    let length = usize::try_from(length.max(0)).unwrap_or(0);
    list.iter().skip(start).take(length).cloned().collect()
}

/// Teaches an engine both types.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<FrozenList>("constant list")
        .register_iterator::<FrozenList>()
        .register_indexer_get(|list: &mut FrozenList, index: INT| {
            list.at(index)
                .cloned()
                .ok_or_else(|| Box::<EvalAltResult>::from(out_of_bounds(index, list.len())))
        })
        .register_indexer_set(|_: &mut FrozenList, _: INT, _: Dynamic| -> Result<(), Box<EvalAltResult>> {
            Err(unchangeable("list").into())
        })
        .register_fn("len", |list: &mut FrozenList| INT::try_from(list.len()).unwrap_or(INT::MAX))
        .register_get("len", |list: &mut FrozenList| INT::try_from(list.len()).unwrap_or(INT::MAX))
        .register_fn("is_empty", |list: &mut FrozenList| list.is_empty())
        .register_fn("contains", |list: &mut FrozenList, wanted: Dynamic| {
            list.iter().any(|item| same(item, &wanted))
        })
        .register_fn("index_of", |list: &mut FrozenList, wanted: Dynamic| {
            list.iter()
                .position(|item| same(item, &wanted))
                .map_or(-1, |index| INT::try_from(index).unwrap_or(-1))
        })
        .register_fn("extract", |list: &mut FrozenList, start: INT, length: INT| slice(list, start, length))
        .register_fn("map", map_list)
        .register_fn("filter", filter_list)
        .register_fn("copy", |list: &mut FrozenList| list.thaw())
        .register_fn("to_string", |list: &mut FrozenList| Dynamic::from(list.thaw()).to_string())
        .register_fn("to_debug", |list: &mut FrozenList| format!("{:?}", Dynamic::from(list.thaw())))
        .register_fn("push", |_: &mut FrozenList, _: Dynamic| -> Result<(), Box<EvalAltResult>> {
            Err(unchangeable("list").into())
        });
    engine
        .register_type_with_name::<FrozenMap>("constant map")
        .register_indexer_get(|map: &mut FrozenMap, key: ImmutableString| {
            map.0.get(&key).cloned().unwrap_or(Dynamic::UNIT)
        })
        .register_indexer_set(
            |_: &mut FrozenMap, _: ImmutableString, _: Dynamic| -> Result<(), Box<EvalAltResult>> {
                Err(unchangeable("map").into())
            },
        )
        .register_fn("len", |map: &mut FrozenMap| INT::try_from(map.0.len()).unwrap_or(INT::MAX))
        .register_fn("is_empty", |map: &mut FrozenMap| map.0.is_empty())
        .register_fn("contains", |map: &mut FrozenMap, key: ImmutableString| map.0.contains_key(&key))
        .register_fn("get", |map: &mut FrozenMap, key: ImmutableString| {
            map.0.get(&key).cloned().unwrap_or(Dynamic::UNIT)
        })
        .register_fn("keys", |map: &mut FrozenMap| {
            map.0.keys().map(|key| key.clone().into()).collect::<Array>()
        })
        .register_fn("values", |map: &mut FrozenMap| map.0.values().cloned().collect::<Array>())
        .register_fn("copy", |map: &mut FrozenMap| map.thaw())
        .register_fn("to_string", |map: &mut FrozenMap| Dynamic::from(map.thaw()).to_string())
        .register_fn("to_debug", |map: &mut FrozenMap| format!("{:?}", Dynamic::from(map.thaw())));
}
