//! What a script reads and writes by name of a row, a constant map or `this`: `row.symbol`, `this.token`.
//!
//! Rhai asks for a getter of that name first, writes the error that there is none, and only then asks the
//! indexer: three quarters of what reading a row's column costs. So each name that a script has behind
//! a dot becomes a getter and a setter, which do as the indexers do.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, FuncRegistration, ImmutableString};

use super::frozen::FrozenMap;
use super::state::State;

/// Teaches an engine the properties that a script and its modules name.
pub(super) fn register(engine: &mut Engine, ast: &AST) {
    for name in names(ast) {
        let [get, set] = [(); 2].map(|()| name.clone());
        engine.register_get(&name, move |map: &mut FrozenMap| map.read(&get));
        // Pure: Rhai writes back what a method was called on, also where that is a constant.
        FuncRegistration::new_setter(&name)
            .with_purity(true)
            .register_into_engine(engine, move |map: &mut FrozenMap, value: Dynamic| map.keep(&set, &value));
        let [get, set] = [(); 2].map(|()| name.clone());
        engine.register_get_set(
            &name,
            move |state: &mut State| state.get(get.clone()),
            move |state: &mut State, value: Dynamic| state.set(set.clone(), value),
        );
    }
}

fn names(ast: &AST) -> BTreeSet<ImmutableString> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Property(property, _))) = nodes.last() {
            names.insert(property.2.clone());
        }
        true
    });
    names
}
