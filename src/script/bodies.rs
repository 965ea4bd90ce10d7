//! Whose body a statement of the tree stands in.
//!
//! Rhai walks the bodies of all functions without saying whose is whose, but gives each statement's place:
//! bodies nest, so the innermost that holds the place is the one. In time linear in the script's length.

use rhai::{AST, ASTNode, ImmutableString};

use super::place::position;
use crate::diagnostic::Position;

/// A function or closure, and where its body stands.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) name: ImmutableString,
    /// What a closure captures stands in front.
    pub(super) parameters: Vec<ImmutableString>,
    pub(super) start: Position,
    /// Unknown of a closure whose body is an expression: its only statement stands at the start.
    end: Option<Position>,
}

impl Body {
    pub(super) fn is_closure(&self) -> bool {
        self.name.contains('$')
    }

    fn holds(&self, place: Position) -> bool {
        self.start == place || self.end.is_some_and(|end| self.start <= place && place <= end)
    }
}

/// The bodies of a script.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// By where they start.
    list: Vec<Body>,
}

impl Bodies {
    pub(super) fn of(ast: &AST) -> Self {
        let bodies = ast.iter_fn_def().filter_map(|function| {
            Some(Body {
                name: function.name.clone(),
                parameters: function.params.iter().cloned().collect(),
                start: position(function.body.start_position())?,
                end: position(function.body.end_position()),
            })
        });
        let mut list: Vec<Body> = bodies.collect();
        list.sort_by_key(|body| body.start);
        Self { list }
    }

    /// All, by where they start.
    pub(super) fn list(&self) -> &[Body] {
        &self.list
    }

    /// The index of the body that a statement stands in; none at the top level. `statement` is the first
    /// node of a path.
    pub(super) fn owner(&self, statement: ASTNode<'_>) -> Option<usize> {
        let place = position(statement.position())?;
        let behind = self.list.partition_point(|body| body.start <= place);
        self.list[..behind].iter().rposition(|body| body.holds(place))
    }
}
