//! Scripts of several files: in which of them something stands, and what it is called there.
//!
//! The script's [`Context`] holds those of its modules. Rhai tells lines without their file: the file of an
//! error follows from the functions that it came through.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, ASTFlags, EvalAltResult, Stmt};

use super::diagnose::{Context, did_you_mean};
use super::link::Imports;
use super::names::Arities;
use super::place::position;
use super::registry::Function;
use super::rename::{constants_of, unmarked, without_marks};
use crate::diagnostic::{Diagnostic, Position, Source, suggest};
use crate::plan::Target;

impl Context {
    /// Of a script that was not looked at yet.
    pub(super) fn new(source: &Arc<Source>, functions: Vec<Function>, host: Arities) -> Self {
        Self {
            source: Arc::clone(source),
            functions,
            host,
            own: Arities::new(),
            variables: Vec::new(),
            constants: Vec::new(),
            module: String::new(),
            imports: Imports::default(),
            modules: Vec::new(),
            closures: BTreeMap::new(),
        }
    }

    /// Of a module.
    pub(super) fn of_module(
        name: &str,
        source: &Arc<Source>,
        functions: &[Function],
        host: &Arities,
    ) -> Self {
        Self { module: name.to_owned(), ..Self::new(source, functions.to_vec(), host.clone()) }
    }

    /// The context of a file: 0 is the script, then come its modules.
    pub(super) fn of(&self, file: usize) -> &Self {
        file.checked_sub(1).map_or(self, |module| &self.modules[module])
    }

    /// The same, to change.
    pub(super) fn of_mut(&mut self, file: usize) -> &mut Self {
        match file.checked_sub(1) {
            None => self,
            Some(module) => &mut self.modules[module],
        }
    }

    /// A place of this file: `flow.rhai:12:5`.
    pub(super) fn named(&self, place: Position) -> String {
        format!("{}:{place}", self.source.name)
    }

    /// The context of the file that has one of these words at a place: of calls it is known where in a file
    /// they stand, but not in which.
    pub(super) fn of_call(&self, place: Option<Position>, words: &[&str]) -> &Self {
        let Some(place) = place else { return self };
        let stands_in = |context: &&Self| {
            let line = context.source.line(place.line).unwrap_or_default();
            let skipped =
                line.chars().take(place.column.saturating_sub(1) as usize).map(char::len_utf8).sum();
            words.iter().any(|word| line.get(skipped..).is_some_and(|rest| rest.starts_with(word)))
        };
        std::iter::once(self).chain(&self.modules).find(stands_in).unwrap_or(self)
    }

    /// Nothing is imported under this name any more.
    pub(super) fn forget_import(&mut self, alias: &str) {
        if self.imports.aliases.remove(alias).is_none() {
            return;
        }
        let prefix = format!("{alias}::");
        self.host.retain(|name, _| !name.starts_with(&prefix));
        self.imports.forms.retain(|name, _| !name.starts_with(&prefix));
        self.imports.constants.retain(|name| !name.starts_with(&prefix));
    }

    /// Says of targets which file they were written in, where that is a module's.
    pub(super) fn locate(&self, targets: &mut [Target]) {
        for target in targets {
            let context = self.of_call(target.position, &["target"]);
            target.file = (!context.module.is_empty()).then(|| context.source.name.clone());
        }
    }

    fn is_std(&self) -> bool {
        self.module.starts_with("std/")
    }

    /// Takes down the names of a top level that ran.
    pub(super) fn know(&mut self, scope: &rhai::Scope<'_>) {
        for (name, constant, _) in scope.iter_raw() {
            let names = if constant { &mut self.constants } else { &mut self.variables };
            names.push(without_marks(name));
        }
    }

    /// The same, of a top level that ended early: what it didn't come to is written in it all the same.
    pub(super) fn know_written(&mut self, ast: &AST) {
        for statement in ast.statements() {
            let Stmt::Var(variable, flags, _) = statement else { continue };
            let is_constant = flags.contains(ASTFlags::CONSTANT);
            let names = if is_constant { &mut self.constants } else { &mut self.variables };
            names.push(variable.0.name.to_string());
        }
    }

    /// Where an error happened: in which file, and where in it. `file` is where the outermost call stands.
    pub(super) fn spot(&self, error: &EvalAltResult, file: usize) -> (usize, Option<Position>) {
        let here = position(error.position());
        match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
                match self.spot(inner, self.file_of(name, source, file)) {
                    (_, None) => (file, here),
                    // The author's own line says more than one of a module that came with the binary.
                    (inner, _) if here.is_some() && self.of(inner).is_std() && !self.of(file).is_std() => {
                        (file, here)
                    }
                    spot => spot,
                }
            }
            EvalAltResult::ErrorInModule(_, inner, _) => match self.spot(inner, file) {
                (_, None) => (file, here),
                spot => spot,
            },
            _ => (file, here),
        }
    }

    /// The file that holds a function's body; `source` is the module that the call came through. A native
    /// function has none: its caller's stands.
    pub(super) fn file_of(&self, name: &str, source: &str, caller: usize) -> usize {
        if let Some((file, _)) = unmarked(name) {
            return file;
        }
        if name.contains('$') {
            return self.closures.get(name).copied().unwrap_or(0);
        }
        let of_module = |context: &Self| context.module == source && context.own.contains_key(name);
        match self.modules.iter().position(of_module) {
            Some(module) => module + 1,
            None if self.own.contains_key(name) => 0,
            None => caller,
        }
    }

    /// Names as the file's author wrote them.
    pub(super) fn plain_names(&self, text: &str) -> String {
        let mut text = without_marks(text);
        if !self.module.is_empty() {
            text = text.replace(&constants_of(&self.module), "global");
            for (alias, module) in &self.imports.aliases {
                text = text.replace(&format!("{module}::"), &format!("{alias}::"));
            }
        }
        text
    }

    /// A module has no such constant.
    pub(super) fn unknown_constant(&self, diagnostic: Diagnostic, alias: &str, name: &str) -> Diagnostic {
        if self.host.contains_key(name) {
            return diagnostic.hint(format!("`{name}` is a function: call it, or hand over `|| {name}()`"));
        }
        let near = suggest(name, self.imports.constants.iter().map(String::as_str));
        did_you_mean(diagnostic, &near).unwrap_or_else(|diagnostic| {
            let hint = match self.imports.aliases.get(alias) {
                Some(module) => format!("`{module}` has to export it: `export const NAME = …;`"),
                None => format!("`{alias}` has {}", self.functions_of(alias)),
            };
            diagnostic.hint(hint)
        })
    }
}
