//! What a parameter takes, and who wins.

use super::*;

fn given(text: &str) -> Given {
    Given { text: text.to_owned(), source: ParamSource::CommandLine }
}

fn text(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

fn declare(default: ParamValue, rules: ParamRules, value: Option<&str>) -> Result<Param, ParamError> {
    Param::declare("x", default, rules, value.map(given).as_ref())
}

#[test]
fn the_default_says_what_a_value_must_be() {
    let read = |default: ParamValue, value: &str| {
        declare(default, ParamRules::default(), Some(value)).map(|param| param.value)
    };
    assert_eq!(read(ParamValue::Integer(1), "20"), Ok(ParamValue::Integer(20)));
    assert_eq!(read(ParamValue::Integer(1), "10_000"), Ok(ParamValue::Integer(10_000)));
    assert_eq!(read(ParamValue::Integer(1), "-3"), Ok(ParamValue::Integer(-3)));
    assert_eq!(read(ParamValue::Number(1.0), "20"), Ok(ParamValue::Number(20.0)));
    assert_eq!(read(ParamValue::Boolean(false), "yes"), Ok(ParamValue::Boolean(true)));
    assert_eq!(read(text("30s"), "1m"), Ok(text("1m")));
    assert_eq!(read(text("AAPL"), ""), Ok(text("")));
    for (default, value, takes) in [
        (ParamValue::Integer(1), "2.5", "an integer"),
        (ParamValue::Integer(1), "many", "an integer"),
        (ParamValue::Integer(1), "9223372036854775808", "an integer"),
        (ParamValue::Number(1.0), "NaN", "a number"),
        (ParamValue::Boolean(true), "maybe", "true or false"),
        (text("30s"), "30", "a duration"),
    ] {
        let error = read(default, value).unwrap_err().to_string();
        assert!(error.contains(&format!("takes {takes}, not {value:?} (from `--param`)")), "{error}");
    }
}

#[test]
fn a_text_that_reads_as_a_duration_need_not_be_one() {
    let rules = ParamRules { any_text: true, ..ParamRules::default() };
    let param = declare(text("5m"), rules, Some("5 metres")).unwrap();
    assert_eq!((param.kind, param.value), (ParamKind::Text, text("5 metres")));
}

#[test]
fn limits_and_choices_hold_for_the_default_and_for_what_is_given() {
    let rules = || ParamRules {
        min: Some(ParamValue::Integer(1)),
        max: Some(ParamValue::Integer(100)),
        ..ParamRules::default()
    };
    assert!(declare(ParamValue::Integer(10), rules(), Some("100")).is_ok());
    let error = declare(ParamValue::Integer(10), rules(), Some("101")).unwrap_err();
    insta::assert_snapshot!(error, @r#"the parameter `x` takes an integer from 1 to 100, not "101" (from `--param`)"#);
    let error = declare(ParamValue::Integer(0), rules(), None).unwrap_err();
    insta::assert_snapshot!(error, @"the parameter `x`: the default 0 is not an integer from 1 to 100");
    let times = || ParamRules { max: Some(text("1m")), ..ParamRules::default() };
    assert!(declare(text("30s"), times(), Some("59s")).is_ok());
    assert!(declare(text("30s"), times(), Some("61s")).is_err(), "compared as times, not as texts");
    let choices = ParamRules { choices: vec![text("demo"), text("live")], ..ParamRules::default() };
    let error = declare(text("demo"), choices, Some("dmeo")).unwrap_err();
    insta::assert_snapshot!(error, @r#"the parameter `x` takes one of `demo`, `live`, not "dmeo" (from `--param`)"#);
}

#[test]
fn rules_that_do_not_fit_the_default_are_refused() {
    let min = |min| ParamRules { min: Some(min), ..ParamRules::default() };
    for (default, rules) in [
        (ParamValue::Integer(1), min(text("1s"))),
        (ParamValue::Boolean(true), min(ParamValue::Integer(0))),
        (text("a"), min(text("a"))),
        (
            ParamValue::Integer(5),
            ParamRules { max: Some(ParamValue::Integer(2)), ..min(ParamValue::Integer(7)) },
        ),
        (
            ParamValue::Integer(5),
            ParamRules { choices: vec![ParamValue::Number(5.0)], ..ParamRules::default() },
        ),
    ] {
        assert!(declare(default.clone(), rules.clone(), None).is_err(), "{default} {rules:?}");
    }
    assert!(declare(ParamValue::Number(5.0), min(ParamValue::Integer(1)), None).is_ok());
}

#[test]
fn names_are_words_that_a_command_line_can_carry() {
    for name in ["", "1st", "a-b", "a b", "ä", &"x".repeat(101)] {
        assert!(Param::declare(name, ParamValue::Integer(1), ParamRules::default(), None).is_err(), "{name}");
    }
    assert!(Param::declare("_A1", ParamValue::Integer(1), ParamRules::default(), None).is_ok());
}

#[test]
fn a_second_declaration_must_say_the_same() {
    let param = |name: &str, default| {
        Param::declare(name, ParamValue::Integer(default), ParamRules::default(), None).unwrap()
    };
    assert_eq!(param("users", 1).check_same(&param("users", 1)), Ok(()));
    assert_eq!(param("users", 1).check_same(&param("time", 2)), Ok(()));
    assert!(matches!(param("users", 1).check_same(&param("users", 2)), Err(ParamError::Twice { .. })));
    assert!(matches!(param("users", 1).check_same(&param("Users", 1)), Err(ParamError::Case { .. })));
}

#[test]
fn each_source_wins_over_the_one_before() {
    let one = |key: &str, text: &str| BTreeMap::from([(key.to_owned(), given(text))]);
    let mut all = GivenParams { config: one("users", "config"), ..GivenParams::default() };
    let found = |all: &GivenParams| all.find("users").map(|given| given.text.clone());
    assert_eq!(found(&all).as_deref(), Some("config"));
    all.environment = one("RUNNER_PARAM_USERS", "environment");
    assert_eq!(found(&all).as_deref(), Some("environment"));
    all.command_line = one("users", "command line");
    assert_eq!(found(&all).as_deref(), Some("command line"));
    assert_eq!(all.find("time"), None);
}

#[test]
fn a_parameter_reads_back_from_its_json() {
    for default in [ParamValue::Integer(2), ParamValue::Number(2.0), ParamValue::Boolean(true), text("2s")] {
        let param = declare(default, ParamRules::default(), None).unwrap();
        let json = serde_json::to_string(&param).unwrap();
        assert_eq!(serde_json::from_str::<Param>(&json).unwrap(), param, "{json}");
    }
}
