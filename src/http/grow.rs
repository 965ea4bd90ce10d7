//! How the buffer of a body grows.
//!
//! A body may be 64 MiB, and a buffer that moves is there twice, beside the smaller ones before it that the
//! allocator hasn't given back yet: doubled each time, they cost almost four times the body. What isn't written yet
//! costs nothing, so a large buffer grows fourfold, and never beyond what may still come.

/// From here on a buffer grows by more than its double: below, what it leaves behind is nothing to speak of.
const LARGE_BYTES: usize = 256 << 10;
const LARGE_GROWTH: usize = 4;

/// Appends `data` to a body that may take `room` bytes more, these included.
#[inline]
pub(super) fn append(body: &mut Vec<u8>, data: &[u8], room: u64) {
    if body.capacity() - body.len() < data.len() {
        grow(body, data.len(), room);
    }
    body.extend_from_slice(data);
}

/// The same for a body of which nobody knows how long it becomes: past a small size it gets all the room there is at
/// once, and never moves. What isn't written costs nothing; [`settle`] gives it back.
#[inline]
pub(super) fn append_in_place(body: &mut Vec<u8>, data: &[u8], room: u64) {
    if body.capacity() - body.len() < data.len() {
        if body.len() + data.len() < LARGE_BYTES {
            body.reserve(data.len());
        } else {
            body.reserve_exact(usize::try_from(room).unwrap_or(usize::MAX).max(data.len()));
        }
    }
    body.extend_from_slice(data);
}

/// Gives back the room that a complete body leaves; one that fills most of it is not moved for that.
pub(super) fn settle(body: &mut Vec<u8>) {
    if body.capacity() / 2 > body.len() {
        body.shrink_to_fit();
    }
}

#[cold]
fn grow(body: &mut Vec<u8>, more: usize, room: u64) {
    if body.capacity() < LARGE_BYTES {
        return body.reserve(more);
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let limit = body.len().saturating_add(room);
    let wanted = body.capacity() * LARGE_GROWTH;
    // While it moves, what is written is there twice: not of a buffer that takes more than half of the limit.
    let wanted = if wanted > limit / 2 { limit } else { wanted };
    body.reserve_exact(wanted.saturating_sub(body.len()).max(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capacities of a body that comes in reads of 64 KiB.
    fn capacities(bytes: usize, limit: usize) -> Vec<usize> {
        let (mut body, mut seen) = (Vec::new(), Vec::new());
        while body.len() < bytes {
            let room = (limit - body.len()) as u64;
            append(&mut body, &vec![7; 64 << 10], room);
            if seen.last() != Some(&body.capacity()) {
                seen.push(body.capacity());
            }
        }
        assert!(body.iter().all(|byte| *byte == 7));
        seen
    }

    #[test]
    fn a_body_that_fills_its_limit_moves_few_bytes() {
        const LIMIT: usize = 64 << 20;
        let seen = capacities(LIMIT, LIMIT);
        assert_eq!(seen.last(), Some(&LIMIT), "not a byte beyond the limit");
        let left_behind: usize = seen[..seen.len() - 1].iter().sum();
        assert!(left_behind <= LIMIT / 2, "{seen:?}");
    }

    #[test]
    fn a_body_of_unknown_length_moves_while_it_is_small_alone() {
        const LIMIT: usize = 8 << 20;
        let (mut body, mut seen) = (Vec::new(), Vec::new());
        while body.len() < 2 << 20 {
            let room = (LIMIT - body.len()) as u64;
            append_in_place(&mut body, &[7; 10_000], room);
            if seen.last() != Some(&body.capacity()) {
                seen.push(body.capacity());
            }
        }
        assert_eq!(seen.pop(), Some(LIMIT));
        assert!(seen.iter().sum::<usize>() < 3 * LARGE_BYTES, "{seen:?}");
        let length = body.len();
        settle(&mut body);
        assert_eq!((body.len(), body.capacity()), (length, length));
    }

    #[test]
    fn a_small_body_takes_no_large_buffer() {
        let seen = capacities(256 << 10, 64 << 20);
        assert!(seen.iter().all(|capacity| *capacity <= 512 << 10), "{seen:?}");
    }
}
