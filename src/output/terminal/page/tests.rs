//! Pages as they are seen.
