//! Analysis sessions: a bounded list, the oldest goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Sessions kept.
const SESSIONS_MAX: usize = 1_000;

/// One session.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    #[serde(rename = "sessionId")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) symbols: Vec<String>,
    pub(super) created_at: String,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    created: u64,
    kept: VecDeque<Session>,
}

impl Sessions {
    /// Makes a session and returns it.
    pub(super) fn create(&self, name: &str, symbols: Vec<String>, created_at: String) -> Session {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.created += 1;
        let id = format!("session-{}", inner.created);
        let session = Session { id, name: name.to_owned(), symbols, created_at };
        if inner.kept.len() == SESSIONS_MAX {
            inner.kept.pop_front();
        }
        inner.kept.push_back(session.clone());
        session
    }

    /// The newest `count`, newest first, and how many are kept.
    pub(super) fn newest(&self, count: usize) -> (Vec<Session>, usize) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.kept.iter().rev().take(count).cloned().collect(), inner.kept.len())
    }
}
