//! Server-sent events: the parser of `text/event-stream`, by the WHATWG's grammar
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>).
//!
//! Pure and without I/O. Invariant: the events do not depend on how the input was split. One byte order mark at the
//! start is skipped, lines end in LF, CR or CR LF, what is no UTF-8 becomes U+FFFD, and an event that the stream's end
//! cuts off is none.

use std::collections::VecDeque;
use std::rc::Rc;

use memchr::memchr2;

/// Bytes that one event or one line may take: what a model writes in one go fits many times.
pub(super) const EVENT_MAX_BYTES: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The field `event`; `message` without one.
    pub name: Rc<str>,
    /// The lines of `data`, joined by line breaks.
    pub data: Rc<str>,
    /// The last `id` that the stream had, this event's or an earlier one's; empty before the first.
    pub id: Rc<str>,
}

/// A stream that can't be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// An answer of another type.
    #[error("the answer is no stream of events (`text/event-stream`), but `{content_type}`")]
    NotAStream {
        /// What it says it is; empty without a word.
        content_type: Box<str>,
    },
    /// A line or an event beyond the limit.
    #[error("an event of the stream is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
}

/// The parser, with what it has of the event that comes next.
#[derive(Debug)]
pub(super) struct Parser {
    /// A line without its end yet.
    line: Vec<u8>,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Nothing but a byte order mark was seen yet.
    at_start: bool,
    name: String,
    data: String,
    id: Rc<str>,
    ready: VecDeque<Event>,
    max_bytes: usize,
}

impl Default for Parser {
    fn default() -> Self {
        Self::with_limit(EVENT_MAX_BYTES)
    }
}

impl Parser {
    fn with_limit(max_bytes: usize) -> Self {
        Self {
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: String::new(),
            id: Rc::from(""),
            ready: VecDeque::new(),
            max_bytes,
        }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, mut input: &[u8]) -> Result<(), EventsError> {
        while !input.is_empty() {
            if std::mem::take(&mut self.after_cr) && input[0] == b'\n' {
                input = &input[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', input) else {
                self.keep(input)?;
                break;
            };
            self.after_cr = input[end] == b'\r';
            if self.line.is_empty() {
                self.take_line(&input[..end])?;
            } else {
                self.keep(&input[..end])?;
                let mut line = std::mem::take(&mut self.line);
                self.take_line(&line)?;
                line.clear();
                self.line = line;
            }
            input = &input[end + 1..];
        }
        Ok(())
    }

    /// The next event that is complete.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), EventsError> {
        if self.line.len() + part.len() > self.max_bytes {
            return Err(EventsError::TooLarge { max_bytes: self.max_bytes });
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn take_line(&mut self, mut line: &[u8]) -> Result<(), EventsError> {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch();
            return Ok(());
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => {
                self.name.clear();
                self.name.push_str(value);
            }
            "data" => {
                if self.data.len() + value.len() >= self.max_bytes {
                    return Err(EventsError::TooLarge { max_bytes: self.max_bytes });
                }
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = value.into(),
            // A comment (nothing before the colon), `retry` (nobody connects again by itself), or a field unknown.
            _ => {}
        }
        Ok(())
    }

    /// A blank line ends the event; without data there is none.
    fn dispatch(&mut self) {
        if !self.data.is_empty() {
            let data = &self.data[..self.data.len() - 1];
            let name = if self.name.is_empty() { "message" } else { &self.name };
            self.ready.push_back(Event { name: name.into(), data: data.into(), id: Rc::clone(&self.id) });
            self.data.clear();
            // What a large event left behind is not kept for the small ones after it.
            self.data.shrink_to(KEPT_BYTES);
        }
        self.name.clear();
    }
}

/// What a parser keeps of its buffer between two events.
const KEPT_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn events(parser: &mut Parser) -> Vec<(String, String, String)> {
        let text = |part: &Rc<str>| part.to_string();
        std::iter::from_fn(|| parser.next_event())
            .map(|event| (text(&event.name), text(&event.data), text(&event.id)))
            .collect()
    }

    fn parsed(input: &[u8]) -> Vec<(String, String, String)> {
        let mut parser = Parser::default();
        parser.feed(input).unwrap();
        events(&mut parser)
    }

    fn datas(input: &str) -> Vec<String> {
        parsed(input.as_bytes()).into_iter().map(|(_, data, _)| data).collect()
    }

    /// The examples of the standard itself, then its corners.
    const STREAMS: [(&str, &[&str]); 20] = [
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &["YHOO\n+2\n10"]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            &["first event", "second event"],
        ),
        ("data\n\ndata\ndata\n\ndata:", &["", "\n"]),
        ("data:test\n\ndata: test\n\n", &["test", "test"]),
        ("", &[]),
        ("\n\n\n", &[]),
        ("data: a", &[]),
        ("data: a\n", &[]),
        ("data: a\r\rdata: b\r\n\r\ndata: c\n\r", &["a", "b", "c"]),
        ("data: a\r\n\r\n\r\ndata: b\r\n\n", &["a", "b"]),
        ("\u{feff}data: a\n\n", &["a"]),
        ("\u{feff}\u{feff}data: a\n\n", &[]),
        ("data: a\n\n\u{feff}data: b\n\n", &["a"]),
        ("DATA: a\n\n", &[]),
        ("data : a\n\n", &[]),
        (" data: a\n\n", &[]),
        ("data: a:b: c\n\n", &["a:b: c"]),
        (":data: a\n\n", &[]),
        ("event: x\n\ndata: a\n\n", &["a"]),
        ("data: a\nfoo: bar\nfoo\ndata: b\n\n", &["a\nb"]),
    ];

    #[test]
    fn streams_are_read_by_the_standard() {
        for (stream, expected) in STREAMS {
            assert_eq!(datas(stream), expected, "{stream:?}");
        }
    }

    #[test]
    fn names_and_ids_are_told() {
        let input =
            "retry: 1500\nevent: price\nid: 7\ndata: a\n\ndata: b\nid: x\0y\nretry: 1s\n\nid\ndata: c\n\n";
        let mut parser = Parser::default();
        parser.feed(input.as_bytes()).unwrap();
        let seen = events(&mut parser);
        let expected = [("price", "a", "7"), ("message", "b", "7"), ("message", "c", "")];
        let expected = expected.map(|(name, data, id)| (name.to_owned(), data.to_owned(), id.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        assert_eq!(parsed(b"data: a\xff\xf0\n\n")[0].1, "a\u{fffd}\u{fffd}");
        assert_eq!(parsed(b"data: \xe2\x82\xac\n\n")[0].1, "\u{20ac}");
    }

    #[test]
    fn a_stream_means_the_same_however_it_is_cut() {
        for (stream, _) in STREAMS {
            let (input, whole) = (stream.as_bytes(), parsed(stream.as_bytes()));
            for cut in 0..=input.len() {
                let mut parser = Parser::default();
                parser.feed(&input[..cut]).unwrap();
                parser.feed(&input[cut..]).unwrap();
                assert_eq!(events(&mut parser), whole, "{stream:?} cut at {cut}");
            }
            let mut parser = Parser::default();
            for byte in input {
                parser.feed(std::slice::from_ref(byte)).unwrap();
            }
            assert_eq!(events(&mut parser), whole, "{stream:?} byte by byte");
        }
    }

    #[test]
    fn a_line_or_an_event_beyond_the_limit_ends_the_stream() {
        let error = EventsError::TooLarge { max_bytes: 16 };
        assert_eq!(Parser::with_limit(16).feed(&[b'x'; 17]), Err(error.clone()));
        assert_eq!(Parser::with_limit(16).feed(&b"data: 123456\n".repeat(3)), Err(error));
        let mut parser = Parser::with_limit(16);
        assert_eq!(parser.feed(&b"data: 123456\n\n".repeat(30)), Ok(()), "each is small");
        assert_eq!(events(&mut parser).len(), 30);
    }

    proptest::proptest! {
        #[test]
        fn random_bytes_neither_panic_nor_depend_on_cuts(
            input in proptest::collection::vec(proptest::sample::select(b"dat:eventidr \r\n\xef\xbb\xbf\xff\0x1".to_vec()), 0..200),
            cut in 0..200_usize,
        ) {
            let cut = cut.min(input.len());
            let mut parser = Parser::default();
            parser.feed(&input[..cut]).unwrap();
            parser.feed(&input[cut..]).unwrap();
            proptest::prop_assert_eq!(events(&mut parser), parsed(&input));
        }
    }
}
