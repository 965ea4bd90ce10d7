//! The thread of the view: hears the runs, the keys and the terminal's changes, and draws.
//!
//! | state   | event                                      | next    |
//! |---------|--------------------------------------------|---------|
//! | away    | the process is in front of its terminal    | up      |
//! | up      | it no longer is (`bg`)                     | away    |
//! | up      | Ctrl-Z                                     | asleep  |
//! | asleep  | somebody wakes it                          | away    |
//! | up      | closed, or a panic                         | gone    |
//! | away    | closed                                     | gone    |
//!
//! Up, the keys are its own and the page stands at the end of the terminal. Away, lines are said as if there was no view.
//! However the thread ends, the terminal is as it was.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::net::unix::pipe;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::act::Act;
use super::board::Board;
use super::key::{Key, keys};
use super::mail::{Mail, Word};
use super::page::{draw, page};
use super::painter::Painter;
use super::spectator::Spectator;
use super::steer::{Wish, press};
use super::tty::{self, Tty};
use crate::diagnostic::Mask;

/// Between two frames: lines that come faster are said together.
const FRAME_MIN: Duration = Duration::from_millis(30);

/// How often an idle view looks at the terminal: whose it is, and how its modes are.
const LOOK: Duration = Duration::from_millis(500);

/// A terminal without a size is as large as terminals once were.
const SIZE: (usize, usize) = (80, 24);

/// Of so many rows of the terminal one is left to what is said above the page.
const SAID_ROWS: usize = 6;

/// How a view looks, and whom it tells.
pub struct Look {
    /// What is hidden.
    pub mask: Mask,
    /// Whether colours may be used.
    pub colour: bool,
    /// Called for the key that ends the runs, each time.
    pub stop: Box<dyn Fn() + Send>,
}

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("colour", &self.colour).finish_non_exhaustive()
    }
}

/// A view that is up, until it is dropped.
#[derive(Debug)]
pub struct View {
    mail: Arc<Mail>,
    thread: Option<JoinHandle<()>>,
}

/// Says lines above a view.
#[derive(Debug, Clone)]
pub struct Voice(Arc<Mail>);

impl Voice {
    /// Says whole lines; false where the view is gone, and the terminal as it was. Control sequences but for styles must not be
    /// in them.
    pub fn say(&self, text: &str) -> bool {
        self.0.say(text)
    }
}

impl View {
    /// Shows runs that are played at the same time; there must be one. An observer each comes back, in their order. It fails
    /// where the process has no terminal.
    pub fn open(acts: Vec<Act>, look: Look) -> io::Result<(Self, Vec<Spectator>)> {
        let tty = Tty::open()?;
        let mail = Arc::new(Mail::default());
        let spectators = acts.iter().enumerate();
        let spectators = spectators.map(|(run, act)| Spectator::new(run, act, &look.mask, &mail)).collect();
        let board = Board::new(acts, &look.mask, look.colour);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let ears = {
            let _entered = runtime.enter();
            Ears::listen(&tty)?
        };
        let stage = Stage {
            tty,
            board,
            painter: Painter::default(),
            mail: Arc::clone(&mail),
            stop: look.stop,
            is_up: false,
            has_slept: false,
        };
        let thread = std::thread::Builder::new().name("view".to_owned());
        let thread = thread.spawn(move || stage.play(&runtime, ears))?;
        Ok((Self { mail, thread: Some(thread) }, spectators))
    }

    /// Who says lines above it.
    pub fn voice(&self) -> Voice {
        Voice(Arc::clone(&self.mail))
    }
}

impl Drop for View {
    /// Takes the page away and gives the terminal back.
    fn drop(&mut self) {
        self.mail.close();
        if let Some(thread) = self.thread.take() {
            // It reports its panics itself, and has given the terminal back.
            let _ = thread.join();
        }
    }
}

/// What the thread listens to besides the runs.
struct Ears {
    /// None once the terminal is gone.
    keys: Option<pipe::Receiver>,
    resized: Signal,
    woken: Signal,
}

impl Ears {
    fn listen(tty: &Tty) -> io::Result<Self> {
        Ok(Self {
            // A terminal is waited for and read as a pipe is.
            keys: Some(pipe::Receiver::from_file_unchecked(tty.file()?)?),
            resized: signal(SignalKind::window_change())?,
            // Whoever was put to sleep from outside finds another terminal than it left.
            woken: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }
}

/// What the thread owns.
struct Stage {
    tty: Tty,
    board: Board,
    painter: Painter,
    mail: Arc<Mail>,
    stop: Box<dyn Fn() + Send>,
    /// Whether the page is on the terminal and the keys are ours.
    is_up: bool,
    /// It was put to sleep by its own key.
    has_slept: bool,
}

impl Stage {
    fn play(mut self, runtime: &Runtime, mut ears: Ears) {
        runtime.block_on(async {
            let mut drawn = None::<Instant>;
            loop {
                let (words, is_last) = self.mail.take();
                let said: Vec<String> = words.into_iter().filter_map(|word| self.board.hear(word)).collect();
                if is_last {
                    self.close(&said.concat());
                    return;
                }
                self.look();
                self.show(&said.concat());
                let next = drawn.map_or(Duration::ZERO, |drawn| FRAME_MIN.saturating_sub(drawn.elapsed()));
                drawn = Some(Instant::now());
                tokio::time::sleep(next).await;
                tokio::select! {
                    () = self.mail.came() => {}
                    pressed = pressed(&mut ears.keys), if self.is_up => {
                        for key in pressed {
                            self.press(key);
                        }
                    }
                    _ = ears.resized.recv() => {}
                    _ = ears.woken.recv() => self.wake(),
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        });
    }

    /// Whose the terminal is now.
    fn look(&mut self) {
        let is_ours = self.tty.is_ours();
        if is_ours {
            // Each time: a shell that wakes the process may set the modes after it.
            self.is_up = self.tty.take().is_ok();
        } else if !is_ours && self.is_up {
            tty::send(&self.painter.leave());
            self.is_up = false;
        }
    }

    /// Draws the page, with lines above it.
    fn show(&mut self, said: &str) {
        let said = lines(said);
        if !self.is_up {
            tty::send(&said);
            return;
        }
        self.board.settle();
        let (columns, rows) = tty::size().filter(|(columns, rows)| columns * rows > 0).unwrap_or(SIZE);
        // A character in the last column would leave the cursor between two lines.
        let width = columns.saturating_sub(1).max(1);
        let height = (rows - (rows / SAID_ROWS).max(1).min(rows - 1)).max(1);
        let lines = page(&self.board, width, height);
        let size = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let mut buffer = Buffer::empty(Rect::new(0, 0, size(width), size(lines.len())));
        draw(&lines, buffer.area, &mut buffer);
        tty::send(&self.painter.frame(&buffer, columns, &said));
    }

    fn press(&mut self, key: Key) {
        match press(&mut self.board, key) {
            Wish::None => {}
            Wish::Stop => (self.stop)(),
            Wish::Suspend => {
                tty::send(&self.painter.leave());
                self.tty.give_back();
                self.is_up = false;
                self.has_slept = true;
                Tty::sleep();
            }
        }
    }

    /// Somebody woke the process. Where it was put to sleep from outside, others have written since.
    fn wake(&mut self) {
        if !std::mem::take(&mut self.has_slept) {
            self.painter.forget();
            self.is_up = false;
        }
    }

    fn close(&mut self, said: &str) {
        let columns = tty::size().map_or(SIZE.0, |(columns, _)| columns);
        tty::send(&self.painter.clear(columns));
        tty::send(&lines(said));
        self.tty.give_back();
    }
}

impl Drop for Stage {
    /// After a panic too: nobody waits for a view that is gone.
    fn drop(&mut self) {
        self.close("");
        let texts = self.mail.bury().into_iter().filter_map(|word| match word {
            Word::Text(text) => Some(text),
            _ => None,
        });
        tty::send(&lines(&texts.collect::<String>()));
    }
}

/// The next keys. A terminal that is gone has none any more.
async fn pressed(ear: &mut Option<pipe::Receiver>) -> Vec<Key> {
    let Some(terminal) = ear else { return std::future::pending().await };
    let mut bytes = [0; 256];
    let read = match terminal.readable().await {
        Ok(()) => terminal.try_read(&mut bytes),
        Err(error) => Err(error),
    };
    match read {
        Ok(length @ 1..) => keys(&bytes[..length]),
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
            Vec::new()
        }
        Ok(0) | Err(_) => {
            *ear = None;
            Vec::new()
        }
    }
}

/// Whole lines, without what wiped a line of progress before them.
fn lines(text: &str) -> String {
    let mut text = text.replace("\r\x1b[K", "");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_whole_lines_and_wipes_nothing() {
        assert_eq!(lines("\r\x1b[Kstopping"), "stopping\n");
        assert_eq!(lines(""), "");
    }
}
