//! The modules that the binary brings along: Rhai texts under `stdlib/`, imported as `std/NAME`.

/// Name and text, in the order of the reference.
const MODULES: &[(&str, &str)] = &[
    ("phases", include_str!("../../stdlib/phases.rhai")),
    ("targets", include_str!("../../stdlib/targets.rhai")),
    ("auth", include_str!("../../stdlib/auth.rhai")),
    ("polling", include_str!("../../stdlib/polling.rhai")),
    ("pagination", include_str!("../../stdlib/pagination.rhai")),
    ("retry", include_str!("../../stdlib/retry.rhai")),
    ("fiml", include_str!("../../stdlib/fiml.rhai")),
];

/// The text of `std/NAME`.
pub(super) fn text(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names without `std/`.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}
