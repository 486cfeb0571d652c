//! Looks for an answer for some microseconds before the event loop sleeps.
//!
//! A server on the same machine answers sooner than a sleeping thread wakes up. So a call that nothing else
//! waits beside looks at its socket again and again for a short while. Where that is in vain, because the server
//! is far away or every core is busy, it is hardly ever tried again.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Answers that may come this way before the event loop gets its turn: a program that awaits one call after the
/// other would starve it.
const IN_A_ROW_MAX: u32 = 16;

/// The most calls between two attempts, after attempts in vain.
const SKIPPED_MAX: u32 = 4096;

pub(super) struct BusyPoll {
    limit: Duration,
    in_a_row: Cell<u32>,
    /// Calls that do without, for now, and after the next attempt in vain.
    skip: Cell<u32>,
    skip_next: Cell<u32>,
}

impl BusyPoll {
    /// Looks for at most `limit`; for none, never.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, in_a_row: Cell::new(0), skip: Cell::new(0), skip_next: Cell::new(1) }
    }

    /// The event loop had its turn.
    pub(super) fn note_turn_of_loop(&self) {
        self.in_a_row.set(0);
    }

    /// Calls `look` until it finds an answer, or too much time went by.
    pub(super) fn run(&self, mut look: impl FnMut() -> bool) -> bool {
        if !self.is_due() {
            return false;
        }
        let began = Instant::now();
        loop {
            if look() {
                self.in_a_row.set(self.in_a_row.get() + 1);
                self.skip_next.set((self.skip_next.get() / 2).max(1));
                return true;
            }
            if began.elapsed() >= self.limit {
                let skip = self.skip_next.get();
                self.skip.set(skip);
                self.skip_next.set((skip * 4).min(SKIPPED_MAX));
                return false;
            }
            // The server may be waiting for this very core.
            std::thread::yield_now();
        }
    }

    fn is_due(&self) -> bool {
        if self.limit.is_zero() || self.in_a_row.get() >= IN_A_ROW_MAX {
            return false;
        }
        let skip = self.skip.get();
        self.skip.set(skip.saturating_sub(1));
        skip == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_nanos(1);

    #[test]
    fn the_event_loop_gets_its_turn() {
        let busy = BusyPoll::new(SHORT);
        let found = (0..40).filter(|_| busy.run(|| true)).count();
        assert_eq!(found, IN_A_ROW_MAX as usize);
        busy.note_turn_of_loop();
        assert!(busy.run(|| true));
    }

    #[test]
    fn what_is_in_vain_is_hardly_tried_again() {
        let busy = BusyPoll::new(SHORT);
        let mut attempts = 0;
        for _ in 0..100_000 {
            let mut tried = false;
            busy.run(|| {
                tried = true;
                false
            });
            attempts += u32::from(tried);
        }
        assert!((12..40).contains(&attempts), "{attempts}");
        // What is worth it again is tried as before.
        while !busy.run(|| true) {}
        assert!(busy.run(|| true));
    }

    #[test]
    fn without_a_limit_nothing_is_tried() {
        assert!(!BusyPoll::new(Duration::ZERO).run(|| panic!("looked")));
    }
}
