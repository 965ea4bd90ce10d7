//! What is answered: JSON in k6's envelope, `{"data": …}` or `{"errors": […]}`, without secrets and without anything that could
//! steer a terminal.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::diagnostic::{Mask, clean};
use crate::engine::ControlError;

/// What a handler comes to.
pub(super) type Answer = Result<Value, Refusal>;

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What is wrong and what to do, for people.
    pub(super) detail: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    fn document(&self) -> Value {
        let title = self.status.canonical_reason().unwrap_or("Error");
        json!({ "errors": [{
            "status": self.status.as_str(),
            "title": title,
            "detail": self.detail,
        }] })
    }
}

/// What can't be right is 400, what isn't so now 409.
impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let status = match error {
            ControlError::UnknownScenario { .. } => StatusCode::NOT_FOUND,
            ControlError::TooManyUsers { .. } | ControlError::Rate { .. } | ControlError::Factor { .. } => {
                StatusCode::BAD_REQUEST
            }
            ControlError::NoLoad
            | ControlError::Over { .. }
            | ControlError::Counted { .. }
            | ControlError::NoUsers { .. }
            | ControlError::NoRate { .. }
            | ControlError::NothingToScale => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

/// The answer as it is sent.
pub(super) fn respond(answer: Answer, mask: &Mask) -> Response {
    let (status, document) = match answer {
        Ok(document) => (StatusCode::OK, document),
        Err(refusal) => (refusal.status, refusal.document()),
    };
    let text = seal(document, mask) + "\n";
    let mut response = (
        status,
        [
            (header::CONTENT_TYPE, "application/json; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        text,
    )
        .into_response();
    if status == StatusCode::UNAUTHORIZED {
        let scheme = header::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// JSON on one line, fit to leave the process.
pub(super) fn seal(mut document: Value, mask: &Mask) -> String {
    mask.apply_json(&mut document);
    clean_all(&mut document);
    document.to_string()
}

/// Names of endpoints and lines of a log may hold what a service sent.
fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.chars().any(|c| !c.is_ascii() || c.is_ascii_control()) {
                *text = clean(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(pairs) => pairs.values_mut().for_each(clean_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_has_no_secret_and_steers_no_terminal() {
        let mask = Mask::default();
        mask.hide("hunter22");
        let document = json!({ "text": "a\u{1b}[2Jb\u{202e} hunter22", "list": ["é\n"] });
        assert_eq!(seal(document, &mask), "{\"text\":\"a\u{fffd}[2Jb\u{fffd} ***\",\"list\":[\"é\\n\"]}");
    }

    #[test]
    fn a_refusal_has_k6s_envelope() {
        let refusal = Refusal::from(ControlError::NoLoad);
        insta::assert_snapshot!(refusal.document(), @r#"{"errors":[{"status":"409","title":"Conflict","detail":"no load is running"}]}"#);
    }
}
