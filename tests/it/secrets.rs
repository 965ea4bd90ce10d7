//! Secrets: where they come from, and that nothing that is printed shows one.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::fixture::{Finished, Runner, runner};
use crate::server::{Reply, Server};

/// Holds what each of the encodings changes, and is wide enough for base64 to need all of its alphabet.
pub(crate) const TOKEN: &str = "T0k/en+ü?>>~ \"q\"\\7e";

/// Of letters and digits alone, for a place that takes no other.
pub(crate) const WORD: &str = "hunter2Tango";

/// A secret in eight encodings, by name; base64 as it stands alone and behind `user:` of each length.
pub(crate) fn codes(secret: &str) -> Vec<(String, String)> {
    let hex: String = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = secret.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            byte if byte.is_ascii_alphanumeric() => write!(out, "{}", char::from(byte)),
            byte => write!(out, "%{byte:02X}"),
        };
        out
    });
    let mut codes = vec![
        ("plain".to_owned(), secret.to_owned()),
        ("percent".to_owned(), percent.clone()),
        ("form".to_owned(), percent.replace("%20", "+")),
        ("hex".to_owned(), hex.clone()),
        ("upper hex".to_owned(), hex.to_uppercase()),
        ("JSON".to_owned(), secret.replace('\\', "\\\\").replace('"', "\\\"")),
    ];
    for before in ["", "a", "ab"] {
        let text = format!("{before}{secret}");
        // Without what shares bits with the text around.
        let inner = |code: String| code[(before.len() * 8).div_ceil(6)..text.len() * 8 / 6].to_owned();
        codes.push((format!("base64 behind `{before}`"), inner(STANDARD.encode(&text))));
        codes.push((format!("base64url behind `{before}`"), inner(URL_SAFE_NO_PAD.encode(&text))));
    }
    codes
}

/// Nothing of what was printed shows the secret, in any encoding.
#[track_caller]
fn expect_hidden(finished: &Finished, secrets: &[&str]) {
    for secret in secrets {
        for (encoding, code) in codes(secret) {
            for printed in [&finished.stdout, &finished.stderr] {
                assert!(!printed.contains(&code), "{encoding} of {secret}: {code}\n{}", finished.printed());
            }
        }
    }
}

fn script(args: &[&str], text: &str) -> Runner {
    runner(args.iter().copied().chain(["a.rhai"])).file("a.rhai", text)
}

/// Prints a secret at the top level, so that a test can see what it is: by its length and its ends.
const SHOW: &str = "const A = secret(\"A\");\nprint(`${A.len()} ${A.sub_string(0, 1)}`);\nfn flow() { }\n";

const DECLARES: &str = "const TOKEN = secret(\"TOKEN\");\nconst WORD = secret(\"WORD\");\n";

fn with_secrets(call: Runner) -> Runner {
    call.env("TOKEN", TOKEN).env("WORD", WORD)
}

#[test]
fn a_script_that_leaks_by_every_route_shows_nothing() {
    let server = Server::start(|request| Reply::json(&format!("{{\"echo\": \"{}\"}}", request.path())));
    let text = format!(
        r#"{DECLARES}
base_url("{url}");
print(TOKEN);
scenario(WORD, #{{ executor: "per-vu-iterations", vus: 1, iterations: 1, flow: "leak", tags: #{{ user: TOKEN }} }});
scenario("again-" + WORD, #{{ executor: "per-vu-iterations", vus: 1, iterations: 2, flow: "end" }});
target("checks{{check:" + WORD + "}}", "rate > 0.5");
target("http_reqs{{user:" + WORD + "}}", "count > 5");
fn leak() {{
    let token = global::TOKEN;
    for level in [|t| log::debug(t), |t| log::info(t), |t| log::warn(t), |t| log::error(t)] {{ level.call(token); }}
    print(#{{ token: token, list: [token] }});
    debug(token);
    print(#{{ token: token }}.to_json());
    for before in ["", "u", "us", "use", "user:"] {{
        for behind in ["", "!", "!!"] {{
            print(encoding::base64(before + token + behind));
            print(encoding::base64url(before + token + behind));
            print(encoding::hex(before + token + behind));
        }}
    }}
    print(encoding::hex(token).to_upper());
    print(url::encode(token));
    print(url::query(#{{ token: token }}));
    check(false, token);
    check(false, global::WORD);
    group(token, || check(false, "in a group"));
    let r = http::get("/" + url::encode(token) + "?word=" + global::WORD, #{{
        name: token, tags: #{{ token: token }}, headers: #{{ authorization: "Bearer " + global::WORD }},
    }});
    print(r.body);
    print(r.url);
    let r = http::post("http://127.0.0.1:1/" + url::encode(token), #{{ form: #{{ token: token }} }});
    print(r.error);
    try {{ http::get("no-scheme://" + token); }} catch (error) {{ print(error); }}
    try {{ throw token; }} catch (error) {{ print(error); }}
    assert::equal(token, "x", "compares " + token);
}}
fn end() {{
    if vu::iteration() == 0 {{ throw #{{ why: global::TOKEN }}; }}
    let same = "{WORD}"; no_such_property(same.nothing);
}}
fn no_such_property(x) {{ }}
fn teardown() {{ fail(encoding::base64("me:" + global::TOKEN)); }}
"#,
        url = server.url()
    );
    let finished = with_secrets(script(&["run", "-v"], &text)).run();
    expect_hidden(&finished, &[TOKEN, WORD]);
    assert!(finished.stderr.contains("***") && finished.stdout.contains("***"), "{}", finished.printed());
    // It is hidden from people alone: the service got it.
    let asked = server.requests();
    assert!(asked.iter().any(|request| request.target.contains(WORD)), "{}", finished.printed());
}

#[test]
fn inspect_and_check_show_nothing_and_their_json_stays_json() {
    let text = format!(
        r#"{DECLARES}
base_url("http://127.0.0.1:9/" + WORD);
scenario("of-" + WORD, #{{ executor: "constant-vus", vus: 1, duration: "1s", flow: "flow", tags: #{{ a: TOKEN }}, env: #{{ B: TOKEN }} }});
target("http_reqs{{a:" + WORD + "}}", "count > 0");
const P = param("p", TOKEN, WORD);
fn flow() {{ http::get("/"); let x = "{WORD}"; undeclared(); }}
"#
    );
    let sound = text.replace("undeclared();", "");
    for args in [&["inspect"][..], &["inspect", "--json"], &["check"], &["check", "--json"]] {
        let finished = with_secrets(script(args, &sound)).run().expect_code(0);
        expect_hidden(&finished, &[TOKEN, WORD]);
        if args.contains(&"--json") {
            let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
            assert_eq!(json.is_array(), args[0] == "check");
        }
    }
    for args in [&["check"][..], &["check", "--json"], &["run"]] {
        let finished = with_secrets(script(args, &text)).run();
        expect_hidden(&finished, &[TOKEN, WORD]);
        assert!(finished.printed().contains("undeclared"), "{}", finished.printed());
    }
}

#[test]
fn a_line_that_is_quoted_shows_nothing_and_the_caret_stays_right() {
    let text = format!("const WORD = secret(\"WORD\");\nfn flow() {{ print(\"{WORD}\"); htp(1); }}\n");
    let finished = with_secrets(script(&["run"], &text)).run();
    expect_hidden(&finished, &[WORD]);
    let expected = " 2 | fn flow() { print(\"***\"); htp(1); }\n   |                           ^^^";
    assert!(
        finished.stderr.contains(expected) && finished.stderr.contains("a.rhai:2:36"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_secret_that_a_long_message_cuts_is_hidden_too() {
    let text = "const WORD = secret(\"WORD\");\n\
        fn flow() { let long = \"\"; for i in 0..195 { long += \"x\"; } throw long + global::WORD + long + long + global::WORD; }\n";
    let finished = with_secrets(script(&["run"], text)).run();
    assert!(!finished.printed().contains(&WORD[..4]), "{}", finished.printed());
}

#[test]
fn the_command_line_says_where_a_secret_is_and_wins() {
    let finished = script(&["check", "--secret", "A=env:OTHER"], SHOW)
        .env("A", "plain")
        .env("RUNNER_SECRET_A", "of runner's own")
        .env("OTHER", "given, and longest")
        .run();
    finished.expect_code(0).expect_said("18 g");
    script(&["check"], SHOW)
        .env("A", "plain")
        .env("RUNNER_SECRET_A", "own variable")
        .run()
        .expect_said("12 o");
    script(&["check"], SHOW).env("A", "plain").run().expect_said("5 p");
    script(&["check"], SHOW).run().expect_code(104).expect_said("RUNNER_SECRET_A");
}

#[test]
fn a_file_of_the_command_line_may_lie_anywhere_and_one_of_the_script_beside_it() {
    let elsewhere = crate::fixture::folder();
    let path = elsewhere.path().join("key.txt");
    std::fs::write(&path, "elsewhere\n").expect("a writable folder");
    let given = format!("A=file:{}", path.display());
    script(&["check", "--secret", &given], SHOW).run().expect_code(0).expect_said("9 e");
    let own = |path: &str| SHOW.replace("secret(\"A\")", &format!("secret(\"A\", #{{ file: {path:?} }})"));
    script(&["check"], &own("key.txt")).file("key.txt", "beside\r\n").run().expect_code(0).expect_said("6 b");
    for (path, why) in [
        (path.to_str().expect("a text"), "absolute"),
        ("../key.txt", "`..`"),
        ("gone.txt", "there is no file"),
        ("link.txt", "leads out"),
        ("zero.txt", "leads out"),
    ] {
        let call = script(&["check"], &own(path));
        std::os::unix::fs::symlink(elsewhere.path().join("key.txt"), call.folder().join("link.txt"))
            .expect("a link");
        std::os::unix::fs::symlink("/dev/zero", call.folder().join("zero.txt")).expect("a link");
        call.run().expect_said(why);
    }
}

#[test]
fn a_command_runs_only_where_it_is_allowed_and_once() {
    let text = "const A = secret(\"A\", #{ command: [\"sh\", \"-c\", \"echo x >> ran.txt; echo of the vault\"] });\n\
        fn flow() { check(global::A == \"of the vault\", \"has it\"); }\n\
        target(\"checks\", \"rate == 1\");\n\
        base_url(\"demo\");\n";
    script(&["run"], text).run().expect_code(104).expect_said("`--allow-run`");
    let call = script(&["run", "--allow-run", "-i", "4", "-u", "4", "--workers", "4"], text).start();
    let ran = call.folder().join("ran.txt");
    let mut call = call;
    while call.is_running() {
        crate::fixture::pause(Duration::from_millis(5));
    }
    let times = std::fs::read_to_string(ran).expect("it ran").lines().count();
    call.wait().expect_code(0);
    assert_eq!(times, 1);
    script(&["check", "--secret", "A=command:echo 'two words'"], SHOW).run().expect_said("`--allow-run`");
    script(&["check", "--allow-run", "--secret", "A=command:echo 'two words'"], SHOW)
        .run()
        .expect_code(0)
        .expect_said("9 t");
}

#[test]
fn a_command_that_fails_or_prints_too_much_is_told() {
    let call = |words: &str| {
        let from = format!("secret(\"A\", #{{ command: {words} }})");
        script(&["check", "--allow-run"], &SHOW.replace("secret(\"A\")", &from)).run()
    };
    call("[\"sh\", \"-c\", \"echo no such token >&2; exit 3\"]")
        .expect_code(104)
        .expect_said("no such token");
    call("[\"no-such-program-of-ours\"]").expect_code(104).expect_said("can't be started");
    call("[\"cat\", \"/dev/zero\"]").expect_code(104).expect_said("printed more than");
    call("[\"printf\", \"abc\"]").expect_code(104).expect_said("fewer than 4 characters");
    // What no shell reads stays as it is.
    call("[\"echo\", \"$HOME;x\"]").expect_code(0).expect_said("7 $");
}

#[test]
fn full_a_command_that_hangs_is_ended_after_ten_seconds() {
    let text = SHOW.replace("secret(\"A\")", "secret(\"A\", #{ command: [\"sleep\", \"300\"] })");
    let finished = script(&["check", "--allow-run"], &text).run().expect_code(104);
    assert!(finished.duration < Duration::from_mins(1), "{:?}", finished.duration);
    finished.expect_said("took longer than 10");
}

#[test]
fn a_wrong_flag_is_told_without_what_it_holds() {
    for given in ["A=hunter2Tango", "hunter2Tango", "A=", "=env:B", "a b=env:B", "A=command:'x"] {
        let finished = script(&["check", "--secret", given], SHOW).run().expect_code(2);
        assert!(finished.stderr.contains("--secret NAME=env:VARIABLE"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("hunter2Tango"), "{}", finished.stderr);
    }
    let call = script(&["check", "--secret", "AA=env:B"], SHOW).env("A", "a secret");
    call.run().expect_code(2).expect_said("did you mean `A`?");
}

#[test]
fn a_secret_of_digits_leaves_numbers_of_the_json_alone() {
    let text = "const PIN = secret(\"PIN\");\nscenario(PIN, #{ executor: \"constant-vus\", vus: 1234, duration: \"1s\", flow: \"flow\" });\nfn flow() { }\n";
    let finished = script(&["inspect", "--json"], text).env("PIN", "1234").run().expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(plan["scenarios"][0]["name"], "***");
}
