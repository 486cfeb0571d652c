//! A tracker whose state lives on servers.
//!
//! ```text
//! caller's thread        I/O thread
//! RemoteTracker.submit -> inbox -> Tracker: one queue per orchestrator
//!                                   queue -> Batch -> RedisStore -> Receipt
//! outbox.take <- wake <- outbox  <- answers and events, in order
//! ```
//!
//! One batch of an orchestrator is under way at a time; what is asked meanwhile forms the next one
//! (group commit). Usage that cannot be delivered stays in its queue, in order: that is the spool.

mod batcher;
mod call;
mod deadlines;
mod outage;
mod pending;
mod queue;
mod sweeper;
mod tracker;
mod waker;
mod window;

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use call::{Call, CallKind, UNHELD_PREFIX};

use super::answer::Answer;
use super::io_thread;
use super::settings::RemoteSettings;

/// Takes answers on the I/O thread, for the caller to fetch.
pub trait Outbox: Send + 'static {
    fn push(&mut self, answer: Answer);
}

/// Wakes the caller: there is something in the outbox.
pub type Wake = Box<dyn Fn() + Send>;

/// Produces the calls of one submission, on the I/O thread.
pub type Submission = Box<dyn FnOnce(&mut dyn FnMut(Call)) + Send>;

/// The caller's end of a tracker. Dropping it ends the tracker without further answers.
pub struct RemoteTracker {
    inbox: UnboundedSender<Submission>,
}

impl RemoteTracker {
    /// Begins to connect.
    pub fn open<O: Outbox>(settings: RemoteSettings, outbox: Arc<Mutex<O>>, wake: Wake) -> Result<Self, String> {
        let (inbox, submissions) = unbounded_channel();
        io_thread::run(move || tracker::start(settings, outbox, wake, submissions))?;
        Ok(Self { inbox })
    }

    /// Hands over calls. The number of calls that wait is bounded by the caller.
    pub fn submit(&self, submission: Submission) -> Result<(), String> {
        self.inbox.send(submission).map_err(|_| "the I/O thread has ended".to_owned())
    }
}
