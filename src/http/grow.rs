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
    fn a_small_body_takes_no_large_buffer() {
        let seen = capacities(256 << 10, 64 << 20);
        assert!(seen.iter().all(|capacity| *capacity <= 512 << 10), "{seen:?}");
    }
}
