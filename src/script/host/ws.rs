//! `ws::connect` and the socket that its closure gets: messages both ways over a web socket, with k6's metrics.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::examples::note_request;
use super::super::frozen::FrozenList;
use super::super::registry::Registry;
use super::super::request::{Exchanged, open, show};
use super::super::stage::Stage;
use super::super::value::type_name;
use super::argument::to_map;
use super::call::Call;
use super::call_back;
use super::live::{Live, tags};
use super::outgoing::Outgoing;
use super::response::Reply;
use super::socket::{MESSAGES, Socket};
use crate::http::{Handshake, MESSAGE_MAX_BYTES, Method, Opens, Request, Session, WEB_SOCKET};
use crate::metrics::TagSet;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const CONNECT: &str = "ws::connect";

/// Options of a request that make no sense here.
const NOT_HERE: [&str; 14] = [
    "json",
    "form",
    "multipart",
    "body",
    "compression",
    "expected_statuses",
    "expectedStatuses",
    "redirects",
    "max_redirects",
    "maxRedirects",
    "response_type",
    "responseType",
    "discard_response_body",
    "discardResponseBody",
];

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "ws::connect(url, closure)",
        "opens a web socket (`ws://`, `wss://`, or a path of the base URL), calls the closure with it, closes it once that \
         returns, and gives the response of the handshake: its status is 101 where it was opened",
        move |context: NativeCallContext<'_>, url: ImmutableString, closure: FnPtr| {
            connect(&context, &stage, &url, Map::new(), &closure)
        },
    );
    registry.waits().example(
        "let r = ws::connect(\"/ws/prices/AAPL\", |socket| {\n    let message = socket.receive(\"5s\");\n    \
         check(message.json(\"type\") == \"subscription_ack\", \"is acknowledged\");\n});\nr.status // 101",
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "ws::connect(url, options, closure)",
        "the same with `headers`, `query`, `protocols`, `name`, `tags`, `timeout` (of the handshake), `connect_timeout`, \
         `throws`",
        move |context: NativeCallContext<'_>, url: ImmutableString, options: Dynamic, closure: FnPtr| {
            connect(&context, &stage, &url, to_map(CONNECT, options)?, &closure)
        },
    );
    registry.waits().takes("options", "map").example(
        "let r = ws::connect(\"/ws/stream\", #{ name: \"stream\", timeout: \"5s\" }, |socket| {\n    \
         socket.send(`{\"type\":\"ping\"}`);\n    socket.receive().json(\"type\"); // \"pong\"\n});\nr.status // 101",
    );
    super::socket::register(registry);
    super::message::register(registry);
}

fn connect(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    url: &ImmutableString,
    mut options: Map,
    closure: &FnPtr,
) -> Outcome<Reply> {
    let vu = stage.acting(CONNECT)?;
    let handshake = Handshake::new(&protocols(options.remove("protocols"))?);
    if let Some(wrong) = NOT_HERE.into_iter().find(|name| options.contains_key(*name)) {
        return Err(HostError::new(format!("`{CONNECT}` has no option `{wrong}`: a handshake has no body"))
            .hint("send messages with `socket.send` once it is open")
            .word(wrong)
            .into());
    }
    let call = Rc::new(Call::read(CONNECT, &options)?);
    let outgoing = Outgoing::new((stage, &vu), CONNECT, (&Method::Get, None), as_http(url), &call)?;
    let request = outgoing.request(stage);
    let headers: Vec<(&str, &str)> = request.headers.iter().copied().chain(handshake.headers()).collect();
    let request = Request { headers: &headers, keep_alive: true, ..request };

    let start_ns = stage.clock().now_ns();
    let (mut exchange, opened) = open(stage, &vu, &request, &call.handling, Opens::WebSocket)?;
    let agreed = match &exchange.result {
        Ok(response) if opened.is_some() => Some(handshake.agrees(response)),
        _ => None,
    };
    let mut protocol = String::new();
    match agreed {
        Some(Ok(chosen)) => protocol = chosen,
        Some(Err(error)) => exchange.result = Err(error.into()),
        None => {}
    }
    let is_open = opened.is_some() && exchange.result.is_ok();
    if !is_open || stage.tracer().is_some() || stage.story().is_some() {
        let labels = stage.recorder().with(|recorder| outgoing.labels(stage, &vu, recorder));
        if !is_open {
            note_request(stage, &vu, labels.name, &request, &exchange);
        }
        if let Some(tracer) = stage.tracer() {
            tracer.end_request(stage, &vu, &exchange, labels.name, is_open);
        }
        stage.tell_request(&vu, labels.name, &request, &exchange, is_open);
    }
    show(stage, &vu, &request, &exchange);
    let ws_url = as_ws(outgoing.route.endpoint.url());
    let mut tags = tags(stage, &outgoing, exchange.status(), as_ws);
    if !protocol.is_empty() {
        tags = TagSet::from_pairs([("subproto".to_owned(), protocol.clone())]).and(&tags);
    }
    let live = Live::new((stage, &vu), &MESSAGES, tags, start_ns);
    live.add(stage, &vu, "ws_sessions", 1.0);
    live.add(stage, &vu, "data_sent", exchange.bytes_sent as f64);
    live.add(stage, &vu, "data_received", exchange.bytes_received as f64);
    let Some(opened) = opened.filter(|_| exchange.result.is_ok()) else {
        // Whatever is no 101 has opened nothing, also a status that is none of an error.
        let code = Some(exchange.error_code()).filter(|code| *code != 0).unwrap_or(WEB_SOCKET);
        live.ended(stage, &vu, "ws_session_failed", code);
        return outgoing.reply(stage, Exchanged { exchange, is_expected: false, url: None });
    };
    live.time(stage, &vu, "ws_connecting", exchange.timings.total_ns());

    let (conduit, behind) = opened.into_conduit();
    let session = Rc::new(Session::start(conduit, &behind, Rc::clone(stage.clock()), MESSAGE_MAX_BYTES));
    let socket = Socket::new(session, live, protocol, ws_url.into());
    let result = call_back(context, &vu, closure, &mut [Dynamic::from(socket.clone())]);
    let closed = socket.finish(stage, &vu);
    result.map(drop).and(closed)?;
    outgoing.reply(stage, Exchanged { exchange, is_expected: true, url: None })
}

fn protocols(option: Option<Dynamic>) -> Outcome<Vec<String>> {
    let Some(option) = option else { return Ok(Vec::new()) };
    let items: Vec<Dynamic> = match (option.read_lock::<FrozenList>(), option.as_array_ref()) {
        (Some(list), _) => list.iter().collect(),
        (None, Ok(list)) => list.clone(),
        _ => vec![option.clone()],
    };
    let is_token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    let protocol = |item: &Dynamic| match item.as_immutable_string_ref() {
        Ok(text) if is_token(&text) => Ok(text.to_string()),
        Ok(text) => Err(HostError::new(format!("`{}` is no name of a subprotocol", text.as_str()))),
        Err(_) => Err(HostError::new(format!("`protocols` takes texts, not {}", type_name(item)))),
    };
    let fault = |error: HostError| error.hint("write `protocols: [\"graphql-ws\"]`").word("protocols").into();
    items.iter().map(|item| protocol(item).map_err(fault)).collect()
}

/// The URL of the handshake: `ws` stands for `http`, `wss` for `https`.
fn as_http(url: &ImmutableString) -> ImmutableString {
    let starts =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if starts("ws://") || starts("wss://") { format!("http{}", &url[2..]).into() } else { url.clone() }
}

/// The other way round.
fn as_ws(url: &str) -> String {
    url.strip_prefix("http").map_or_else(|| url.to_owned(), |rest| format!("ws{rest}"))
}
