//! A script that is edited while it runs: its files are watched, read anew when they are saved, and handed to the
//! load that goes on.
//!
//! A [`Watch`] lives on a thread of its own beside the run; what happens is [`News`].

mod files;
mod follower;
mod news;
mod reader;
mod watching;

pub use files::Waker;
pub use follower::Follower;
pub use news::{Compared, News, Read, Span};
pub use reader::{Draft, Reading};
pub use watching::Watch;
