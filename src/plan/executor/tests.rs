//! Each executor's demand, defaults and errors.
