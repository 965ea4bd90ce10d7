//! Failure examples: of each kind of failure the first request, whole enough to be understood and to be sent again.
//!
//! An [`Example`] is plain data that outlives its request, bounded in bytes, and made only once a request has failed. What
//! identifies a user by its name (`Authorization`, cookies, `?token=`) is hidden as it is made; the secrets of a script are
//! hidden by [`Example::hide`], which whoever shows or stores it calls first.

mod collection;
mod curl;
mod example;
mod excerpt;
mod sensitive;
mod route;

#[cfg(test)]
mod tests;

pub use collection::{EXAMPLES_MAX, Examples};
pub use example::{Answer, Example, Happened, Kind, Question};
pub use excerpt::{Content, Excerpt};
pub use sensitive::{shown_word, url as presentable_url};
