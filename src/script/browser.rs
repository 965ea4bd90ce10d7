//! What a user remembers of the services that it calls, as a browser would: cookies, challenges of digest
//! authentication, and which statuses it expects. Made when the first of these is there: a user without costs nothing.

use std::cell::RefCell;
use std::rc::Rc;

use super::expected::Expected;
use crate::http::{Asked, Challenge, Jar, Login};

/// Services whose challenges are remembered: more, and the oldest is forgotten and asked for again.
const CHALLENGES_MAX: usize = 100;

/// A jar as scripts hold it. A copy is the same jar.
#[derive(Debug, Clone, Default)]
pub(super) struct CookieJar(Rc<RefCell<Jar>>);

impl CookieJar {
    /// Reads it, or changes what is in it. `work` must not wait.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Jar) -> R) -> R {
        work(&mut self.0.borrow_mut())
    }
}

/// What one user remembers.
#[derive(Debug, Default)]
pub(super) struct Browser {
    pub(super) jar: CookieJar,
    /// What is in the jar when an iteration begins.
    at_start: RefCell<Jar>,
    challenges: RefCell<Vec<Known>>,
    pub(super) expected: RefCell<Option<Expected>>,
}

#[derive(Debug)]
struct Known {
    origin: Rc<str>,
    user: Box<str>,
    challenge: Challenge,
}

impl Browser {
    /// From now on an iteration begins with what is in the jar now.
    pub(super) fn keep_cookies(&self) {
        self.at_start.replace(self.jar.with(|jar| jar.clone()));
    }

    /// Back to that.
    pub(super) fn reset_cookies(&self) {
        let at_start = self.at_start.borrow();
        self.jar.with(|jar| {
            if !jar.is_same(&at_start) {
                *jar = at_start.clone();
            }
        });
    }

    /// Remembers a service's challenge.
    pub(super) fn keep_challenge(&self, origin: &Rc<str>, login: &Login, challenge: Challenge) {
        let mut known = self.challenges.borrow_mut();
        known.retain(|one| !one.is_of(origin, login));
        if known.len() == CHALLENGES_MAX {
            known.remove(0);
        }
        known.push(Known { origin: Rc::clone(origin), user: login.user.clone(), challenge });
    }

    /// The answer to the challenge of a service, if it gave one before.
    pub(super) fn answer(
        &self,
        origin: &str,
        login: &Login,
        asked: Asked<'_>,
        client_nonce: &str,
    ) -> Option<String> {
        let mut known = self.challenges.borrow_mut();
        let known = known.iter_mut().find(|one| one.is_of(origin, login))?;
        Some(known.challenge.answer(login, asked, client_nonce))
    }
}

impl Known {
    fn is_of(&self, origin: &str, login: &Login) -> bool {
        *self.origin == *origin && self.user == login.user
    }
}
