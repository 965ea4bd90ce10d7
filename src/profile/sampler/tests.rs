//! A thread of our own is sampled, with a fiber on it.

use super::*;

/// Uses a processor, and calls nothing meanwhile: the leaf of its stacks.
#[inline(never)]
fn spin(rounds: u32) -> u64 {
    let (mut x, mut n) = (88_172_645_463_325_252_u64, 0);
    while n < rounds {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        n += 1;
    }
    x
}

/// The same for so much processor time of the process.
#[inline(never)]
fn burn(span: Duration) -> u64 {
    let until = process_cpu() + span;
    let mut sum = 0_u64;
    while process_cpu() < until {
        sum = sum.wrapping_add(spin(100_000));
    }
    sum
}

#[test]
fn a_thread_is_seen_from_leaf_to_root_through_its_fiber() {
    use crate::fiber::{Arena, Current, Fiber};
    let mut sampler = Sampler::prepare().unwrap();
    assert!(matches!(Sampler::prepare(), Err(ProfileError::Busy)), "there is one at a time");
    sampler.start().unwrap();
    let thread = std::thread::Builder::new().name("burner".to_owned());
    let thread = thread.spawn(|| {
        let _seat = enlist();
        take_ticks();
        let arena = Arena::new(1).unwrap();
        let current = std::rc::Rc::new(Current::default());
        let fiber = Fiber::new(&arena, &current, || burn(Duration::from_millis(600))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(fiber).is_ok());
        take_ticks()
    });
    let ticks = thread.unwrap().join().unwrap();
    sampler.stop().unwrap();
    let samples = sampler.finish().unwrap();
    let of_thread: Vec<&Stack> = samples.stacks.iter().filter(|stack| stack.thread == "burner").collect();
    let kept: u64 = of_thread.iter().map(|stack| stack.count).sum();
    // Other tests of this process share the timer: a part of a hundred samples is enough.
    assert!(kept >= 10 && u64::from(ticks) >= kept, "{kept} of {ticks}");
    let own = Samples { stacks: of_thread.into_iter().cloned().collect(), ..samples };
    let folded = own.folded();
    assert!(own.rooted() * 100 >= own.count() * 99, "{} of {}\n{folded}", own.rooted(), own.count());
    let text = folded.to_string();
    let fiber = text.lines().find(|line| line.contains("spin")).expect("the function that burns");
    assert!(fiber.contains("burn;") && fiber.contains("corosensei"), "{fiber}");
    let leaf = folded.top(true).remove(0);
    assert!(leaf.name.ends_with("::spin") && leaf.own * 2 > own.count(), "{leaf:?}\n{folded}");
    assert!(!text.contains("::h0") && !text.contains("_ZN") && !text.contains("_R"), "{text}");
}

/// Set for the child alone.
const OVERFLOWS: &str = "RUNNER_TEST_OVERFLOWS";

fn deeper(level: u64) -> u64 {
    std::hint::black_box(if std::hint::black_box(level) == u64::MAX { 0 } else { deeper(level + 1) }) + level
}

/// The child of the test below.
#[test]
fn a_fiber_that_overflows_while_it_is_sampled() {
    use crate::fiber::{Arena, Current, Fiber};
    if std::env::var_os(OVERFLOWS).is_none() {
        return;
    }
    crate::fiber::report_overflows();
    let mut sampler = Sampler::prepare().unwrap();
    sampler.start().unwrap();
    let thread = std::thread::spawn(|| {
        let _seat = enlist();
        let arena = Arena::new(1).unwrap();
        let current = std::rc::Rc::new(Current::default());
        let fiber = Fiber::new(&arena, &current, || {
            burn(Duration::from_millis(50));
            deeper(0)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(fiber.unwrap()).is_ok()
    });
    assert!(thread.join().is_err(), "the process ends before");
}

#[test]
fn the_guard_below_fibers_works_on_the_samplers_stack_too() {
    let tests = std::env::current_exe().expect("the program of these tests");
    let child = std::process::Command::new(tests)
        .args([
            "--exact",
            "profile::sampler::tests::a_fiber_that_overflows_while_it_is_sampled",
            "--nocapture",
        ])
        .env(OVERFLOWS, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stderr);
    assert_eq!(child.status.code(), Some(109), "{said}");
    assert!(said.contains("a fiber overflowed its stack"), "{said}");
}
