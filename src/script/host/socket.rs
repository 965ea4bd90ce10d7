//! The socket that the closure of `ws::connect` gets: messages both ways, with k6's metrics.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Blob, Dynamic, EvalAltResult, FnPtr, INT, ImmutableString, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::story::{self, Event};
use super::super::vu::Vu;
use super::argument::{to_bytes, to_map};
use super::live::{Bounds, Live, Names, Wait, goes_on, takes};
use super::message::Message;
use crate::http::{Arrived, Conduit, Ending, Failure, Message as Carried, Session};
use crate::units::parse_duration;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The metrics of its messages.
pub(super) const MESSAGES: Names = Names {
    arrived: "ws_msgs_received",
    first: "ws_time_to_first_message",
    between: "ws_time_between_messages",
};

/// No error: the flow is through with it.
const NORMAL: u16 = 1000;
/// The user goes away: its time is over.
const GOING_AWAY: u16 = 1001;
/// The frame holds 125 bytes, the code two of them (RFC 6455 §5.5).
const REASON_MAX_BYTES: usize = 123;
const PING_MAX_BYTES: usize = 125;

/// An open web socket, as scripts hold it.
#[derive(Clone)]
pub(super) struct Socket(Rc<Inner>);

struct Inner {
    /// Away once `ws::connect` has returned.
    session: RefCell<Option<Rc<Session<Conduit>>>>,
    ending: RefCell<Option<Ending>>,
    live: Live,
    protocol: String,
    url: ImmutableString,
}

/// Registers what a script does with one.
pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Socket>("socket");
    sending(registry);
    receiving(registry);
    about(registry);
}

fn sending(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.send(text)",
        "sends a text, and gives whether it was sent: nothing is once the socket is closed",
        move |socket: &mut Socket, text: ImmutableString| {
            send(&stage, socket, Carried::Text(text.into_owned()))
        },
    );
    registry
        .waits()
        .example("ws::connect(\"/ws/stream\", |socket| { socket.send(`{\"type\":\"ping\"}`); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.send_binary(data)",
        "the same with bytes",
        move |socket: &mut Socket, data: Dynamic| {
            send(&stage, socket, Carried::Binary(to_bytes("socket.send_binary", &data)?))
        },
    );
    registry.waits().takes("data", "text or bytes");
    registry.example("ws::connect(\"/ws/stream\", |socket| { socket.send_binary(blob(4, 7)); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.ping()",
        "sends a ping; its answer is timed as `ws_ping`",
        move |socket: &mut Socket| ping(&stage, socket, None),
    );
    registry.waits().example("ws::connect(\"/ws/stream\", |socket| { socket.ping(); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.ping(data)",
        "the same with up to 125 bytes",
        move |socket: &mut Socket, data: Dynamic| {
            let data = to_bytes("socket.ping", &data)?;
            if data.len() > PING_MAX_BYTES {
                return Err(HostError::new(format!("a ping carries at most {PING_MAX_BYTES} bytes")).into());
            }
            ping(&stage, socket, Some(data))
        },
    );
    registry.waits().takes("data", "text or bytes");
    registry.example("ws::connect(\"/ws/stream\", |socket| { socket.ping(\"are you there?\"); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.close()",
        "closes with the code 1000 and waits for the service's answer",
        move |socket: &mut Socket| close(&stage, socket, INT::from(NORMAL), ""),
    );
    registry.waits().example("ws::connect(\"/ws/stream\", |socket| { socket.close(); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.close(code)",
        "the same with another code",
        move |socket: &mut Socket, code: INT| close(&stage, socket, code, ""),
    );
    registry.waits().example("ws::connect(\"/ws/stream\", |socket| { socket.close(4001); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.close(code, reason)",
        "the same with a few words",
        move |socket: &mut Socket, code: INT, reason: ImmutableString| close(&stage, socket, code, &reason),
    );
    registry.waits().example("ws::connect(\"/ws/stream\", |socket| { socket.close(1000, \"done\"); });");
}

fn receiving(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.receive()",
        "the next message; nothing once the socket is closed, or where none comes within the time-out of a request",
        move |socket: &mut Socket| {
            let timeout_ns = stage.timeouts().total_ns;
            receive(&stage, socket, timeout_ns)
        },
    );
    registry.waits().gives("message or nothing");
    registry.example("ws::connect(\"/ws/prices/BTC\", |socket| { let first = socket.receive(); });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.receive(timeout)",
        "the same within a time (\"5s\")",
        move |socket: &mut Socket, timeout: ImmutableString| {
            let timeout = parse_duration(&timeout).map_err(|error| {
                HostError::new(format!("`socket.receive`: {}", error.problem())).hint(error.advice())
            })?;
            receive(&stage, socket, u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        },
    );
    registry.waits().gives("message or nothing").example(
        "ws::connect(\"/ws/prices/BTC\", |socket| {\n    let first = socket.receive(\"5s\");\n    \
         check(first != (), \"something came\");\n});",
    );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.each(closure)",
        "calls the closure with each message, and the socket where it takes two, until it gives `false` or the socket \
         closes; gives their number",
        move |context: NativeCallContext<'_>, socket: &mut Socket, closure: FnPtr| {
            each(&context, &stage, socket, Bounds::default(), &closure)
        },
    );
    registry.waits().example(
        "ws::connect(\"/ws/prices/BTC?interval_ms=20\", |socket| {\n    \
         socket.each(|message| message.json(\"type\") != \"prices\"); // 2\n});",
    );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "socket.each(options, closure)",
        "the same for so many `messages`, for a `duration`, or until none has come for an `idle_timeout`",
        move |context: NativeCallContext<'_>, socket: &mut Socket, options: Dynamic, closure: FnPtr| {
            let mut options = to_map("socket.each", options)?;
            let bounds = Bounds::take("socket.each", &mut options, "messages")?;
            super::options::Options::new("socket.each", &options, &["messages", "duration", "idle_timeout"])?;
            each(&context, &stage, socket, bounds, &closure)
        },
    );
    registry.waits().takes("options", "map").example(
        "ws::connect(\"/ws/prices/BTC?interval_ms=20\", |socket| {\n    \
         socket.each(#{ messages: 3, duration: \"10s\" }, |message| message.text.len() > 0); // 3\n});",
    );
}

fn about(registry: &mut Registry<'_>) {
    registry.property("socket.is_open", "whether messages can be sent", |socket: &mut Socket| {
        socket.session().is_some_and(|session| session.is_open())
    });
    registry.example("ws::connect(\"/ws/stream\", |socket| {\n    socket.is_open // true\n});");
    registry.property(
        "socket.protocol",
        "the subprotocol that the service chose, or an empty text",
        |socket: &mut Socket| socket.0.protocol.clone(),
    );
    registry.example("ws::connect(\"/ws/stream\", |socket| {\n    socket.protocol // \"\"\n});");
    registry.property("socket.url", "the whole URL", |socket: &mut Socket| socket.0.url.clone());
    registry.example(
        "ws::connect(\"/ws/stream\", |socket| {\n    socket.url.ends_with(\"/ws/stream\") // true\n});",
    );
    registry.property(
        "socket.close_code",
        "the code that it was closed by: 1005 for none, 1006 without a close frame; nothing while it is open",
        |socket: &mut Socket| match socket.ending() {
            Some(ending) => Dynamic::from(INT::from(ending.code())),
            None => Dynamic::UNIT,
        },
    );
    registry.gives("integer or nothing");
    registry.example(
        "ws::connect(\"/ws/stream\", |socket| {\n    socket.close();\n    socket.close_code // 1000\n});",
    );
    registry.property(
        "socket.close_reason",
        "the words that the service closed it with",
        |socket: &mut Socket| match socket.ending() {
            Some(Ending::Closed { reason, .. }) => reason,
            _ => String::new(),
        },
    );
    registry.example("ws::connect(\"/ws/stream\", |socket| {\n    socket.close_reason // \"\"\n});");
    registry.property("socket.error", "why it broke off; empty otherwise", |socket: &mut Socket| {
        socket
            .ending()
            .and_then(|ending| ending.failure())
            .map_or(String::new(), |failure| failure.to_string())
    });
    registry.example("ws::connect(\"/ws/stream\", |socket| {\n    socket.error // \"\"\n});");
    registry.engine.register_fn("to_string", |socket: &mut Socket| format!("socket {}", socket.0.url));
}

impl Socket {
    /// A socket that is open.
    pub(super) fn new(
        session: Rc<Session<Conduit>>,
        live: Live,
        protocol: String,
        url: ImmutableString,
    ) -> Self {
        let (session, ending) = (RefCell::new(Some(session)), RefCell::new(None));
        Self(Rc::new(Inner { session, ending, live, protocol, url }))
    }

    /// The flow is through with it: closes it, and records what it came to.
    pub(super) fn finish(&self, stage: &Stage, vu: &Vu) -> Outcome<()> {
        let Some(session) = self.session() else { return Ok(()) };
        let closed = if vu.is_ending() { Ok(()) } else { end(stage, vu, self, &session, NORMAL, "") };
        settle(stage, vu, self, &session);
        closed
    }

    fn session(&self) -> Option<Rc<Session<Conduit>>> {
        self.0.session.borrow().clone()
    }

    fn ending(&self) -> Option<Ending> {
        match self.session() {
            Some(session) => session.ending(),
            None => self.0.ending.borrow().clone(),
        }
    }

    fn took(&self, stage: &Stage, vu: &Vu, arrived: Arrived<Carried>) -> Message {
        self.0.live.arrived(stage, vu, arrived.at_ns);
        tell(stage, false, &arrived.item);
        Message::new(arrived.item)
    }
}

fn tell(stage: &Stage, is_sent: bool, message: &Carried) {
    stage.tell(|| {
        Event::Message(story::Message {
            is_sent,
            kind: "message".to_owned(),
            body: message.as_bytes().to_vec(),
        })
    });
}

fn send(stage: &Stage, socket: &Socket, message: Carried) -> Outcome<bool> {
    let vu = stage.acting("socket.send")?;
    let Some(session) = socket.session().filter(|session| session.is_open()) else { return Ok(false) };
    let timeout_ns = stage.timeouts().total_ns;
    // Counted as soon as it is on its way: the wait may be cut.
    socket.0.live.add(stage, &vu, "ws_msgs_sent", 1.0);
    tell(stage, true, &message);
    stage.wait(&vu, session.send(message, timeout_ns))?;
    Ok(true)
}

fn ping(stage: &Stage, socket: &Socket, data: Option<Blob>) -> Outcome<()> {
    let vu = stage.acting("socket.ping")?;
    let Some(session) = socket.session().filter(|session| session.is_open()) else { return Ok(()) };
    let timeout_ns = stage.timeouts().total_ns;
    stage.wait(&vu, session.ping(data, timeout_ns))
}

fn receive(stage: &Stage, socket: &Socket, timeout_ns: u64) -> Outcome<Dynamic> {
    let vu = stage.acting("socket.receive")?;
    let Some(session) = socket.session() else { return Ok(Dynamic::UNIT) };
    let arrived = stage.wait(&vu, session.receive(Some(timeout_ns)))?;
    Ok(arrived.map_or(Dynamic::UNIT, |arrived| Dynamic::from(socket.took(stage, &vu, arrived))))
}

fn each(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    socket: &Socket,
    bounds: Bounds,
    closure: &FnPtr,
) -> Outcome<INT> {
    let vu = stage.acting("socket.each")?;
    let Some(session) = socket.session() else { return Ok(0) };
    let start_ns = stage.clock().now_ns();
    // The variable `socket` outside is in use for as long as this call lasts: a closure that answers is given its own.
    let takes_socket = takes(context, closure, 2);
    let mut taken = 0;
    while let Some(Wait(wait_ns)) = bounds.wait(taken, stage.clock().now_ns().saturating_sub(start_ns)) {
        let Some(arrived) = stage.wait(&vu, session.receive(wait_ns))? else { break };
        let mut arguments = vec![Dynamic::from(socket.took(stage, &vu, arrived))];
        if takes_socket {
            arguments.push(Dynamic::from(socket.clone()));
        }
        taken += 1;
        if !goes_on(context, &vu, closure, &mut arguments)? {
            break;
        }
    }
    Ok(INT::try_from(taken).unwrap_or(INT::MAX))
}

fn close(stage: &Stage, socket: &Socket, code: INT, reason: &str) -> Outcome<()> {
    let vu = stage.acting("socket.close")?;
    let code =
        u16::try_from(code).ok().filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
    let code = code.ok_or_else(|| {
        HostError::new("`socket.close` takes a code that may be sent").hint(
            "1000 is the usual one, 1001 to 1003 and 1007 to 1014 have a meaning, 4000 to 4999 are yours",
        )
    })?;
    if reason.len() > REASON_MAX_BYTES {
        return Err(HostError::new(format!(
            "the reason of `socket.close` has at most {REASON_MAX_BYTES} bytes"
        ))
        .into());
    }
    let Some(session) = socket.session() else { return Ok(()) };
    end(stage, &vu, socket, &session, code, reason)
}

/// Closes, with all that still comes counted.
fn end(
    stage: &Stage,
    vu: &Vu,
    socket: &Socket,
    session: &Session<Conduit>,
    code: u16,
    reason: &str,
) -> Outcome<()> {
    stage.wait(vu, session.close(code, reason, |arrived| socket.0.live.arrived(stage, vu, arrived.at_ns)))
}

/// The socket is over: what it came to is recorded. One that is still open belongs to a user whose time is over.
fn settle(stage: &Stage, vu: &Vu, socket: &Socket, session: &Session<Conduit>) {
    let live = &socket.0.live;
    let is_cut = vu.is_ending();
    if is_cut {
        session.close_now(GOING_AWAY, "");
    }
    while let Some(arrived) = session.received() {
        live.arrived(stage, vu, arrived.at_ns);
    }
    for round_trip_ns in session.take_round_trips() {
        live.time(stage, vu, "ws_ping", round_trip_ns);
    }
    let totals = session.totals();
    live.add(stage, vu, "data_sent", totals.bytes_sent as f64);
    live.add(stage, vu, "data_received", totals.bytes_received as f64);
    let ending = session.ending();
    let failure = ending.as_ref().and_then(Ending::failure);
    if failure.is_some() || !is_cut {
        live.ended(stage, vu, "ws_session_failed", failure.as_ref().map_or(0, Failure::error_code));
    }
    if failure.is_none() && !is_cut {
        live.time(stage, vu, "ws_session_duration", live.age_ns(stage));
    }
    *socket.0.ending.borrow_mut() = ending;
    *socket.0.session.borrow_mut() = None;
}
