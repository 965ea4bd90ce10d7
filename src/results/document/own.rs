//! What a program has as a word of its own and a file as a text.

/// The word among those that are known. A later version may have others: they are kept for as long as the process
/// runs, which reads few documents, each no larger than its file.
pub(super) fn own(text: String, known: impl IntoIterator<Item = &'static str>) -> &'static str {
    match known.into_iter().find(|word| *word == text) {
        Some(word) => word,
        None => String::leak(text),
    }
}
