//! Names of functions that a reader knows where to look for.
//!
//! A release keeps line tables alone of what a debugger would want: functions that were inlined have their last
//! name in them, with all types that they were made for, and no path. That follows from their file.

/// A function's name; one without a path gets that of its source file.
pub(super) fn readable(name: &str, file: Option<&str>) -> String {
    let bare = without_types(name);
    if bare.is_empty() || bare.contains("::") {
        return name.to_owned();
    }
    match file.and_then(path) {
        Some(path) => format!("{path}::{bare}"),
        None => name.to_owned(),
    }
}

/// The name without what stands behind it in angle brackets; empty if it begins with them.
fn without_types(name: &str) -> &str {
    name.split('<').next().unwrap_or_default()
}

/// The path of the module that a Rust file is: `tokio::runtime::park` of `…/tokio-1.54.0/src/runtime/park.rs`.
fn path(file: &str) -> Option<String> {
    // Our own files lie in the folder of the build.
    let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).map_or(file, |own| own.trim_start_matches('/'));
    let file = file.strip_suffix(".rs")?;
    let parts: Vec<&str> = file.split('/').collect();
    let source = parts.iter().rposition(|part| *part == "src")?;
    let folder = source.checked_sub(1).map_or(env!("CARGO_PKG_NAME"), |at| parts[at]);
    let versioned =
        folder.rsplit_once('-').filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()));
    let package = versioned.map_or(folder, |(package, _)| package).replace('-', "_");
    let modules = parts[source + 1..].iter().filter(|part| !matches!(**part, "mod" | "lib" | "main"));
    Some(std::iter::once(package.as_str()).chain(modules.copied()).collect::<Vec<_>>().join("::"))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_function_that_was_inlined_gets_its_path() {
        fn of(name: &str, file: &str) -> String {
            readable(name, Some(file))
        }
        assert_eq!(of("holds", "src/script/host/check.rs"), "runner::script::host::check::holds");
        assert_eq!(of("main", concat!(env!("CARGO_MANIFEST_DIR"), "/src/main.rs")), "runner::main");
        let registry = "/x/registry/src/index.crates.io-1949cf8c6b5b557f/";
        assert_eq!(
            of("{closure#0}<a::B, (u8, c::D)>", &format!("{registry}tokio-util-0.7.1/src/io/mod.rs")),
            "tokio_util::io::{closure#0}"
        );
        assert_eq!(of("next<u8>", "/rustc/5980/library/core/src/iter/range.rs"), "core::iter::range::next");
    }

    #[test]
    fn other_names_stay_as_they_are() {
        for (name, file) in [
            ("rhai::eval::expr", Some("src/eval/expr.rs")),
            ("<core::option::Option<T> as Clone>::clone", Some("/rustc/1/library/core/src/option.rs")),
            ("mi_malloc", Some("c_src/mimalloc/src/alloc.c")),
            ("recv", None),
        ] {
            assert_eq!(readable(name, file), name);
        }
    }
}
