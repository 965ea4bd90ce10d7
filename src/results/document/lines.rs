//! How a document is laid out in a file that people look into: objects in lines, a list of numbers or texts in one.
//!
//! A histogram is hundreds of buckets of three numbers; serde's own pretty form would give each number a line.

/// Columns that a level is indented by.
const INDENT: &str = "  ";

/// Lays out JSON that has no blanks between its parts; ends in a newline.
pub(super) fn lines(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 4);
    // Of each part that is open, whether it is in lines.
    let mut open: Vec<bool> = Vec::new();
    let (mut in_string, mut is_escaped) = (false, false);
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        if in_string {
            text.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                let is_empty = matches!(characters.peek(), Some('}' | ']'));
                let in_lines = !is_empty && (c == '{' || characters.peek() == Some(&'{'));
                open.push(in_lines);
                text.push(c);
                if in_lines {
                    new_line(&mut text, open.len());
                }
            }
            '}' | ']' => {
                if open.pop() == Some(true) {
                    new_line(&mut text, open.len());
                }
                text.push(c);
            }
            ',' if open.last() == Some(&true) => {
                text.push(c);
                new_line(&mut text, open.len());
            }
            ',' | ':' => text.extend([c, ' ']),
            _ => {
                in_string = c == '"';
                text.push(c);
            }
        }
    }
    text + "\n"
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    (0..depth).for_each(|_| text.push_str(INDENT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_lines_and_other_lists_one() {
        let json = r#"{"a":[[1,2],[3,4]],"b":[{"c":"x,\"{[\\"},{"d":{}}],"e":[],"f":[null,-1.5e3,"g"]}"#;
        let expected = r#"{
  "a": [[1, 2], [3, 4]],
  "b": [
    {
      "c": "x,\"{[\\"
    },
    {
      "d": {}
    }
  ],
  "e": [],
  "f": [null, -1.5e3, "g"]
}
"#;
        assert_eq!(lines(json), expected);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&lines(json)), value(json));
    }
}
