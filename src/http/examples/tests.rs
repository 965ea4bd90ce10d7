//! Examples as they are made: the line for a shell, what is kept and what is hidden. That curl sends the same bytes is held
//! against real servers in `tests/it/examples.rs`.

use std::rc::Rc;

use super::super::tests::{clock, shared};
use super::*;
