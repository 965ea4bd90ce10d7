//! `http::get` and its kin: a request from the running user, measured and recorded.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::frozen::FrozenMap;
use super::super::registry::Registry;
use super::super::request::exchange;
use super::super::stage::Stage;
use super::super::value::described;
use super::argument::{misfit, to_map};
use super::call::Call;
use super::outgoing::Outgoing;
use super::response::Reply;
use crate::http::Method;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The methods with a function of their own; [`Stage::words`] has their symbols in this order.
static METHODS: [(&str, &str, &str, Method); 7] = [
    ("http::get(url)", "http::get(url, options)", "sends a GET", Method::Get),
    ("http::head(url)", "http::head(url, options)", "sends a HEAD", Method::Head),
    ("http::post(url)", "http::post(url, options)", "sends a POST", Method::Post),
    ("http::put(url)", "http::put(url, options)", "sends a PUT", Method::Put),
    ("http::patch(url)", "http::patch(url, options)", "sends a PATCH", Method::Patch),
    ("http::del(url)", "http::del(url, options)", "sends a DELETE", Method::Delete),
    ("http::options(url)", "http::options(url, options)", "sends an OPTIONS", Method::Options),
];

/// Each at work, without options and with.
const EXAMPLES: [[&str; 2]; 7] = [
    [
        "http::get(\"/health\").status // 200",
        "http::get(\"/api/market/prices\", #{ query: #{ symbols: \"AAPL\" }, name: \"prices\" }).status // 200",
    ],
    ["http::head(\"/health\").body // \"\"", "http::head(\"/health\", #{ timeout: \"2s\" }).body // \"\""],
    [
        "http::post(\"/dsl/execute\").status // 422",
        "http::post(\"/dsl/execute\", #{ json: #{ query: \"GET PRICE FOR AAPL\" } }).status // 200",
    ],
    [
        "let r = http::put(\"/orders/1\");",
        "let r = http::put(\"/orders/1\", #{ json: #{ symbol: \"AAPL\", count: 2 }, name: \"order\" });",
    ],
    [
        "let r = http::patch(\"/orders/1\");",
        "let r = http::patch(\"/orders/1\", #{ json: #{ count: 3 }, headers: #{ \"If-Match\": \"1\" } });",
    ],
    [
        "let r = http::del(\"/orders/1\");",
        "let r = http::del(\"/orders/1\", #{ expected_statuses: [204, 404] });",
    ],
    [
        "let r = http::options(\"/health\");",
        "let r = http::options(\"/health\", #{ tags: #{ kind: \"preflight\" } });",
    ],
];

pub(super) fn register(registry: &mut Registry<'_>) {
    for (index, (plain, with_options, about, method)) in METHODS.clone().into_iter().enumerate() {
        let [example, example_with_options] = EXAMPLES[index];
        let name = plain.split('(').next().unwrap_or(plain);
        let (stage, verb, nothing) = (Rc::clone(&registry.stage), method.clone(), Rc::default());
        registry.define(plain, about, move |url: ImmutableString| {
            call(&stage, name, Some(index), &verb, url, &nothing)
        });
        registry.waits().example(example);
        let verb_of_constant = method.clone();
        let (stage, verb) = (Rc::clone(&registry.stage), method);
        registry.define(
            with_options,
            "the same with `json`, `form` or `body`, and `headers`, `query`, `name`, `tags`, `timeout`",
            move |url: ImmutableString, options: Map| {
                call(&stage, name, Some(index), &verb, url, &Call::read(name, &options)?.into())
            },
        );
        registry.waits().example(example_with_options);
        let (stage, verb) = (Rc::clone(&registry.stage), verb_of_constant);
        registry.overload(name, move |url: ImmutableString, options: FrozenMap| {
            call(&stage, name, Some(index), &verb, url, &Call::read(name, &options.to_map())?.into())
        });
        registry.mistake(name, move |url: Dynamic, other: Dynamic| -> Outcome<Reply> {
            let is_text = url.is_string();
            Err(if is_text { no_map(name, &other) } else { misfit(name, "a text as its URL", &url) }.into())
        });
        registry.mistake(name, move |_: Dynamic, _: Dynamic, _: Dynamic| -> Outcome<Reply> {
            Err(as_in_k6(name).into())
        });
    }
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::request(method, url)",
        "sends a request with any method",
        move |method: ImmutableString, url: ImmutableString| request(&stage, &method, url, &Map::new()),
    );
    registry.waits().example("http::request(\"GET\", \"/health\").status // 200");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::request(method, url, options)",
        "the same with options",
        move |method: ImmutableString, url: ImmutableString, options: Dynamic| {
            request(&stage, &method, url, &to_map("http::request", options)?)
        },
    );
    registry.waits().takes("options", "map");
    registry.example("http::request(\"POST\", \"/dsl/execute\", #{ json: #{ query: \"GET PRICE FOR AAPL\" } }).status // 200");
    registry.mistake("http::request", |_: Dynamic, _: Dynamic, _: Dynamic, _: Dynamic| -> Outcome<Reply> {
        Err(as_in_k6("http::request").into())
    });
}

/// A GET on behalf of another function.
pub(super) fn get(stage: &Stage, function: &str, url: ImmutableString, options: &Map) -> Outcome<Reply> {
    call(stage, function, Some(0), &Method::Get, url, &Call::read(function, options)?.into())
}

fn request(stage: &Stage, method: &str, url: ImmutableString, options: &Map) -> Outcome<Reply> {
    let (method, index) = method_of(method)?;
    call(stage, "http::request", index, &method, url, &Call::read("http::request", options)?.into())
}

/// A method by its name, and where it stands among [`METHODS`].
pub(super) fn method_of(name: &str) -> Outcome<(Method, Option<usize>)> {
    let method = Method::parse(name).map_err(|failure| HostError::new(failure.to_string()).word(name))?;
    let index = METHODS.iter().position(|(.., known)| *known == method);
    Ok((method, index))
}

/// One of [`METHODS`], for whoever calls it without the interpreter.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Verb {
    index: usize,
    function: &'static str,
}

impl Verb {
    /// By the function's name: `http::get`.
    pub(in super::super) fn of_function(name: &str) -> Option<Self> {
        METHODS.iter().enumerate().find_map(|(index, (plain, ..))| {
            let function = plain.split('(').next()?;
            (function == name).then_some(Self { index, function })
        })
    }

    /// Options that a script gives; nothing where they are none.
    pub(in super::super) fn options(self, options: &Dynamic) -> Option<Outcome<Call>> {
        if let Some(map) = options.read_lock::<FrozenMap>() {
            return Some(Call::read(self.function, &map.to_map()));
        }
        Some(Call::read(self.function, &*options.as_map_ref().ok()?))
    }

    /// Sends it.
    pub(in super::super) fn send(
        self,
        stage: &Stage,
        url: ImmutableString,
        options: &Rc<Call>,
    ) -> Outcome<Reply> {
        call(stage, self.function, Some(self.index), &METHODS[self.index].3, url, options)
    }
}

fn call(
    stage: &Stage,
    function: &str,
    method_index: Option<usize>,
    method: &Method,
    url: ImmutableString,
    call: &Rc<Call>,
) -> Outcome<Reply> {
    let vu = stage.acting(function)?;
    let outgoing = Outgoing::new((stage, &vu), function, (method, method_index), url, call)?;
    let request = outgoing.request(stage);
    let exchanged =
        exchange(stage, &vu, &request, &call.handling, |recorder| outgoing.labels(stage, &vu, recorder))?;
    outgoing.reply(stage, exchanged)
}

/// The second argument is no map: k6's body, most likely.
fn no_map(function: &str, other: &Dynamic) -> HostError {
    HostError::new(format!(
        "`{function}` takes a map of options as its second argument, not {}",
        described(other)
    ))
    .hint(format!("write `{function}(url, #{{ body: … }})`, or `json: …` for JSON"))
}

/// k6's `(url, body, params)`.
fn as_in_k6(function: &str) -> HostError {
    let url = if function == "http::request" { "method, url" } else { "url" };
    HostError::new(format!("`{function}` takes ({url}, options), not k6's ({url}, body, params)"))
        .hint(format!("write `{function}({url}, #{{ body: …, headers: … }})`, or `json: …` for a JSON body"))
}
