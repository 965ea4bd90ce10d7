//! `log::*`: lines on standard error, with the user who said them.

use std::rc::Rc;

use rhai::Dynamic;

use super::super::log::Level;
use super::super::registry::Registry;

pub(super) fn register(registry: &mut Registry<'_>) {
    for (signature, about, example, level) in [
        (
            "log::debug(text)",
            "says something with `-v` alone",
            "log::debug(`the user ${vu::id()} looks around`);",
            Level::Debug,
        ),
        ("log::info(text)", "says something", "log::info(`the user ${vu::id()} looks around`);", Level::Info),
        (
            "log::warn(text)",
            "says that something is odd",
            "log::warn(`the user ${vu::id()} looks around`);",
            Level::Warn,
        ),
        (
            "log::error(text)",
            "says that something is wrong",
            "log::error(`the user ${vu::id()} looks around`);",
            Level::Error,
        ),
    ] {
        let stage = Rc::clone(&registry.stage);
        registry.define(signature, about, move |text: Dynamic| stage.log(level, &text.to_string()));
        registry.example(example);
    }
}
