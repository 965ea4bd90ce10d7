//! How words look. Colour repeats what they say, and where it isn't wanted there is no style at all.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// What may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) colour: bool,
}

impl Palette {
    fn style(self, style: Style) -> Style {
        if self.colour { style } else { Style::default() }
    }

    /// What holds.
    pub(super) fn good(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().fg(Color::Green)))
    }

    /// What doesn't.
    pub(super) fn bad(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)))
    }

    /// What a reader should know.
    pub(super) fn note(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().fg(Color::Yellow)))
    }

    /// What most readers skip.
    pub(super) fn faint(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().add_modifier(Modifier::DIM)))
    }

    /// What stands out.
    pub(super) fn strong(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().add_modifier(Modifier::BOLD)))
    }

    /// Lines and bars.
    pub(super) fn graph(self, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(Style::new().fg(Color::Cyan)))
    }

    /// `✓` or `✗`.
    pub(super) fn mark(self, holds: bool) -> Span<'static> {
        if holds { self.good("✓") } else { self.bad("✗") }
    }
}

/// Words without a style.
pub(super) fn plain(text: impl Into<String>) -> Span<'static> {
    Span::raw(text.into())
}
