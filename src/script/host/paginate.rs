//! `paginate`: page after page of a list, by what each says of the next.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, INT, ImmutableString, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::options::Options;
use super::response::Reply;
use super::{call_back, http};
use crate::units::format_count;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const OPTIONS: [&str; 8] = ["next", "cursor", "link", "page", "first", "items", "pages_max", "request"];

/// Pages that a walk may have unless it says otherwise: a `next` that leads back would never end.
const PAGES_MAX: u64 = 1_000;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "paginate(url, options, closure)",
            "asks for page after page, calls the closure with each response, and returns how many there were; the next \
             page is what the JSON path `next` finds (a URL, or with `cursor` the value of that query parameter), the \
             `link` header's (true), or the next number for the query parameter `page` as long as the JSON path `items` \
             finds some; a closure that gives `false` ends it; `pages_max` (1000), `request` are options of `http::get`",
            move |context: NativeCallContext<'_>, url: ImmutableString, options: Map, closure: FnPtr| {
                paginate(&context, &stage, url, &options, &closure)
            },
        )
        .waits()
        .example("let pages = paginate(\"/health\", #{ next: \"next_page\" }, |r| check(r.status == 200, \"a page\"));");
}

/// How one page leads to the next.
enum Way {
    Url(ImmutableString),
    Cursor { path: ImmutableString, parameter: ImmutableString },
    Link,
    Number { parameter: ImmutableString, items: ImmutableString, number: INT },
}

impl Way {
    fn read(options: &Options<'_>) -> Outcome<Self> {
        let refuse = |message: &str| {
            HostError::new(message).hint(
            "write one of `next: \"links.next\"`, `next: \"cursor\", cursor: \"after\"`, `link: true`, `page: \"page\", items: \"items\"`",
        )
        };
        let cursor = options.text("cursor")?;
        let items = options.text("items")?;
        let first = options.number("first", 1.0, 0.0, 1e9)?;
        match (options.text("next")?, options.flag("link")?, options.text("page")?) {
            (Some(path), false, None) if items.is_none() => Ok(match cursor {
                Some(parameter) => Self::Cursor { path, parameter },
                None => Self::Url(path),
            }),
            (None, true, None) if cursor.is_none() && items.is_none() => Ok(Self::Link),
            (None, false, Some(parameter)) if cursor.is_none() => match items {
                #[expect(clippy::cast_possible_truncation, reason = "read within a range")]
                Some(items) => Ok(Self::Number { parameter, items, number: first as INT }),
                None => Err(refuse("`page` of `paginate` needs `items`, to know the last page")
                    .word("page")
                    .into()),
            },
            (None, false, None) => Err(refuse("`paginate` doesn't know how a page leads to the next").into()),
            _ => Err(refuse("`paginate` was given several ways to the next page").into()),
        }
    }

    /// The parameter of the first page.
    fn first(&self) -> Option<(ImmutableString, Dynamic)> {
        match self {
            Self::Number { parameter, number, .. } => Some((parameter.clone(), (*number).into())),
            _ => None,
        }
    }

    /// The URL of the page behind this one, and a parameter for it; none behind the last.
    fn next(&mut self, url: &ImmutableString, reply: &Reply) -> Outcome<Option<Step>> {
        Ok(match self {
            Self::Url(path) => target(reply, &reply.json_at(path)?)?.map(|url| (url, None)),
            Self::Cursor { path, parameter } => {
                let value = reply.json_at(path)?;
                (!is_nothing(&value)).then(|| (url.clone(), Some((parameter.clone(), value))))
            }
            Self::Link => match reply.header("link").into_immutable_string() {
                Ok(header) => match next_of(&header) {
                    Some(next) => target(reply, &next.into())?.map(|url| (url, None)),
                    None => None,
                },
                Err(_) => None,
            },
            Self::Number { parameter, items, number } => {
                let found = reply.json_at(items)?;
                let is_last = is_nothing(&found) || found.as_array_ref().is_ok_and(|items| items.is_empty());
                *number += 1;
                (!is_last).then(|| (url.clone(), Some((parameter.clone(), (*number).into()))))
            }
        })
    }
}

/// A URL, and a query parameter for it.
type Step = (ImmutableString, Option<(ImmutableString, Dynamic)>);

fn is_nothing(value: &Dynamic) -> bool {
    value.is_unit()
        || value.as_bool() == Ok(false)
        || value.as_immutable_string_ref().is_ok_and(|text| text.is_empty())
}

/// The URL that a page names, seen from the page.
fn target(reply: &Reply, value: &Dynamic) -> Outcome<Option<ImmutableString>> {
    if is_nothing(value) {
        return Ok(None);
    }
    let Ok(text) = value.as_immutable_string_ref() else {
        return Err(HostError::new(format!("the next page is {value}, which is no URL"))
            .hint("is it a cursor? Then say for which query parameter: `cursor: \"after\"`")
            .word("next")
            .into());
    };
    let whole = url::Url::parse(reply.url()).and_then(|page| page.join(&text));
    match whole {
        Ok(url) => Ok(Some(url.as_str().into())),
        Err(error) => Err(HostError::new(format!("the next page `{}` is no URL: {error}", &*text)).into()),
    }
}

/// The `rel="next"` of a `Link` header (RFC 8288).
fn next_of(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (url, parameters) = after.split_once('>')?;
        let end = parameters.find(",<").or_else(|| parameters.find(", <")).unwrap_or(parameters.len());
        let (own, behind) = parameters.split_at(end);
        let is_next = own.split(';').any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_whitespace()
                        .any(|rel| rel.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(url.trim().to_owned());
        }
        rest = behind;
    }
    None
}

fn paginate(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    url: ImmutableString,
    options: &Map,
    closure: &FnPtr,
) -> Outcome<INT> {
    let vu = stage.acting("paginate")?;
    let options = Options::new("paginate", options, &OPTIONS)?;
    let pages_max = options.count("pages_max", PAGES_MAX, 1_000_000)?;
    let request = options.map("request")?;
    let mut way = Way::read(&options)?;
    let mut pages: u64 = 0;
    let mut step = Some((url.clone(), way.first()));
    while let Some((page_url, parameter)) = step {
        if pages == pages_max {
            return Err(HostError::new(format!("`paginate` saw {} pages, and there are more", format_count(pages)))
                .hint("does the next page lead back? Else allow more with `pages_max`, or let the closure end it with `false`")
                .into());
        }
        let mut call = request.clone();
        if let Some((name, value)) = parameter {
            let mut query =
                call.get("query").and_then(|query| query.clone().try_cast::<Map>()).unwrap_or_default();
            query.insert(name.as_str().into(), value);
            call.insert("query".into(), query.into());
        }
        // What a page's own URL says of the next holds already what the first request's query said.
        if pages > 0 && matches!(way, Way::Url(_) | Way::Link) {
            call.remove("query");
        }
        let reply = http::get(stage, "paginate", page_url, &call)?;
        pages += 1;
        let wants_more = call_back(context, &vu, closure, &mut [Dynamic::from(reply.clone())])?;
        if wants_more.as_bool() == Ok(false) {
            break;
        }
        if !(200..300).contains(&reply.status()) {
            return Err(HostError::new(format!("page {pages} of `paginate` failed: {}", reply.outcome()))
                .hint("a closure that gives `false` ends the walk without an error")
                .into());
        }
        step = way.next(&url, &reply)?;
    }
    Ok(INT::try_from(pages).unwrap_or(INT::MAX))
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn the_next_link_is_found_among_others() {
        let github = "<https://a/x?page=1>; rel=\"prev\", <https://a/x?page=3,4>; title=\"a\"; rel=\"next\", <https://a/9>; rel=last";
        assert_eq!(next_of(github).as_deref(), Some("https://a/x?page=3,4"));
        assert_eq!(next_of("</b>;REL=\"last next\"").as_deref(), Some("/b"));
        assert_eq!(next_of("<https://a/x>; rel=\"prev\""), None);
        assert_eq!(next_of("nonsense"), None);
        assert_eq!(next_of("<unclosed"), None);
    }
}
