//! Who listens to the run's events: a bounded queue each. Who reads too slowly loses events, and is told how many.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The most listeners: each costs a queue.
pub(super) const LISTENERS_MAX: usize = 32;
/// Events that wait for a listener: half a minute of a chatty run.
const WAITING_MAX: usize = 256;
/// How often something is written, so that both ends know of each other: well within [`super::seat::SILENCE_MAX`].
pub(super) const BREATH: Duration = Duration::from_secs(4);

/// The listeners.
#[derive(Debug, Default)]
pub(super) struct Hub {
    listeners: Vec<Listener>,
    /// Of the event before.
    number: u64,
    /// The last second, for whoever comes in its midst.
    latest: Option<Bytes>,
    is_closed: bool,
}

#[derive(Debug)]
struct Listener {
    queue: Sender<Bytes>,
    lost: u64,
}

/// What a listener reads.
#[derive(Debug)]
pub(super) struct Events(Receiver<Bytes>);

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// An event as it is sent.
fn frame(name: &str, number: Option<u64>, data: &str) -> Bytes {
    // The data is JSON on one line: no line break can end it early.
    debug_assert!(!data.contains(['\n', '\r']));
    let id = number.map_or_else(String::new, |number| format!("id: {number}\n"));
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}

impl Hub {
    /// Whether it is worth making an event.
    pub(super) fn is_heard(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Another listener; none where there are too many, and one that is over at once where the run is.
    pub(super) fn listen(&mut self, greeting: &str) -> Option<Events> {
        self.listeners.retain(|listener| !listener.queue.is_closed());
        if self.listeners.len() >= LISTENERS_MAX {
            return None;
        }
        let (queue, events) = channel(WAITING_MAX);
        let mut listener = Listener { queue, lost: 0 };
        listener.send(&frame("status", None, greeting));
        if let Some(latest) = &self.latest {
            listener.send(latest);
        }
        if !self.is_closed {
            self.listeners.push(listener);
        }
        Some(Events(events))
    }

    /// Tells all.
    pub(super) fn publish(&mut self, name: &str, data: &str) {
        self.number += 1;
        let event = frame(name, Some(self.number), data);
        if name == "tick" {
            self.latest = Some(event.clone());
        }
        self.listeners.retain_mut(|listener| listener.tell(&event));
    }

    /// Writes something that is no event.
    pub(super) fn breathe(&mut self) {
        let nothing = Bytes::from_static(b":\n\n");
        // Who has events that wait needs no breath.
        self.listeners.retain_mut(|listener| {
            listener.queue.capacity() < WAITING_MAX || listener.queue.try_send(nothing.clone()).is_ok()
        });
    }

    /// There is nothing more: each listener's stream ends with what waits for it.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.listeners.clear();
    }
}

impl Listener {
    /// Whether it is still there.
    fn tell(&mut self, event: &Bytes) -> bool {
        if self.lost > 0 {
            let lost = frame("lost", None, &format!("{{\"events\":{}}}", self.lost));
            if self.queue.capacity() >= 2 && self.queue.try_send(lost).is_ok() {
                self.lost = 0;
            } else {
                self.lost += 1;
                return !self.queue.is_closed();
            }
        }
        self.send(event)
    }

    fn send(&mut self, event: &Bytes) -> bool {
        match self.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(events: &mut Events) -> Vec<String> {
        let mut texts = Vec::new();
        while let Ok(event) = events.0.try_recv() {
            texts.push(String::from_utf8(event.to_vec()).unwrap());
        }
        texts
    }

    #[test]
    fn who_comes_hears_how_things_are_and_what_follows() {
        let mut hub = Hub::default();
        hub.publish("tick", "{\"number\":1}");
        let mut events = hub.listen("{}").unwrap();
        hub.publish("log", "{\"text\":\"a\"}");
        hub.breathe();
        hub.close();
        assert_eq!(
            text(&mut events),
            [
                "event: status\ndata: {}\n\n",
                "id: 1\nevent: tick\ndata: {\"number\":1}\n\n",
                "id: 2\nevent: log\ndata: {\"text\":\"a\"}\n\n",
            ]
        );
        assert!(events.0.is_closed(), "it is over");
    }

    #[test]
    fn who_reads_too_slowly_is_told_how_many_events_it_lost() {
        let mut hub = Hub::default();
        let mut events = hub.listen("{}").unwrap();
        for _ in 0..WAITING_MAX + 9 {
            hub.publish("log", "{}");
        }
        assert_eq!(text(&mut events).len(), WAITING_MAX);
        hub.publish("log", "{\"text\":\"b\"}");
        let rest = text(&mut events);
        assert_eq!(rest[0], "event: lost\ndata: {\"events\":10}\n\n");
        assert!(rest[1].ends_with("data: {\"text\":\"b\"}\n\n"), "{rest:?}");
    }

    #[test]
    fn listeners_are_few_and_those_that_left_make_room() {
        let mut hub = Hub::default();
        let mut all: Vec<Events> = (0..LISTENERS_MAX).map(|_| hub.listen("{}").unwrap()).collect();
        assert!(hub.listen("{}").is_none());
        all.pop();
        assert!(hub.listen("{}").is_some());
        drop(all);
        hub.publish("log", "{}");
        assert!(!hub.is_heard(), "nobody is left but who has left since");
    }
}
