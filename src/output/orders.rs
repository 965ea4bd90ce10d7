//! Which script's seconds go where: `{script}` in a file's name is the script's name, and no two share a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{OutputError, Place, find};

/// What stands for a script's name.
const SCRIPT: &str = "{script}";

/// The outputs of one text, as a variable holds them, divided by commas: `json=a.jsonl,otlp=http://h#traces,gzip`. A comma
/// begins another where an output's name follows; options and the rest of a place go on behind it.
pub fn listed(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        match all.last_mut() {
            Some(last) if !begins_another(last, part.trim()) => {
                last.push(',');
                last.push_str(part);
            }
            _ => all.push(part.trim().to_owned()),
        }
    }
    all
}

/// Whether a part is an output by itself, behind the one before. A misspelt one is too, where there are no options and no
/// query that it could be of: who opens it says so.
fn begins_another(before: &str, part: &str) -> bool {
    match (part.split_once('='), find(part)) {
        (Some((name, _)), _) if find(name).is_some() => true,
        (Some((name, _)), _) => {
            let is_word = name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            is_word && !name.is_empty() && !before.contains(['#', '?'])
        }
        (None, Some(output)) => output.place.starts_with('['),
        (None, None) => false,
    }
}

/// For each script of a command, the outputs as they are asked for with `{script}` put in. Two that would write one file are
/// an error, and so is what isn't of the form `NAME=WHERE`.
pub fn orders(asked: &[String], script_names: &[String]) -> Result<Vec<Vec<String>>, OutputError> {
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    let mut all = Vec::with_capacity(script_names.len());
    for name in stems(script_names) {
        let mut own = Vec::with_capacity(asked.len());
        for text in asked {
            let text = text.replace(SCRIPT, &name);
            if let Some((output, place)) = text.split_once('=')
                && let Some(output) = find(output)
            {
                let place = Place::parse(output, place)?;
                let path = std::path::absolute(&place.at).unwrap_or_else(|_| PathBuf::from(&place.at));
                let is_shared = output.is_file(&place.at) && !path.starts_with("/dev") && !files.insert(path);
                if is_shared {
                    let why = if script_names.len() > 1 {
                        format!(
                            "each of the {} scripts would write it: put `{SCRIPT}` into its name",
                            script_names.len()
                        )
                    } else {
                        "two outputs would write it: name another file for one of them".to_owned()
                    };
                    return Err(OutputError::Place { output: output.name, at: place.at, why });
                }
            }
            own.push(text);
        }
        all.push(own);
    }
    Ok(all)
}

/// Names as a file may have them, each once: `prices`, and `prices-2` for another script of that name.
fn stems(script_names: &[String]) -> Vec<String> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let unique = |name: &String| {
        let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem: String = stem.unwrap_or_default().replace(|c: char| c.is_control() || c == '/', "_");
        let stem = if stem.is_empty() || stem == "-" { "stdin".to_owned() } else { stem };
        let mut name = stem.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        name
    };
    script_names.iter().map(unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(asked: &[&str], scripts: &[&str]) -> Result<Vec<Vec<String>>, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        orders(&owned(asked), &owned(scripts)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_comma_begins_another_output_where_a_name_follows() {
        for (text, parts) in [
            ("json=a.jsonl", vec!["json=a.jsonl"]),
            ("json=a.jsonl,csv=b.csv, otlp", vec!["json=a.jsonl", "csv=b.csv", "otlp"]),
            ("otlp,json=a", vec!["otlp", "json=a"]),
            (
                "otlp=http://h#traces,gzip,prometheus=9464#labels=a:b;c:d,buckets=20",
                vec!["otlp=http://h#traces,gzip", "prometheus=9464#labels=a:b;c:d,buckets=20"],
            ),
            (
                "experimental-prometheus-rw=http://h/?a=b,c=d,opentelemetry",
                vec!["experimental-prometheus-rw=http://h/?a=b,c=d", "opentelemetry"],
            ),
            ("json=one,two.jsonl,", vec!["json=one,two.jsonl"]),
            ("json=a,csvv=b", vec!["json=a", "csvv=b"]),
            ("", vec![]),
        ] {
            assert_eq!(listed(text), parts, "{text}");
        }
        for output in crate::output::OUTPUTS {
            for (option, _) in output.options {
                assert!(find(option).is_none(), "the option `{option}` would begin another output");
            }
        }
    }

    #[test]
    fn each_script_has_its_own_file() {
        let all = ordered(&["json=out/{script}.jsonl", "statsd=a:1"], &["a/x.rhai", "b/x.rhai", "y.rhai"]);
        assert_eq!(
            all.unwrap(),
            [
                ["json=out/x.jsonl", "statsd=a:1"],
                ["json=out/x-2.jsonl", "statsd=a:1"],
                ["json=out/y.jsonl", "statsd=a:1"]
            ]
        );
    }

    #[test]
    fn a_file_that_two_would_write_is_refused() {
        let error = ordered(&["json=x.jsonl"], &["a.rhai", "b.rhai"]).unwrap_err();
        assert!(error.contains("`x.jsonl`") && error.contains("each of the 2 scripts"), "{error}");
        let error = ordered(&["json=x", "csv=./x"], &["a.rhai"]).unwrap_err();
        assert!(error.contains("two outputs"), "{error}");
        assert!(ordered(&["influxdb=http://a/db"], &["a.rhai", "b.rhai"]).is_ok(), "a server takes all");
        assert!(ordered(&["json=/dev/null", "csv=/dev/null"], &["a.rhai"]).is_ok());
    }
}
