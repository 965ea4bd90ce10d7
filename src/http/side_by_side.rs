//! Several things at once on one thread, begun in order, with a limit for all and one for each key: how a browser
//! loads a page.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// One of the things to be done.
struct Item<F: Future> {
    /// Which of the keys it has, by number.
    key: usize,
    work: Pin<Box<F>>,
    is_begun: bool,
    output: Option<F::Output>,
}

/// Does all of it, and gives what came of each, in order. At most `most` are under way at once, and at most
/// `most_per_key` with the same key; what a key's limit holds back holds back nothing else. 0 is no limit.
pub async fn side_by_side<K: PartialEq, F: Future>(
    work: Vec<(K, F)>,
    most: usize,
    most_per_key: usize,
) -> Vec<F::Output> {
    let mut keys: Vec<K> = Vec::new();
    let mut items: Vec<Item<F>> = Vec::with_capacity(work.len());
    for (key, work) in work {
        let number = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            keys.push(key);
            keys.len() - 1
        });
        items.push(Item { key: number, work: Box::pin(work), is_begun: false, output: None });
    }
    let limit = |most: usize| if most == 0 { usize::MAX } else { most };
    let (mut under_way, mut of_key) = (0, vec![0_usize; keys.len()]);
    poll_fn(|context| {
        // Whatever ends makes room for another, which may end at once.
        let mut has_room = true;
        while std::mem::take(&mut has_room) {
            for item in items.iter_mut().filter(|item| item.output.is_none()) {
                if !item.is_begun {
                    if under_way >= limit(most) || of_key[item.key] >= limit(most_per_key) {
                        continue;
                    }
                    item.is_begun = true;
                    under_way += 1;
                    of_key[item.key] += 1;
                }
                if item.poll(context) {
                    under_way -= 1;
                    of_key[item.key] -= 1;
                    has_room = true;
                }
            }
        }
        if under_way == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    items.into_iter().map(|item| item.output.expect("all have ended")).collect()
}

impl<F: Future> Item<F> {
    /// Whether it has ended now.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        match self.work.as_mut().poll(context) {
            Poll::Pending => false,
            Poll::Ready(output) => {
                self.output = Some(output);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
    }

    /// How many are under way, the most there were at once, and the order in which they began.
    #[derive(Default)]
    struct Books {
        now: Cell<usize>,
        most: Cell<usize>,
        begun: RefCell<Vec<usize>>,
    }

    /// Gives way a few times.
    async fn work(number: usize, turns: usize, books: Rc<Books>) -> usize {
        books.begun.borrow_mut().push(number);
        books.now.set(books.now.get() + 1);
        books.most.set(books.most.get().max(books.now.get()));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        books.now.set(books.now.get() - 1);
        number
    }

    #[test]
    fn outputs_come_in_order_whoever_ends_first() {
        let books = Rc::<Books>::default();
        let list = (0..5).map(|number| ((), work(number, 5 - number, Rc::clone(&books)))).collect();
        assert_eq!(run(side_by_side(list, 0, 0)), [0, 1, 2, 3, 4]);
        assert_eq!(books.most.get(), 5, "all at once");
        assert_eq!(*books.begun.borrow(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn no_more_than_the_limit_are_under_way() {
        let books = Rc::<Books>::default();
        let list = (0..9).map(|number| ((), work(number, number % 3, Rc::clone(&books)))).collect();
        assert_eq!(run(side_by_side(list, 2, 0)).len(), 9);
        assert_eq!(books.most.get(), 2);
    }

    #[test]
    fn a_key_at_its_limit_holds_back_only_its_own() {
        let (a, b) = <(Rc<Books>, Rc<Books>)>::default();
        let list = (0..8)
            .map(|number| {
                let books = if number < 6 { Rc::clone(&a) } else { Rc::clone(&b) };
                (number < 6, work(number, 3, books))
            })
            .collect();
        run(side_by_side(list, 0, 2));
        assert_eq!((a.most.get(), b.most.get()), (2, 2));
        assert!(b.now.get() == 0 && a.begun.borrow().len() == 6);
    }

    #[test]
    fn nothing_is_done_at_once() {
        assert!(run(side_by_side(Vec::<((), std::future::Ready<()>)>::new(), 1, 1)).is_empty());
    }
}
