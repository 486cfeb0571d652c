//! The one thread that owns every connection of the process.
//!
//! It runs a current-thread tokio runtime, so that what it owns needs no locks. It is started by
//! the first tracker that needs it and stays, parked, for the life of the process; being detached
//! it keeps nothing alive.

use std::future::Future;
use std::sync::OnceLock;
use std::thread;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

type Job = Box<dyn FnOnce() + Send>;

/// Runs `start` on the I/O thread, inside its `LocalSet`, so that it may spawn local tasks.
pub fn run(start: impl FnOnce() + Send + 'static) -> Result<(), String> {
    static JOBS: OnceLock<Result<UnboundedSender<Job>, String>> = OnceLock::new();
    let jobs = JOBS.get_or_init(spawn_thread).as_ref().map_err(Clone::clone)?;
    jobs.send(Box::new(start)).map_err(|_| "the I/O thread has ended".to_owned())
}

fn spawn_thread() -> Result<UnboundedSender<Job>, String> {
    let (sender, mut receiver) = unbounded_channel::<Job>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the I/O thread: {error}"))?;
    thread::Builder::new()
        .name("token-budget-io".into())
        .spawn(move || {
            block_on(&runtime, async move {
                while let Some(job) = receiver.recv().await {
                    job();
                }
            });
        })
        .map_err(|error| format!("cannot start the I/O thread: {error}"))?;
    Ok(sender)
}

fn block_on(runtime: &tokio::runtime::Runtime, main: impl Future<Output = ()>) {
    LocalSet::new().block_on(runtime, main);
}
