//! Where secrets come from, which place wins, and what is refused.

use std::path::Path;

use super::*;

fn outside(env: &[(&str, &str)], folder: &Path) -> Outside {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Outside { env: Arc::new(env), folder: folder.to_owned(), ..Outside::default() }
}

fn secrets(given: &[(&str, &str)], allows_commands: bool) -> Secrets {
    let given = given
        .iter()
        .map(|(name, source)| ((*name).to_owned(), SecretSource::parse(source).unwrap()))
        .collect();
    Secrets::new(Mask::default(), given, allows_commands)
}

fn file(path: &str) -> Wanted {
    Wanted::From(SecretSource::File(path.into()))
}

fn command(words: &[&str]) -> Wanted {
    Wanted::From(SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect()))
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_script() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.txt"), "of the file").unwrap();
    let all = [("token", "plain name"), ("RUNNER_SECRET_TOKEN", "for runner"), ("OTHER", "given")];
    let find = |given: &[(&str, &str)], env: &[(&str, &str)], wanted: Wanted| {
        let found = secrets(given, false).find("token", wanted, &outside(env, folder.path()));
        found.unwrap().to_string()
    };
    assert_eq!(find(&[], &all[..1], Wanted::Name), "plain name");
    assert_eq!(find(&[], &all, Wanted::Name), "for runner");
    assert_eq!(find(&[("token", "env:OTHER")], &all, Wanted::Name), "given");
    assert_eq!(find(&[], &all[..1], file("token.txt")), "of the file");
    assert_eq!(find(&[], &all, file("token.txt")), "for runner");
    assert_eq!(find(&[("token", "env:OTHER")], &all, file("token.txt")), "given");
}

#[test]
fn a_secret_is_read_once_and_hidden_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.txt");
    std::fs::write(&path, "first one\n").unwrap();
    let (secrets, outside) = (secrets(&[], false), outside(&[], folder.path()));
    assert_eq!(&*secrets.find("A", file("token.txt"), &outside).unwrap(), "first one");
    std::fs::write(&path, "second one\n").unwrap();
    assert_eq!(&*secrets.clone().find("A", file("token.txt"), &outside).unwrap(), "first one");
    assert_eq!(secrets.mask().mask("the first one"), "the ***");
    assert_eq!(format!("{outside:?}{secrets:?}").matches("first one").count(), 0);
    let error = secrets.find("A", Wanted::Name, &outside).unwrap_err();
    assert!(error.message.contains("two places"), "{error}");
    assert_eq!(secrets.complete(), []);
    let error = secrets.find("B", file("token.txt"), &outside).unwrap_err();
    assert!(error.message.contains("was not asked for"), "{error}");
    assert_eq!(&*secrets.find("A", file("token.txt"), &outside).unwrap(), "first one");
}

#[test]
fn one_newline_at_the_end_is_no_part_of_it() {
    let text = |bytes: &[u8]| to_text("A", bytes.to_vec()).unwrap();
    for (bytes, expected) in [
        (&b"key"[..], "key"),
        (b"key\n", "key"),
        (b"key\r\n", "key"),
        (b"key\n\n", "key\n"),
        (b" key \n", " key "),
        (b"key\r", "key\r"),
    ] {
        assert_eq!(text(bytes), expected);
    }
}

#[test]
fn what_is_no_secret_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("short.txt", b"abc\n".to_vec()),
        ("empty.txt", Vec::new()),
        ("bytes.txt", vec![0xff; 20]),
        ("large.txt", vec![b'a'; usize::try_from(SECRET_BYTES_MAX).unwrap() + 1]),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let long_name = "A".repeat(NAME_CHARACTERS_MAX + 1);
    for (name, wanted, why) in [
        ("A", Wanted::Name, "is not set"),
        ("A", file("short.txt"), "fewer than 4"),
        ("A", file("empty.txt"), "fewer than 4"),
        ("A", file("bytes.txt"), "no text in UTF-8"),
        ("A", file("large.txt"), "larger than"),
        ("A", file("/etc/hostname"), "absolute"),
        ("A", file("../x"), "`..`"),
        ("A", command(&["true"]), "may not run"),
        ("", Wanted::Name, "no name"),
        ("a-b", Wanted::Name, "no name"),
        ("1a", Wanted::Name, "no name"),
        (long_name.as_str(), Wanted::Name, "no name"),
    ] {
        let error = secrets(&[], false).find(name, wanted, &outside(&[], folder.path())).unwrap_err();
        assert!(error.message.contains(why) && error.hint.is_some(), "{name}: {error} {:?}", error.hint);
    }
}

#[test]
fn there_is_an_end_to_how_many() {
    let env: Vec<(String, String)> =
        (0..=SECRETS_MAX).map(|number| (format!("S{number}"), format!("secret number {number}"))).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (secrets, outside) = (secrets(&[], false), outside(&env, Path::new("")));
    for (name, _) in &env[..SECRETS_MAX] {
        assert!(secrets.find(name, Wanted::Name, &outside).is_ok(), "{name}");
    }
    let error = secrets.find(env[SECRETS_MAX].0, Wanted::Name, &outside).unwrap_err();
    assert!(error.message.contains("at most"), "{error}");
}

#[test]
fn a_command_runs_in_the_folder_of_the_script_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.txt"), "of the file\n").unwrap();
    let outside = outside(&[], folder.path());
    let found = secrets(&[], true).find("A", command(&["cat", "token.txt"]), &outside);
    assert_eq!(&*found.unwrap(), "of the file");
    let given = secrets(&[("A", "command:cat token.txt.gone")], true);
    let error = given.find("A", Wanted::Name, &outside).unwrap_err();
    assert!(
        error.message.contains("`cat token.txt.gone`") && error.message.contains("No such file"),
        "{error}"
    );
}

#[test]
fn sources_are_read_as_the_command_line_writes_them() {
    assert_eq!(SecretSource::parse("env:A"), Some(SecretSource::Environment("A".into())));
    assert_eq!(SecretSource::parse("file:/a b"), Some(SecretSource::File("/a b".into())));
    let words = vec!["pass".to_owned(), "show".to_owned(), "a b".to_owned()];
    assert_eq!(SecretSource::parse("command:pass show 'a b'"), Some(SecretSource::Command(words)));
    for wrong in ["", "env", "env:", "file: ", "command:", "command:'a", "hunter2", "http://x"] {
        assert_eq!(SecretSource::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn given_names_that_nobody_asks_for_are_told() {
    let secrets = secrets(&[("TOKNE", "env:A"), ("zzz", "env:A")], false);
    let outside = outside(&[("TOKEN", "value")], Path::new(""));
    secrets.find("TOKEN", Wanted::Name, &outside).unwrap();
    assert_eq!(
        secrets.complete(),
        [("TOKNE".to_owned(), Some("TOKEN".to_owned())), ("zzz".to_owned(), None)]
    );
}

#[test]
fn another_version_of_the_script_has_what_is_known_and_may_ask_for_more() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("token.txt"), text).unwrap();
    write("first one");
    let (secrets, outside) = (secrets(&[], false), outside(&[("B", "other one")], folder.path()));
    secrets.find("A", file("token.txt"), &outside).unwrap();
    secrets.complete();
    write("second one");
    let renewed = secrets.renewed();
    assert_eq!(
        &*renewed.find("A", file("token.txt"), &outside).unwrap(),
        "first one",
        "as when the run began"
    );
    assert_eq!(&*renewed.find("B", Wanted::Name, &outside).unwrap(), "other one");
    assert_eq!(secrets.mask().mask("an other one"), "an ***", "one mask hides them all");
    // From another place it is another secret.
    let moved = secrets.renewed();
    assert!(moved.find("A", Wanted::Name, &outside).unwrap_err().message.contains('A'));
}
