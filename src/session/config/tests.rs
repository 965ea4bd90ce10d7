//! What a file says, and what an author is told of it.

use super::*;
use crate::diagnostic::render;

fn read(text: &str) -> Result<Config, Box<Diagnostic>> {
    Config::parse("runner.toml", text.to_owned())
}

fn refusal(text: &str) -> String {
    render(&read(text).expect_err(text), false, 100)
}

#[test]
fn every_key_is_taken() {
    let config = read(
        "base-url = \"http://127.0.0.1:1\"\nworkers = 2\nvus = 1_0\nduration = \"30s\"\nseed = 7\n\
         user_agent = \"me\"\nout = [\"json=a,b.jsonl\", \"otlp\"]\nreport = \"github\"\ntimeout = \"5s\"\nno_setup = true\nquiet = false\n\
         [env]\nTARGET_URL = \"demo\"\nUSERS = 5\n[params]\nusers = 20\npace = \"1s\"\n[tags]\nteam = \"a\"\n",
    )
    .unwrap();
    assert_eq!(config.defaults.base_url.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(config.workers, Some(2));
    assert!(config.is_on("no_setup") && !config.is_on("quiet"));
    assert_eq!(config.env["USERS"], "5");
    assert_eq!(
        (config.outputs, config.reports),
        (vec!["json=a,b.jsonl".to_owned(), "otlp".to_owned()], vec!["github".to_owned()])
    );
    let users = &config.params["users"];
    assert_eq!((users.text.as_str(), users.source.to_string().as_str()), ("20", "runner.toml:16:9"));
    let (run, shortcut) = RunOptions::from_options(&config.defaults.options).unwrap();
    assert_eq!((shortcut.vus, run.seed, run.tags["team"].as_str()), (Some(10), Some(7), "a"));
}

#[test]
fn every_option_of_a_run_is_a_key() {
    let text = |spec: &OptionSpec| match spec.takes {
        "a text" => "\"x\"",
        "a duration" => "\"5s\"",
        "an integer" => "5",
        "true or false" => "true",
        "\"compact\", \"full\" or \"disabled\"" => "\"compact\"",
        "\"s\", \"ms\" or \"us\"" => "\"ms\"",
        takes if takes.starts_with("a list of figures") => "[\"avg\", \"p(99.9)\"]",
        "a list of tags' names" => "[\"name\", \"status\"]",
        takes if takes.starts_with("a number a second") => "\"600/m\"",
        "a map of texts" => "{ a = \"b\" }",
        takes if takes.starts_with("a map `#{ keep") => "{ drop = [\"http_req_*\"], keep = \"http_*\" }",
        _ => "[\"30s:50\", { duration = \"10s\", target = 0 }]",
    };
    for spec in RUN_OPTIONS.iter().chain(SYSTEM_TAGS_OPTION).chain(SUMMARY_OPTIONS) {
        let line = format!("{} = {}", spec.name, text(spec));
        assert!(read(&line).is_ok(), "{line}");
    }
}

#[test]
fn json_as_k6_writes_it_is_taken() {
    let text = "{ \"vus\": 5, \"throw\": true, \"rps\": 0, \"userAgent\": \"me\", \"duration\": null, \"noThresholds\": true,\n\
                \"stages\": [{ \"duration\": \"30s\", \"target\": 50 }] }";
    let config = Config::parse("k6.json", text.to_owned()).unwrap();
    let (run, shortcut) = RunOptions::from_options(&config.defaults.options).unwrap();
    assert_eq!((shortcut.vus, run.user_agent.as_deref()), (Some(5), Some("me")));
    assert_eq!(shortcut.stages.map(|stages| stages.len()), Some(1));
    assert!(config.is_on("no_targets"));
    let told = Config::parse("k6.json", "{\n  \"vus\": \"5\"\n}".to_owned()).unwrap_err();
    insta::assert_snapshot!(render(&told, false, 100), @r#"
    error: `vus` takes an integer, not the text "5"
      --> k6.json:2:10
       |
     2 |   "vus": "5"
       |          ^^^
    "#);
    let told = Config::parse("k6.json", "{ \"vus\": 5,\n }".to_owned()).unwrap_err();
    assert!(
        told.message.starts_with("k6.json is no JSON: ") && told.labels[0].position.line == 2,
        "{told:?}"
    );
}

#[test]
fn what_is_wrong_is_shown_with_its_place() {
    insta::assert_snapshot!(refusal("vus = 5\ndurration = \"30s\"\n"), @r#"
    error: the configuration has no option `durration`
      --> runner.toml:2:1
       |
     2 | durration = "30s"
       | ^^^^^^^^^

    hint: did you mean `duration`?
    "#);
    insta::assert_snapshot!(refusal("vus = \"ten\""), @r#"
    error: `vus` takes an integer, not the text "ten"
      --> runner.toml:1:7
       |
     1 | vus = "ten"
       |       ^^^^^
    "#);
    insta::assert_snapshot!(refusal("stages = [\n  \"30s:5\",\n  { duration = \"10s\", traget = 5 },\n]"), @r#"
    error: a stage has no option `traget`
      --> runner.toml:3:23
       |
     3 |   { duration = "10s", traget = 5 },
       |                       ^^^^^^

    hint: did you mean `target`? its options are `target` and `duration`
    "#);
    insta::assert_snapshot!(refusal("[params]\nusers = [1, 2]"), @r"
    error: `params.users` takes a text, not a list
      --> runner.toml:2:9
       |
     2 | users = [1, 2]
       |         ^
    ");
    insta::assert_snapshot!(refusal("vus = \nduration = 3"), @r"
    error: runner.toml is no TOML: string values must be quoted, expected literal string
      --> runner.toml:1:7
       |
     1 | vus =
       |       ^
    ");
    for (text, place) in [
        ("duration = 30", "1:12"),
        ("vus = 0", "1:7"),
        ("vus = 99999999999999999999", "1:7"),
        ("quiet = \"yes\"", "1:9"),
        ("base_url = \"127.0.0.1:1\"", "1:12"),
        ("workers = 0", "1:11"),
        ("out = 5", "1:7"),
        ("report = [\"json\", 7]", "1:10"),
        ("[env]\n\"a b\" = \"x\"", "2:1"),
        ("env = 5", "1:7"),
        ("userAgent = \"a\"\nuser_agent = \"b\"", "2:1"),
        ("vus = 1\nvus = 2", "2:1"),
        ("thresholds = 5", "1:1"),
        ("seed = 1.5", "1:8"),
        ("duration = 1979-05-27", "1:12"),
    ] {
        let told = refusal(text);
        assert!(told.contains(&format!("runner.toml:{place}")), "{text}: {told}");
    }
}
