//! An error with code, labels, source line and hint; rendered for people and for tools.
