//! The registry: what the reference, the diagnostics and the reload read.

use super::load;
use crate::plan::{COMMON_OPTIONS, EXECUTORS};
use crate::script::{Kind, declaration, functions, host};

/// Whether a script can use the word as a key without quotes.
fn can_be_a_key(word: &str) -> bool {
    load(&format!("let m = #{{ {word}: 1 }}; m.{word};\nfn flow() {{}}")).is_ok()
}

#[test]
fn no_option_is_a_word_that_the_language_reserves() {
    assert!(!can_be_a_key("match"), "the test sees a reserved word");
    let executors = EXECUTORS.iter().flat_map(|executor| executor.options);
    let specs = executors
        .chain(COMMON_OPTIONS)
        .chain(crate::plan::RUN_OPTIONS)
        .chain(crate::plan::HTTP_OPTIONS)
        .chain(crate::plan::SUMMARY_OPTIONS)
        .chain(crate::plan::SYSTEM_TAGS_OPTION)
        .chain(declaration::TARGET_OPTIONS);
    let names: Vec<&str> =
        specs.map(|option| option.name).chain(host::REQUEST_OPTIONS.iter().copied()).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(can_be_a_key(name), "`{name}` needs quotes as a key");
    }
}

#[test]
fn every_function_has_a_signature_that_parses_and_says_what_it_does() {
    let functions = functions();
    assert!(functions.len() > 40);
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    for function in &functions {
        let inner = function
            .signature
            .strip_prefix(function.name())
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        let inner = match function.kind {
            Kind::Property => "",
            _ => inner.unwrap_or_else(|| panic!("{}", function.signature)),
        };
        assert!(
            function.name().split("::").flat_map(|part| part.split('.')).all(is_name),
            "{}",
            function.signature
        );
        assert!(inner.is_empty() || inner.split(", ").all(is_name), "{}", function.signature);
        assert!(function.about.len() > 4 && !function.about.ends_with('.'), "{}", function.signature);
        assert!(function.about.starts_with(char::is_lowercase), "{}", function.about);
    }
    let mut signatures: Vec<&str> = functions.iter().map(|function| function.signature).collect();
    signatures.sort_unstable();
    signatures.dedup();
    assert_eq!(signatures.len(), functions.len(), "a signature is listed twice");
}

#[test]
fn every_listed_function_can_be_called_by_its_signature() {
    for function in functions().iter().filter(|function| function.kind == Kind::Function) {
        let arguments = vec!["()"; function.arity()].join(", ");
        // What it makes of `()` is its own matter; the name and the number must be known.
        let script = format!("fn flow() {{ {}({arguments}); }}", function.name());
        assert!(load(&script).is_ok(), "{script}");
    }
}
