//! The whole summary for programs, by the published schema: nothing rounded, nothing cut.

use crate::results::{Document, Summary};

use super::{Report, Style};

/// The summary as one JSON object.
pub(super) const REPORT: Report = Report {
    name: "json",
    about: "the whole summary as JSON (docs/summary.schema.json)",
    render,
    is_for_people: false,
    annotations: None,
    file_variable: None,
};

fn render(summary: &Summary, _style: &Style) -> String {
    Document::from(summary).to_json_lines()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::REPORTS;

    #[test]
    fn every_report_says_the_same_of_a_summary_that_was_kept() {
        let style = Style { colour: false, width: 120 };
        let summaries =
            [Summary::uneventful(), Summary::eventful()].into_iter().chain((0..30).map(Summary::odd));
        for (at, summary) in summaries.enumerate() {
            let kept = Document::from(&summary).to_json();
            let read = Document::from_json(kept.as_bytes()).unwrap().into_summary().unwrap();
            for report in REPORTS {
                let of = |summary| (report.render)(summary, &style);
                assert!(of(&summary) == of(&read), "{}, {at}\n{}\n{}", report.name, of(&summary), of(&read));
                if let Some(annotations) = report.annotations {
                    assert_eq!(annotations(&summary, ""), annotations(&read, ""), "{}, {at}", report.name);
                }
            }
        }
    }

    #[test]
    fn an_object_has_lines_and_a_list_of_numbers_has_one() {
        let text = render(&Summary::eventful(), &Style { colour: false, width: 80 });
        assert!(text.starts_with("{\n  \"schema\": 1,\n") && text.ends_with("\n}\n"), "{text}");
        assert!(text.contains("\"near\": [\"checks{check:is 200}\"],\n"), "{text}");
        let read = Document::from_json(text.as_bytes()).unwrap();
        assert_eq!(read, Document::from(&Summary::eventful()));
    }
}
