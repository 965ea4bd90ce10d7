//! A server that does everything wrong: each case ends in time, in its class, and disturbs nobody.
//!
//! One run plays all cases of [`list::CASES`] at once, a user each, beside a load on a good server.

mod case;
mod list;

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use case::Case;
use list::CASES;

use crate::fixture::{Finished, Running, conclusive, pause, root, runner};
use crate::server::Server;

/// Iterations a second of the load beside the cases, and for how many seconds.
const GOOD_RATE: usize = 100;
const GOOD_SECONDS: usize = 3;
/// How often the cases are played before they are wrong.
const ATTEMPTS: usize = 3;

/// A case's server, on a port of its own.
struct Hostile {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Hostile {
    fn start(case: &'static Case) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            if case.never_accepts() {
                while !stopped.load(Ordering::SeqCst) {
                    pause(Duration::from_millis(20));
                }
                return;
            }
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stopped = Arc::clone(&stopped);
                std::thread::spawn(move || case.play(number, &stream, &stopped));
            }
        });
        Self { address, stop }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
    }
}

/// What the script's user logs of a request.
#[derive(Debug)]
struct Told {
    status: u16,
    code: u16,
    error: String,
}

/// Requests of one case, one after another on a user's connections, each told on a line of the log. The phases are
/// summed within the script, so that what it sees is held to the promise.
const SCRIPT: &str = r#"
const CASES = data::json("cases.json");
scenario("hostile", #{ executor: "per-vu-iterations", vus: CASES.len(), iterations: 1, flow: "hostile" });
GOOD
target("checks{check:phases sum to the whole}", "rate == 1");

fn setup() {
    // Once, or the loop would stand still while each user makes its own.
    let body = "";
    body.pad(BODY_BYTES, 'x');
    body
}

fn hostile(body) {
    let at = vu::id() - 1;
    let row = global::CASES[at];
    for number in 0..row.requests {
        if number > 0 { sleep("60ms") }
        let r = http::request(row.method, row.url, #{ body: if row.body > 0 { body } else { "" }, timeout: row.timeout, name: row.name });
        let t = r.timings;
        let before = t.blocked + t.dns + t.connecting + t.tls_handshaking;
        let during = t.sending + t.waiting + t.receiving;
        check((before + during - t.total).abs() <= 0.001 && (during - t.duration).abs() <= 0.001, "phases sum to the whole");
        log::info(`told|${row.name}|${r.status}|${r.error_code}|${r.error}|`);
    }
    // So that the process is there when its memory is looked at.
    sleep("500ms");
}
"#;

#[test]
fn every_case_ends_in_time_in_its_class_and_disturbs_nobody() {
    assert!(CASES.len() >= 40, "{} cases", CASES.len());
    let servers: Vec<Hostile> = CASES.iter().map(Hostile::start).collect();
    let mut wrong = String::new();
    // On a machine that stands still for seconds a time-out comes in another phase: a fault of ours is wrong each time.
    for _ in 0..ATTEMPTS {
        let finished = conclusive(|| {
            let good = Server::plain();
            let finished = start(CASES, &servers, Some(&good)).wait();
            let iterations = GOOD_RATE * GOOD_SECONDS;
            assert_eq!(good.count(), iterations, "{}", finished.printed());
            finished
        });
        // The cases fail requests, and no target is set on those.
        wrong = judge(&finished.expect_code(0));
        if wrong.is_empty() {
            return;
        }
    }
    panic!("{wrong}");
}

/// What of the cases ended otherwise than it should.
fn judge(finished: &Finished) -> String {
    let mut wrong = String::new();
    for case in CASES {
        let told = told(finished, case.name);
        let last = told.last();
        let is_right = told.len() == case.requests
            && last.is_some_and(|last| {
                last.status == case.status && last.code == case.code && last.error.contains(case.error)
            });
        if !is_right {
            let _ = writeln!(
                wrong,
                "{}: {} {} {:?}\n    saw {told:?}",
                case.name, case.status, case.code, case.error
            );
        }
    }
    wrong
}

#[test]
fn what_is_sent_without_end_stays_within_its_cap() {
    let endless: Vec<&'static Case> = CASES.iter().filter(|case| case.is_endless).collect();
    assert!(endless.len() >= 6);
    let usual = {
        let good = Server::plain();
        peak_kib(start(&[], &[], Some(&good)))
    };
    for case in endless {
        let server = Hostile::start(case);
        let peak = peak_kib(start(std::slice::from_ref(case), &[server], None));
        // The body's cap, twice while its buffer moves to a larger place, the smaller ones that the allocator hasn't given
        // back yet, and as much as one process differs from another.
        let cap = 5 * (case.held_max_bytes >> 10) / 2 + (16 << 10);
        assert!(peak <= usual + cap, "{}: {peak} KiB at the peak, {usual} KiB usually", case.name);
    }
}

/// Starts a run that plays the cases, and a load on the good server beside them.
fn start(cases: &[Case], servers: &[Hostile], good: Option<&Server>) -> Running {
    let mut list = String::new();
    for (case, server) in cases.iter().zip(servers) {
        let comma = if list.is_empty() { "" } else { ",\n" };
        let _ = write!(
            list,
            r#"{comma}{{ "name": "{}", "url": "http://{}/", "method": "{}", "body": {}, "requests": {}, "timeout": "{}ms" }}"#,
            case.name,
            server.address,
            case.method,
            case.body_bytes,
            case.requests,
            case.timeout_ms(),
        );
    }
    let load = good.map_or_else(String::new, |good| {
        format!(
            r#"scenario("good", #{{ executor: "constant-arrival-rate", rate: {GOOD_RATE}, duration: "{GOOD_SECONDS}s", flow: || {{
                let r = http::get("{}/good", #{{ timeout: "10s" }});
                check(r.status == 200, "the good server answers");
            }} }});
            target("checks{{check:the good server answers}}", "rate == 1");
            target("dropped_iterations", "count == 0");"#,
            good.url()
        )
    });
    let body_bytes = cases.iter().map(|case| case.body_bytes).max().unwrap_or(0);
    let script = SCRIPT.replace("GOOD", &load).replace("BODY_BYTES", &body_bytes.to_string());
    runner(["run", "--no-preflight", "--workers", "1", "test.rhai"])
        .file("test.rhai", &script)
        .file("cases.json", &format!("[{list}]"))
        .start()
}

/// What was logged of a case's requests.
fn told(finished: &Finished, name: &str) -> Vec<Told> {
    let mark = format!("told|{name}|");
    let lines = finished.stderr.lines().chain(finished.stdout.lines());
    lines
        .filter_map(|line| {
            let mut fields = line.split_once(&mark)?.1.split('|');
            let mut next = || fields.next().unwrap_or_default();
            let (status, code, error) = (next(), next(), next());
            Some(Told {
                status: status.parse().expect("a status"),
                code: code.parse().expect("a code"),
                error: error.to_owned(),
            })
        })
        .collect()
}

/// The most memory that the process had at once, from the kernel's books, looked at until it ends. Pages of the binary
/// don't count: another path through a debug build maps 10 MB more of them.
fn peak_kib(mut running: Running) -> u64 {
    let path = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    while running.is_running() {
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        let field = |name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
        };
        if let (Ok(_), Some(most), Some(file)) = (read, field("VmHWM:"), field("RssFile:")) {
            peak = peak.max(most.saturating_sub(file));
        }
        pause(Duration::from_millis(5));
    }
    running.wait();
    assert!(peak > 0, "the process was seen");
    peak
}

#[test]
fn the_documentation_lists_every_case() {
    let page = std::fs::read_to_string(root().join("docs/http.md")).expect("docs/http.md");
    let table = page.split_once("## A hostile server").expect("the section").1;
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let expected: Vec<String> = CASES.iter().map(Case::row).collect();
    assert_eq!(rows, expected, "the table, as it should be:\n{}", expected.join("\n"));
}
