//! A tracker whose state lives on servers.
//!
//! ```text
//! RemoteTracker.submit -> inbox -> Tracker: one queue per subject
//!                                   queue -> Batch -> RedisStore -> Receipt
//! outbox.take <- wake <- outbox  <- answers and events, in order
//! ```
//!
//! What stands between inbox and outbox lives in one thread: that of the caller, where its event loop can
//! watch sockets for us, or the I/O thread of the process.
//!
//! One batch of a subject (a budget, a limiter, a pool of credentials, a shard of timers, a circuit breaker) is under
//! way at a time; what is asked meanwhile forms the next one (group commit). Usage that cannot be delivered stays in its queue, in order: that is the spool.

mod batch;
mod batcher;
mod breaker;
mod budget;
mod call;
mod credential;
mod deadlines;
mod limit;
mod news;
mod notes;
mod outage;
mod pending;
mod queue;
mod sweeper;
mod timer;
mod tracker;
mod waker;
mod window;
mod work;

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub use call::{Call, CallKind};

use super::answer::Answer;
use super::io_thread;
use super::settings::RemoteSettings;
use super::turns::{Interrupt, Turns};
use crate::store::redis::link::EventLoop;

/// Takes answers on the I/O thread, for the caller to fetch.
pub trait Outbox: Send + 'static {
    fn push(&mut self, answer: Answer);
}

/// Tells the caller that there is something in the outbox: in the thread the tracker lives in.
pub type Wake = Box<dyn Fn() + Send>;

/// Where a tracker lives.
pub enum Home {
    /// In the thread that calls. A call then changes no thread on its way to the server and back.
    Caller { event_loop: Rc<dyn EventLoop>, interrupt: Interrupt },
    /// In the I/O thread.
    IoThread,
}

/// Produces the calls of one submission, on the I/O thread.
pub type Submission = Box<dyn FnOnce(&mut dyn FnMut(Call)) + Send>;

/// The caller's end of a tracker. Dropping it ends the tracker without further answers.
pub struct RemoteTracker {
    inbox: UnboundedSender<Submission>,
    /// Of a tracker that lives here.
    turns: Option<Turns>,
}

impl RemoteTracker {
    /// Begins to connect.
    pub fn open<O: Outbox>(
        settings: RemoteSettings,
        outbox: Arc<Mutex<O>>,
        wake: Wake,
        home: Home,
    ) -> Result<Self, String> {
        let (inbox, submissions) = unbounded_channel();
        let turns = match home {
            Home::IoThread => {
                io_thread::run(move || tracker::start(settings, outbox, wake, submissions, None))?;
                None
            }
            Home::Caller { event_loop, interrupt } => {
                let turns = Turns::new(interrupt)?;
                turns.spawn(async move { tracker::start(settings, outbox, wake, submissions, Some(event_loop)) });
                turns.run(|| {});
                Some(turns)
            }
        };
        Ok(Self { inbox, turns })
    }

    /// Hands over calls. The number of calls that wait is bounded by the caller.
    pub fn submit(&self, submission: Submission) -> Result<(), String> {
        let mut outcome = Ok(());
        self.turn(|| outcome = self.inbox.send(submission));
        outcome.map_err(|_| "the tracker has ended".to_owned())
    }

    /// Does what `cause` says, and lets a tracker that lives here do what that makes ready.
    pub fn turn(&self, cause: impl FnOnce()) {
        match &self.turns {
            Some(turns) => turns.run(cause),
            None => cause(),
        }
    }
}
