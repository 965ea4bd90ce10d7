//! `--report NAME[=FILE]`: which reports a run has, and where they go.

use std::path::{Path, PathBuf};

use super::CliError;
use super::run::style;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::report::{REPORTS, Report};
use crate::results::{Summary, append_file, write_whole_file};
use crate::session::Config;

/// Reports divided by commas.
const VARIABLE: &str = "RUNNER_REPORT";

/// What stands for the script's name in that of a file.
const SCRIPT: &str = "{script}";

/// What a file is called that is no file.
const STANDARD_OUTPUT: &str = "-";

/// The folder that GitHub's annotations name files from.
const WORKSPACE_VARIABLE: &str = "GITHUB_WORKSPACE";

/// Which reports there are to be.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArguments {
    #[arg(long, value_name = "NAME[=FILE]", help = help(), long_help = long_help())]
    report: Vec<String>,
}

fn names() -> String {
    REPORTS.iter().map(|report| report.name).collect::<Vec<_>>().join(", ")
}

fn help() -> String {
    format!(
        "Write a report, to FILE or instead of the summary: {}; repeatable [env: {VARIABLE}, several by commas]",
        names()
    )
}

fn long_help() -> String {
    let lines: Vec<String> =
        REPORTS.iter().map(|report| format!("- {}: {}", report.name, report.about)).collect();
    format!(
        "Write a report to FILE, or, without one, to standard output instead of the summary; repeatable, and several in `{VARIABLE}`, divided by commas. `{SCRIPT}` in FILE is the script's name:\n{}\n\n[env: {VARIABLE}]",
        lines.join("\n")
    )
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    StandardOutput,
    /// It may hold `{script}`.
    File(String),
    /// It is added to what lies there.
    Added(PathBuf),
}

/// The reports of one command.
#[derive(Debug)]
pub(super) struct Reports {
    printed: &'static Report,
    filed: Vec<(&'static Report, Place)>,
}

impl ReportArguments {
    /// What is wrong is told before the load, as far as it can be known: a folder that isn't there above all.
    pub(super) fn reports(
        &self,
        config: &Config,
        targets_only: bool,
        scripts: &[PathBuf],
    ) -> Result<Reports, CliError> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let of_variable = || std::env::var(VARIABLE).ok().map(|text| listed(&text));
        let asked = match &self.report[..] {
            [] => of_variable().unwrap_or_else(|| config.reports.clone()),
            given => given.to_owned(),
        };
        Ok(reports(&asked, targets_only, scripts, variable)?)
    }
}

/// The reports of one text, divided by commas: one begins another where a report's name follows, or a word with `=`.
fn listed(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let begins = part.contains('=') || REPORTS.iter().any(|report| report.name == part.trim());
        match all.last_mut().filter(|_| !begins) {
            Some(last) => {
                last.push(',');
                last.push_str(part);
            }
            None => all.push(part.trim().to_owned()),
        }
    }
    all
}

fn refuse<T>(message: String, hint: String) -> Result<T, Diagnostic> {
    Err(Diagnostic::new(Code::Usage, message).hint(hint))
}

fn reports(
    asked: &[String],
    targets_only: bool,
    scripts: &[PathBuf],
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Reports, Diagnostic> {
    let mut printed = targets_only.then(|| ("--targets-only".to_owned(), REPORTS[1]));
    let mut filed: Vec<(&'static Report, Place)> = Vec::new();
    for text in asked {
        let flag = format!("--report {text}");
        let (report, place) = parse(text, &variable)?;
        match &place {
            Place::StandardOutput => match &printed {
                Some((first, _)) => {
                    return refuse(
                        format!("`{first}` and `{flag}` both go to standard output"),
                        format!("give one of them a file: `--report {}=FILE`", report.name),
                    );
                }
                None if !report.is_for_people && scripts.len() > 1 => {
                    return refuse(
                        format!("`{flag}`: of several scripts there is no one report"),
                        format!("name a file for each: `--report {}={SCRIPT}.{}`", report.name, report.name),
                    );
                }
                None => printed = Some((flag, report)),
            },
            Place::File(file) => {
                let files = files(file, scripts, &flag)?;
                files.iter().try_for_each(|file| look(file, &flag))?;
                filed.push((report, place));
            }
            Place::Added(file) => {
                look(file, &flag)?;
                filed.push((report, place));
            }
        }
    }
    for (at, (report, place)) in filed.iter().enumerate() {
        if let Some((other, _)) = filed[..at].iter().find(|(_, known)| known == place) {
            return refuse(
                format!("`--report`: `{}` and `{}` go to the same file", other.name, report.name),
                "name a file for each".to_owned(),
            );
        }
    }
    Ok(Reports { printed: printed.map_or(REPORTS[0], |(_, report)| report), filed })
}

fn parse(
    text: &str,
    variable: &impl Fn(&str) -> Option<PathBuf>,
) -> Result<(&'static Report, Place), Diagnostic> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name.trim(), Some(file)),
        None => (text.trim(), None),
    };
    let Some(report) = REPORTS.iter().find(|report| report.name == name).copied() else {
        let near = suggest(name, REPORTS.iter().map(|report| report.name));
        let near = near.first().map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        return refuse(format!("there is no report `{name}`"), format!("{near}there are {}", names()));
    };
    let place = match (file, report.file_variable) {
        (Some(""), _) => {
            return refuse(
                format!("`--report {text}` names no file"),
                format!("write `--report {name}=FILE`, or `--report {name}`"),
            );
        }
        (Some(STANDARD_OUTPUT), _) | (None, None) => Place::StandardOutput,
        (Some(file), _) => Place::File(file.to_owned()),
        (None, Some(named_by)) => match variable(named_by).filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Place::Added(path),
            None => {
                return refuse(
                    format!("`--report {name}` has no file, and `{named_by}` is not set"),
                    format!("GitHub Actions sets it; elsewhere name a file: `--report {name}=FILE`"),
                );
            }
        },
    };
    Ok((report, place))
}

/// The file of each script.
fn files(file: &str, scripts: &[PathBuf], flag: &str) -> Result<Vec<PathBuf>, Diagnostic> {
    let files: Vec<PathBuf> = scripts.iter().map(|script| of_script(file, script)).collect();
    for (at, one) in files.iter().enumerate() {
        if files[..at].contains(one) {
            let advice = if file.contains(SCRIPT) {
                "play scripts of one name one by one".to_owned()
            } else {
                format!("put `{SCRIPT}` into its name, which stands for the script's")
            };
            return refuse(format!("`{flag}`: two scripts would write `{}`", one.display()), advice);
        }
    }
    Ok(files)
}

fn of_script(file: &str, script: &Path) -> PathBuf {
    let stem = script.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| stem != STANDARD_OUTPUT).unwrap_or_else(|| "script".to_owned());
    PathBuf::from(file.replace(SCRIPT, &stem))
}

/// Whether a file can be there at all.
fn look(file: &Path, flag: &str) -> Result<(), Diagnostic> {
    let folder = match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => file,
    };
    let refuse = |message: String, hint: &str| refuse(format!("`{flag}`: {message}"), hint.to_owned());
    if file.is_dir() {
        return refuse(format!("`{}` is a folder", file.display()), "name a file in it");
    }
    if !folder.is_dir() {
        return refuse(format!("there is no folder `{}`", folder.display()), "make it first");
    }
    Ok(())
}

impl Reports {
    /// Whether standard output is read by people, who may be told other things there too.
    pub(super) fn are_for_people(&self) -> bool {
        self.printed.is_for_people
    }

    /// The one that people are told of a run by.
    pub(super) fn for_people(&self) -> &'static Report {
        if self.printed.is_for_people { self.printed } else { REPORTS[0] }
    }

    /// What goes to standard output of a run.
    pub(super) fn printed(&self, summary: &Summary) -> String {
        (self.printed.render)(summary, &style())
    }

    /// What goes there before it, so that the report's last line stays the last.
    pub(super) fn annotations(&self, summary: &Summary) -> String {
        let folder = workspace_folder();
        let all = self.filed.iter().map(|(report, _)| *report).chain([self.printed]);
        let annotations = all.filter_map(|report| report.annotations);
        annotations.map(|annotations| annotations(summary, &folder)).collect()
    }

    /// Writes the files. Each that fails is told, and keeps no other from being written.
    pub(super) fn write(&self, summary: &Summary, script: &Path, terminal: &Terminal) -> Vec<CliError> {
        let style = crate::report::Style { colour: false, ..style() };
        let failed = |(report, place): &(&'static Report, Place)| {
            let text = (report.render)(summary, &style);
            let text = terminal.mask().mask(&text);
            let written = match place {
                Place::StandardOutput => return None,
                Place::File(file) => write_whole_file(&of_script(file, script), text.as_bytes()),
                Place::Added(file) => append_file(file, text.as_bytes()),
            };
            let error = written.err()?;
            let message = format!("the report `{}` is not written: {error}", report.name);
            Some(Diagnostic::new(Code::Results, message).hint("the run itself went on to its end").into())
        };
        self.filed.iter().filter_map(failed).collect()
    }
}

/// The working directory as annotations name it: from the folder that GitHub checked the repository out to.
fn workspace_folder() -> String {
    let inside = || {
        let workspace = std::fs::canonicalize(std::env::var_os(WORKSPACE_VARIABLE)?).ok()?;
        let here = std::env::current_dir().ok()?;
        let inside = here.strip_prefix(workspace).ok()?.to_str()?.to_owned();
        (!inside.is_empty()).then(|| inside + "/")
    };
    inside().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(texts: &[&str], scripts: &[&str]) -> Result<Reports, Diagnostic> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let scripts: Vec<PathBuf> = scripts.iter().map(PathBuf::from).collect();
        reports(&texts, false, &scripts, |name| (name == "GITHUB_STEP_SUMMARY").then(|| "step.md".into()))
    }

    fn refused(texts: &[&str], scripts: &[&str]) -> String {
        let error = asked(texts, scripts).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        format!("{}\nhint: {}", error.message, error.hint.unwrap())
    }

    #[test]
    fn a_report_has_a_file_or_stands_for_the_summary() {
        let none = asked(&[], &["a.rhai"]).unwrap();
        assert_eq!((none.printed.name, none.filed.len()), ("text", 0));
        let all = asked(&["junit=a=b.xml", "json", "github", "text=-"], &["a.rhai"]);
        assert_eq!(
            all.unwrap_err().message,
            "`--report json` and `--report text=-` both go to standard output"
        );
        let some = asked(&["junit=a=b.xml", "json", "github"], &["a.rhai"]).unwrap();
        assert!(!some.are_for_people());
        assert_eq!(some.printed.name, "json");
        let places: Vec<&Place> = some.filed.iter().map(|(_, place)| place).collect();
        assert_eq!(places, [&Place::File("a=b.xml".into()), &Place::Added("step.md".into())]);
    }

    #[test]
    fn a_comma_begins_another_report_where_a_name_follows() {
        for (text, parts) in [
            ("junit=a.xml, github,json=b.json", vec!["junit=a.xml", "github", "json=b.json"]),
            ("junit=a,b.xml,", vec!["junit=a,b.xml"]),
            ("junit=a,jsn=b", vec!["junit=a", "jsn=b"]),
            ("", vec![]),
        ] {
            assert_eq!(listed(text), parts, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        insta::assert_snapshot!(refused(&["junitt"], &["a.rhai"]), @r"
        there is no report `junitt`
        hint: did you mean `junit`? there are text, targets, json, junit, github
        ");
        insta::assert_snapshot!(refused(&["junit="], &["a.rhai"]), @r"
        `--report junit=` names no file
        hint: write `--report junit=FILE`, or `--report junit`
        ");
        insta::assert_snapshot!(refused(&["json=none/a.json"], &["a.rhai"]), @r"
        `--report json=none/a.json`: there is no folder `none`
        hint: make it first
        ");
        insta::assert_snapshot!(refused(&["json=src"], &["a.rhai"]), @r"
        `--report json=src`: `src` is a folder
        hint: name a file in it
        ");
        insta::assert_snapshot!(refused(&["json=a", "junit=a"], &["a.rhai"]), @r"
        `--report`: `json` and `junit` go to the same file
        hint: name a file for each
        ");
        let unset = reports(&["github".to_owned()], false, &[], |_| None).unwrap_err();
        insta::assert_snapshot!(unset.message, @"`--report github` has no file, and `GITHUB_STEP_SUMMARY` is not set");
    }

    #[test]
    fn several_scripts_have_a_file_each() {
        insta::assert_snapshot!(refused(&["json=a.json"], &["a.rhai", "x/b.rhai"]), @r"
        `--report json=a.json`: two scripts would write `a.json`
        hint: put `{script}` into its name, which stands for the script's
        ");
        insta::assert_snapshot!(refused(&["json={script}.json"], &["a.rhai", "x/a.rhai"]), @r"
        `--report json={script}.json`: two scripts would write `a.json`
        hint: play scripts of one name one by one
        ");
        insta::assert_snapshot!(refused(&["junit"], &["a.rhai", "b.rhai"]), @r"
        `--report junit`: of several scripts there is no one report
        hint: name a file for each: `--report junit={script}.junit`
        ");
        assert!(asked(&["json={script}.json", "github", "targets"], &["a.rhai", "b.rhai"]).is_ok());
        assert_eq!(of_script("{script}.json", Path::new("x/shop.v2.rhai")), Path::new("shop.v2.json"));
        assert_eq!(of_script("{script}.json", Path::new("-")), Path::new("script.json"));
    }
}
