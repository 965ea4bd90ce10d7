//! `this` in a line: Rhai permits the word in functions alone, so outside of them it is read as a variable of that
//! name, which holds the user's state.

use std::cell::Cell;

use rhai::{Engine, Token};

use super::super::engine::ours;

/// Where the tokens of an entry are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Line,
    /// Behind `fn`, before its body.
    Head,
    /// In a function's body, so many braces deep.
    Body(usize),
}

/// Reads the tokens of one entry.
#[derive(Debug, Default)]
pub(super) struct ThisAsVariable(Cell<Place>);

impl ThisAsVariable {
    /// Makes an engine read the next entry so.
    pub(super) fn install(engine: &mut Engine) {
        let reader = Self::default();
        #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
        engine.on_parse_token(move |token, _, _| reader.read(ours(token)));
    }

    fn read(&self, token: Token) -> Token {
        let place = self.0.get();
        self.0.set(match (place, &token) {
            (Place::Line, Token::Fn) => Place::Head,
            (Place::Head, Token::LeftBrace) => Place::Body(1),
            (Place::Body(depth), Token::LeftBrace | Token::MapStart) => Place::Body(depth + 1),
            (Place::Body(1), Token::RightBrace) => Place::Line,
            (Place::Body(depth), Token::RightBrace) => Place::Body(depth - 1),
            (place, _) => place,
        });
        match token {
            Token::Reserved(word) if place == Place::Line && *word == "this" => Token::Identifier(word),
            token => token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_is_a_variable_outside_of_functions_alone() {
        let read = |text: &str| {
            let mut engine = Engine::new();
            ThisAsVariable::install(&mut engine);
            engine.compile(text).map(|ast| format!("{ast:?}").matches("ThisPtr").count())
        };
        for line in
            ["this", "this.token = 1", "let a = #{ b: this.c };", "fn f() { 1 } this.a", "`${this.a}`"]
        {
            // Rhai's own way would not compile.
            assert_eq!(read(line).unwrap(), 0, "{line}");
        }
        let flow = "fn f() { let a = #{ b: 1 }; if a.b == 1 { this.c = 2; } }\nf(); this.d";
        assert!(read(flow).is_ok());
        let mut engine = Engine::new();
        ThisAsVariable::install(&mut engine);
        let ast = engine.compile("fn f() { let a = #{}; this.c }").unwrap();
        let body = format!(
            "{:?}",
            ast.shared_lib().iter_script_fn_info().map(|one| one.2.to_owned()).collect::<Vec<_>>()
        );
        assert!(body.contains('f'));
    }
}
