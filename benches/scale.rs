//! What a request costs with many users and with many workers: `make bench-scale`.
//!
//! - **Users**: CPU per request at 10,000 users beside 64, on one worker, against the null server, once all are
//!   connected.
//! - **Workers**: CPU per request of two workers beside one, over connections that are no sockets (each answers at
//!   once, in the process), so that only what the workers themselves share can cost. Two processes of one worker
//!   each, at the same time, show what the machine's cores take from each other; the gate is on both ratios.
//!
//! Both play `http_check_map.rhai`. A play is a process of its own, this program started anew; it counts requests
//! and the worker threads' CPU between two ticks of the engine. The upper end of the 95 % interval of the median
//! ratio decides; a round that lost more than 1 % to other guests is repeated.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod page;
mod process;
mod quantile;
mod round;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use process::{
    GENERATOR_CORE, Guard, NullServer, SERVER_CORE, command, connections_to, raise_file_limit, script,
    setting,
};
use quantile::{median, median_interval};
use round::{Repeats, about};
use runner::demo::NULL_RESPONSE;
use runner::diagnostic::Source;
use runner::engine::{self, Control, Job, Observer, Taps, Tick};
use runner::metrics::{Selector, Value};
use runner::plan::Overrides;
use runner::script::{LogLine, Outside};
use runner::session::{Declared, declare};

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FEW: u32 = 64;
const MANY: u32 = 10_000;
/// A request at 10,000 users costs at most so many times one at 64.
const USERS_MAX: f64 = 1.6;
/// A request on two workers costs at most so many times one on one.
const WORKERS_MAX: f64 = 1.05;
const ROUNDS: u32 = 15;
const SECONDS: u32 = 3;
/// The first argument of a process that plays.
const PLAY: &str = "play";
/// Ticks between the last connection and the window.
const SETTLE_TICKS: u64 = 4;
/// By how much of its time a window may be off.
const OFF_MAX: f64 = 0.05;
/// How long users may take to connect; then the play fails.
const CONNECT_TICKS: u64 = 30;

/// One load.
#[derive(Clone, Copy)]
struct Load {
    users: u32,
    workers: u32,
    /// None: connections that are no sockets.
    port: Option<u16>,
    seconds: u32,
}

/// What a play found.
#[derive(Clone, Copy)]
struct Found {
    cpu_ns: f64,
    requests: f64,
}

impl Found {
    fn each_us(self) -> f64 {
        self.cpu_ns / 1e3 / self.requests
    }

    fn and(self, other: Self) -> Self {
        Self { cpu_ns: self.cpu_ns + other.cpu_ns, requests: self.requests + other.requests }
    }
}

impl Load {
    /// Starts a process that plays it on these cores.
    fn start(self, cores: &str) -> Result<Guard, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut call = command(None, &"taskset".into());
        call.args(["-c", cores]).arg(program).arg(PLAY);
        let port = self.port.unwrap_or(0);
        call.args([self.users, self.workers, u32::from(port), self.seconds].map(|number| number.to_string()));
        Guard::start(&mut call)
    }

    fn parse(arguments: &[String]) -> Option<Self> {
        let numbers: Vec<u32> = arguments.iter().map_while(|text| text.parse().ok()).collect();
        let [users, workers, port, seconds] = numbers[..] else { return None };
        let port = u16::try_from(port).ok()?;
        Some(Self { users, workers, port: (port > 0).then_some(port), seconds })
    }

    /// Plays it in this process.
    fn play(self) -> Result<Found, String> {
        let path = script("http_check_map.rhai");
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let source = Arc::new(Source { name: path.display().to_string(), text });
        let env = [
            // Nobody connects to port 9 where no sockets are made.
            ("TARGET_URL", format!("http://127.0.0.1:{}", self.port.unwrap_or(9))),
            ("VUS", self.users.to_string()),
            ("DURATION", "10m".to_owned()),
        ];
        let env: BTreeMap<String, String> =
            env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let null_response = self.port.is_none().then(|| Arc::from(NULL_RESPONSE.as_slice()));
        let outside = Outside { env: Arc::new(env), null_response, ..Outside::default() };
        let Declared { declared, plan, .. } = declare(&source, &outside, &Overrides::default(), |_| {})
            .map_err(|error| error.message.clone())?;
        let workers = usize::try_from(self.workers).expect("a count of workers");
        let job = Job { source: Some(source), declared, plan, outside, workers, taps: Taps::default() };
        let control = Control::default();
        let mut window = Window {
            load: self,
            control: control.clone(),
            begin: None,
            began: Instant::now(),
            found: Err("no tick".to_owned()),
        };
        let outcome = engine::run(job, &control, &mut window).map_err(|error| error.to_string())?;
        if let Some(error) = outcome.errors.first() {
            return Err(error.message.clone());
        }
        match outcome.total.select(&Selector::all("http_req_failed")) {
            Some(Value::Rate { hits: 0, total: 1.. }) => window.found,
            other => Err(format!("requests failed: {other:?}")),
        }
    }
}

/// The ticks between which a play is measured.
struct Window {
    load: Load,
    control: Control,
    /// The tick's number, the workers' CPU and the requests at the first of them.
    begin: Option<(u64, f64, f64)>,
    began: Instant,
    found: Result<Found, String>,
}

impl Observer for Window {
    fn tick(&mut self, tick: &Tick<'_>) {
        let cpu_ns = workers_cpu_ns();
        let requests = match tick.total.select(&Selector::all("http_reqs")) {
            Some(Value::Counter(count)) => count,
            _ => 0.0,
        };
        match self.begin {
            None => {
                let connected = |port| connections_to(port) >= self.load.users as usize;
                // While so many connected, ticks were late; the window begins once they come on time again.
                if self.load.port.is_none_or(connected) {
                    self.begin = Some((tick.number + SETTLE_TICKS, 0.0, 0.0));
                } else if tick.number > CONNECT_TICKS {
                    self.found =
                        Err(format!("{} users did not connect in {CONNECT_TICKS} s", self.load.users));
                    self.control.stop();
                }
            }
            Some((number, ..)) if tick.number < number => {}
            Some((number, ..)) if tick.number == number => {
                self.begin = Some((number, cpu_ns, requests));
                self.began = Instant::now();
            }
            Some((number, cpu_before_ns, before)) => {
                if tick.number == number + u64::from(self.load.seconds) {
                    // CPU is read when a tick arrives: one that comes late or early would be charged wrongly.
                    let off = self.began.elapsed().as_secs_f64() / f64::from(self.load.seconds) - 1.0;
                    self.found = if off.abs() <= OFF_MAX {
                        Ok(Found { cpu_ns: cpu_ns - cpu_before_ns, requests: requests - before })
                    } else {
                        Err(format!(
                            "the ticks of {} s came {:.0} % off their time",
                            self.load.seconds,
                            off * 100.0
                        ))
                    };
                    self.control.stop();
                }
            }
        }
    }

    fn log(&mut self, _: &LogLine) {}
}

/// CPU that the worker threads of this process have used.
fn workers_cpu_ns() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .filter_map(|thread| {
            let folder = thread.path();
            let name = std::fs::read_to_string(folder.join("comm")).ok()?;
            let used = std::fs::read_to_string(folder.join("schedstat")).ok()?;
            // The first of its three figures.
            name.starts_with("worker").then_some(used.split(' ').next()?.parse::<f64>().ok()?)
        })
        .sum()
}

fn found(process: Guard) -> Result<Found, String> {
    let (_, stdout) = process.finish()?;
    let mut numbers = stdout.split_whitespace().map_while(|text| text.parse::<f64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(cpu_ns), Some(requests)) if requests > 0.0 => Ok(Found { cpu_ns, requests }),
        _ => Err(format!("a play printed no figures\n{stdout}")),
    }
}

/// Prints a ratio and its verdict, and gives what the page says of it.
fn judge(what: &str, costs: (&[f64], &[f64]), limit: f64) -> (bool, String) {
    let ratios: Vec<f64> = costs.0.iter().zip(costs.1).map(|(one, reference)| one / reference).collect();
    let (holds, interval, verdict) = match median_interval(&ratios) {
        None => (false, "too few".to_owned(), "? too few rounds"),
        Some((from, to)) => {
            let holds = to <= limit;
            (holds, format!("{from:.3}–{to:.3}"), if holds { "✓ holds" } else { "✗ exceeds" })
        }
    };
    let (cost, reference, ratio) = (median(costs.0), median(costs.1), median(&ratios));
    println!("{what:<48}{cost:>8.2}{reference:>11.2}{ratio:>9.3}{interval:>15}{limit:>7.2}  {verdict}");
    (holds, format!("| {what} | {cost:.2} | {reference:.2} | {ratio:.3} | {interval} |\n"))
}

fn users(rounds: u32, seconds: u32, repeats: &mut Repeats) -> Result<[Vec<f64>; 2], String> {
    let server = NullServer::start()?;
    let core = GENERATOR_CORE.to_string();
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let results = repeats.round(round, 2, |at| {
            // Those of the play before are gone, or they would be counted.
            while connections_to(server.port) > 0 {
                process::pause(std::time::Duration::from_millis(20));
            }
            let load = Load { users: [FEW, MANY][at], workers: 1, port: Some(server.port), seconds };
            Ok(found(load.start(&core)?)?.each_us())
        })?;
        println!("users, round {:>2}/{rounds}: {:.2}  {:.2} µs/request", round + 1, results[0], results[1]);
        costs.iter_mut().zip(results).for_each(|(list, cost)| list.push(cost));
    }
    Ok(costs)
}

fn workers(rounds: u32, seconds: u32, repeats: &mut Repeats) -> Result<[Vec<f64>; 3], String> {
    let (first, second) = (GENERATOR_CORE.to_string(), SERVER_CORE.to_string());
    let one = Load { users: FEW, workers: 1, port: None, seconds };
    let two = Load { users: 2 * FEW, workers: 2, ..one };
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..rounds {
        let results = repeats.round(round, 3, |at| match at {
            0 => Ok(found(one.start(&first)?)?.each_us()),
            1 => Ok(found(two.start(&format!("{first},{second}"))?)?.each_us()),
            _ => {
                let (here, there) = (one.start(&first)?, one.start(&second)?);
                Ok(found(here)?.and(found(there)?).each_us())
            }
        })?;
        let figures: Vec<String> = results.iter().map(|cost| format!("{cost:.3}")).collect();
        println!("workers, round {:>2}/{rounds}: {} µs/request", round + 1, figures.join("  "));
        costs.iter_mut().zip(results).for_each(|(list, cost)| list.push(cost));
    }
    Ok(costs)
}

fn measure(rounds: u32, seconds: u32) -> Result<bool, String> {
    let limit = raise_file_limit();
    if limit < u64::from(MANY) + 100 {
        return Err(format!(
            "{MANY} users need as many open files, and only {limit} are permitted (ulimit -n)"
        ));
    }
    println!("about {:?}, starts not counted", about(5, rounds, seconds + 2));
    let mut repeats = [Repeats::new(rounds), Repeats::new(rounds)];
    let [few, many] = users(rounds, seconds, &mut repeats[0])?;
    let [one, two, apart] = workers(rounds, seconds, &mut repeats[1])?;
    println!(
        "\n{:<48}{:>8}{:>11}{:>9}{:>15}{:>7}  verdict",
        "CPU per request, µs", "", "beside", "ratio", "95 % interval", "limit"
    );
    let rows = [
        judge("10,000 users beside 64", (&many, &few), USERS_MAX),
        judge("two workers beside one", (&two, &one), WORKERS_MAX),
        judge("two workers beside two processes of one", (&two, &apart), WORKERS_MAX),
    ];
    let foot = format!("Users: {}. Workers: {}.", repeats[0].foot(), repeats[1].foot());
    println!("\n{foot}");
    if page::is_asked_for() {
        let head = "| | µs | beside, µs | ratio | 95 % interval |\n|---|--:|--:|--:|--:|\n";
        let rows: String = rows.iter().map(|(_, row)| row.as_str()).collect();
        let how = format!("{rounds} rounds of {seconds} s; {}. {foot}", page::machine());
        page::write("scale", &format!("{head}{rows}\n{how}"))?;
    }
    Ok(rows.iter().all(|(holds, _)| *holds))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == PLAY => {
            let Some(load) = Load::parse(rest) else { return ExitCode::FAILURE };
            load.play().map(|found| {
                println!("{} {}", found.cpu_ns, found.requests);
                true
            })
        }
        _ => measure(setting("BENCH_ROUNDS", ROUNDS), setting("BENCH_SECONDS", SECONDS).max(1)),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
