//! Where host modules register their functions: into the engine, and into the list that diagnostics
//! and the reference read.
//!
//! The words for types come from the Rust types themselves, so that the reference can't say otherwise
//! than the code; where a function takes a `Dynamic` and looks for itself, it says what it [`takes`].
//!
//! [`takes`]: Registry::takes

use std::any::type_name;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Dynamic, Engine, FuncRegistration, Module, NativeCallContext, RhaiFunc, RhaiNativeFunc, Variant};

use super::names::Arities;
use super::stage::Stage;

/// How something of the reference is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `name(…)` or `module::name(…)`.
    Function,
    /// `value.name(…)`.
    Method,
    /// `value.name`.
    Property,
}

impl Kind {
    /// As the reference calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Method => "method",
            Self::Property => "property",
        }
    }
}

/// A parameter as authors see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As the signature has it.
    pub name: &'static str,
    /// What it takes, in an author's words: `text or bytes`.
    pub takes: Cow<'static, str>,
}

/// One function, method or property as authors see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// As it is called: `http::get(url, options)`, `metric.add(value)`, `response.status`.
    pub signature: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// How it is reached.
    pub kind: Kind,
    /// What it takes, in order; without the value before the dot.
    pub parameters: Vec<Parameter>,
    /// What it gives.
    pub gives: Cow<'static, str>,
    /// A few lines that show it at work, as they stand in a flow or at the top level. A value that a line
    /// gives may stand behind it: `url::encode("a b"); // "a%20b"`.
    pub example: &'static str,
    /// Whether the example stands at the top level, not in a flow.
    pub declares: bool,
    /// Whether its user may have to wait, by itself or in a closure that it takes.
    pub waits: bool,
}

impl Function {
    /// The name with its module or type: `http::get`, `response.status`.
    pub fn name(&self) -> &'static str {
        self.signature.split('(').next().unwrap_or(self.signature)
    }

    /// The module of a function, or the type of a method or property; none for `pick` and the like.
    pub fn module(&self) -> Option<&'static str> {
        let name = self.name();
        name.split_once("::").or_else(|| name.split_once('.')).map(|(module, _)| module)
    }

    /// How many arguments this form takes.
    pub fn arity(&self) -> usize {
        self.parameters.len()
    }

    /// The signature with what each parameter takes: `random::int(min: integer, max: integer)`.
    pub fn typed(&self) -> String {
        if self.kind == Kind::Property {
            return self.signature.to_owned();
        }
        let parameters: Vec<String> =
            self.parameters.iter().map(|one| format!("{}: {}", one.name, one.takes)).collect();
        format!("{}({})", self.name(), parameters.join(", "))
    }
}

/// The names between a signature's brackets.
fn parameter_names(signature: &'static str) -> Vec<&'static str> {
    let inside = signature.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    inside.split(", ").filter(|name| !name.is_empty()).collect()
}

/// Collects what host modules register, then installs it.
pub(super) struct Registry<'a> {
    /// The engine, for types without a place in the reference.
    pub(super) engine: &'a mut Engine,
    /// What the functions share on this worker.
    pub(super) stage: Rc<Stage>,
    modules: BTreeMap<&'static str, Module>,
    functions: Vec<Function>,
    arities: Arities,
    /// Functions and methods that ask before they are called; empty unless somebody goes step by step.
    asking: Module,
}

impl<'a> Registry<'a> {
    pub(super) fn new(engine: &'a mut Engine, stage: Rc<Stage>) -> Self {
        Self {
            engine,
            stage,
            modules: BTreeMap::new(),
            functions: Vec::new(),
            arities: Arities::new(),
            asking: Module::new(),
        }
    }

    /// Registers a function under its signature; `module::name(…)` goes into a module.
    pub(super) fn define<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        signature: &'static str,
        about: &'static str,
        call: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
    {
        self.list::<R>(signature, about, Kind::Function, &FUNC::param_names());
        let name = self.functions.last().expect("just listed").name();
        self.mistake(name, call)
    }

    /// Registers a method of one of our types: `metric.add(value)`. Its first argument is the value itself.
    pub(super) fn method<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        signature: &'static str,
        about: &'static str,
        call: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
    {
        self.list::<R>(signature, about, Kind::Method, &FUNC::param_names()[1..]);
        let whole = self.functions.last().expect("just listed").name();
        let (kind, name) = whole.split_once('.').expect("a method");
        if self.asks() && ACTING.contains(&kind) {
            let function = asking(&self.stage, whole, call.into_rhai_function(true, true));
            FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
                &mut self.asking,
                FUNC::param_types(),
                function,
            );
            return self;
        }
        FuncRegistration::new(name).with_volatility(true).register_into_engine(self.engine, call);
        self
    }

    /// Registers what can be read of one of our types: `response.status`.
    pub(super) fn property<A: 'static, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        signature: &'static str,
        about: &'static str,
        get: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, 1, X, R, F> + 'static,
    {
        self.list::<R>(signature, about, Kind::Property, &[]);
        let (_, name) = signature.split_once('.').expect("`type.property`");
        FuncRegistration::new_getter(name).register_into_engine(self.engine, get);
        self
    }

    /// Shows the function defined last at work in a flow.
    pub(super) fn example(&mut self, example: &'static str) -> &mut Self {
        self.last().example = example;
        self
    }

    /// Shows the function defined last at work at the top level.
    pub(super) fn declares(&mut self, example: &'static str) -> &mut Self {
        self.last().declares = true;
        self.example(example)
    }

    /// Says of the function defined last that it waits by itself; that it calls a closure is seen.
    pub(super) fn waits(&mut self) -> &mut Self {
        self.last().waits = true;
        self
    }

    /// Says what a parameter takes, where its Rust type is wider: `takes("data", "text or bytes")`.
    pub(super) fn takes(&mut self, name: &str, takes: &'static str) -> &mut Self {
        let function = self.last();
        let parameter = function.parameters.iter_mut().find(|parameter| parameter.name == name);
        let Some(parameter) = parameter else { panic!("`{}` has no `{name}`", function.signature) };
        parameter.takes = takes.into();
        self
    }

    /// Says what the function defined last gives, where its Rust type is wider.
    pub(super) fn gives(&mut self, gives: &'static str) -> &mut Self {
        self.last().gives = gives.into();
        self
    }

    fn last(&mut self) -> &mut Function {
        self.functions.last_mut().expect("it follows its function")
    }

    /// Registers a function that is listed already for further types of its arguments.
    pub(super) fn overload<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        name: &'static str,
        call: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
    {
        let listed = self.functions.iter_mut().rev().find(|form| form.name() == name && form.arity() == N);
        if let Some(form) = listed {
            for (parameter, kind) in form.parameters.iter_mut().zip(FUNC::param_names()) {
                parameter.takes = either(&parameter.takes, word_of(kind));
            }
        }
        self.mistake(name, call)
    }

    /// Registers an answer to a mistake: it can be called, and is no form to recommend.
    pub(super) fn mistake<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        name: &'static str,
        call: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
    {
        self.arities.entry(name.to_owned()).or_default().insert(N);
        // Volatile: every function here has an effect or reads one, so none is folded at compile time.
        // Pure: none changes an argument, so one that looks at it in place may be given a constant.
        let asks = self.asks();
        if let Some((module, own)) = name.split_once("::") {
            let module = self.modules.entry(module).or_default();
            let mut function = call.into_rhai_function(true, true);
            if asks {
                function = asking(&self.stage, name, function);
            }
            FuncRegistration::new(own).set_into_module_raw(module, FUNC::param_types(), placed(function));
        } else if asks {
            let function = asking(&self.stage, name, call.into_rhai_function(true, true));
            FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
                &mut self.asking,
                FUNC::param_types(),
                function,
            );
        } else {
            let function = FuncRegistration::new(name).with_volatility(true).with_purity(true);
            function.register_into_engine(self.engine, call);
        }
        self
    }

    /// Whether somebody is asked before each call.
    fn asks(&self) -> bool {
        self.stage.outside().story.is_some_and(|wanted| wanted.steps)
    }

    fn list<R: 'static>(
        &mut self,
        signature: &'static str,
        about: &'static str,
        kind: Kind,
        types: &[&'static str],
    ) {
        let names = parameter_names(signature);
        assert_eq!(names.len(), types.len(), "`{signature}` names what the function takes");
        let parameters = names.into_iter().zip(types);
        let parameters = parameters.map(|(name, kind)| Parameter { name, takes: word_of(kind) }).collect();
        let gives = word_of(type_name::<R>());
        let waits = types.iter().any(|kind| word_of(kind) == "closure");
        self.functions.push(Function {
            signature,
            about,
            kind,
            parameters,
            gives,
            example: "",
            declares: false,
            waits,
        });
    }

    /// Installs the modules; what is left is the list of functions, in the order of registration, and how
    /// many arguments each takes.
    pub(super) fn install(self) -> (Vec<Function>, Arities) {
        if !self.asking.is_empty() {
            self.engine.register_global_module(self.asking.into());
        }
        for (name, module) in self.modules {
            self.engine.register_static_module(name, module.into());
        }
        (self.functions, self.arities)
    }
}

/// What an author calls a Rust type. A list that can't change is a list.
fn word_of(rust: &'static str) -> Cow<'static, str> {
    let rust = rust.trim_start_matches("&mut ").trim_start_matches('&');
    let path = rust.split('<').next().unwrap_or(rust);
    let name = path.rsplit("::").next().unwrap_or(path);
    match name {
        "()" => "nothing".into(),
        "i64" => "integer".into(),
        "f64" => "number".into(),
        "bool" => "true or false".into(),
        "char" => "character".into(),
        "String" | "str" | "ImmutableString" => "text".into(),
        "Vec" if rust.ends_with("<u8>") => "bytes".into(),
        "Vec" | "FrozenList" => "list".into(),
        "BTreeMap" | "FrozenMap" => "map".into(),
        "Dynamic" => "any value".into(),
        "FnPtr" => "closure".into(),
        "Reply" => "response".into(),
        "CustomMetric" => "metric".into(),
        "Think" => "think time".into(),
        "Weighted" => "weighted flows".into(),
        other => spaced(other).into(),
    }
}

/// `SharedCounter` as `shared counter`.
fn spaced(camel: &str) -> String {
    let mut words = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// What takes both.
fn either(known: &str, further: Cow<'static, str>) -> Cow<'static, str> {
    if known == further || known == "any value" || further == "any value" {
        return if known == further { further } else { "any value".into() };
    }
    // An integer is a number.
    let mut words: Vec<&str> =
        known.split(" or ").filter(|word| !(*word == "integer" && further == "number")).collect();
    let is_known = words.iter().any(|word| *word == further || (*word == "number" && further == "integer"));
    if !is_known {
        words.push(&further);
    }
    words.join(" or ").into()
}

/// Types whose methods do something; those of others read what is there.
const ACTING: [&str; 4] = ["counter", "feeder", "metric", "socket"];

/// The function, which asks before it does anything.
fn asking(stage: &Rc<Stage>, name: &'static str, function: RhaiFunc) -> RhaiFunc {
    let (call, is_method, pure) = match function {
        RhaiFunc::Pure { func, is_pure, .. } => (func, false, is_pure),
        RhaiFunc::Method { func, is_pure, .. } => (func, true, is_pure),
        other => return other,
    };
    let stage = Rc::clone(stage);
    let func = Rc::new(move |context: Option<NativeCallContext<'_>>, arguments: &mut [&mut Dynamic]| {
        // A method is called on what stands before the dot.
        stage.ask(name, &arguments[usize::from(name.contains('.'))..])?;
        call(context, arguments)
    });
    let (has_context, is_pure, is_volatile) = (true, pure, true);
    if is_method {
        RhaiFunc::Method { func, has_context, is_pure, is_volatile }
    } else {
        RhaiFunc::Pure { func, has_context, is_pure, is_volatile }
    }
}

/// The function with its errors placed at the call: Rhai does so for functions outside of modules only.
fn placed(function: RhaiFunc) -> RhaiFunc {
    let (call, is_method) = match function {
        RhaiFunc::Pure { func, .. } => (func, false),
        RhaiFunc::Method { func, .. } => (func, true),
        other => return other,
    };
    let func = Rc::new(move |context: Option<NativeCallContext<'_>>, arguments: &mut [&mut Dynamic]| {
        let place = context.as_ref().map_or(rhai::Position::NONE, NativeCallContext::call_position);
        call(context, arguments).map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(place);
            }
            error
        })
    });
    let (has_context, is_pure, is_volatile) = (true, true, true);
    if is_method {
        RhaiFunc::Method { func, has_context, is_pure, is_volatile }
    } else {
        RhaiFunc::Pure { func, has_context, is_pure, is_volatile }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_said_in_an_authors_words() {
        assert_eq!(word_of(type_name::<rhai::ImmutableString>()), "text");
        assert_eq!(word_of(type_name::<String>()), "text");
        assert_eq!(word_of(type_name::<rhai::Array>()), "list");
        assert_eq!(word_of(type_name::<rhai::Blob>()), "bytes");
        assert_eq!(word_of(type_name::<rhai::Map>()), "map");
        assert_eq!(word_of(type_name::<&mut super::super::FrozenList>()), "list");
        assert_eq!(word_of(type_name::<rhai::FnPtr>()), "closure");
        assert_eq!(word_of("some::path::SharedCounter"), "shared counter");
    }

    #[test]
    fn further_types_are_added_once() {
        assert_eq!(either("text", "number".into()), "text or number");
        assert_eq!(either("text or number", "integer".into()), "text or number");
        assert_eq!(either("integer", "number".into()), "number");
        assert_eq!(either("list", "list".into()), "list");
        assert_eq!(either("list", "any value".into()), "any value");
    }

    #[test]
    fn a_signature_is_shown_with_its_types() {
        let functions = super::super::functions();
        let typed = |signature: &str| {
            functions.iter().find(|function| function.signature == signature).unwrap().typed()
        };
        assert_eq!(typed("sleep(time)"), "sleep(time: text or number)");
        assert_eq!(typed("pick(list)"), "pick(list: list)");
        assert_eq!(typed("vu::id()"), "vu::id()");
        assert_eq!(typed("crypto::md5(data)"), "crypto::md5(data: text or bytes)");
        assert_eq!(typed("metric.add(hits, total)"), "metric.add(hits: integer, total: integer)");
        assert_eq!(typed("response.status"), "response.status");
    }
}
