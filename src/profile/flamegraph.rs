//! Folded stacks as a flame graph: an SVG that a browser shows, searches and zooms, by inferno.

use std::io;

use inferno::flamegraph::{Options, from_lines};

use super::{Folded, ProfileError};

/// Draws the stacks; nothing when there is none. `unit` is what they count. Equal stacks give equal files, so
/// that two graphs can be compared by their colours.
pub fn flame_graph(stacks: &Folded, title: &str, unit: &str) -> Result<Option<Vec<u8>>, ProfileError> {
    if stacks.total() == 0 {
        return Ok(None);
    }
    let mut options = Options::default();
    title.clone_into(&mut options.title);
    unit.clone_into(&mut options.count_name);
    "Function:".clone_into(&mut options.name_type);
    options.deterministic = true;
    let text = stacks.to_string();
    let mut drawn = Vec::new();
    from_lines(&mut options, text.lines(), &mut drawn)
        .map_err(|error| ProfileError::Draw(io::Error::other(error.to_string())))?;
    Ok(Some(drawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_names_its_functions_and_is_the_same_each_time() {
        let stacks: Folded =
            "worker 0;main;<f as g>::h 3\nworker 0;main;sleep (a.rhai:3) 1\n".parse().unwrap();
        let draw = || flame_graph(&stacks, "a \"title\" & more", "samples").unwrap().unwrap();
        let text = String::from_utf8(draw()).unwrap();
        assert_eq!(text.as_bytes(), draw());
        assert!(text.contains("&lt;f as g&gt;::h (3 samples, 75.00%)"), "{text}");
        assert!(text.contains("sleep (a.rhai:3) (1 samples, 25.00%)"), "{text}");
    }

    #[test]
    fn of_nothing_there_is_no_graph() {
        assert!(flame_graph(&Folded::default(), "", "samples").unwrap().is_none());
    }
}
