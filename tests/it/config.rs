//! Parameters, the configuration file, who wins over whom, and `runner new`, through the binary.

use std::time::Duration;

use crate::fixture::{Finished, runner, scripts};
use crate::server::{Reply, Server};

const FLOW: &str = "fn flow() { sleep(0.01); }\n";

fn inspect(script: &str, config: Option<&str>, env: &[(&str, &str)], args: &[&str]) -> Finished {
    let mut call = runner(["inspect", "test.rhai"].iter().chain(args)).file("test.rhai", script);
    if let Some(config) = config {
        call = call.file("runner.toml", config);
    }
    for (name, value) in env {
        call = call.env(name, value);
    }
    call.run()
}

#[test]
fn each_source_of_a_load_wins_over_the_ones_below() {
    let script = format!("options(#{{ vus: 2, duration: \"2s\" }});\n{FLOW}");
    let config = Some("vus = 1\nduration = \"1s\"\n");
    let environment: &[(&str, &str)] = &[("RUNNER_VUS", "3"), ("RUNNER_DURATION", "3s")];
    let flags: &[&str] = &["-u", "4", "-d", "4s"];
    for (script, config, environment, flags, load) in [
        (FLOW, None, &[][..], &[][..], "1 iteration for each of 1 VU"),
        (FLOW, config, &[], &[], "1 VU for 1s"),
        (&script, config, &[], &[], "2 VUs for 2s"),
        (&script, None, environment, &[], "3 VUs for 3s"),
        (FLOW, config, environment, &[], "3 VUs for 3s"),
        (&script, config, environment, flags, "4 VUs for 4s"),
        (FLOW, config, &[], flags, "4 VUs for 4s"),
        (&script, None, &[], flags, "4 VUs for 4s"),
        // One by one: what an upper source leaves open comes from below.
        (FLOW, config, &[], &["-u", "7"], "7 VUs for 1s"),
        // But a load written on the command line is not mixed with one of the environment.
        (FLOW, config, environment, &["-i", "9"], "9 iterations shared by 3 VUs, at most 10m"),
        (FLOW, None, &[("RUNNER_STAGES", "1s:5")], &["-d", "4s"], "1 VU for 4s"),
    ] {
        let finished = inspect(script, config, environment, flags).expect_code(0);
        finished.expect_said(load);
    }
}

#[test]
fn each_source_of_an_option_wins_over_the_ones_below() {
    let script =
        format!("base_url(\"http://127.0.0.2:1\"); options(#{{ seed: 2, user_agent: \"b\" }});\n{FLOW}");
    let config = Some("base_url = \"http://127.0.0.1:1\"\nseed = 1\nuser_agent = \"a\"\n");
    let environment: &[(&str, &str)] =
        &[("RUNNER_BASE_URL", "http://127.0.0.3:1"), ("RUNNER_SEED", "3"), ("RUNNER_USER_AGENT", "c")];
    let flags: &[&str] = &["--base-url", "http://127.0.0.4:1", "--seed", "4", "--user-agent", "d"];
    for (script, config, environment, flags, [host, seed, agent]) in [
        (FLOW, config, &[][..], &[][..], ["127.0.0.1", "1", "a"]),
        (&script, config, &[], &[], ["127.0.0.2", "2", "b"]),
        (&script, config, environment, &[], ["127.0.0.3", "3", "c"]),
        (&script, config, environment, flags, ["127.0.0.4", "4", "d"]),
    ] {
        let flags: Vec<&str> = flags.iter().copied().chain(["--json"]).collect();
        let finished = inspect(script, config, environment, &flags).expect_code(0);
        finished
            .expect_said(&format!("\"base_url\": \"http://{host}:1\""))
            .expect_said(&format!("\"seed\": {seed}"))
            .expect_said(&format!("\"user_agent\": \"{agent}\""));
    }
}

#[test]
fn each_source_of_a_parameter_wins_over_the_ones_below() {
    let script = format!("param(\"users\", 1, \"how many\");\n{FLOW}");
    let config = Some("[params]\nusers = 2\n");
    let environment: &[(&str, &str)] = &[("RUNNER_PARAM_USERS", "3")];
    for (config, environment, flags, row) in [
        (None, &[][..], &[][..], "users      1      1        default  how many"),
        (config, &[], &[], "users      2      1        runner.toml:2:9  how many"),
        (config, environment, &[], "users      3      1        RUNNER_PARAM_USERS  how many"),
        (config, environment, &["--param", "users=4"], "users      4      1        --param  how many"),
    ] {
        inspect(&script, config, environment, flags).expect_code(0).expect_said(row);
    }
    let json = inspect(&script, None, &[], &["--param", "users=4", "--json"]).expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(plan["params"][0]["value"], 4);
    assert_eq!(plan["params"][0]["source"], "command_line");
}

#[test]
fn each_source_of_a_variable_wins_over_the_ones_below() {
    let script = "log::info(`A is ${env(\"A\", \"default\")}`);\nfn flow() {}\n";
    let config = Some("[env]\nA = \"config\"\n");
    for (config, environment, flags, value) in [
        (None, &[][..], &[][..], "default"),
        (config, &[], &[], "config"),
        (config, &[("A", "environment")], &[], "environment"),
        (config, &[("A", "environment")], &["-e", "A=flag"], "flag"),
        (config, &[], &["-e", "A="], ""),
    ] {
        inspect(script, config, environment, flags).expect_code(0).expect_said(&format!("A is {value}\n"));
    }
}

#[test]
fn a_wrong_word_on_the_command_line_is_told() {
    let script = format!("param(\"users\", 1);\n{FLOW}");
    for (args, code, said) in [
        (["--param", "user=5"], 2, "did you mean `users`? the script has `users`"),
        (["--param", "zzz=5"], 2, "the script has no parameter `zzz`"),
        (["--param", "users"], 2, "write `--param users=VALUE`"),
        (
            ["--param", "users=many"],
            104,
            "the parameter `users` takes an integer, not \"many\" (from `--param`)",
        ),
        (["-e", "NAME"], 2, "write `-e NAME=VALUE`; `-e NAME=` gives an empty one"),
        (["-e", "A B=1"], 2, "`A B` is no name for a variable"),
        (["--tag", "=x"], 2, "`--tag =x` is no tag"),
        (["-c", "none.toml"], 104, "failed to read the configuration `none.toml`"),
    ] {
        inspect(&script, None, &[], &args).expect_code(code).expect_said(said);
    }
    let note = inspect(&script, None, &[("RUNNER_PARAM_USER", "5")], &[]).expect_code(0);
    note.expect_said(
        "note: `RUNNER_PARAM_USER` sets no parameter of the script: did you mean `RUNNER_PARAM_USERS`?",
    );
    inspect(FLOW, None, &[], &["--param", "users=1"]).expect_code(2).expect_said("it declares none");
}

#[test]
fn a_wrong_configuration_is_shown_with_its_line() {
    let finished = inspect(FLOW, Some("vus = 5\nduraton = \"1s\"\n"), &[], &[]).expect_code(104);
    let finished =
        finished.expect_said("the configuration has no option `duraton`").expect_said("--> runner.toml:2:1");
    finished.expect_said("did you mean `duration`?");
    inspect(FLOW, Some("vus = 5\nduraton = \"1s\"\n"), &[], &["--no-config"]).expect_code(0);
}

#[test]
fn a_parameter_too_many_is_a_note_where_the_file_was_found_and_an_error_where_it_was_named() {
    let config = Some("[params]\nusres = 5\n");
    let script = format!("param(\"users\", 1);\n{FLOW}");
    let finished = inspect(&script, config, &[], &[]).expect_code(0);
    finished.expect_said("note: runner.toml:2:1: the script has no parameter `usres`: did you mean `users`?");
    let finished = inspect(&script, config, &[], &["-c", "runner.toml"]).expect_code(104);
    finished.expect_said("--> runner.toml:2:1");
}

#[test]
fn a_load_of_the_file_that_the_script_overrules_is_a_note() {
    let script = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: || 1 });\n";
    let finished = inspect(script, Some("vus = 5\nseed = 3\n"), &[], &[]).expect_code(0);
    finished.expect_said("note: `vus` of runner.toml is not used").expect_said("1 VU for 1s");
}

#[test]
fn two_files_are_one_too_many_and_json_will_do() {
    let both = runner(["inspect", "test.rhai"])
        .file("test.rhai", FLOW)
        .file("runner.toml", "")
        .file(".runner.toml", "");
    both.run().expect_code(104).expect_said("there are both `runner.toml` and `.runner.toml`");
    let json = runner(["inspect", "test.rhai", "-c", "k6.json"]).file("test.rhai", FLOW);
    let json = json.file("k6.json", "{ \"vus\": 3, \"duration\": \"2s\", \"userAgent\": null }");
    json.run().expect_code(0).expect_said("3 VUs for 2s");
}

#[test]
fn a_run_takes_parameters_variables_and_tags_to_the_service() {
    let server = Server::start(|_| Reply::new(200, "ok"));
    let script = "param(\"path\", \"/default\");\n\
        const PATH = param(\"path\", \"/default\");\n\
        target(\"http_reqs{team:a,build:7,part:x}\", \"count == 2\");\n\
        target(\"checks{team:a,plan:pro}\", \"count == 2\");\n\
        fn flow() {\n\
            vu::tag(\"plan\", \"pro\");\n\
            group(\"g\", #{ part: \"x\" }, || { let r = http::get(global::PATH); check(r.status == 200, \"ok\"); });\n\
        }\n";
    let config = format!("base_url = \"{}\"\niterations = 2\n[tags]\nteam = \"a\"\n", server.url());
    let call = runner(["run", "test.rhai", "--param", "path=/given", "--tag", "build=7"]);
    let finished = call.file("test.rhai", script).file("runner.toml", &config).run().expect_code(0);
    finished.expect_said("path=/given (--param)").expect_said("with runner.toml");
    assert_eq!(server.count(), 2);
}

#[test]
fn new_writes_a_script_and_never_over_another() {
    let list = runner(["new", "--list"]).run().expect_code(0);
    assert_eq!(list.stdout.lines().count(), 4, "{}", list.printed());
    let call = runner(["new", "load"]);
    let path = call.folder().join("load.rhai");
    let running = call.start();
    let folder = running.folder().to_owned();
    assert_eq!(path.parent(), Some(folder.as_path()));
    running.wait().expect_code(0).expect_said("wrote load.rhai").expect_said("next: `runner load.rhai`");
    let there = runner(["new", "load"]).file("load.rhai", "mine").run().expect_code(2);
    there.expect_said("`load.rhai` is there already").expect_said("--force");
    runner(["new", "load", "--force"]).file("load.rhai", "mine").run().expect_code(0);
    runner(["new", "none/load"]).run().expect_code(2).expect_said("there is no folder `none`");
    runner(["new", "-t", "stres"]).run().expect_code(2).expect_said("did you mean `stress`?");
}

#[test]
fn each_template_and_the_example_of_parameters_pass_as_they_are() {
    let templates = scripts("scripts/templates");
    assert_eq!(templates.len(), 4);
    let example = crate::fixture::root().join("scripts/params.rhai");
    for path in templates.into_iter().chain([example]) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a readable script");
        runner(["check", "test.rhai"]).file("test.rhai", &text).run().expect_code(0);
        let short: &[&str] = match name.as_str() {
            // So short, they have few samples.
            "stress" => &["--param", "hold=1s", "--param", "peak=6", "--allow-few"],
            "minimal" => &[],
            _ => &["--param", "duration=2s", "--allow-few"],
        };
        let call = runner(["run", "test.rhai"].iter().chain(short)).file("test.rhai", &text);
        call.timeout(Duration::from_secs(50)).run().expect_code(0);
    }
}

#[test]
fn outputs_and_reports_of_a_variable_win_over_the_files_and_those_of_flags_over_both() {
    let config = "out = [\"json=file.jsonl\", \"csv=file.csv\"]\nreport = [\"json=file.json\"]\n";
    let script = format!("options(#{{ iterations: 2 }});\n{FLOW}");
    let all =
        ["file.jsonl", "file.csv", "file.json", "var.jsonl", "var.csv", "var.xml", "var.json", "flag.jsonl"];
    let variables =
        [("RUNNER_OUT", "json=var.jsonl,csv=var.csv"), ("RUNNER_REPORT", "junit=var.xml,json=var.json")];
    for (variables, flags, made) in [
        (&[][..], &[][..], &["file.jsonl", "file.csv", "file.json"][..]),
        (&variables, &[], &["var.jsonl", "var.csv", "var.xml", "var.json"]),
        (&variables, &["-o", "json=flag.jsonl"], &["flag.jsonl", "var.xml", "var.json"]),
        (&[("RUNNER_OUT", ""), ("RUNNER_REPORT", "")], &[], &[]),
    ] {
        let folder = crate::fixture::folder();
        for (name, text) in [("test.rhai", &*script), ("runner.toml", config)] {
            std::fs::write(folder.path().join(name), text).expect("a writable folder");
        }
        let mut call = runner(["run", "test.rhai", "-q"].iter().chain(flags)).current_dir(folder.path());
        for (name, value) in variables {
            call = call.env(name, value);
        }
        let finished = call.run();
        assert!(matches!(finished.code, Some(0 | 111)), "{}", finished.printed());
        let there: Vec<&str> = all.into_iter().filter(|name| folder.path().join(name).exists()).collect();
        let mut made = made.to_vec();
        made.sort_by_key(|name| all.iter().position(|known| known == name));
        assert_eq!(there, made, "{variables:?} {flags:?}");
    }
    let wrong = |variable: &str, value: &str, code, said| {
        let call = runner(["run", "test.rhai"]).file("test.rhai", &script).env(variable, value);
        call.run().expect_code(code).expect_said(said);
    };
    wrong("RUNNER_OUT", "json=a.jsonl,csvv=b", 104, "did you mean `csv`?");
    wrong("RUNNER_REPORT", "json=a.json,junitt=b", 2, "did you mean `junit`?");
}
