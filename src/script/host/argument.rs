//! Arguments that are taken in several types: a text or bytes, an integer where a number is meant, a
//! constant list. What is of another type is refused by name, with what the function takes and got.

use rhai::{Array, Blob, Dynamic, EvalAltResult, Map};

use super::super::engine::TEXT_BYTES_MAX;
use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::value::described;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The argument is of a type that the function doesn't take.
pub(super) fn misfit(function: &str, wanted: &str, got: &Dynamic) -> HostError {
    HostError::new(format!("`{function}` takes {wanted}, not {}", described(got)))
}

/// A text's UTF-8, or bytes as they are.
pub(super) fn to_bytes(function: &str, value: &Dynamic) -> Outcome<Blob> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.as_bytes().to_vec());
    }
    match value.as_blob_ref() {
        Ok(bytes) => Ok(bytes.clone()),
        Err(_) => Err(misfit(function, "a text or bytes", value).into()),
    }
}

/// A text, or bytes that are one.
pub(super) fn to_text(function: &str, value: &Dynamic) -> Outcome<String> {
    String::from_utf8(to_bytes(function, value)?)
        .map_err(|_| HostError::new(format!("`{function}`: the bytes are no text (UTF-8)")).into())
}

/// An integer or a number.
pub(super) fn to_number(function: &str, name: &str, value: &Dynamic) -> Outcome<f64> {
    let number = value.as_float().or_else(|_| value.as_int().map(|integer| integer as f64));
    Ok(number.map_err(|_| misfit(function, &format!("a number as `{name}`"), value))?)
}

/// A number that is none of NaN and the infinities.
pub(super) fn to_finite(function: &str, name: &str, value: &Dynamic) -> Outcome<f64> {
    let number = to_number(function, name, value)?;
    if number.is_finite() {
        return Ok(number);
    }
    Err(HostError::new(format!("`{function}` takes a finite number as `{name}`, not {number}")).into())
}

/// A list, or a constant one.
pub(super) fn to_list(function: &str, value: Dynamic) -> Outcome<Array> {
    if let Some(frozen) = value.read_lock::<FrozenList>() {
        frozen.fits(function)?;
        return Ok(frozen.iter().collect());
    }
    if value.is_array() {
        Ok(value.into_array().unwrap_or_default())
    } else {
        Err(misfit(function, "a list", &value).into())
    }
}

/// A map, or a constant one.
pub(super) fn to_map(function: &str, value: Dynamic) -> Outcome<Map> {
    if let Some(frozen) = value.read_lock::<FrozenMap>() {
        return Ok(frozen.to_map());
    }
    if value.is_map() {
        Ok(value.try_cast().unwrap_or_default())
    } else {
        Err(misfit(function, "a map", &value).into())
    }
}

/// Refuses to make a text longer than a script may hold, before it is made.
pub(super) fn fits(function: &str, bytes: usize) -> Outcome<()> {
    if bytes <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(HostError::new(format!("`{function}` would make a text of {} MB", bytes >> 20))
        .hint(format!("a text can have {} MB", TEXT_BYTES_MAX >> 20))
        .into())
}
