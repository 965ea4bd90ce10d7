//! `summary(data)`: an author's own summary of a run, once it is over. It only computes: nothing waits, sends or
//! records any more, so it needs neither a fiber nor a worker.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Dynamic, Scope};

use super::link::TOP_LEVEL_STACK_BYTES;
use super::program::{Failure, Program};
use super::value::{described, from_json};
use super::vu::{Cast, Phase, Vu};
use crate::diagnostic::{Code, Diagnostic};

/// The function's name.
pub(super) const SUMMARY: &str = "summary";

/// What to return.
const TEXTS: &str = "return a map of texts: `#{ stdout: \"…\", \"summary.json\": to_json(data) }`";

impl Program {
    /// What `summary(data)` gives for a run: texts by where they go. None where the script has no such function, or it
    /// returns `()`. An error has its place in the script and the code [`Code::Script`].
    pub fn summarise(
        &self,
        data: &serde_json::Value,
    ) -> Result<Option<BTreeMap<String, String>>, Box<Diagnostic>> {
        let Some(entry) = self.entry(SUMMARY) else { return Ok(None) };
        let stage = self.stage();
        let (seed, alarm) = (stage.outside().seed, stage.clock().alarm());
        let vu = Rc::new(Vu::new(0, Cast::outside(None), Phase::Summary, seed, alarm, None));
        let data = from_json(data);
        let returned = stage.with_on(&vu, || {
            stage
                .current()
                .on_thread(TOP_LEVEL_STACK_BYTES, || self.call(&vu, &entry, &data, &mut Scope::new()))
        });
        match returned {
            Ok(value) => self.texts(&value).map_err(Box::new),
            Err(Failure::Threw(told) | Failure::Asserted(told) | Failure::Failed(told)) => {
                Err(Box::new(Diagnostic { code: Code::Script, ..told }))
            }
            Err(Failure::Aborted(reason)) => Err(self
                .refused(format!("`abort` in `{SUMMARY}`: {reason}"), "the run is over: return")
                .into()),
            Err(Failure::Stopped(_)) => {
                Err(self.refused(format!("`{SUMMARY}` was stopped"), "nobody stops it: report this").into())
            }
        }
    }

    fn texts(&self, value: &Dynamic) -> Result<Option<BTreeMap<String, String>>, Diagnostic> {
        if value.is_unit() {
            return Ok(None);
        }
        let Ok(map) = value.as_map_ref() else {
            return Err(self.refused(format!("`{SUMMARY}` returned {}", described(value)), TEXTS));
        };
        let mut texts = BTreeMap::new();
        for (name, value) in map.iter() {
            let Ok(text) = value.as_immutable_string_ref() else {
                let message = format!("`{SUMMARY}` returned {} for `{name}`", described(value));
                return Err(self.refused(message, "each is a text: `to_json(value)` makes one of any value"));
            };
            texts.insert(name.to_string(), text.to_string());
        }
        Ok(Some(texts))
    }

    /// What is wrong with what it gave, at the function's name.
    pub fn refused(&self, message: String, hint: &str) -> Diagnostic {
        let told = Diagnostic::new(Code::Script, message).hint(hint);
        match self.place_of(SUMMARY) {
            Some(place) => told.at(self.source(), place, ""),
            None => told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Source, render};
    use crate::fiber::Current;
    use crate::script::{Outside, Stage, StillClock};
    use std::sync::Arc;

    fn summarised(text: &str) -> Result<Option<BTreeMap<String, String>>, Box<Diagnostic>> {
        let outside = Outside { summary_text: Some("all is well\n".into()), ..Outside::default() };
        let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside, |_| {});
        let source =
            Arc::new(Source { name: "a.rhai".to_owned(), text: format!("{text}\nfn flow() {{ }}\n") });
        let (program, plan) = Program::load(&source, &stage)?;
        assert!(plan.hooks.summary || !text.contains("fn summary("), "{plan:?}");
        program.summarise(&serde_json::json!({ "requests": { "count": 12 }, "rate": 0.5 }))
    }

    fn told(body: &str) -> String {
        let error = summarised(&format!("fn summary(data) {{\n    {body}\n}}")).expect_err(body);
        assert_eq!(error.code, Code::Script, "{body}");
        render(&error, false, 100)
    }

    #[test]
    fn a_map_of_texts_is_what_it_gives() {
        let text = "const NAME = \"out\";\n\
             fn line(data) { `${data.requests.count} requests, ${data.rate}` }\n\
             fn summary(data) { let m = #{ stdout: line(data) + summary::text() }; m[global::NAME + \".json\"] = to_json(data); m }";
        let texts = summarised(text).unwrap().unwrap();
        assert_eq!(texts["stdout"], "12 requests, 0.5all is well\n");
        assert_eq!(texts["out.json"], r#"{"rate":0.5,"requests":{"count":12}}"#);
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn without_the_function_or_with_nothing_returned_there_is_none() {
        assert_eq!(summarised("").unwrap(), None);
        assert_eq!(summarised("fn summary() { }").unwrap(), None);
        assert_eq!(summarised("fn summary(data) { #{} }").unwrap(), Some(BTreeMap::new()));
    }

    #[test]
    fn what_is_no_map_of_texts_is_told_with_its_place() {
        let shown = told("42");
        assert!(shown.contains("`summary` returned an integer") && shown.contains("a.rhai:1:4"), "{shown}");
        let shown = told("#{ \"a.json\": data }");
        assert!(shown.contains("returned a map for `a.json`") && shown.contains("to_json"), "{shown}");
    }

    #[test]
    fn what_it_throws_and_every_limit_is_told_with_its_place() {
        let shown = told("throw \"no figures\"");
        assert!(shown.contains("no figures") && shown.contains("a.rhai:2:"), "{shown}");
        let shown = told("loop { }");
        assert!(shown.contains("operations without waiting") && shown.contains("a.rhai:"), "{shown}");
        let shown = told("let s = \"x\"; loop { s += s; } #{ stdout: s }");
        assert!(shown.contains("a text is too large") && shown.contains("a.rhai:1:4"), "{shown}");
        let shown = told("let f = |f| f.call(f); f.call(f)");
        assert!(shown.contains("nested too deeply"), "{shown}");
    }

    #[test]
    fn nothing_acts_any_more() {
        for call in [
            "http::get(\"http://127.0.0.1:1/\")",
            "sleep(1)",
            "check(true, \"x\")",
            "group(\"g\", || 1)",
            "abort(\"now\")",
            "fail(\"now\")",
            "vu::tag(\"a\", \"b\")",
            "global::C.add(1)",
            "time::measure(\"c\", || 1)",
            "ws::connect(\"ws://127.0.0.1:1/\", |s| ())",
            "assert::equal(1, 2)",
            "scenario(\"x\", #{})",
            "http::set_response_callback(http::expected_statuses(200))",
        ] {
            let text = format!("const C = counter(\"c\");\nfn summary(data) {{\n    {call};\n}}");
            let error = summarised(&text).expect_err(call);
            assert_eq!(error.labels[0].position.line, 3, "{call}: {}", render(&error, false, 100));
        }
    }

    #[test]
    fn the_text_is_there_in_summary_alone() {
        let error = summarised("const T = summary::text();").unwrap_err();
        assert!(error.message.contains("`summary::text` can only be called in `summary(data)`"), "{error:?}");
    }

    #[test]
    fn a_function_with_two_parameters_is_refused() {
        let error = summarised("fn summary(a, b) { }").unwrap_err();
        assert_eq!(error.message, "`summary` has 2 parameters");
        assert_eq!(error.hint.as_deref(), Some("it takes no parameter, or what became of the run"));
    }
}
