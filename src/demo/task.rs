//! Background tasks that really run: queued, running, then completed or failed.
//!
//! State machine (no other moves; both ends are final):
//! | from | event | to |
//! |---|---|---|
//! | – | begin | queued |
//! | queued | a running place is free | running |
//! | running | its work gives a result | completed |
//! | running | its work fails or panics, or the demo ends | failed |
//!
//! The table keeps the last [`KEPT_MAX`] tasks; the counts are of all.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::clock::Clock;
use crate::monitor::TaskCounts;

/// Tasks that can be looked up: some 5 MB with their results.
pub(super) const KEPT_MAX: usize = 10_000;

/// Tasks that run at once; the others wait in the queue.
const RUNNING_MAX: usize = 512;

/// Tasks that have not ended; past it new ones are refused, so that a flood can't take all memory.
const OPEN_MAX: u64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Queued,
    Running,
    Completed,
    Failed,
}

/// One task, as `get-task-status` shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Task {
    pub(super) id: String,
    kind: &'static str,
    pub(super) status: Status,
    created_at: String,
    ended_at: Option<String>,
    pub(super) result: Option<Value>,
    pub(super) error: Option<String>,
}

/// All tasks of the service.
#[derive(Debug)]
pub(super) struct Tasks {
    clock: Clock,
    counts: TaskCounts,
    running: AtomicU64,
    places: Semaphore,
    kept: Mutex<Kept>,
}

/// The last tasks; the first of them has the number `first`, the others follow without a gap.
#[derive(Debug, Default)]
struct Kept {
    first: u64,
    tasks: VecDeque<Task>,
}

const ID_PREFIX: &str = "task-";

impl Tasks {
    pub(super) fn new(clock: Clock, counts: TaskCounts) -> Arc<Tasks> {
        Arc::new(Tasks {
            clock,
            counts,
            running: AtomicU64::new(0),
            places: Semaphore::new(RUNNING_MAX),
            kept: Mutex::default(),
        })
    }

    /// Queues `work` and returns its task's id, or `None` if too many have not ended.
    pub(super) fn begin<F>(self: &Arc<Self>, kind: &'static str, work: F) -> Option<String>
    where
        F: Future<Output = Result<Value, String>> + Send + 'static,
    {
        if self.open() >= OPEN_MAX {
            return None;
        }
        let (number, id) = {
            let mut kept = self.kept();
            let number = kept.first + kept.tasks.len() as u64;
            let id = format!("{ID_PREFIX}{number}");
            let created_at = self.clock.now_text();
            let (result, error) = (None, None);
            let task = Task {
                id: id.clone(),
                kind,
                status: Status::Queued,
                created_at,
                ended_at: None,
                result,
                error,
            };
            kept.tasks.push_back(task);
            if kept.tasks.len() > KEPT_MAX {
                kept.tasks.pop_front();
                kept.first += 1;
            }
            (number, id)
        };
        self.counts.create();
        let run = Run { tasks: Arc::clone(self), number, running: false, outcome: None };
        tokio::spawn(run.perform(work));
        Some(id)
    }

    /// The task with this id, if it is still kept.
    pub(super) fn find(&self, id: &str) -> Option<Task> {
        let number: u64 = id.strip_prefix(ID_PREFIX)?.parse().ok()?;
        let kept = self.kept();
        let at = usize::try_from(number.checked_sub(kept.first)?).ok()?;
        kept.tasks.get(at).cloned()
    }

    fn open(&self) -> u64 {
        self.counts.created().saturating_sub(self.counts.completed() + self.counts.failed())
    }

    /// The counts, as `/api/metrics/tasks` shows them. No rate before the first end.
    pub(super) fn summary(&self) -> Value {
        let running = self.running.load(Ordering::Relaxed);
        json!({
            "total": self.counts.created(),
            "queued": self.open().saturating_sub(running),
            "running": running,
            "completed": self.counts.completed(),
            "failed": self.counts.failed(),
            "completion_rate": self.counts.completion_rate(),
            "kept": self.kept().tasks.len(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Task)) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(task) = at.and_then(|at| self.tasks.get_mut(at)) {
            change(task);
        }
    }
}

/// Ends its task when it drops, so that no task stays open after a panic.
struct Run {
    tasks: Arc<Tasks>,
    number: u64,
    running: bool,
    outcome: Option<Result<Value, String>>,
}

impl Run {
    async fn perform(mut self, work: impl Future<Output = Result<Value, String>>) {
        let tasks = Arc::clone(&self.tasks);
        let Ok(_place) = tasks.places.acquire().await else { return };
        self.running = true;
        tasks.running.fetch_add(1, Ordering::Relaxed);
        tasks.kept().change(self.number, |task| task.status = Status::Running);
        self.outcome = Some(work.await);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err("the task was interrupted".to_owned()));
        if self.running {
            self.tasks.running.fetch_sub(1, Ordering::Relaxed);
        }
        let counts = &self.tasks.counts;
        if outcome.is_ok() {
            counts.complete();
        } else {
            counts.fail();
        }
        let ended_at = self.tasks.clock.now_text();
        self.tasks.kept().change(self.number, |task| {
            task.ended_at = Some(ended_at);
            match outcome {
                Ok(result) => (task.status, task.result) = (Status::Completed, Some(result)),
                Err(error) => (task.status, task.error) = (Status::Failed, Some(error)),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    async fn settle(tasks: &Tasks) {
        while tasks.open() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_task_moves_from_queued_to_its_end() {
        on_a_runtime(async {
            let tasks = Tasks::new(Clock::start(), TaskCounts::default());
            let gate = Arc::new(tokio::sync::Notify::new());
            let waits = Arc::clone(&gate);
            let id = tasks.begin("query", async move {
                waits.notified().await;
                Ok(json!(5))
            });
            let id = id.unwrap();
            assert_eq!(tasks.find(&id).unwrap().status, Status::Queued);
            tokio::task::yield_now().await;
            assert_eq!(tasks.find(&id).unwrap().status, Status::Running);
            assert_eq!(
                (&tasks.summary()["running"], &tasks.summary()["completion_rate"]),
                (&json!(1), &Value::Null)
            );
            gate.notify_one();
            settle(&tasks).await;
            let task = tasks.find(&id).unwrap();
            assert_eq!((task.status, task.result), (Status::Completed, Some(json!(5))));
        });
    }

    #[test]
    fn a_failure_and_a_panic_are_both_failed() {
        on_a_runtime(async {
            let tasks = Tasks::new(Clock::start(), TaskCounts::default());
            let failed = tasks.begin("query", async { Err("no".to_owned()) }).unwrap();
            let panicked = tasks.begin("query", async { std::panic::resume_unwind(Box::new(())) }).unwrap();
            tasks.begin("query", async { Ok(Value::Null) }).unwrap();
            settle(&tasks).await;
            assert_eq!(tasks.find(&failed).unwrap().error.as_deref(), Some("no"));
            assert_eq!(tasks.find(&panicked).unwrap().status, Status::Failed);
            assert_eq!(tasks.summary()["completion_rate"], json!(1.0 / 3.0));
            assert_eq!(tasks.summary()["running"], json!(0));
        });
    }

    #[test]
    fn the_table_keeps_the_last_and_counts_all() {
        on_a_runtime(async {
            let tasks = Tasks::new(Clock::start(), TaskCounts::default());
            for _ in 0..3 {
                for _ in 0..KEPT_MAX / 2 {
                    tasks.begin("query", async { Ok(Value::Null) }).unwrap();
                }
                settle(&tasks).await;
            }
            assert_eq!(tasks.summary()["total"], json!(KEPT_MAX / 2 * 3));
            assert_eq!(tasks.summary()["kept"], json!(KEPT_MAX));
            assert!(tasks.find("task-0").is_none() && tasks.find("nonsense").is_none());
            assert_eq!(tasks.find("task-14999").unwrap().status, Status::Completed);
        });
    }

    #[test]
    fn a_flood_is_refused() {
        on_a_runtime(async {
            let tasks = Tasks::new(Clock::start(), TaskCounts::default());
            let begun =
                (0..OPEN_MAX + 5).filter(|_| tasks.begin("query", std::future::pending()).is_some()).count();
            assert_eq!(begun as u64, OPEN_MAX);
        });
    }
}
