//! The phases of a request sum to its whole time, whatever the server does and however it ends.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::*;

/// Requests of one test: the behaviours below, in random order and combination.
const REQUESTS: usize = 200;

/// What the server does with one request, as its header `X-Act` says.
#[derive(Clone, Copy, Debug)]
struct Act {
    /// Milliseconds before the first byte.
    delay: u64,
    /// Pieces of the response, a millisecond apart.
    pieces: usize,
    framing: Framing,
    /// Whether it answers with half of the request unread.
    early: bool,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    UntilClose,
    Interim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    KeepAlive,
    Close,
    /// Half of the response, then a reset.
    Reset,
    /// Half of the response, then silence until the time-out.
    Silence,
}

impl Act {
    fn random(random: &mut Pcg64Mcg) -> Self {
        let framings = [Framing::Length, Framing::Chunked, Framing::UntilClose, Framing::Interim];
        let ends = [
            End::KeepAlive,
            End::KeepAlive,
            End::KeepAlive,
            End::KeepAlive,
            End::Close,
            End::Reset,
            End::Silence,
        ];
        Self {
            delay: [0, 0, 0, 1, 5][random.random_range(0..5)],
            pieces: [1, 1, 2, 5][random.random_range(0..4)],
            framing: framings[random.random_range(0..framings.len())],
            early: random.random_range(0..8) == 0,
            end: ends[random.random_range(0..ends.len())],
        }
    }

    fn response(self) -> Vec<u8> {
        let close = if self.end == End::KeepAlive { "" } else { "Connection: close\r\n" };
        match self.framing {
            Framing::Length => format!("HTTP/1.1 200 OK\r\n{close}Content-Length: 5\r\n\r\nhello"),
            Framing::Chunked => {
                format!("HTTP/1.1 200 OK\r\n{close}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            }
            Framing::UntilClose => "HTTP/1.1 200 OK\r\n\r\nhello".to_owned(),
            Framing::Interim => format!(
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n{close}Content-Length: 5\r\n\r\nhello"
            ),
        }
        .into_bytes()
    }
}

/// Plays the acts in the order of the connections and their requests, which the client makes one at a time.
async fn acting(acts: Rc<RefCell<Vec<Act>>>) -> Rc<Endpoint> {
    let address = server(move |_, mut stream| {
        let acts = Rc::clone(&acts);
        async move {
            loop {
                // The act is taken once a request is here: a connection may be closed without one.
                let mut first = [0; 1];
                if stream.peek(&mut first).await.unwrap_or(0) == 0 {
                    return;
                }
                let act = *acts.borrow().last().expect("an act for each request");
                if act.early {
                    let mut some = [0; 20];
                    let _ = stream.read_exact(&mut some).await;
                } else if read_request(&mut stream).await.is_none() {
                    return;
                }
                if act.delay > 0 {
                    tokio::time::sleep(Duration::from_millis(act.delay)).await;
                }
                let mut response = act.response();
                if matches!(act.end, End::Reset | End::Silence) {
                    response.truncate(response.len() / 2);
                }
                for piece in response.chunks(response.len().div_ceil(act.pieces)) {
                    if stream.write_all(piece).await.is_err() {
                        return;
                    }
                    if act.pieces > 1 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                match act.end {
                    End::Silence => tokio::time::sleep(Duration::from_millis(100)).await,
                    End::Reset => drop(stream.set_zero_linger()),
                    End::KeepAlive if act.framing != Framing::UntilClose && !act.early => continue,
                    End::KeepAlive | End::Close => {}
                }
                return;
            }
        }
    });
    endpoint(address.await)
}

fn play(shared: Rc<Shared>, seed: u64) {
    run(async {
        let acts = Rc::new(RefCell::new(Vec::new()));
        let endpoint = acting(Rc::clone(&acts)).await;
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
        let client = Client::new(clock, shared, Options::default());
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut reused, mut complete, mut failed) = (0, 0, 0);
        for _ in 0..REQUESTS {
            let act = Act::random(&mut random);
            acts.borrow_mut().push(act);
            let size = [0, 10, 1 << 10, 1 << 20][random.random_range(0..4)];
            let body = vec![b'x'; size];
            let method = if size > 0 { Method::Put } else { Method::Get };
            let request = Request { body: &body, timeout_ns: 60_000_000, ..Request::new(&method, &endpoint) };
            let exchange = client.send(&request).await;

            // Exactly, which is stricter than the microsecond that is promised.
            assert_books_balance(&exchange);
            let phases = exchange.timings.phases;
            let parts = phases.sending_ns + phases.waiting_ns + phases.receiving_ns;
            assert_eq!(phases.duration_ns(), parts);
            assert_eq!(phases.connecting_ns == 0, exchange.reused, "{act:?} {phases:?}");
            assert_eq!((phases.dns_ns, phases.tls_ns), (0, 0));
            match &exchange.result {
                Ok(response) => {
                    assert_eq!(response.body(), b"hello", "{act:?}");
                    if act.delay > 0 && !act.early {
                        assert!(phases.waiting_ns > 0, "{act:?} {phases:?}");
                    }
                    complete += 1;
                }
                Err(failure) => {
                    // On a busy machine anything may be late.
                    let late = failure.error_code() == 1050;
                    let cut = matches!(act.end, End::Reset | End::Silence) || act.early;
                    assert!(cut || late, "{act:?} {failure}");
                    assert!(late || [1220, 1201, 1000].contains(&failure.error_code()), "{act:?} {failure}");
                    failed += 1;
                }
            }
            reused += usize::from(exchange.reused);
        }
        // All of it has to happen, or the sums were of one kind.
        assert!(reused > 10 && complete > 50 && failed > 10, "{reused} {complete} {failed}");
    });
}

#[test]
fn phases_sum_to_the_whole_whatever_the_server_does() {
    play(Shared::new(), 1);
}

#[test]
fn phases_sum_to_the_whole_where_requests_are_posted() {
    play(Shared::with_outbox(), 2);
}
