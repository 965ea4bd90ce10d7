//! What other tools have and a later version will: named as such, not as unknown.

/// Modules to come, and what to do until then.
const MODULES: [(&str, &str); 10] = [
    ("redis", "ask the service that stands before the store for now"),
    ("sql", "ask the service that stands before the store for now"),
    ("cache", "read `r.cache`, or compare `r.timings.duration` of the first request with the second"),
    ("watch", "read the service's own metrics with `http::get` for now"),
    ("fault", "start the service with the fault for now, as `runner demo` can"),
    ("bench", "time a part of a flow with `time::measure(name, closure)` for now"),
    ("profile", "profile the service by its own means for now"),
    ("grpc", "there is no gRPC yet: call the service's HTTP endpoints for now"),
    ("browser", "there is no browser: call the service's HTTP endpoints"),
    ("html", "take what you look for out of `r.body` with `regex::find(text, pattern)` for now"),
];

/// Functions and methods to come.
const FUNCTIONS: [(&str, &str); 12] = [
    ("http::batch", "call `http::get` and its kin one after another for now"),
    ("http::file", "send a text or bytes with `body` for now"),
    ("http::cookie_jar", "send the header `Cookie` yourself for now: `headers: #{ Cookie: … }`"),
    ("http::cookieJar", "send the header `Cookie` yourself for now: `headers: #{ Cookie: … }`"),
    ("http::url", "give the option `name` for now: `#{ name: \"order\" }`"),
    ("http::async_request", "functions that wait look like any other: `http::request(method, url)`"),
    ("http::asyncRequest", "functions that wait look like any other: `http::request(method, url)`"),
    ("http::set_response_callback", "give the option `expected_statuses: [200, 404]`"),
    ("http::setResponseCallback", "give the option `expected_statuses: [200, 404]`"),
    ("html", "take what you look for out of `r.body` with `regex::find(text, pattern)` for now"),
    ("submit_form", "send the form yourself: `http::post(url, #{ form: #{ … } })`"),
    ("click_link", "find the link with `regex::find` and follow it with `url::join(r.url, link)`"),
];

/// Properties of a response to come.
const PROPERTIES: [(&str, &str); 5] = [
    ("html", "take what you look for out of `r.body` with `regex::find(text, pattern)` for now"),
    ("cookies", "read `r.header(\"set-cookie\")` for now"),
    ("request", "what was sent is known where it was sent; `r.url` is the whole URL"),
    ("redirects", "redirects are not followed yet: read `r.header(\"location\")`"),
    ("ocsp", "whether a certificate was revoked isn't asked for; `openssl s_client -status` does"),
];

fn find(table: &[(&str, &str)], name: &str, what: &str) -> Option<(String, String)> {
    let (_, hint) = table.iter().find(|(known, _)| *known == name)?;
    Some((format!("{what} comes with a later version"), (*hint).to_owned()))
}

/// What to say of a module that will be.
pub(super) fn module(name: &str) -> Option<(String, String)> {
    find(&MODULES, name, &format!("the module `{name}`"))
}

/// What to say of a function or method that will be.
pub(super) fn function(name: &str) -> Option<(String, String)> {
    find(&FUNCTIONS, name, &format!("`{name}`"))
}

/// What to say of a property that will be; `kind` is what it was asked of.
pub(super) fn property(kind: &str, name: &str) -> Option<(String, String)> {
    if kind == "response" { find(&PROPERTIES, name, &format!("`response.{name}`")) } else { None }
}
