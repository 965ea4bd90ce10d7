//! Data files, feeders and shared counters as flows see them.

use std::rc::Rc;
use std::sync::Arc;

use super::{Failure, Outside, Play, Vu, outside, shown, source};
use crate::script::{Program, Stage, StillClock};

/// A folder with the files that the scripts below read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("users.csv", "\u{feff}name,amount,plan\r\nann,1.5,pro\r\n\"bob, jr.\",2,free\r\ncid,,pro\r\n");
    write("bare.csv", "a;1\nb;2\n");
    write("ragged.csv", "a,b\n1,2\n3\n");
    write("book.json", r#"{"title": "x", "prices": [1, 2.5], "by": {"first": "ann"}, "none": null}"#);
    write("list.json", r#"[{"id": 1}, {"id": 2}]"#);
    write("symbols.txt", "AAPL\r\n\r\nTSLA\nBTC");
    folder
}

fn in_folder(folder: &tempfile::TempDir) -> Outside {
    Outside { folder: folder.path().to_owned(), ..outside(&[]) }
}

fn play(text: &str) -> Play {
    Play::with(text, in_folder(&folder()))
}

fn refusal(text: &str) -> String {
    let folder = folder();
    let stage = Stage::new(Rc::default(), Rc::new(StillClock), in_folder(&folder), |_| {});
    let refused = Program::load(&source(text), &stage).map(|_| ()).expect_err(text);
    shown(&refused)
}

#[test]
fn rows_are_read_by_column_and_keep_their_texts() {
    let text = |body: &str| {
        let script = format!("const USERS = data::csv(\"users.csv\");\nfn flow() {{ {body} }}");
        play(&script).value::<rhai::ImmutableString>().to_string()
    };
    assert_eq!(text("global::USERS[0].name"), "ann");
    assert_eq!(text("global::USERS[-2][\"name\"]"), "bob, jr.");
    assert_eq!(text("let row = global::USERS[2]; `${row.amount}|${row.plan}`"), "|pro");
    assert_eq!(
        text("let all = \"\"; for row in global::USERS { all += row.name + \";\"; } all"),
        "ann;bob, jr.;cid;"
    );
    assert_eq!(text("global::USERS.map(|row| row.plan).to_json()"), r#"["pro","free","pro"]"#);
    assert_eq!(text("global::USERS.filter(|row| row.plan == \"free\")[0].name"), "bob, jr.");
    assert_eq!(text("global::USERS[0].keys().to_json()"), r#"["name","amount","plan"]"#);
    assert_eq!(text("global::USERS[0].copy().to_json()"), r#"{"amount":"1.5","name":"ann","plan":"pro"}"#);
    assert_eq!(text("`${global::USERS.len()} ${pick(global::USERS).len()}`"), "3 3");
}

#[test]
fn columns_have_types_where_the_script_says_so() {
    let script = "const ROWS = data::csv(\"users.csv\", #{ types: #{ amount: \"float\" } });\n\
        fn flow() { global::ROWS[0].amount + global::ROWS[1].amount + (global::ROWS[2].amount ?? 10.0) }";
    assert!((play(script).value::<f64>() - 13.5).abs() < 1e-9);
    let script = "const ROWS = data::csv(\"bare.csv\", #{ header: false, delimiter: \";\" });\n\
        fn flow() { `${global::ROWS.len()} ${global::ROWS[1][0]} ${global::ROWS[1].len()}` }";
    assert_eq!(play(script).value::<String>(), "2 b 2");
}

#[test]
fn json_and_lines_are_read_where_they_stand() {
    let script = "const BOOK = data::json(\"book.json\");\nconst LIST = data::json(\"list.json\");\n\
        const SYMBOLS = data::lines(\"symbols.txt\");\n\
        fn flow() {\n\
            let book = global::BOOK;\n\
            `${book.title} ${book.prices[1]} ${book.by.first} ${book.none ?? \"-\"} ${book.missing ?? \"?\"} \
             ${global::LIST[1].id} ${global::SYMBOLS[1]} ${global::SYMBOLS.len()} ${\"BTC\" in global::SYMBOLS}`\n\
        }";
    assert_eq!(play(script).value::<String>(), "x 2.5 ann - ? 2 TSLA 3 true");
}

#[test]
fn a_misspelt_column_is_an_error_at_its_place() {
    let play = play("const USERS = data::csv(\"users.csv\");\nfn flow() { global::USERS[0].nmae }");
    let said = shown(&play.threw());
    assert!(said.contains("`users.csv` has no column `nmae`") && said.contains("test.rhai:2:"), "{said}");
    assert!(said.contains("did you mean `name`?"), "{said}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_when_the_script_is_loaded() {
    for (call, said) in [
        ("data::csv(\"ragged.csv\")", "`ragged.csv:3:1`: row 3 has 1 field, not 2"),
        ("data::csv(\"user.csv\")", "did you mean `users.csv`?"),
        ("data::csv(\"/etc/passwd\")", "`/etc/passwd` is an absolute path"),
        ("data::lines(\"../secret\")", "`../secret` leads upwards with `..`"),
        ("data::json(\"users.csv\")", "`users.csv:1:2`: the JSON is broken"),
        ("data::csv(\"users.csv\", #{ delimter: \";\" })", "did you mean `delimiter`?"),
        ("data::csv(\"users.csv\", #{ delimiter: \"::\" })", "`delimiter` takes one ASCII character"),
        ("data::csv(\"users.csv\", #{ types: #{ amount: \"money\" } })", "there is no type `money`"),
        ("data::csv(\"users.csv\", #{ types: #{ sum: \"int\" } })", "`types` names `sum`"),
        ("data::csv(\"users.csv\", #{ columns: [1] })", "`columns` takes a list of texts"),
        ("data::csv(7)", "`data::csv` can't take an integer"),
    ] {
        let told = refusal(&format!("const DATA = {call};\nfn flow() {{}}"));
        assert!(told.contains(said) && told.contains("--> test.rhai:1:"), "{call}: {told}");
        assert!(told.contains("hint: "), "{call}: {told}");
    }
}

#[test]
fn files_are_read_at_the_top_level_alone() {
    let play = play("fn flow() { data::csv(\"users.csv\") }");
    let said = shown(&play.threw());
    assert!(said.contains("`data::csv` can only be called at the top level"), "{said}");
    assert!(said.contains("global::ROWS"), "{said}");
}

#[test]
fn workers_find_what_the_control_thread_read() {
    let folder = folder();
    let shared = in_folder(&folder);
    let script = "const USERS = data::csv(\"users.csv\");\nfn flow() { global::USERS.len() }";
    assert_eq!(Play::with(script, shared.clone()).value::<i64>(), 3);
    std::fs::write(folder.path().join("users.csv"), "name\nonly\n").unwrap();
    assert_eq!(Play::with(script, shared).value::<i64>(), 3);
    assert_eq!(Play::with(script, in_folder(&folder)).value::<i64>(), 1);
}

/// The user with that id in its iteration.
fn user(play: &Play, id: u64, iteration: u64) -> Rc<Vu> {
    let vu = play.vu(id);
    vu.scenario_iteration.set(Some(iteration));
    vu
}

fn row(play: &Play, vu: &Rc<Vu>) -> Result<i64, Failure> {
    play.call_as(vu, "flow").map(|row| row.as_int().unwrap())
}

fn fed(mode: &str) -> Play {
    play(&format!("const FEED = feeder([10, 20, 30], \"{mode}\");\nfn flow() {{ global::FEED.row() }}"))
}

#[test]
fn a_queue_gives_each_row_once_and_then_says_so() {
    let play = fed("queue");
    for (iteration, expected) in [(0, 10), (2, 30), (1, 20)] {
        assert_eq!(row(&play, &user(&play, 1, iteration)).unwrap(), expected);
    }
    let Err(Failure::Threw(told)) = row(&play, &user(&play, 2, 3)) else { panic!("there is no fourth row") };
    assert_eq!(told.message, "the feeder has 3 rows, and this is iteration 4");
}

#[test]
fn a_circular_feeder_begins_again_and_an_iteration_keeps_its_row() {
    let play = fed("circular");
    let rows: Vec<i64> = (0..5).map(|number| row(&play, &user(&play, 1, number)).unwrap()).collect();
    assert_eq!(rows, [10, 20, 30, 10, 20]);
    let vu = user(&play, 1, 4);
    assert_eq!([row(&play, &vu).unwrap(), row(&play, &vu).unwrap()], [20, 20]);
}

#[test]
fn a_random_feeder_goes_by_the_seed_and_meets_every_row() {
    let (one, other) = (fed("random"), fed("random"));
    let rows = |play: &Play, id| -> Vec<i64> {
        (0..60).map(|number| row(play, &user(play, id, number)).unwrap()).collect()
    };
    assert_eq!(rows(&one, 1), rows(&other, 2));
    for expected in [10, 20, 30] {
        assert!(rows(&one, 1).contains(&expected));
    }
}

#[test]
fn a_unique_feeder_gives_a_user_its_row_for_life() {
    let play = fed("unique");
    for iteration in [0, 7] {
        assert_eq!(row(&play, &user(&play, 3, iteration)).unwrap(), 30);
    }
    // `on_start` comes before the first iteration.
    assert_eq!(row(&play, &play.vu(2)).unwrap(), 20);
    let Err(Failure::Threw(told)) = row(&play, &user(&play, 4, 0)) else { panic!("there is no fourth row") };
    assert_eq!(told.message, "the feeder has 3 rows, and this is user 4");
}

#[test]
fn a_feeder_is_told_apart_from_what_other_tools_have() {
    let no_iteration = fed("queue");
    let Err(Failure::Threw(told)) = row(&no_iteration, &no_iteration.vu(1)) else {
        panic!("not in on_start")
    };
    assert_eq!(told.message, "there is no iteration in `on_start`");
    for (script, said) in [
        ("const F = feeder([1], \"circuler\");\nfn flow() {}", "did you mean \"circular\"?"),
        ("const F = feeder([], \"queue\");\nfn flow() {}", "`feeder` got an empty list"),
        ("const F = feeder(5, \"queue\");\nfn flow() {}", "`feeder` takes a list"),
    ] {
        let told = refusal(script);
        assert!(told.contains(said), "{told}");
    }
    let next = play("const F = feeder([1], \"queue\");\nfn flow() { global::F.next() }");
    assert!(shown(&next.threw()).contains("write `.row()`"));
}

#[test]
fn two_scenarios_can_not_drain_one_queue() {
    let play = fed("queue");
    let other = super::Cast::new(
        "other",
        super::TagSet::default(),
        [super::Symbol::NONE; 2],
        None,
        std::collections::BTreeMap::new(),
        None,
    );
    assert_eq!(row(&play, &user(&play, 1, 0)).unwrap(), 10);
    let vu = play.vu_in(2, other);
    vu.scenario_iteration.set(Some(1));
    let Err(Failure::Threw(told)) = row(&play, &vu) else { panic!("rows would be given twice") };
    assert_eq!(told.message, "the scenarios `test` and `other` read one feeder");
}

#[test]
fn a_shared_counter_gives_each_number_once_over_all_workers() {
    const SCRIPT: &str = "const C = shared::counter(\"orders\");\nfn flow() { global::C.next() }";
    let shared = outside(&[]);
    let numbers: Vec<i64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                scope.spawn(move || {
                    let play = Play::with(SCRIPT, shared);
                    (0..200).map(|_| play.value::<i64>()).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut sorted = numbers;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..400).collect::<Vec<i64>>());
}

#[test]
fn a_shared_counter_adds_and_ends_where_integers_end() {
    let script = |body: &str| format!("const C = shared::counter(\"c\");\nfn flow() {{ {body} }}");
    let body = "global::C.add(5); global::C.add(-2); `${global::C.value()} ${global::C.next()}`";
    assert_eq!(play(&script(body)).value::<String>(), "3 3");
    let full = play(&script("global::C.add(9223372036854775807); global::C.next()"));
    assert!(full.threw().message.starts_with("the shared counter `c` can't add 1"));
    assert!(Arc::strong_count(&full.stage.outside().data) > 0);
}
