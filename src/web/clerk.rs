//! Takes in what the run tells, on the API's own thread: adds it up, and tells the listeners.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::diagnostic::{Mask, to_json};
use crate::engine::Control;

use super::beat::Notice;
use super::board::Board;
use super::event;
use super::feed::Inbox;
use super::guard::Guard;
use super::hub::{BREATH, Hub};
use super::reply::seal;
use super::status;

/// What the requests and the clerk share. One thread has both, so a lock is never waited for.
#[derive(Debug)]
pub(super) struct Desk {
    /// Of the load that is played now: `watch` plays one after another.
    control: Mutex<Control>,
    pub(super) mask: Mask,
    pub(super) guard: Guard,
    board: Mutex<Board>,
    hub: Mutex<Hub>,
}

impl Desk {
    pub(super) fn new(control: Control, mask: Mask, guard: Guard, board: Board) -> Self {
        let control = Mutex::new(control);
        Self { control, mask, guard, board: Mutex::new(board), hub: Mutex::default() }
    }

    pub(super) fn control(&self) -> Control {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on another load is steered.
    pub(super) fn steer(&self, control: &Control) {
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = control.clone();
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> Json {
        status::document(&self.control(), &self.board())
    }

    fn publish(&self, name: &str, data: Json) {
        let text = seal(data, &self.mask);
        self.hub().publish(name, &text);
    }

    fn take(&self, notice: Notice) {
        match notice {
            Notice::Plays(plan) => *self.board() = Board::new(&plan),
            Notice::LoadBegins => self.publish("begin", json!({})),
            Notice::LoadEnds => {
                self.board().is_load_over = true;
                self.publish("load_end", json!({}));
            }
            Notice::Second(beat) => {
                let tick = {
                    let mut board = self.board();
                    board.add(&beat);
                    event::tick(&beat, &board)
                };
                self.publish("tick", tick);
            }
            Notice::Line(line) => {
                if self.hub().is_heard() {
                    self.publish("log", event::log(&line));
                }
            }
            Notice::Epoch(news) => {
                self.board().take_plan(&news.plan);
                self.publish("epoch", event::epoch(&news));
            }
            Notice::Refused(diagnostic) => self.publish("refused", to_json(&diagnostic)),
            Notice::End(verdict) => {
                {
                    let mut board = self.board();
                    (board.is_load_over, board.is_over) = (true, true);
                }
                self.publish("end", event::end(&verdict));
            }
        }
    }

    fn take_all(&self, inbox: &Inbox) {
        let (notices, lines_lost) = inbox.take();
        for notice in notices {
            self.take(notice);
        }
        if lines_lost > 0 {
            self.publish("log_lost", json!({ "lines": lines_lost }));
        }
    }
}

/// Works until the word to close comes, and tells then what has come in until then.
pub(super) async fn work(desk: Arc<Desk>, inbox: Arc<Inbox>, mut closed: watch::Receiver<()>) {
    let mut breath = tokio::time::interval(BREATH);
    loop {
        tokio::select! {
            () = inbox.rung() => desk.take_all(&inbox),
            _ = breath.tick() => desk.hub().breathe(),
            // The sender is dropped: that is the word.
            _ = closed.changed() => break,
        }
    }
    desk.take_all(&inbox);
    desk.hub().close();
}
