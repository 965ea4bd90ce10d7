//! Rhai: the engine, the host modules, declaration, diagnostics.
