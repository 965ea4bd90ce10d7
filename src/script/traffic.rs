//! `--http-debug`: what went over the wire, on the script's log, a request and its response at a time.

use std::fmt::Write as _;

use super::log::Level;
use super::stage::Stage;
use crate::http::{Exchange, Request};
use crate::plan::HttpDebug;
use crate::units::{format_count, format_latency_us};

/// What is shown of a body: more than that is no longer read, and would bury what is.
const BODY_SHOWN_MAX_BYTES: usize = 16 << 10;

/// Says on the log what was sent and what came back.
#[cold]
pub(super) fn show(
    stage: &Stage,
    user_agent: Option<&str>,
    request: &Request<'_>,
    exchange: &Exchange,
    debug: HttpDebug,
) {
    let is_full = debug == HttpDebug::Full;
    let mut text = format!("{} {}", request.method, request.endpoint.url());
    block(&mut text, "> ", &request.head(user_agent));
    if is_full {
        body(&mut text, "> ", request.body);
    }
    match &exchange.result {
        Ok(response) => {
            block(&mut text, "< ", &response.head_text());
            if is_full {
                body(&mut text, "< ", response.body());
            }
        }
        Err(failure) => {
            let _ = write!(text, "\n< no answer: {failure}");
        }
    }
    let took = format_latency_us(exchange.timings.total_ns() as f64 / 1e3);
    let how = if exchange.retried {
        ", a second try"
    } else if exchange.reused {
        ", over an open connection"
    } else {
        ""
    };
    let _ = write!(text, "\n= {took}{how}");
    stage.log(Level::Info, &text);
}

/// Each line of a text behind a mark.
fn block(text: &mut String, mark: &str, lines: &str) {
    for line in lines.trim_end().lines() {
        let _ = write!(text, "\n{mark}{line}");
    }
}

fn body(text: &mut String, mark: &str, body: &[u8]) {
    if body.is_empty() {
        return;
    }
    let shown = &body[..body.len().min(BODY_SHOWN_MAX_BYTES)];
    let _ = write!(text, "\n{}", mark.trim_end());
    match std::str::from_utf8(shown) {
        Ok(shown) => block(text, mark, shown),
        // Cut within a character: the rest of it is not shown.
        Err(error) if error.error_len().is_none() && shown.len() < body.len() => {
            block(text, mark, &String::from_utf8_lossy(&shown[..error.valid_up_to()]));
        }
        Err(_) => {
            let _ = write!(text, "\n{mark}({} bytes that are no text)", format_count(body.len() as u64));
            return;
        }
    }
    if shown.len() < body.len() {
        let more = format_count((body.len() - shown.len()) as u64);
        let _ = write!(text, "\n{mark}({more} bytes more)");
    }
}
