//! Wakes the caller when there are answers.
//!
//! A wake-up costs both threads more than ten answers do. While many batches are under way the next
//! answers are only microseconds off, so the caller is woken for many at once: what it asks in return then
//! fills whole batches again, instead of one operation each.

use std::rc::Rc;
use std::time::Duration;

use super::Wake;
use super::tracker::Tracker;

/// With fewer batches under way every answer wakes the caller: it may be what it waits for.
const BUSY_BATCHES: usize = 8;

/// Answers that wake the caller in any case.
const ENOUGH_ANSWERS: usize = 256;

/// How long answers are kept back at most, should the other batches stall: one tick of the timer.
const PATIENCE: Duration = Duration::from_millis(1);

impl Tracker {
    pub(super) async fn wake_forever(self: Rc<Self>, wake: Wake) {
        loop {
            // Comes back after the other tasks that are ready, so that their answers are told, too.
            self.answered.notified().await;
            if self.is_more_to_come() {
                let _ = tokio::time::timeout(PATIENCE, self.wait_for_more()).await;
            }
            self.unheard.set(0);
            wake();
        }
    }

    async fn wait_for_more(&self) {
        while self.is_more_to_come() {
            self.answered.notified().await;
        }
    }

    fn is_more_to_come(&self) -> bool {
        self.under_way.get() >= BUSY_BATCHES && self.unheard.get() < ENOUGH_ANSWERS
    }
}
