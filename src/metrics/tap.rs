//! What is told one by one, not summed up: a worker's own buffer, handed over in batches that nobody waits for.
//!
//! A worker pushes into a [`Tap`] of its own, without a lock; a full batch, and what there is when a second ends, goes to
//! every [`Outlet`]. An outlet takes a batch or loses it, and counts what it lost: the load is never held up.

use std::fmt;
use std::sync::Arc;

/// So many are handed over together: a hand-over costs a hundred times what a push does.
pub const BATCH_MAX: usize = 256;

/// What is handed over; outlets share it.
pub type Batch<T> = Arc<Vec<T>>;

/// Where batches go.
pub trait Outlet<T>: fmt::Debug + Send + Sync {
    /// Takes the batch, or loses it and counts it as lost. Never waits.
    fn offer(&self, batch: &Batch<T>);
}

/// Outlets that the workers share.
pub type Outlets<T> = Arc<[Arc<dyn Outlet<T>>]>;

/// A worker's own end.
#[derive(Debug)]
pub struct Tap<T> {
    batch: Vec<T>,
    outlets: Outlets<T>,
}

impl<T> Tap<T> {
    /// For these outlets; none where there are none, so that what nobody wants isn't made.
    pub fn new(outlets: &Outlets<T>) -> Option<Self> {
        let outlets = Arc::clone(outlets);
        (!outlets.is_empty()).then(|| Self { batch: Vec::with_capacity(BATCH_MAX), outlets })
    }

    /// Adds one.
    pub fn push(&mut self, item: T) {
        self.batch.push(item);
        if self.batch.len() >= BATCH_MAX {
            self.flush();
        }
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = Arc::new(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_MAX)));
            self.outlets.iter().for_each(|outlet| outlet.offer(&batch));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<Vec<u64>>>);

    impl Outlet<u64> for Heard {
        fn offer(&self, batch: &Batch<u64>) {
            self.0.lock().unwrap().push(batch.to_vec());
        }
    }

    #[test]
    fn all_that_is_pushed_is_handed_over_once_and_in_order() {
        let (one, two) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
        let outlets: Outlets<u64> = Arc::from(vec![one.clone() as Arc<dyn Outlet<u64>>, two.clone()]);
        let mut tap = Tap::new(&outlets).unwrap();
        let all: Vec<u64> = (0..BATCH_MAX as u64 * 2 + 3).collect();
        for number in &all {
            tap.push(*number);
        }
        tap.flush();
        tap.flush();
        let heard = one.0.lock().unwrap();
        assert_eq!(heard.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH_MAX, BATCH_MAX, 3]);
        assert_eq!(heard.concat(), all);
        assert_eq!(*heard, *two.0.lock().unwrap());
    }

    #[test]
    fn without_an_outlet_there_is_no_tap() {
        assert!(Tap::<u64>::new(&Arc::from(Vec::new())).is_none());
    }
}
