//! A URL that a flow calls, ready to be called again, and what its samples are tagged by.

use std::borrow::Cow;
use std::rc::Rc;

use super::stage::Stage;
use crate::http::{Endpoint, fold_ids};
use crate::metrics::Symbol;

/// A URL that a flow calls, ready to be called again.
#[derive(Debug, Clone)]
pub struct Route {
    /// The parsed URL.
    pub endpoint: Rc<Endpoint>,
    /// The symbols of its default `name` tag and of its `url` tag; none where only named requests went there: a
    /// million URLs of one name must not fill the recorder.
    pub labels: Option<[Symbol; 2]>,
}

impl Route {
    /// To a URL whose requests are named by the script.
    pub(super) fn unlabelled(endpoint: Endpoint) -> Self {
        Self { endpoint: Rc::new(endpoint), labels: None }
    }

    /// To a URL whose requests are named after it.
    pub(super) fn labelled(stage: &Stage, endpoint: Endpoint) -> Self {
        let mut route = Self::unlabelled(endpoint);
        route.labels = Some(route.labels(stage));
        route
    }

    /// The symbols of its default `name` tag and of its `url` tag.
    pub(super) fn labels(&self, stage: &Stage) -> [Symbol; 2] {
        self.labels.unwrap_or_else(|| {
            let (name, url) = (name_of(stage, &self.endpoint), url_of(stage, &self.endpoint));
            stage.recorder().with(|recorder| [name, url].map(|text| recorder.intern(&text)))
        })
    }
}

/// The default `name` tag of a URL's requests: its path without the query, ids folded if that is asked for.
pub(super) fn name_of<'e>(stage: &Stage, endpoint: &'e Endpoint) -> Cow<'e, str> {
    if stage.folds_ids() { fold_ids(endpoint.name()) } else { Cow::Borrowed(endpoint.name()) }
}

/// The `url` tag of a URL's requests, likewise.
pub(super) fn url_of<'e>(stage: &Stage, endpoint: &'e Endpoint) -> Cow<'e, str> {
    match name_of(stage, endpoint) {
        Cow::Borrowed(_) => Cow::Borrowed(endpoint.tag()),
        Cow::Owned(name) => Cow::Owned(format!("{}{name}", endpoint.origin())),
    }
}
