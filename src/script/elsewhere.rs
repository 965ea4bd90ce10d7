//! Names that authors bring from other tools, and what stands for them here.

/// Variables and functions of k6, JavaScript and Python.
const NAMES: [(&str, &str); 13] = [
    ("console", "write `log::info(text)`"),
    ("JSON", "write `parse_json(text)`, `map.to_json()`, or `r.json()` for a response"),
    ("Math", "numbers have methods: `x.floor()`, `x.round()`; for chance there is `random::int(1, 6)`"),
    ("__ENV", "write `env(\"NAME\")`"),
    ("__VU", "write `vu::id()`"),
    ("__ITER", "write `vu::iteration()`"),
    (
        "exec",
        "write `vu::id()`, `vu::iteration()`, `scenario::name()`, `scenario::iteration()`, `abort(reason)`",
    ),
    ("undefined", "nothing is written `()`"),
    ("None", "nothing is written `()`"),
    ("True", "write `true`"),
    ("False", "write `false`"),
    ("textSummary", "write `summary::text()`, in `fn summary(data)`"),
    ("self", "what a user remembers is `this.name`; a request is `http::get(url)`"),
];

/// Members of k6's `exec`.
pub(super) const EXEC: [(&str, &str); 22] = [
    ("vu.idInTest", "`vu::id()`"),
    ("vu.idInInstance", "`vu::id()`, which counts over the whole run"),
    ("vu.iterationInInstance", "`vu::iteration()`"),
    ("vu.iterationInScenario", "`vu::iteration()`: a user plays one scenario only"),
    ("vu.metrics.tags", "`vu::tag(name, value)`, and `vu::tags()` to read them"),
    ("vu.metrics.metadata", "`vu::tag(name, value)`"),
    ("vu.metrics", "`vu::tag(name, value)`, and `vu::tags()` to read them"),
    ("vu.tags", "`vu::tag(name, value)`, and `vu::tags()` to read them"),
    ("scenario.name", "`scenario::name()`"),
    ("scenario.executor", "`scenario::executor()`"),
    ("scenario.startTime", "`scenario::start_time()`"),
    ("scenario.progress", "`scenario::progress()`"),
    ("scenario.iterationInTest", "`scenario::iteration()`"),
    ("scenario.iterationInInstance", "`scenario::iteration()`, which counts over the whole run"),
    ("instance.currentTestRunDuration", "`run::elapsed()`"),
    (
        "instance.vusActive",
        "`scenario::users()`, which is what the schedule wants: workers share no counters",
    ),
    (
        "instance.vusInitialized",
        "`scenario::users()`, which is what the schedule wants: workers share no counters",
    ),
    ("instance.iterationsCompleted", "a target on `iterations`: workers share no counters"),
    ("instance.iterationsInterrupted", "the summary: workers share no counters"),
    ("test.abort", "`abort(reason)`"),
    ("test.fail", "`fail(reason)`, which ends the iteration"),
    ("test.options", "`runner inspect`, or a `const` of your own"),
];

/// What to write for a name; `line` is the source from the name on, which tells what of it is meant.
pub(super) fn hint(name: &str, line: &str) -> Option<String> {
    if name == "exec"
        && let Some(found) = exec(line)
    {
        return Some(found);
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, hint)| (*hint).to_owned())
}

/// What stands for `exec.vu.idInTest`, also written `exec::vu::id_in_test()`.
fn exec(line: &str) -> Option<String> {
    let path = line.strip_prefix("exec").unwrap_or(line).replace("::", ".");
    let path: String = path
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '_'))
        .filter(|c| *c != '_')
        .collect();
    let path = path.trim_start_matches('.').to_lowercase();
    let (theirs, ours) = EXEC.iter().find(|(theirs, _)| path.starts_with(&theirs.to_lowercase()))?;
    Some(format!("for k6's `exec.{theirs}` write {ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_of_exec_has_its_call() {
        for (theirs, ours) in EXEC {
            for line in [format!("exec.{theirs};"), format!("exec::{}()", theirs.replace('.', "::"))] {
                let hint = hint("exec", &line).unwrap();
                assert!(hint.contains(ours), "{line}: {hint}");
            }
        }
        assert!(hint("exec", "exec::vu::id_in_test()").unwrap().contains("`vu::id()`"));
        assert!(hint("exec", "exec.nothing").unwrap().contains("scenario::name"));
        assert_eq!(hint("banana", "banana"), None);
    }
}
