use super::*;

/// Uses a processor for a while; the name is looked for.
#[inline(never)]
fn burn_for(span: Duration) -> u64 {
    let until = process_cpu() + span;
    let mut x = 1_u64;
    while process_cpu() < until {
        for _ in 0..10_000 {
            x = std::hint::black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
        }
    }
    x
}

#[test]
fn a_thread_is_seen_from_leaf_to_root_and_a_fiber_on_it_too() {
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
        let fiber = Fiber::new(&arena, &current, || burn_for(Duration::from_millis(600))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(fiber).is_ok());
        take_ticks()
    });
    let ticks = thread.unwrap().join().unwrap();
    sampler.stop().unwrap();
    let samples = sampler.finish().unwrap();
    let of_thread: Vec<&Stack> = samples.stacks.iter().filter(|stack| stack.thread == "burner").collect();
    let kept: u64 = of_thread.iter().map(|stack| stack.count).sum();
    // Other tests of this process share the timer: a share of a hundred samples is enough.
    assert!(kept >= 10 && u64::from(ticks) >= kept, "{kept} of {ticks}");
    let own = Samples { stacks: of_thread.into_iter().cloned().collect(), ..samples };
    assert!(own.rooted() * 100 >= own.count() * 99, "{} of {}\n{}", own.rooted(), own.count(), own.folded());
    let folded = own.folded().to_string();
    let line = folded.lines().find(|line| line.contains("burn_for")).expect("the function that burns");
    assert!(line.contains("Fiber") || line.contains("coroutine"), "{line}");
    let leaf = own.folded().top(true).remove(0);
    assert!(
        leaf.name.contains("burn_for") || leaf.name.contains("clock_gettime") || leaf.name.starts_with('['),
        "{leaf:?}"
    );
    assert!(!folded.contains("::h0") && !folded.contains("_ZN") && !folded.contains("_R"), "{folded}");
}
