//! From a script and the modules that it imports to one set of functions.
//!
//! Rhai imports while the top level runs, and flows, which are called without it, would see nothing of
//! that. So the modules of a script are found in its syntax tree, loaded one after another (each once,
//! its own imports first), renamed so that no two share a name, and merged into the script's functions;
//! a call of a module's function costs what a call of the script's own does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::{
    AST, ASTFlags, ASTNode, Engine, EvalAltResult, Expr, FnAccess, ImmutableString, Module, ModuleResolver,
    Scope, Stmt,
};

use super::diagnose::Context;
use super::engine::MODULES_MAX;
use super::error::HostError;
use super::frozen::freeze;
use super::lookups::ByAlias;
use super::modules::module_name;
use super::names::Arities;
use super::place::position;
use super::rename::{Names, Renaming, constants_of, marked, unmarked};
use super::stage::Stage;
use super::vu::{Ending, Vu};
use crate::diagnostic::{Code, Diagnostic, Position};

/// Stack that a top level may use on a thread's own stack: as much as a fiber has.
pub(super) const TOP_LEVEL_STACK_BYTES: usize = crate::fiber::STACK_BYTES;

/// What a file gets by its imports, under the names that it uses.
#[derive(Debug, Default, Clone)]
pub(super) struct Imports {
    /// From the alias to the module's name.
    pub(super) aliases: BTreeMap<String, String>,
    /// By name with alias, how each form of a function is called: `phases::peak(from, to, time)`.
    pub(super) forms: BTreeMap<String, Vec<String>>,
    /// Constants with their alias.
    pub(super) constants: BTreeSet<String>,
}

/// What a module offers.
struct Offer {
    module: Rc<Module>,
    /// Name, arity, and how it is called without an alias.
    functions: Vec<(String, usize, String)>,
    constants: Vec<String>,
}

/// Modules by the importing module's name and the path that it wrote.
type ByPath = BTreeMap<(String, String), Rc<Module>>;

/// Gives the interpreter the modules that were linked.
#[derive(Clone, Default)]
struct Resolver(Rc<RefCell<ByPath>>);

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        _engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: rhai::Position,
    ) -> Result<Rc<Module>, Box<EvalAltResult>> {
        let key = (source.unwrap_or_default().to_owned(), path.to_owned());
        let module = self.0.borrow().get(&key).cloned();
        module.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}

/// Runs a top level as the user `vu`, within the limits.
pub(super) fn top_level(
    engine: &Engine,
    stage: &Rc<Stage>,
    vu: &Rc<Vu>,
    context: &Context,
    file: usize,
    ast: &AST,
) -> Result<Scope<'static>, Box<Diagnostic>> {
    let mut scope = Scope::new();
    let ran = stage.with_on(vu, || {
        stage.current().on_thread(TOP_LEVEL_STACK_BYTES, || engine.run_ast_with_scope(&mut scope, ast))
    });
    if let Some(Ending::Limit(limit)) = vu.take_ending() {
        let spot = ran.as_ref().err().map(|error| context.spot(error, file));
        let (file, place) = spot.unwrap_or((file, None));
        return Err(context.of(file).limit(limit, place, Code::Script).into());
    }
    match ran {
        Ok(()) => Ok(scope),
        Err(error) => Err(context.error_in(file, engine, &error, Code::Script).into()),
    }
}

/// The constants of a top level, frozen, as flows read them.
pub(super) fn constants(scope: &Scope<'_>) -> Module {
    let mut module = Module::new();
    for (name, _, value) in scope.iter_raw().filter(|(_, constant, _)| *constant) {
        module.set_var(plain(name), freeze(value.clone()));
    }
    module
}

fn plain(name: &str) -> &str {
    unmarked(name).map_or(name, |(_, name)| name)
}

/// Loads what the script imports, and gives its tree with the functions of all modules, and the modules
/// by the script's aliases.
pub(super) fn link(
    engine: &mut Engine,
    stage: &Rc<Stage>,
    vu: &Rc<Vu>,
    context: &mut Context,
    ast: &AST,
) -> Result<(AST, ByAlias), Box<Diagnostic>> {
    let found = imports(context, ast)?;
    if found.is_empty() {
        return Ok((ast.clone(), Vec::new()));
    }
    let resolver = Resolver::default();
    engine.set_module_resolver(resolver.clone());
    let renaming = Renaming::install(engine);
    let script = context.source.name.rsplit('/').next().unwrap_or_default().to_owned();
    let host = context.host.clone();
    let mut linker = Linker {
        engine,
        stage,
        vu,
        context,
        host,
        renaming,
        resolver,
        loaded: BTreeMap::new(),
        under_way: vec![script],
        library: AST::empty(),
    };
    linker.import(0, found)?;
    let Linker { engine, context, library, loaded, .. } = linker;
    let aliases = context.imports.aliases.iter();
    let modules: ByAlias =
        aliases.map(|(alias, name)| (alias.into(), Rc::clone(&loaded[name].module))).collect();
    for (alias, module) in &modules {
        engine.register_static_module(ImmutableString::as_str(alias), Rc::clone(module));
    }
    let mut linked = ast.merge(&library);
    linked.set_source("");
    Ok((linked, modules))
}

/// An `import` as it is written.
struct Import {
    path: String,
    alias: String,
    place: Option<Position>,
    alias_place: Option<Position>,
}

/// The imports of a file. Only those that stand at its top level can be seen from flows.
fn imports(context: &Context, ast: &AST) -> Result<Vec<Import>, Box<Diagnostic>> {
    let refuse = |message: String, hint: &str, place: rhai::Position| {
        let error = HostError::new(message).hint(hint);
        Box::new(context.host_error(&error, position(place), Code::Script))
    };
    let top: BTreeSet<_> = (ast.statements().iter())
        .filter(|statement| matches!(statement, Stmt::Import(..)))
        .map(|statement| (statement.position().line(), statement.position().position()))
        .collect();
    let mut below = None;
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Import(_, place))) = nodes.last()
            && !top.contains(&(place.line(), place.position()))
        {
            below = Some(*place);
        }
        below.is_none()
    });
    if let Some(place) = below {
        return Err(refuse(
            "`import` stands within a function or a block".to_owned(),
            "modules are loaded before the load starts: move the import to the top level",
            place,
        ));
    }
    let mut found = Vec::new();
    for statement in ast.statements() {
        let Stmt::Import(import, place) = statement else { continue };
        let (path, alias) = &**import;
        let Expr::StringConstant(path, path_place) = path else {
            return Err(refuse(
                "the path of an import is not a constant text".to_owned(),
                "write it out: `import \"lib/login\" as login;`",
                if path.position().is_none() { *place } else { path.position() },
            ));
        };
        if alias.name.is_empty() {
            return Err(refuse(
                format!("the module `{path}` is imported without a name"),
                "say what it is called here: `import \"lib/login\" as login;`",
                *path_place,
            ));
        }
        found.push(Import {
            path: path.to_string(),
            alias: alias.name.to_string(),
            place: position(*path_place),
            alias_place: position(alias.pos).or(position(*path_place)),
        });
    }
    Ok(found)
}

/// The names that a file exports: as it calls them itself, and as others do.
fn exports(ast: &AST) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for statement in ast.statements() {
        match statement {
            Stmt::Var(variable, flags, _) if flags.contains(ASTFlags::EXPORTED) => {
                names.push((variable.0.name.to_string(), variable.0.name.to_string()));
            }
            Stmt::Export(export, _) => {
                let (name, alias) = &**export;
                let alias = if alias.name.is_empty() { name } else { alias };
                names.push((name.name.to_string(), alias.name.to_string()));
            }
            _ => {}
        }
    }
    names
}

struct Linker<'a> {
    engine: &'a mut Engine,
    stage: &'a Rc<Stage>,
    vu: &'a Rc<Vu>,
    /// The script's, which holds those of its modules.
    context: &'a mut Context,
    /// Functions of the host alone.
    host: Arities,
    renaming: Rc<Renaming>,
    resolver: Resolver,
    /// By name.
    loaded: BTreeMap<String, Offer>,
    /// The files whose imports are being loaded, outermost first.
    under_way: Vec<String>,
    /// The functions of all modules so far.
    library: AST,
}

impl Linker<'_> {
    /// Gives a file what it imports.
    fn import(&mut self, file: usize, imports: Vec<Import>) -> Result<(), Box<Diagnostic>> {
        for import in imports {
            let name = module_name(&import.path).map_err(|error| self.refusal(file, &error, import.place))?;
            self.check_alias(file, &import)?;
            if let Some(start) = self.under_way.iter().position(|module| *module == name) {
                let mut circle = self.under_way[start..].to_vec();
                circle.push(name);
                let error = HostError::new(format!("imports go in a circle: `{}`", circle.join(" -> ")))
                    .hint("move what both need into a module of its own");
                return Err(self.refusal(file, &error, import.place).into());
            }
            if !self.loaded.contains_key(&name) {
                self.load(&name, file, import.place)?;
            }
            let offer = &self.loaded[&name];
            let context = self.context.of_mut(file);
            let key = (context.module.clone(), import.path);
            self.resolver.0.borrow_mut().insert(key, offer.module.clone());
            let alias = import.alias;
            for (function, arity, form) in &offer.functions {
                let path = format!("{alias}::{function}");
                context.host.entry(path.clone()).or_default().insert(*arity);
                context.imports.forms.entry(path).or_default().push(format!("{alias}::{form}"));
            }
            context.imports.constants.extend(offer.constants.iter().map(|name| format!("{alias}::{name}")));
            context.imports.aliases.insert(alias, name);
        }
        Ok(())
    }

    fn refusal(&self, file: usize, error: &HostError, place: Option<Position>) -> Diagnostic {
        self.context.of(file).host_error(error, place, Code::Script)
    }

    fn check_alias(&self, file: usize, import: &Import) -> Result<(), Box<Diagnostic>> {
        let alias = &import.alias;
        let prefix = format!("{alias}::");
        let message = if self.context.of(file).imports.aliases.contains_key(alias) {
            format!("two modules are imported as `{alias}`")
        } else if alias == "global" || self.host.keys().any(|name| name.starts_with(&prefix)) {
            format!("`{alias}` is a module of `runner`")
        } else {
            return Ok(());
        };
        let error = HostError::new(message).hint("import it under another name: `import \"…\" as my_name;`");
        Err(self.refusal(file, &error, import.alias_place).into())
    }

    /// Reads a module, runs its top level, and adds what it has to what the script has.
    fn load(&mut self, name: &str, importer: usize, place: Option<Position>) -> Result<(), Box<Diagnostic>> {
        if self.loaded.len() >= MODULES_MAX {
            let error = HostError::new(format!("more than {MODULES_MAX} modules are imported"))
                .hint("put some of them together");
            return Err(self.refusal(importer, &error, place).into());
        }
        let outside = self.stage.outside();
        let source = (outside.modules.source(&outside.folder, name))
            .map_err(|error| self.refusal(importer, &error, place))?;
        let context = Context::of_module(name, &source, &self.context.functions, &self.host);
        self.context.modules.push(context);
        let file = self.context.modules.len();

        let ast = (self.engine.compile(&source.text))
            .map_err(|error| Box::new(self.context.of(file).parse_error(&error)))?;
        self.context.of_mut(file).own = Arities::new();
        for function in ast.iter_functions() {
            let own = &mut self.context.of_mut(file).own;
            own.entry(function.name.to_owned()).or_default().insert(function.params.len());
        }
        let found = imports(self.context.of(file), &ast)?;
        self.under_way.push(name.to_owned());
        self.import(file, found)?;
        self.under_way.pop();
        let aliases: Vec<(String, String)> =
            self.context.of(file).imports.aliases.clone().into_iter().collect();
        for (_, imported) in &aliases {
            self.engine.register_static_module(imported.as_str(), self.loaded[imported].module.clone());
        }

        let renamed = self.renamed(name, file)?;
        self.library = self.library.merge(&renamed.clone_functions_only());
        let mut whole = renamed.merge(&self.library);
        whole.set_source(name);
        let scope = top_level(self.engine, self.stage, self.vu, self.context, file, &whole)?;
        self.engine.register_static_module(constants_of(name), constants(&scope).into());
        let context = self.context.of_mut(file);
        context.know(&scope);
        if let Some(diagnostic) = context.misspelt(self.engine, &ast).into_iter().next() {
            return Err(diagnostic.into());
        }
        let offer = offer(name, file, &ast, &renamed, &scope);
        self.loaded.insert(name.to_owned(), offer);
        Ok(())
    }

    /// The tree of a module by the names that it has in the script.
    fn renamed(&mut self, name: &str, file: usize) -> Result<AST, Box<Diagnostic>> {
        let context = self.context.of(file);
        let functions = context.own.keys().filter(|name| !name.contains('$')).cloned().collect();
        let names = Names::new(file, name, &context.source, functions, &context.imports.aliases);
        let renamed = self.renaming.with(names, || self.engine.compile(&context.source.text));
        let renamed = renamed.map_err(|error| Box::new(context.parse_error(&error)))?;
        for function in renamed.iter_functions().filter(|function| function.name.contains('$')) {
            self.context.closures.entry(function.name.to_owned()).or_insert(file);
        }
        Ok(renamed)
    }
}

/// What others get of a module: its functions that are not private, and what it exports.
fn offer(name: &str, file: usize, ast: &AST, renamed: &AST, scope: &Scope<'_>) -> Offer {
    let mut module = Module::new();
    module.set_id(name);
    let mut functions = Vec::new();
    for function in renamed.iter_fn_def().filter(|function| function.access == FnAccess::Public) {
        let Some((_, own)) = unmarked(&function.name) else { continue };
        let parameters: Vec<&str> = function.params.iter().map(|name| plain(name)).collect();
        functions.push((own.to_owned(), parameters.len(), format!("{own}({})", parameters.join(", "))));
        let mut public = (**function).clone();
        public.name = own.into();
        module.set_script_fn(public);
    }
    functions.sort_unstable();
    let mut constants = Vec::new();
    for (own, exported) in exports(ast) {
        let value = scope.get(&own).or_else(|| scope.get(&marked(file, &own)));
        if let Some(value) = value {
            module.set_var(exported.as_str(), freeze(value.clone()));
            constants.push(exported);
        }
    }
    module.build_index();
    Offer { module: module.into(), functions, constants }
}
