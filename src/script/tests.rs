//! What scripts mean: declaration, diagnostics, host functions that need no network.
