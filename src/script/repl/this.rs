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
    use rhai::Scope;

    use super::*;

    /// What a text gives where the variable `this` is 3.
    fn value(text: &str) -> i64 {
        let mut engine = Engine::new();
        ThisAsVariable::install(&mut engine);
        engine.eval_with_scope(Scope::new().push("this", 3_i64), text).unwrap()
    }

    #[test]
    fn this_is_a_variable_outside_of_functions() {
        assert_eq!(value("this"), 3);
        assert_eq!(value("#{ a: [this, 1] }.a[0] + this"), 6);
        assert_eq!(value("let add = |n| n + this; add.call(1)"), 4);
    }

    #[test]
    fn this_is_what_a_method_is_called_on_within_functions() {
        assert_eq!(
            value("fn f() { let a = if true { #{ a: this } }; a.a + this } let x = 5; x.f() + this"),
            13
        );
        assert_eq!(value("fn f() { `${this}` } fn g() { this } let x = 5; x.f().len() + x.g() + this"), 9);
    }
}
