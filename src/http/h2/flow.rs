//! Windows (RFC 9113 §5.2, §6.9): how many bytes of data one side still lets the other send.

/// No window may be larger.
pub(super) const WINDOW_MAX: i64 = (1 << 31) - 1;
/// A window's size unless settings say otherwise.
pub(super) const WINDOW_DEFAULT: u32 = 65_535;

/// What the peer lets us send. Smaller initial windows can make it negative.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendWindow(i64);

impl SendWindow {
    pub(super) fn new(size: u32) -> Self {
        Self(i64::from(size))
    }

    /// How much may be sent now.
    pub(super) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    #[expect(clippy::cast_possible_wrap, reason = "less than the room")]
    pub(super) fn take(&mut self, bytes: usize) {
        self.0 -= bytes as i64;
    }

    /// Moves it by that much; `false` if it would be larger than any window may.
    #[must_use]
    pub(super) fn shift(&mut self, by: i64) -> bool {
        self.0 += by;
        self.0 <= WINDOW_MAX
    }
}

/// What we let the peer send. What came was dealt with at once, so the window is opened again as a whole when half
/// of it is used: rarely, and long before the peer has to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveWindow {
    size: u32,
    used: u32,
}

impl ReceiveWindow {
    pub(super) fn new(size: u32) -> Self {
        Self { size, used: 0 }
    }

    /// So many bytes come; `false` if that is more than was granted.
    #[must_use]
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.used = u32::try_from(bytes).map_or(u32::MAX, |bytes| self.used.saturating_add(bytes));
        self.used <= self.size
    }

    /// What is to be granted anew, if it is time.
    pub(super) fn renew(&mut self) -> Option<u32> {
        (self.used > self.size / 2).then(|| std::mem::take(&mut self.used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_may_become_negative_and_never_too_large() {
        let mut window = SendWindow::new(10);
        window.take(8);
        assert!(window.shift(-9));
        assert_eq!(window.room(), 0);
        assert!(window.shift(8));
        assert_eq!(window.room(), 1);
        assert!(window.shift(WINDOW_MAX - 1));
        assert!(!window.shift(1));
    }

    #[test]
    fn a_receive_window_is_renewed_at_half() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.take(50));
        assert_eq!(window.renew(), None);
        assert!(window.take(50));
        assert_eq!(window.renew(), Some(100));
        assert!(window.take(100));
        assert!(!window.take(1));
    }
}
