//! When calls must be answered.
//!
//! All calls of a tracker have the same time-out, so that their deadlines come in the order of the
//! calls: a queue and one sleeping task are enough.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;

use super::pending::Pending;
use super::queue::Queue;

/// From the socket to the call an answer passes two tasks.
const ROUNDS_FOR_ANSWERS: usize = 3;

#[derive(Default)]
pub(super) struct Deadlines {
    calls: RefCell<VecDeque<(Rc<Pending>, Rc<Queue>)>>,
    added: Notify,
}

impl Deadlines {
    pub(super) fn add(&self, pending: Rc<Pending>, queue: Rc<Queue>) {
        let mut calls = self.calls.borrow_mut();
        while calls.front().is_some_and(|(first, _)| !first.is_waiting()) {
            calls.pop_front();
        }
        if calls.is_empty() {
            self.added.notify_one();
        }
        calls.push_back((pending, queue));
    }

    /// Waits for the next deadline of a call that still waits, and returns it.
    pub(super) async fn next_due(&self) -> (Rc<Pending>, Rc<Queue>) {
        loop {
            match self.first_deadline() {
                None => self.added.notified().await,
                Some(deadline) if deadline <= Instant::now() => {
                    // Answers that are there already come first, also when a busy thread noticed both late.
                    for _ in 0..ROUNDS_FOR_ANSWERS {
                        tokio::task::yield_now().await;
                    }
                    if self.first_deadline() != Some(deadline) {
                        continue;
                    }
                    let first = self.calls.borrow_mut().pop_front();
                    if let Some(due) = first {
                        return due;
                    }
                }
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            }
        }
    }

    fn first_deadline(&self) -> Option<Instant> {
        let mut calls = self.calls.borrow_mut();
        while calls.front().is_some_and(|(first, _)| !first.is_waiting()) {
            calls.pop_front();
        }
        calls.front().map(|(first, _)| first.deadline)
    }

    /// The call with this number, while it waits.
    pub(super) fn find(&self, call: u64) -> Option<(Rc<Pending>, Rc<Queue>)> {
        let calls = self.calls.borrow();
        let found = calls.iter().find(|(pending, _)| pending.call == call && pending.is_waiting());
        found.cloned()
    }

    /// Takes out every call that waits.
    pub(super) fn drain(&self) -> Vec<Rc<Pending>> {
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        calls.into_iter().map(|(pending, _)| pending).filter(|pending| pending.is_waiting()).collect()
    }
}
