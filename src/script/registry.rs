//! Where host modules register their functions: into the engine, and into the list that diagnostics
//! (and the reference) read.

use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Dynamic, Engine, FuncRegistration, Module, NativeCallContext, RhaiFunc, RhaiNativeFunc, Variant};

use super::names::Arities;
use super::stage::Stage;

/// One function as authors see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// As it is called: `http::get(url, options)`.
    pub signature: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// A few lines that show it at work, as they stand in a flow or at the top level. A value that a line
    /// gives may stand behind it: `url::encode("a b"); // "a%20b"`.
    pub example: &'static str,
    /// Whether the example stands at the top level, not in a flow.
    pub declares: bool,
}

impl Function {
    /// The name with its module: `http::get`.
    pub fn name(&self) -> &'static str {
        self.signature.split('(').next().unwrap_or(self.signature)
    }

    /// How many arguments this form takes.
    pub fn arity(&self) -> usize {
        if self.signature.ends_with("()") { 0 } else { self.signature.matches(',').count() + 1 }
    }
}

/// Collects what host modules register, then installs it.
pub(super) struct Registry<'a> {
    /// The engine, for types with methods and getters.
    pub(super) engine: &'a mut Engine,
    /// What the functions share on this worker.
    pub(super) stage: Rc<Stage>,
    modules: BTreeMap<&'static str, Module>,
    functions: Vec<Function>,
    arities: Arities,
}

impl<'a> Registry<'a> {
    pub(super) fn new(engine: &'a mut Engine, stage: Rc<Stage>) -> Self {
        Self { engine, stage, modules: BTreeMap::new(), functions: Vec::new(), arities: Arities::new() }
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
        let function = Function { signature, about, example: "", declares: false };
        self.overload(function.name(), call);
        self.functions.push(function);
        self
    }

    /// Shows the function defined last at work in a flow.
    pub(super) fn example(&mut self, example: &'static str) -> &mut Self {
        self.functions.last_mut().expect("an example follows its function").example = example;
        self
    }

    /// Shows the function defined last at work at the top level.
    pub(super) fn declares(&mut self, example: &'static str) -> &mut Self {
        self.functions.last_mut().expect("an example follows its function").declares = true;
        self.example(example)
    }

    /// Registers another form of a function: other types, or a mistake that deserves an answer.
    pub(super) fn overload<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
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
        if let Some((module, name)) = name.split_once("::") {
            let module = self.modules.entry(module).or_default();
            let function = placed(call.into_rhai_function(false, true));
            FuncRegistration::new(name).set_into_module_raw(module, FUNC::param_types(), function);
        } else {
            FuncRegistration::new(name).with_volatility(true).register_into_engine(self.engine, call);
        }
        self
    }

    /// Installs the modules; what is left is the list of functions, in the order of registration, and how
    /// many arguments each takes.
    pub(super) fn install(self) -> (Vec<Function>, Arities) {
        for (name, module) in self.modules {
            self.engine.register_static_module(name, module.into());
        }
        (self.functions, self.arities)
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
    let (has_context, is_pure, is_volatile) = (true, false, true);
    if is_method {
        RhaiFunc::Method { func, has_context, is_pure, is_volatile }
    } else {
        RhaiFunc::Pure { func, has_context, is_pure, is_volatile }
    }
}
