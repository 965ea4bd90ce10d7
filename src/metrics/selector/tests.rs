//! Selectors: k6's form, negation, quotes, and where errors point.

use proptest::prelude::*;

use super::*;

fn tags(pairs: &[(&str, &str)]) -> TagSet {
    TagSet::from_pairs(pairs.iter().copied())
}

fn error(text: &str) -> String {
    Selector::parse(text).unwrap_err().to_string()
}

#[test]
fn a_bare_metric_means_all_its_series() {
    for text in ["http_reqs", " http_reqs ", "http_reqs{}", "http_reqs { }"] {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector, Selector::all("http_reqs"));
        assert!(selector.matches("http_reqs", &tags(&[("name", "price")])));
        assert!(!selector.matches("checks", &TagSet::default()));
    }
}

#[test]
fn all_conditions_must_hold() {
    let selector = Selector::parse("checks{ name:price , method : GET }").unwrap();
    assert!(selector.matches_tags(&tags(&[("name", "price"), ("method", "GET")])));
    assert!(!selector.matches_tags(&tags(&[("name", "price"), ("method", "PUT")])));
    assert!(!selector.matches_tags(&tags(&[("name", "price")])));
}

#[test]
fn an_absent_tag_equals_nothing_and_differs_from_all() {
    assert!(!Selector::parse("m{a:1}").unwrap().matches_tags(&TagSet::default()));
    assert!(Selector::parse("m{a!:1}").unwrap().matches_tags(&TagSet::default()));
    assert!(Selector::parse("m{a!=1}").unwrap().matches_tags(&tags(&[("a", "2")])));
    assert!(!Selector::parse("m{a!:1}").unwrap().matches_tags(&tags(&[("a", "1")])));
}

#[test]
fn values_may_hold_colons_spaces_and_in_quotes_anything() {
    let value = |text: &str| Selector::parse(text).unwrap().matchers[0].value.clone();
    assert_eq!(value("m{group:::outer::inner}"), "::outer::inner");
    assert_eq!(value("m{url:http://127.0.0.1:80/a?b=c}"), "http://127.0.0.1:80/a?b=c");
    assert_eq!(value("m{name: GET /price }"), "GET /price");
    assert_eq!(value(r#"m{name:"a,b}"}"#), "a,b}");
    assert_eq!(value(r#"m{name:'say "it"'}"#), r#"say "it""#);
    assert_eq!(value(r#"m{name:"a\"b\\c\d"}"#), r#"a"b\c\d"#);
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    assert_eq!(error(""), "expected a metric's name at character 1, found the end");
    assert_eq!(error("m{name=price}"), "expected `:` or `!:` at character 7, found `=`");
    assert_eq!(error("m{name:price"), "expected `,` or `}` at character 13, found the end");
    assert_eq!(error("m{name:}"), "expected a value at character 8, found `}`");
    assert_eq!(error("m{name:\"\"}"), "expected a value at character 9, found `\"`");
    assert_eq!(error("m{name:\"a}"), "expected a closing quote at character 11, found the end");
    assert_eq!(error("m{:a}"), "expected a tag's name at character 3, found `:`");
    assert_eq!(error("m{a:b} x"), "expected the end at character 8, found `x`");
    assert_eq!(error("m x"), "expected `{` or the end at character 3, found `x`");
    assert_eq!(error("m{a!b}"), "expected `:` or `=` after `!` at character 5, found `b`");
    assert_eq!(error("m{u:/a/{id}}"), "expected `,`, `}` or a value in quotes at character 8, found `{`");
}

#[test]
fn a_regular_expression_comes_later() {
    assert_eq!(Selector::parse("m{a~b}").unwrap_err(), SelectorError::Regex { position: 4 });
    assert_eq!(Selector::parse("m{a!~b}").unwrap_err(), SelectorError::Regex { position: 5 });
    assert!(error("m{a~b}").contains("isn't supported yet"));
}

proptest! {
    #[test]
    fn printed_and_read_it_is_the_same(
        metric in "[a-z_][a-z0-9_]{0,12}",
        matchers in prop::collection::vec(("[a-z_]{1,8}", "\\PC{1,12}", any::<bool>()), 0..4),
    ) {
        let matchers = matchers.into_iter().map(|(tag, value, negated)| Matcher { tag, value, negated }).collect();
        let selector = Selector { metric, matchers };
        prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}") {
        if let Err(error) = Selector::parse(&text) {
            prop_assert!(error.position() <= text.chars().count() + 1);
        }
    }
}
