//! `sse::each`: a stream of server-sent events, each given to a closure as it comes.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::request::{open, settle};
use super::super::stage::Stage;
use super::super::story;
use super::super::value::{from_json, type_name};
use super::super::vu::Vu;
use super::argument::to_map;
use super::call::Call;
use super::http::method_of;
use super::json_path::JsonPath;
use super::live::{Bounds, Live, Names, Wait, goes_on, tags};
use super::message::json_of;
use super::outgoing::Outgoing;
use super::response::Reply;
use crate::http::{Event, EventStream, Failure, Method, Opens, Request};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const EACH: &str = "sse::each";

const NAMES: Names =
    Names { arrived: "sse_events", first: "sse_time_to_first_event", between: "sse_time_between_events" };

/// The number of an answer that is none of an error, and no stream (204): k6's general one.
const NO_STREAM: u16 = 1000;

/// What every request for a stream says, unless it says something else itself.
const HEADERS: [(&str, &str); 2] = [("Accept", "text/event-stream"), ("Cache-Control", "no-cache")];

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Event>("event");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sse::each(url, closure)",
        "asks for a stream of server-sent events and calls the closure with each, until it gives `false` or the service \
         ends the stream; gives the response, whose status says whether there was one",
        move |context: NativeCallContext<'_>, url: ImmutableString, closure: FnPtr| {
            each(&context, &stage, url, Map::new(), &closure)
        },
    );
    registry.waits().example(
        "let r = sse::each(\"/sse/prices/AAPL?interval_ms=20\", |event| {\n    \
         event.name != \"prices\" || event.json(\"sequence\") < 2\n});\nr.status // 200",
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sse::each(url, options, closure)",
        "the same with the options of a request and `method`, for so many `events`, for a `duration`, or until none has \
         come for an `idle_timeout`; `timeout` is that of the response's head",
        move |context: NativeCallContext<'_>, url: ImmutableString, options: Dynamic, closure: FnPtr| {
            each(&context, &stage, url, to_map(EACH, options)?, &closure)
        },
    );
    registry.waits().takes("options", "map").example(
        "let r = sse::each(\"/sse/prices/AAPL,BTC\", #{ query: #{ interval_ms: 20 }, name: \"prices\", events: 3 }, |event| {\n    \
         check(event.data.len() > 0, \"has data\");\n});\nr.status // 200",
    );
    event(registry);
}

fn event(registry: &mut Registry<'_>) {
    registry.property(
        "event.name",
        "its type; \"message\" where the service gives none",
        |event: &mut Event| ImmutableString::from(&*event.name),
    );
    registry.example(
        "sse::each(\"/sse/prices/AAPL\", #{ events: 1 }, |event| {\n    event.name // \"subscription_ack\"\n});",
    );
    registry.property("event.data", "its data as a text", |event: &mut Event| {
        ImmutableString::from(&*event.data)
    });
    registry.example(
        "sse::each(\"/sse/prices/AAPL\", #{ events: 1 }, |event| {\n    event.data.contains(\"AAPL\") // true\n});",
    );
    registry.property(
        "event.id",
        "the last id that the stream gave; empty before the first",
        |event: &mut Event| ImmutableString::from(&*event.id),
    );
    registry.example("sse::each(\"/sse/prices/AAPL\", #{ events: 1 }, |event| {\n    event.id // \"\"\n});");
    registry.method("event.json()", "its data as JSON", |event: &mut Event| -> Outcome<Dynamic> {
        Ok(from_json(&json_of("event", event.data.as_bytes())?))
    });
    registry.gives("any value");
    registry.example(
        "sse::each(\"/sse/prices/AAPL\", #{ events: 1 }, |event| {\n    event.json().symbols // [\"AAPL\"]\n});",
    );
    registry.method(
        "event.json(path)",
        "what a path finds in it (RFC 9535): a value or nothing, a list where it can find several",
        |event: &mut Event, path: ImmutableString| -> Outcome<Dynamic> {
            Ok(JsonPath::parse(&path)?.of(&json_of("event", event.data.as_bytes())?))
        },
    );
    registry.example(
        "sse::each(\"/sse/prices/AAPL\", #{ events: 1 }, |event| {\n    event.json(\"interval_ms\") // 1000\n});",
    );
    registry.engine.register_fn("to_string", |event: &mut Event| event.data.to_string());
}

fn each(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    url: ImmutableString,
    mut options: Map,
    closure: &FnPtr,
) -> Outcome<Reply> {
    let vu = stage.acting(EACH)?;
    let bounds = Bounds::take(EACH, &mut options, "events")?;
    let (method, index) = method(options.remove("method"))?;
    let call = Rc::new(Call::read(EACH, &options)?);
    let outgoing = Outgoing::new((stage, &vu), EACH, (&method, index), url, &call)?;
    let request = outgoing.request(stage);
    let is_given = |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let more = HEADERS.into_iter().filter(|(name, _)| !is_given(name));
    let headers: Vec<(&str, &str)> = request.headers.iter().copied().chain(more).collect();
    let request = Request { headers: &headers, ..request };

    let start_ns = stage.clock().now_ns();
    let (exchange, opened) = open(stage, &vu, &request, &call.handling, Opens::Events)?;
    let exchanged = settle(stage, &vu, &request, exchange, None, &call.handling, |recorder| {
        outgoing.labels(stage, &vu, recorder)
    });
    let tags = tags(stage, &outgoing, exchanged.exchange.status(), str::to_owned);
    let live = Live::new((stage, &vu), &NAMES, tags, start_ns);
    live.add(stage, &vu, "sse_streams", 1.0);
    let Some(opened) = opened else {
        // Any answer that is no stream of events has opened nothing.
        let code = Some(exchanged.exchange.error_code()).filter(|code| *code != 0).unwrap_or(NO_STREAM);
        live.ended(stage, &vu, "sse_stream_failed", code);
        return outgoing.reply(stage, exchanged);
    };
    let stream = EventStream::start(opened);
    let result = take(context, stage, &vu, (&stream, &live), bounds, closure);
    finish(stage, &vu, &stream, &live);
    result?;
    outgoing.reply(stage, exchanged)
}

/// Gives each event to the closure.
fn take(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    vu: &Vu,
    (stream, live): (&EventStream, &Live),
    bounds: Bounds,
    closure: &FnPtr,
) -> Outcome<()> {
    let mut taken = 0;
    while let Some(Wait(wait_ns)) = bounds.wait(taken, live.age_ns(stage)) {
        let Some(arrived) = stage.wait(vu, stream.next(wait_ns))? else { break };
        live.arrived(stage, vu, arrived.at_ns);
        stage.tell(|| {
            story::Event::Message(story::Message {
                is_sent: false,
                kind: arrived.item.name.to_string(),
                body: arrived.item.data.as_bytes().to_vec(),
            })
        });
        taken += 1;
        if !goes_on(context, vu, closure, &mut [Dynamic::from(arrived.item)])? {
            break;
        }
    }
    Ok(())
}

/// The stream is over, or nobody listens any more: what it came to is recorded.
fn finish(stage: &Stage, vu: &Vu, stream: &EventStream, live: &Live) {
    let is_cut = vu.is_ending();
    while let Some(arrived) = stream.received() {
        live.arrived(stage, vu, arrived.at_ns);
    }
    live.add(stage, vu, "data_received", stream.bytes_received() as f64);
    let failure = stream.failure();
    if failure.is_some() || !is_cut {
        live.ended(stage, vu, "sse_stream_failed", failure.as_ref().map_or(0, Failure::error_code));
    }
    if failure.is_none() && !is_cut {
        live.time(stage, vu, "sse_stream_duration", live.age_ns(stage));
    }
}

fn method(option: Option<Dynamic>) -> Outcome<(Method, Option<usize>)> {
    let Some(option) = option else { return Ok((Method::Get, Some(0))) };
    match option.as_immutable_string_ref() {
        Ok(name) => method_of(&name),
        Err(_) => Err(HostError::new(format!("`method` takes a text, not {}", type_name(&option)))
            .word("method")
            .into()),
    }
}
