//! Summaries of every shape, to documents and back.

use super::*;
