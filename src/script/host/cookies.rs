//! `http::cookie_jar` and its kin: the cookies of a user, read and set by a script; those of a response; and the options
//! `cookies` and `jar` of a request.

use std::rc::Rc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::browser::CookieJar;
use super::super::error::HostError;
use super::super::hops::{JarChoice, OwnCookie};
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::{described, type_name};
use super::argument::to_map;
use crate::diagnostic::suggest;
use crate::http::{Endpoint, Response, SetCookie};
use crate::units::parse_duration;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What a script can say of a cookie beside its name and value.
const OPTIONS: [&str; 6] = ["domain", "path", "max_age", "expires", "secure", "http_only"];

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<CookieJar>("cookie jar");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::cookie_jar()",
        "the user's cookies: what services set, and what a script does; each iteration begins with those that `on_start` left",
        move || -> Outcome<CookieJar> { Ok(stage.acting("http::cookie_jar")?.open_browser().jar.clone()) },
    );
    registry.example("http::cookie_jar().get(\"/health\", \"session\") // ()");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::new_cookie_jar()",
        "an empty jar, for the option `jar` of requests",
        move || -> Outcome<CookieJar> {
            stage.acting("http::new_cookie_jar")?;
            Ok(CookieJar::default())
        },
    );
    registry
        .example("let jar = http::new_cookie_jar();\nhttp::get(\"/health\", #{ jar: jar }).status // 200");
    changes(registry);
    reads(registry);
}

fn changes(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.set(url, name, value)",
        "sets a cookie as if that URL had",
        move |jar: &mut CookieJar, url: ImmutableString, name: ImmutableString, value: ImmutableString| {
            set(&stage, jar, &url, (&name, &value), Map::new())
        },
    );
    registry.example("http::cookie_jar().set(\"/\", \"theme\", \"dark\");");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.set(url, name, value, options)",
        "the same with `domain`, `path`, `max_age`, `expires`, `secure`, `http_only`",
        move |jar: &mut CookieJar,
              url: ImmutableString,
              name: ImmutableString,
              value: ImmutableString,
              options: Dynamic| {
            set(&stage, jar, &url, (&name, &value), to_map("jar.set", options)?)
        },
    );
    registry.takes("options", "map");
    registry
        .example("http::cookie_jar().set(\"/\", \"theme\", \"dark\", #{ path: \"/\", max_age: \"1h\" });");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.delete(url, name)",
        "takes out the cookies of that name that a request to the URL would send",
        move |jar: &mut CookieJar, url: ImmutableString, name: ImmutableString| -> Outcome<()> {
            let endpoint = endpoint(&stage, "jar.delete", &url)?;
            jar.with(|jar| jar.remove(&endpoint, Some(&name)));
            Ok(())
        },
    );
    registry.example("http::cookie_jar().delete(\"/\", \"theme\");");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.clear(url)",
        "takes out all cookies that a request to the URL would send",
        move |jar: &mut CookieJar, url: ImmutableString| -> Outcome<()> {
            let endpoint = endpoint(&stage, "jar.clear", &url)?;
            jar.with(|jar| jar.remove(&endpoint, None));
            Ok(())
        },
    );
    registry.example("http::cookie_jar().clear(\"/\");");
    let stage = Rc::clone(&registry.stage);
    registry.method("jar.clear()", "takes out all cookies", move |jar: &mut CookieJar| -> Outcome<()> {
        stage.acting("jar.clear")?;
        jar.with(crate::http::Jar::clear);
        Ok(())
    });
    registry.example("http::cookie_jar().clear();");
}

fn reads(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.get(url, name)",
        "the value of a cookie that a request to the URL sends; nothing where there is none",
        move |jar: &mut CookieJar, url: ImmutableString, name: ImmutableString| -> Outcome<Dynamic> {
            let endpoint = endpoint(&stage, "jar.get", &url)?;
            let value = jar.with(|jar| {
                let sent = jar.of(&endpoint, now_s(&stage));
                let found = sent.iter().find(|cookie| *cookie.name == *name);
                found.map(|cookie| Dynamic::from(ImmutableString::from(&*cookie.value)))
            });
            Ok(value.unwrap_or(Dynamic::UNIT))
        },
    );
    registry.gives("text or nothing");
    registry.example(
        "let jar = http::cookie_jar();\njar.set(\"/\", \"theme\", \"dark\");\njar.get(\"/\", \"theme\") // \"dark\"",
    );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "jar.cookies_for_url(url)",
        "what a request to the URL sends: a map from each name to a list of its values",
        move |jar: &mut CookieJar, url: ImmutableString| -> Outcome<Map> {
            let endpoint = endpoint(&stage, "jar.cookies_for_url", &url)?;
            Ok(jar.with(|jar| {
                let sent = jar.of(&endpoint, now_s(&stage));
                gathered(sent.iter().map(|cookie| (&*cookie.name, (&*cookie.value).into())))
            }))
        },
    );
    registry.example(
        "let jar = http::cookie_jar();\njar.set(\"/\", \"theme\", \"dark\");\n\
         jar.cookies_for_url(\"/\").theme[0] // \"dark\"",
    );
}

/// Values by name, as a map of lists.
fn gathered<'a>(pairs: impl Iterator<Item = (&'a str, Dynamic)>) -> Map {
    let mut map = Map::new();
    for (name, value) in pairs {
        let list = map.entry(name.into()).or_insert_with(|| Array::new().into());
        if let Ok(mut list) = list.as_array_mut() {
            list.push(value);
        }
    }
    map
}

fn now_s(stage: &Stage) -> i64 {
    (stage.wall_ns() / SECOND_NS).cast_signed()
}

fn endpoint(stage: &Stage, function: &str, url: &str) -> Outcome<Endpoint> {
    let vu = stage.acting(function)?;
    Ok(Endpoint::parse(vu.cast.base_url.as_deref(), url)
        .map_err(|error| HostError::new(error.to_string()).word(url))?)
}

fn set(stage: &Stage, jar: &CookieJar, url: &str, (name, value): (&str, &str), options: Map) -> Outcome<()> {
    let endpoint = endpoint(stage, "jar.set", url)?;
    let mut cookie = cookie(name, value)?;
    for (option, value) in options {
        read_option(&mut cookie, &option, &value)?;
    }
    jar.with(|jar| jar.store(cookie, &endpoint, now_s(stage)))
        .map_err(|error| HostError::new(error.to_string()).word(name).into())
}

fn cookie(name: &str, value: &str) -> Outcome<SetCookie> {
    Ok(SetCookie::new(name, value).ok_or_else(|| {
        HostError::new(format!("`{name}` can't be a cookie"))
            .hint("no `;` and no control characters, no `=` in the name, 4 KB at most; `encoding::url_encode` makes any text fit")
            .word(name)
    })?)
}

fn read_option(cookie: &mut SetCookie, option: &str, value: &Dynamic) -> Outcome<()> {
    let wrong = |takes: &str| -> Box<EvalAltResult> {
        HostError::new(format!("`{option}` of a cookie takes {takes}, not {}", described(value)))
            .word(option)
            .into()
    };
    let text = || value.as_immutable_string_ref().map(|text| text.clone()).map_err(|_| wrong("a text"));
    let flag = || value.as_bool().map_err(|_| wrong("true or false"));
    // By way of the header, so that both have one meaning.
    let parsed = |name: &str, text: &str| SetCookie::parse(&format!("a=b; {name}={text}"));
    match option {
        "domain" => cookie.domain = parsed("Domain", &text()?).and_then(|cookie| cookie.domain),
        "path" => {
            let path = parsed("Path", &text()?).and_then(|cookie| cookie.path);
            cookie.path = Some(path.ok_or_else(|| wrong("a path that begins with `/`"))?);
        }
        "max_age" | "maxAge" => {
            cookie.max_age_s = Some(match value.as_int() {
                Ok(seconds) => seconds,
                Err(_) => parse_duration(&text().map_err(|_| wrong("a duration, or seconds"))?)
                    .map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
                    .map_err(|_| wrong("a duration, or seconds"))?,
            });
        }
        "expires" => {
            let at_s = parsed("Expires", &text()?).and_then(|cookie| cookie.expires_s);
            cookie.expires_s =
                Some(at_s.ok_or_else(|| wrong("a date like \"Wed, 09 Jun 2027 10:18:14 GMT\""))?);
        }
        "secure" => cookie.secure = flag()?,
        "http_only" | "httpOnly" => cookie.http_only = flag()?,
        other => {
            let hint = match suggest(other, OPTIONS).first() {
                Some(near) => format!("did you mean `{near}`? The options are `{}`", OPTIONS.join("`, `")),
                None => format!("the options are `{}`", OPTIONS.join("`, `")),
            };
            return Err(HostError::new(format!("a cookie has no `{other}`")).hint(hint).word(other).into());
        }
    }
    Ok(())
}

/// The option `cookies` of a request: values by name, or k6's `#{ value, replace }`.
pub(super) fn own_cookies(option: &str, cookies: Map) -> Outcome<Vec<OwnCookie>> {
    let mut own = Vec::new();
    for (name, given) in cookies {
        let (value, replaces) = match given.clone().try_cast::<Map>() {
            Some(map) => {
                let value = map.get("value").cloned().ok_or_else(|| {
                    HostError::new(format!("`{name}` in `{option}` has no `value`"))
                        .hint("write `name: \"value\"`, or `name: #{ value: \"…\", replace: true }`")
                        .word(name.as_str())
                })?;
                (value, map.get("replace").and_then(|replace| replace.as_bool().ok()).unwrap_or(false))
            }
            None => (given, false),
        };
        if value.is_array() || value.is_map() || value.is_fnptr() {
            let kind = type_name(&value);
            return Err(HostError::new(format!("`{name}` in `{option}` must be a text, not {kind}"))
                .word(name.as_str())
                .into());
        }
        if !value.is_unit() {
            let SetCookie { name, value, .. } = cookie(&name, &value.to_string())?;
            own.push(OwnCookie { name, value, replaces });
        }
    }
    Ok(own)
}

/// The option `jar` of a request: a jar, or false for none.
pub(super) fn jar_choice(option: &str, value: &Dynamic) -> Outcome<JarChoice> {
    if let Some(jar) = value.read_lock::<CookieJar>() {
        return Ok(JarChoice::Given(jar.clone()));
    }
    match value.as_bool() {
        Ok(true) => Ok(JarChoice::Own),
        Ok(false) => Ok(JarChoice::None),
        Err(_) => Err(HostError::new(format!(
            "`{option}` takes a cookie jar or false, not {}",
            described(value)
        ))
        .hint("`http::new_cookie_jar()` makes an empty one; without the option it is `http::cookie_jar()`")
        .word(option)
        .into()),
    }
}

/// What a response sets, as k6 has it: a map from each name to a list of cookies.
pub(super) fn of_response(response: &Response) -> Map {
    if !response.sets_cookies() {
        return Map::new();
    }
    let cookies: Vec<SetCookie> =
        response.values("set-cookie").filter_map(|value| SetCookie::parse(&value)).collect();
    gathered(cookies.iter().map(|cookie| (&*cookie.name, Dynamic::from(to_map_of(cookie)))))
}

fn to_map_of(cookie: &SetCookie) -> Map {
    let text = |text: &Option<Box<str>>| Dynamic::from(text.as_deref().unwrap_or_default().to_owned());
    let number = |number: Option<i64>| number.map_or(Dynamic::UNIT, Dynamic::from);
    [
        ("name", (&*cookie.name).into()),
        ("value", (&*cookie.value).into()),
        ("domain", text(&cookie.domain)),
        ("path", text(&cookie.path)),
        ("max_age", number(cookie.max_age_s)),
        ("expires", number(cookie.expires_s)),
        ("secure", cookie.secure.into()),
        ("http_only", cookie.http_only.into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, Dynamic)| (name.into(), value))
    .collect()
}
