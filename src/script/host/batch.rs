//! `http::batch`: several requests of one user at the same time, as a browser loads a page.

use std::cell::Cell;
use std::rc::Rc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::registry::Registry;
use super::super::request::exchange_beside;
use super::super::stage::Stage;
use super::super::value::{described, type_name};
use super::call::Call;
use super::http::method_of;
use super::outgoing::Outgoing;
use super::response::Reply;
use crate::http::{Method, side_by_side};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const BATCH: &str = "http::batch";

/// What a batch may be, for a hint.
const HINT: &str = "write `http::batch([\"/a\", #{ method: \"POST\", url: \"/b\", json: … }])`";

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::batch(requests)",
        "sends several requests at the same time, and gives their responses in order: a list of URLs and of maps \
         `#{ method, url, … }` with the options of a request; a map of those gives a map. `batch` and \
         `batch_per_host` of `options` say how many are under way at once",
        move |requests: Dynamic| batch(&stage, &requests),
    );
    registry.waits().takes("requests", "list or map").gives("list or map");
    registry.example("http::batch([\"/health\", \"/health\"]).len() // 2");
}

/// One request of a batch, read.
struct Item {
    method: (Method, Option<usize>),
    url: ImmutableString,
    call: Rc<Call>,
}

fn batch(stage: &Stage, requests: &Dynamic) -> Outcome<Dynamic> {
    if let Some(list) = requests.read_lock::<FrozenList>() {
        return Ok(Dynamic::from_array(send(
            stage,
            list.iter().map(|item| read(&item)).collect::<Outcome<_>>()?,
        )?));
    }
    if let Some(map) = requests.read_lock::<FrozenMap>() {
        return named(stage, &map.to_map());
    }
    if let Ok(map) = requests.as_map_ref() {
        return named(stage, &map);
    }
    let Ok(list) = requests.as_array_ref() else {
        return Err(HostError::new(format!(
            "`{BATCH}` takes a list of requests, not {}",
            described(requests)
        ))
        .hint(HINT)
        .into());
    };
    Ok(Dynamic::from_array(send(stage, list.iter().map(read).collect::<Outcome<_>>()?)?))
}

/// A map of requests gives a map of their responses.
fn named(stage: &Stage, requests: &Map) -> Outcome<Dynamic> {
    let replies = send(stage, requests.values().map(read).collect::<Outcome<_>>()?)?;
    let replies: Map = requests.keys().cloned().zip(replies).collect();
    Ok(replies.into())
}

fn read(item: &Dynamic) -> Outcome<Item> {
    if let Ok(url) = item.as_immutable_string_ref() {
        return Ok(Item { method: (Method::Get, Some(0)), url: url.clone(), call: Rc::default() });
    }
    let mut options = match (item.read_lock::<FrozenMap>(), item.as_map_ref()) {
        (Some(map), _) => map.to_map(),
        (None, Ok(map)) => map.clone(),
        _ => return Err(misfit(item).into()),
    };
    let mut text = |name: &str| -> Outcome<Option<ImmutableString>> {
        let Some(value) = options.remove(name) else { return Ok(None) };
        match value.as_immutable_string_ref() {
            Ok(text) => Ok(Some(text.clone())),
            Err(_) => Err(HostError::new(format!("`{name}` takes a text, not {}", type_name(&value)))
                .word(name)
                .into()),
        }
    };
    let method = match text("method")? {
        Some(name) => method_of(&name)?,
        None => (Method::Get, Some(0)),
    };
    let url = text("url")?
        .ok_or_else(|| HostError::new(format!("a request of `{BATCH}` has no `url`")).hint(HINT))?;
    // k6 keeps what is not the body in `params`.
    if options.contains_key("params") {
        return Err(HostError::new(format!("a request of `{BATCH}` has no `params`"))
            .hint("write its options beside `method` and `url`: `#{ url: …, headers: …, tags: … }`")
            .word("params")
            .into());
    }
    Ok(Item { method, url, call: Call::read(BATCH, &options)?.into() })
}

/// An item that is no request; k6's `[method, url, body, params]`, perhaps.
fn misfit(item: &Dynamic) -> HostError {
    let error = HostError::new(format!("`{BATCH}` takes URLs and maps of options, not {}", described(item)));
    if item.is_array() {
        return error.hint(
            "write k6's `[method, url, body, params]` as `#{ method: …, url: …, body: …, headers: … }`",
        );
    }
    error.hint(HINT)
}

/// Sends all of them, and waits for all.
fn send(stage: &Stage, items: Vec<Item>) -> Outcome<Array> {
    let vu = stage.acting(BATCH)?;
    let mut outgoings = Vec::with_capacity(items.len());
    for item in &items {
        let method = (&item.method.0, item.method.1);
        outgoings.push(Outgoing::new((stage, &vu), BATCH, method, item.url.clone(), &item.call)?);
    }
    let options = stage.http();
    let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let requests: Vec<_> = outgoings.iter().map(|outgoing| outgoing.request(stage)).collect();
    let under_way = Cell::new(0);
    let work = outgoings.iter().zip(&requests).map(|(outgoing, request)| {
        let sent = exchange_beside((stage, &vu), &under_way, request, &outgoing.call.handling, |recorder| {
            outgoing.labels(stage, &vu, recorder)
        });
        (&**outgoing.route.endpoint.origin(), sent)
    });
    let work = side_by_side(work.collect(), limit(options.batch), limit(options.batch_per_host));
    let exchanged = stage.wait(&vu, work).inspect_err(|_| stage.cut_requests(&vu, under_way.get()))?;
    let replies = outgoings.iter().zip(exchanged).map(|(outgoing, exchanged)| {
        let reply: Reply = outgoing.reply(stage, exchanged)?;
        Ok(Dynamic::from(reply))
    });
    replies.collect()
}
