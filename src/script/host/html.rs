//! `response.html(selector)`: elements of a page by CSS selectors, with what k6's `Selection` offers most.
//!
//! A page is parsed once a response, when somebody asks; elements are names of nodes in it, so that a copy costs a
//! counter.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use ego_tree::NodeId;
use rhai::{Dynamic, EvalAltResult, INT, ImmutableString};
use rustc_hash::FxHashMap;
use scraper::{ElementRef, Html, Selector};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::response::Reply;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The largest page. Parsing holds up the worker, some 20 ms a megabyte; pages of people are a tenth of this.
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Selectors of a page that are kept compiled.
const SELECTORS_MAX: usize = 64;

/// A page, parsed.
pub(super) struct Page {
    html: Html,
    selectors: RefCell<FxHashMap<ImmutableString, Rc<Selector>>>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Page {
    /// Parses a body; whatever it is, some page comes of it, as in browsers.
    pub(super) fn read(body: &[u8]) -> Result<Self, HostError> {
        if body.len() > PAGE_BYTES_MAX {
            return Err(HostError::new(format!("a page can have {} MB", PAGE_BYTES_MAX >> 20)).hint(
                "look into `body` as a text instead: reading so large a page would hold up the other users",
            ));
        }
        let html = Html::parse_document(&String::from_utf8_lossy(body));
        Ok(Self { html, selectors: RefCell::default() })
    }

    fn selector(&self, text: &ImmutableString) -> Result<Rc<Selector>, HostError> {
        if let Some(known) = self.selectors.borrow().get(text) {
            return Ok(Rc::clone(known));
        }
        let selector = Selector::parse(text).map_err(|error| {
            HostError::new(format!("`{text}` is no CSS selector: {error}"))
                .hint("write it as `\"a.next\"`, `\"#main > li\"` or `\"input[name=token]\"`")
                .word(text.as_str())
        })?;
        let selector = Rc::new(selector);
        let mut kept = self.selectors.borrow_mut();
        if kept.len() < SELECTORS_MAX {
            kept.insert(text.clone(), Rc::clone(&selector));
        }
        Ok(selector)
    }
}

/// Elements of a page, in its order.
#[derive(Debug, Clone)]
pub(super) struct Elements {
    page: Rc<Page>,
    nodes: Rc<[NodeId]>,
}

impl Elements {
    fn of(&self, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        Self { page: Rc::clone(&self.page), nodes: nodes.into_iter().collect() }
    }

    fn iter(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.nodes.iter().filter_map(|id| ElementRef::wrap(self.page.html.tree.get(*id)?))
    }

    fn first(&self) -> Option<ElementRef<'_>> {
        self.iter().next()
    }

    /// Those below that a selector finds, each once.
    fn find(&self, selector: &ImmutableString) -> Outcome<Self> {
        let selector = self.page.selector(selector)?;
        let mut found: Vec<NodeId> = Vec::new();
        for element in self.iter() {
            found.extend(element.select(&selector).map(|below| below.id()));
        }
        if self.nodes.len() > 1 {
            let mut seen = rustc_hash::FxHashSet::default();
            found.retain(|id| seen.insert(*id));
        }
        Ok(self.of(found))
    }

    fn filter(&self, selector: &ImmutableString) -> Outcome<Self> {
        let selector = self.page.selector(selector)?;
        Ok(self.of(self.iter().filter(|element| selector.matches(element)).map(|element| element.id())))
    }

    /// One of them, from the end if the index is below 0; none where there is none.
    fn at(&self, index: INT) -> Self {
        let place = if index < 0 { index + self.count() } else { index };
        let node = usize::try_from(place).ok().and_then(|place| self.nodes.get(place).copied());
        self.of(node)
    }

    fn count(&self) -> INT {
        INT::try_from(self.nodes.len()).unwrap_or(INT::MAX)
    }

    fn text(&self) -> String {
        self.iter().flat_map(|element| element.text()).collect()
    }

    fn attribute(&self, name: &str) -> Dynamic {
        self.first()
            .and_then(|element| element.attr(name))
            .map_or(Dynamic::UNIT, |value| value.to_owned().into())
    }

    /// What a form would send for the first one, as k6's `val()`.
    fn value(&self) -> Dynamic {
        let Some(element) = self.first() else { return Dynamic::UNIT };
        match element.value().name() {
            "textarea" => element.text().collect::<String>().into(),
            "select" => {
                let options =
                    || element.descendent_elements().filter(|below| below.value().name() == "option");
                let chosen =
                    options().find(|option| option.attr("selected").is_some()).or_else(|| options().next());
                chosen.map_or(Dynamic::UNIT, |option| {
                    let value = option.attr("value").map(str::to_owned);
                    value.unwrap_or_else(|| option.text().collect()).into()
                })
            }
            _ => self.attribute("value"),
        }
    }
}

impl IntoIterator for Elements {
    type Item = Elements;
    type IntoIter = std::vec::IntoIter<Elements>;

    /// Each by itself, for `for`.
    fn into_iter(self) -> Self::IntoIter {
        let each: Vec<Elements> = self.nodes.iter().map(|id| self.of([*id])).collect();
        each.into_iter()
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Elements>("elements");
    registry.method(
        "response.html(selector)",
        "the elements of the page that a CSS selector finds, in the page's order; none where there are none",
        |reply: &mut Reply, selector: ImmutableString| -> Outcome<Elements> {
            let page = reply.page()?;
            let selector = page.selector(&selector)?;
            let nodes = page.html.select(&selector).map(|element| element.id()).collect();
            Ok(Elements { page, nodes })
        },
    );
    registry.example("let token = http::get(\"/login\").html(\"input[name=csrf]\").attr(\"value\");");
    reading(registry);
    moving(registry);
    registry.engine.register_indexer_get(|elements: &mut Elements, index: INT| elements.at(index));
    registry.engine.register_iterator::<Elements>();
    registry.engine.register_fn("to_string", |elements: &mut Elements| elements.text());
}

/// What is in them.
fn reading(registry: &mut Registry<'_>) {
    registry.method("elements.text()", "the text of all of them, without tags", |elements: &mut Elements| {
        elements.text()
    });
    registry.example("check(http::get(\"/\").html(\"h1\").text() != \"\", \"has a title\");");
    registry.method(
        "elements.attr(name)",
        "an attribute of the first one; nothing where it has none",
        |elements: &mut Elements, name: ImmutableString| elements.attribute(&name),
    );
    registry.gives("text or nothing");
    registry.example("let next = http::get(\"/\").html(\"a.next\").attr(\"href\");");
    registry.method(
        "elements.value()",
        "what a form would send for the first one: its `value`, a text area's text, a list's choice",
        |elements: &mut Elements| elements.value(),
    );
    registry.gives("text or nothing");
    registry.example("let country = http::get(\"/form\").html(\"select[name=country]\").value();");
    registry.method(
        "elements.inner_html()",
        "what is within the first one, as HTML",
        |elements: &mut Elements| elements.first().map_or_else(String::new, |element| element.inner_html()),
    );
    registry.example("let inside = http::get(\"/\").html(\"#main\").inner_html();");
    registry.method("elements.name()", "the first one's tag: `a`, `input`", |elements: &mut Elements| {
        elements.first().map_or_else(String::new, |element| element.value().name().to_owned())
    });
    registry.example("let tag = http::get(\"/\").html(\"#main\").name();");
    registry.method("elements.len()", "how many there are", |elements: &mut Elements| elements.count());
    registry.example("check(http::get(\"/\").html(\"li\").len() >= 0, \"has a list\");");
    registry.method("elements.is_empty()", "whether there are none", |elements: &mut Elements| {
        elements.nodes.is_empty()
    });
    registry.example("check(http::get(\"/\").html(\".error\").is_empty(), \"no error\");");
}

/// From one to others.
fn moving(registry: &mut Registry<'_>) {
    registry.method(
        "elements.find(selector)",
        "those within them that a CSS selector finds",
        |elements: &mut Elements, selector: ImmutableString| elements.find(&selector),
    );
    registry.example("let rows = http::get(\"/\").html(\"table\").find(\"tr\");");
    registry.method(
        "elements.filter(selector)",
        "those of them that a CSS selector fits",
        |elements: &mut Elements, selector: ImmutableString| elements.filter(&selector),
    );
    registry.example("let open = http::get(\"/\").html(\"li\").filter(\".open\");");
    registry.method(
        "elements.at(index)",
        "one of them by its number from 0, or from -1 at the end; `elements[0]` is the same",
        |elements: &mut Elements, index: INT| elements.at(index),
    );
    registry.example("let second = http::get(\"/\").html(\"li\").at(1).text();");
    registry.method("elements.first()", "the first one", |elements: &mut Elements| elements.at(0));
    registry.example("let first = http::get(\"/\").html(\"li\").first().text();");
    registry.method("elements.last()", "the last one", |elements: &mut Elements| elements.at(-1));
    registry.example("let last = http::get(\"/\").html(\"li\").last().text();");
    registry.method("elements.children()", "the elements right below them", |elements: &mut Elements| {
        elements.of(elements.iter().flat_map(|element| element.child_elements()).map(|child| child.id()))
    });
    registry.example("let items = http::get(\"/\").html(\"ul\").children();");
    registry.method("elements.parent()", "the element around the first one", |elements: &mut Elements| {
        let parent = elements.first().and_then(|element| ElementRef::wrap(element.parent()?));
        elements.of(parent.map(|parent| parent.id()))
    });
    registry.example("let form = http::get(\"/\").html(\"input\").parent();");
}
