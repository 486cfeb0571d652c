//! When calls must be answered.
//!
//! All calls of a tracker have the same time-out, so that their deadlines come in the order of the
//! calls: a queue and one sleeping task are enough.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;

use super::pending::Pending;
use super::queue::Queue;
use crate::store::redis::link::passed;

/// Answered calls behind one that still waits are dropped from so many calls on.
const PURGE_AT_LEAST: usize = 1_024;

pub(super) struct Deadlines {
    /// In the order of their numbers, which the caller gives ascending.
    calls: RefCell<VecDeque<(Rc<Pending>, Rc<Queue>)>>,
    /// Twice as many calls as waited when the answered ones were last dropped.
    purge_at: Cell<usize>,
    added: Notify,
    /// Answers that came before this instant were taken in.
    looked_at: Cell<Instant>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            calls: RefCell::default(),
            purge_at: Cell::default(),
            added: Notify::default(),
            looked_at: Cell::new(Instant::now()),
        }
    }
}

impl Deadlines {
    pub(super) fn add(&self, pending: Rc<Pending>, queue: Rc<Queue>) {
        let mut calls = self.calls.borrow_mut();
        while calls.front().is_some_and(|(first, _)| !first.is_waiting()) {
            calls.pop_front();
        }
        if calls.len() >= self.purge_at.get().max(PURGE_AT_LEAST) {
            // A call that waits for long keeps those behind it here, answered as they are.
            calls.retain(|(pending, _)| pending.is_waiting());
            self.purge_at.set(calls.len() * 2);
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
                Some(deadline) if deadline <= self.looked_at.get() => {
                    let first = self.calls.borrow_mut().pop_front();
                    if let Some(due) = first {
                        return due;
                    }
                }
                Some(deadline) => {
                    let looked_at = passed(deadline).await;
                    self.looked_at.set(looked_at);
                }
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
        let at = calls.binary_search_by_key(&call, |(pending, _)| pending.call).ok()?;
        calls.get(at).filter(|(pending, _)| pending.is_waiting()).cloned()
    }

    /// Takes out every call that waits.
    pub(super) fn drain(&self) -> Vec<Rc<Pending>> {
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        calls.into_iter().map(|(pending, _)| pending).filter(|pending| pending.is_waiting()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::identifier::OrchestratorId;
    use crate::service::remote::pending::{Role, Stage};
    use crate::service::remote::work::Subject;

    const MANY: u64 = 200_000;

    fn add(deadlines: &Deadlines, queue: &Rc<Queue>, call: u64) -> Rc<Pending> {
        let pending = Rc::new(Pending::new(call, Role::Check, Instant::now() + Duration::from_secs(3_600)));
        deadlines.add(Rc::clone(&pending), Rc::clone(queue));
        pending
    }

    fn queue() -> Rc<Queue> {
        Rc::new(Queue::new(Subject::Budget(OrchestratorId::new("a").unwrap())))
    }

    #[test]
    fn any_call_of_many_is_found_at_once() {
        let (deadlines, queue) = (Deadlines::default(), queue());
        // Every third number is of a call that has no deadline.
        let numbers = || (1..=MANY).filter(|call| call % 3 > 0);
        for call in numbers() {
            add(&deadlines, &queue, call);
        }
        // One after the other the search takes minutes.
        let began = Instant::now();
        for call in numbers() {
            let (pending, _) = deadlines.find(call).unwrap();
            assert_eq!(pending.call, call);
            pending.set_stage(Stage::Answered);
            assert!(deadlines.find(call).is_none(), "it does not wait any more");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(deadlines.find(3).is_none() && deadlines.find(MANY + 1).is_none());
    }

    #[test]
    fn answered_calls_behind_one_that_waits_are_let_go() {
        let (deadlines, queue) = (Deadlines::default(), queue());
        let stuck = [1, 2].map(|call| add(&deadlines, &queue, call));
        for call in 3..MANY {
            add(&deadlines, &queue, call).set_stage(Stage::Answered);
        }
        assert!(deadlines.calls.borrow().len() <= PURGE_AT_LEAST, "{}", deadlines.calls.borrow().len());
        assert_eq!(deadlines.drain().iter().map(|pending| pending.call).collect::<Vec<_>>(), [1, 2]);
        drop(stuck);
    }
}
