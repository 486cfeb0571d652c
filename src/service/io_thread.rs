//! The one thread with a tokio runtime.
//!
//! It owns the connections of every tracker that does not run in the thread of its caller, and tells those
//! that do of timers (see [`super::turns`]). The runtime is a current-thread one, so that what it owns needs
//! no locks. It is started by the first tracker that needs it and stays, parked, for the life of the process;
//! being detached it keeps nothing alive.

use std::future::Future;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

type Job = Box<dyn FnOnce() + Send>;

struct IoThread {
    jobs: UnboundedSender<Job>,
    runtime: Handle,
}

/// Runs `start` on the I/O thread, inside its `LocalSet`, so that it may spawn local tasks.
pub fn run(start: impl FnOnce() + Send + 'static) -> Result<(), String> {
    io_thread()?.jobs.send(Box::new(start)).map_err(|_| "the I/O thread has ended".to_owned())
}

/// The runtime whose timers and sockets the I/O thread watches.
pub fn runtime() -> Result<Handle, String> {
    Ok(io_thread()?.runtime.clone())
}

fn io_thread() -> Result<&'static IoThread, String> {
    static IO_THREAD: OnceLock<Result<IoThread, String>> = OnceLock::new();
    IO_THREAD.get_or_init(spawn_thread).as_ref().map_err(Clone::clone)
}

fn spawn_thread() -> Result<IoThread, String> {
    let (sender, mut receiver) = unbounded_channel::<Job>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the I/O thread: {error}"))?;
    let handle = runtime.handle().clone();
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
    Ok(IoThread { jobs: sender, runtime: handle })
}

fn block_on(runtime: &tokio::runtime::Runtime, main: impl Future<Output = ()>) {
    LocalSet::new().block_on(runtime, main);
}
