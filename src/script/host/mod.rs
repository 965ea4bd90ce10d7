//! What scripts can call: a file per host module, a line per module in [`MODULES`].

mod argument;
mod assert;
mod batch;
mod body;
mod bytes;
mod call;
mod check;
mod control;
mod cookies;
mod credentials;
mod crypto;
mod data;
mod declare;
mod duration;
mod encoding;
mod env;
mod fake;
mod feeder;
mod group;
mod html;
mod http;
mod json;
mod json_path;
mod jwt;
mod list;
mod live;
mod log;
mod message;
mod metric;
mod options;
mod outgoing;
mod paginate;
mod param;
mod poll;
mod random;
mod regex;
mod response;
mod retry;
mod run;
mod save;
mod scenario;
mod secret;
mod shared;
mod signature;
mod statuses;
mod socket;
mod sse;
mod summary;
mod time;
mod url;
mod uuid;
mod vu;
mod ws;

use rhai::{Dynamic, EvalAltResult, FnPtr, NativeCallContext, Scope};

use super::registry::Registry;
use super::stage::Stage;
use super::value::{DEPTH_MAX, is_deeper_than};
use super::vu::{Ending, Limit, Vu};

pub(super) use time::pause;

/// Options of a request.
#[cfg(test)]
pub(super) const REQUEST_OPTIONS: &[&str] = call::OPTIONS;

pub(super) use call::Call as RequestOptions;
pub(super) use check::CheckSeries;
pub(super) use http::Verb;
#[cfg(test)]
pub(super) use response::sample as sample_response;
pub(super) use response::{PROPERTIES as RESPONSE_PROPERTIES, Reply, TIMING_PROPERTIES, Timing, timings_of};
pub(super) use time::sleep_by;

/// What one file brings into the language.
pub(super) struct HostModule {
    /// Registers its functions.
    pub(super) register: fn(&mut Registry<'_>),
}

/// All host modules, in the order of the reference.
pub(super) const MODULES: &[HostModule] = &[
    HostModule { register: declare::register },
    HostModule { register: param::register },
    HostModule { register: data::register },
    HostModule { register: feeder::register },
    HostModule { register: shared::register },
    HostModule { register: secret::register },
    HostModule { register: metric::register },
    HostModule { register: http::register },
    HostModule { register: batch::register },
    HostModule { register: body::register },
    HostModule { register: cookies::register },
    HostModule { register: statuses::register },
    HostModule { register: response::register },
    HostModule { register: save::register },
    HostModule { register: html::register },
    HostModule { register: ws::register },
    HostModule { register: sse::register },
    HostModule { register: check::register },
    HostModule { register: assert::register },
    HostModule { register: group::register },
    HostModule { register: time::register },
    HostModule { register: retry::register },
    HostModule { register: poll::register },
    HostModule { register: paginate::register },
    HostModule { register: duration::register },
    HostModule { register: control::register },
    HostModule { register: random::register },
    HostModule { register: list::register },
    HostModule { register: uuid::register },
    HostModule { register: fake::register },
    HostModule { register: vu::register },
    HostModule { register: scenario::register },
    HostModule { register: run::register },
    HostModule { register: env::register },
    HostModule { register: log::register },
    HostModule { register: json::register },
    HostModule { register: encoding::register },
    HostModule { register: crypto::register },
    HostModule { register: jwt::register },
    HostModule { register: regex::register },
    HostModule { register: url::register },
    HostModule { register: summary::register },
];

/// Calls a closure that a script gave us; `this` stays the user's state in it.
fn call_back(
    context: &NativeCallContext<'_>,
    vu: &Vu,
    closure: &FnPtr,
    arguments: &mut [Dynamic],
) -> Result<Dynamic, Box<EvalAltResult>> {
    closure.call_raw(context, Some(&mut vu.state.clone()), arguments)
}

/// Ends the script if one of its variables is nested too deeply.
pub(super) fn look_for_nesting(stage: &Stage, scope: &Scope<'_>) {
    if scope.iter_raw().any(|(_, _, value)| is_deeper_than(value, DEPTH_MAX)) {
        stage.vu().end(Ending::Limit(Limit::Nesting));
    }
}
