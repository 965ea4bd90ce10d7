//! `uuid()`: a random identifier (RFC 9562, version 4) from the running user's own generator.

use std::rc::Rc;

use rand::RngExt;

use super::super::registry::Registry;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define("uuid()", "a random UUID (version 4), the same where the seed is the same", move || {
        let bytes: [u8; 16] = stage.vu().rng.borrow_mut().random();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    });
    registry.example("uuid().len() // 36");
}
