//! Samples of this process's own threads, each stack from the leaf to the thread's root.
//!
//! pprof collects: a timer of processor time sends SIGPROF to the thread that used it up, and what the
//! handler finds is counted by stack. In front of pprof's handler stands one of ours, for three reasons.
//! pprof's runs on the stack that was interrupted, which may be a fiber's: ours runs on an alternate one of
//! 64 KB that each thread gets by [`enlist`], and which serves `fiber`'s guard too. pprof follows frame
//! pointers upwards only, which a fiber's stack need not be to its thread's; and it leaves out the function
//! that was interrupted. So ours walks the stack itself and hands pprof a chain of its own making.
//!
//! What makes the handler sound, by what it does and nothing else:
//! - It allocates nothing, so it may interrupt mimalloc anywhere: stacks lie in fixed arrays, pprof's table is
//!   made in [`Sampler::prepare`], and what falls out of it goes to a temporary file by write(2).
//! - It waits for no lock longer than some 50 µs. One thread samples at a time; another whose timer ends meanwhile
//!   tries a while, then loses its sample, counted. pprof tries its own lock, which nobody else holds while the timer runs.
//! - It reads no memory that a write(2) to a pipe couldn't read, so a broken chain ends the walk and not us.
//! - pprof asks libgcc for the start of each function, to tell stacks apart; with glibc 2.35 and later that
//!   takes no lock (`_dl_find_object`), before that the loader's, which is recursive, so the interrupted thread
//!   may hold it; another that holds it can't be stuck in here, since only one is.
//! - errno is as it was, and thread-locals are constant-initialised cells of the program's own.
#![expect(unsafe_code, reason = "signals and raw stacks; with `fiber` the only room that may")]

mod chain;
mod seat;
mod walk;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pprof::{Frames, ProfilerGuard};
use rustix::time::{ClockId, clock_gettime};

use super::ProfileError;
use super::naming::readable;
use super::sample::{Frame, Samples, Stack};
use chain::{Chain, Record};
pub use seat::{Seat, enlist};
use walk::{Ground, Registers};

/// Samples a second of processor time. No multiple of what programs do by the clock, and just below the 250 a
/// second at which most kernels look at such timers.
pub const HERTZ: u32 = 249;

/// How often a thread tries while another is sampled: about as long as that takes.
const TRIES_MAX: u32 = 1_000;

/// The kernel's view of pprof's handler and ours.
type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// What the handler works with; never changed once it is there.
static GROUND: OnceLock<(Ground, Handler)> = OnceLock::new();
/// Whether threads that start are to get a seat.
static WANTED: AtomicBool = AtomicBool::new(false);
/// A thread is in pprof's handler.
static BUSY: AtomicBool = AtomicBool::new(false);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static COLLIDED: AtomicU64 = AtomicU64::new(0);
static STRANGERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// This thread has a stack for the handler.
    static IS_SEATED: Cell<bool> = const { Cell::new(false) };
    /// How often the timer ended on this thread since somebody asked.
    static TICKS: Cell<u32> = const { Cell::new(0) };
}

/// How often this thread was sampled since the last call: a profile of something that no native stack shows, a
/// script, is taken at the same instants.
#[inline]
pub fn take_ticks() -> u32 {
    TICKS.replace(0)
}

/// The profiler of this process; there is one at a time.
pub struct Sampler {
    guard: ProfilerGuard<'static>,
    /// Processor time of the process while the timer ran.
    cpu: Duration,
    started: Option<Duration>,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("cpu", &self.cpu).finish_non_exhaustive()
    }
}

impl Sampler {
    /// Makes all that the handler will need. Threads that start from now on are sampled if they [`enlist`].
    pub fn prepare() -> Result<Self, ProfileError> {
        if !walk::IS_SUPPORTED {
            return Err(ProfileError::Unsupported);
        }
        // Once a second of processor time, until our own handler stands: nothing is that slow.
        let guard = ProfilerGuard::new(1).map_err(|error| match error {
            pprof::Error::Running => ProfileError::Busy,
            other => ProfileError::Prepare(other.to_string()),
        })?;
        set_timer(Duration::ZERO)?;
        for count in [&TAKEN, &COLLIDED, &STRANGERS] {
            count.store(0, Ordering::Relaxed);
        }
        install()?;
        WANTED.store(true, Ordering::Release);
        Ok(Self { guard, cpu: Duration::ZERO, started: None })
    }

    /// Lets the timer run.
    pub fn start(&mut self) -> Result<(), ProfileError> {
        self.started.get_or_insert_with(process_cpu);
        set_timer(Duration::from_secs(1) / HERTZ)
    }

    /// Stops the timer; it may be started again.
    pub fn stop(&mut self) -> Result<(), ProfileError> {
        if let Some(started) = self.started.take() {
            self.cpu += process_cpu().saturating_sub(started);
        }
        set_timer(Duration::ZERO)
    }

    /// What was sampled, with the names of functions: a second or two of work.
    pub fn finish(mut self) -> Result<Samples, ProfileError> {
        let stopped = self.stop();
        WANTED.store(false, Ordering::Release);
        stopped?;
        let failed = |error: pprof::Error| ProfileError::Prepare(error.to_string());
        let report = self.guard.report().build_unresolved().map_err(failed)?;
        let objects = walk::objects();
        let mut names = Names::default();
        let mut stacks = Vec::new();
        let mut data: Vec<_> = report.data.iter().collect();
        data.sort_by_cached_key(|(found, _)| {
            let addresses: Vec<usize> = found.frames.iter().map(|frame| frame.ip).collect();
            (found.thread_name, addresses)
        });
        for (found, count) in data {
            let mut frames = Vec::new();
            for frame in found.frames.iter().rev() {
                names.resolve(frame.ip, &mut frames, || {
                    let mut alone = found.clone();
                    alone.frames.clear();
                    alone.frames.push(frame.clone());
                    let resolved = Frames::from(alone);
                    let symbols = resolved.frames.into_iter().flatten().map(|symbol| {
                        let file = symbol.filename.as_ref().map(|path| path.to_string_lossy().into_owned());
                        Frame { function: readable(&symbol.name(), file.as_deref()), file }
                    });
                    let symbols: Vec<Frame> = symbols.collect();
                    if symbols.is_empty() { vec![unnamed(&objects, frame.ip)] } else { symbols }
                });
            }
            let name = &found.thread_name[..found.thread_name_length];
            let thread = String::from_utf8_lossy(name).into_owned();
            stacks.push(Stack { thread, frames, count: u64::try_from(*count).unwrap_or(0) });
        }
        let taken = TAKEN.load(Ordering::Relaxed);
        let kept: u64 = stacks.iter().map(|stack| stack.count).sum();
        Ok(Samples {
            frames: names.frames,
            stacks,
            hertz: HERTZ,
            cpu: self.cpu,
            lost: COLLIDED.load(Ordering::Relaxed) + taken.saturating_sub(kept),
            elsewhere: STRANGERS.load(Ordering::Relaxed),
        })
    }
}

/// A function that has no name, by the library that it is in.
fn unnamed(objects: &[walk::Object], ip: usize) -> Frame {
    let object = objects.iter().find(|object| object.range.contains(&ip));
    Frame { function: format!("[{}]", object.map_or("unknown", |object| object.name.as_str())), file: None }
}

/// Functions by address, each looked up once.
#[derive(Default)]
struct Names {
    frames: Vec<Frame>,
    known: HashMap<Frame, usize>,
    by_address: HashMap<usize, Vec<usize>>,
}

impl Names {
    /// Adds the functions at an address, the outermost first: one, and those that were inlined into it.
    fn resolve(&mut self, ip: usize, into: &mut Vec<usize>, find: impl FnOnce() -> Vec<Frame>) {
        if !self.by_address.contains_key(&ip) {
            let found = find().into_iter().rev().map(|frame| self.number(frame)).collect();
            self.by_address.insert(ip, found);
        }
        into.extend(&self.by_address[&ip]);
    }

    fn number(&mut self, frame: Frame) -> usize {
        *self.known.entry(frame).or_insert_with_key(|frame| {
            self.frames.push(frame.clone());
            self.frames.len() - 1
        })
    }
}

fn process_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Sends SIGPROF each time that so much processor time has been used; zero ends that.
fn set_timer(every: Duration) -> Result<(), ProfileError> {
    let part = libc::timeval {
        tv_sec: libc::time_t::try_from(every.as_secs()).unwrap_or(0),
        tv_usec: libc::suseconds_t::from(every.subsec_micros()),
    };
    let timer = libc::itimerval { it_interval: part, it_value: part };
    // SAFETY: `timer` is a valid value, and a null old value is allowed.
    match unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(ProfileError::Timer(io::Error::last_os_error())),
    }
}

/// Puts our handler in front of pprof's, on the alternate stack.
fn install() -> Result<(), ProfileError> {
    // SAFETY: an all-zero `sigaction` is a valid value of that plain C struct.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action asks for the one in force.
    if unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &raw mut action) } != 0 {
        return Err(ProfileError::Handler(io::Error::last_os_error()));
    }
    if GROUND.get().is_none() {
        // SAFETY: pprof has just installed a handler of this very type, with SA_SIGINFO.
        let inner = unsafe { std::mem::transmute::<usize, Handler>(action.sa_sigaction) };
        let ground = Ground::look().map_err(ProfileError::Handler)?;
        // Somebody else may have been faster, with the same.
        let _ = GROUND.set((ground, inner));
    }
    action.sa_sigaction = on_tick as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: `on_tick` has the signature that SA_SIGINFO demands; see the file's head for what it does.
    match unsafe { libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(ProfileError::Handler(io::Error::last_os_error())),
    }
}

extern "C" fn on_tick(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the thread's own errno, which is always there.
    let errno = unsafe { *libc::__errno_location() };
    if IS_SEATED.get() {
        TICKS.set(TICKS.get().wrapping_add(1));
        if (0..TRIES_MAX).any(|_| {
            let is_free = !BUSY.swap(true, Ordering::Acquire);
            if !is_free {
                std::hint::spin_loop();
            }
            is_free
        }) {
            sample(signal, info, context);
            BUSY.store(false, Ordering::Release);
        } else {
            COLLIDED.fetch_add(1, Ordering::Relaxed);
        }
    } else {
        // Its alternate stack, if it has one, may be as small as the kernel allows.
        STRANGERS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Walks the stack that was interrupted, and has pprof count it.
fn sample(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some((ground, inner)) = GROUND.get() else { return };
    // SAFETY: with SA_SIGINFO the kernel passes a valid context, which lives until the handler returns.
    let registers = unsafe { Registers::of(context.cast()) };
    let mut chain = Chain::default();
    ground.walk(registers, &mut chain);
    let mut records = [Record::default(); chain::LENGTH_MAX];
    chain.link(&mut records);
    // SAFETY: an all-zero context is a valid value of that plain C struct. pprof reads two registers of it; the
    // kernel's own is shorter than libc's, so that a copy would read past its end.
    let mut told: libc::ucontext_t = unsafe { std::mem::zeroed() };
    registers.tell(&mut told, records.as_ptr() as usize);
    inner(signal, info, (&raw mut told).cast());
    TAKEN.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
