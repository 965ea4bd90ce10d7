//! What was sampled: stacks by thread, with the names of functions.

use std::time::Duration;

use super::Folded;

/// A function of the program or a library.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Its name, without the hash that a compiler adds; a library in brackets where it has none.
    pub function: String,
    /// The source file, where that is known.
    pub file: Option<String>,
}

/// A stack of one thread, and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The thread's name.
    pub thread: String,
    /// Indices into [`Samples::frames`], the outermost call first.
    pub frames: Vec<usize>,
    /// Samples.
    pub count: u64,
}

/// What a [`super::Sampler`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Samples {
    /// All functions that were met.
    pub frames: Vec<Frame>,
    /// All stacks.
    pub stacks: Vec<Stack>,
    /// Samples a second of processor time that were asked for.
    pub hertz: u32,
    /// Processor time of the whole process meanwhile.
    pub cpu: Duration,
    /// Samples that could not be kept, since another thread was being sampled or the disk was full.
    pub lost: u64,
    /// Samples that fell on threads that aren't ours to look into.
    pub elsewhere: u64,
}

/// Where a thread's own code begins: `main` has one of them too, and a thread of Rust's the other.
const ROOTS: [&str; 2] = ["main", "thread_start"];

/// The functions of a root and what the system calls it by: more never stand outside of it.
const ROOT_DEPTH_MAX: usize = 6;

impl Samples {
    /// Samples that were kept.
    pub fn count(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.count).sum()
    }

    /// Those of them whose stack is known as far as the thread's root.
    pub fn rooted(&self) -> u64 {
        let rooted = self.stacks.iter().filter(|stack| self.reaches_root(stack));
        rooted.map(|stack| stack.count).sum()
    }

    fn reaches_root(&self, stack: &Stack) -> bool {
        stack.frames.iter().take(ROOT_DEPTH_MAX).any(|index| {
            let function = self.frames[*index].function.as_str();
            ROOTS.contains(&function.rsplit("::").next().unwrap_or(function))
        })
    }

    /// As folded stacks, each below its thread's name.
    pub fn folded(&self) -> Folded {
        let mut folded = Folded::default();
        for stack in &self.stacks {
            let functions = stack.frames.iter().map(|index| self.frames[*index].function.as_str());
            folded.add(std::iter::once(stack.thread.as_str()).chain(functions), stack.count);
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_was_cut_short_is_told_from_a_whole_one() {
        let frame = |name: &str| Frame { function: name.to_owned(), file: None };
        let frames = ["start_thread", "std::sys::thread::unix::Thread::new::thread_start", "main", "work"];
        let stack =
            |frames: &[usize], count| Stack { thread: "worker 0".to_owned(), frames: frames.to_vec(), count };
        let samples = Samples {
            frames: frames.map(frame).to_vec(),
            stacks: vec![
                stack(&[0, 1, 3], 5),
                stack(&[2, 3], 2),
                stack(&[3], 1),
                stack(&[3, 3, 3, 3, 3, 3, 2], 1),
            ],
            ..Samples::default()
        };
        assert_eq!((samples.count(), samples.rooted()), (9, 7));
        assert!(samples.folded().to_string().contains("worker 0;main;work 2\n"));
    }
}
