//! A coroutine as a future.
