//! How many batches may be under way at once.
//!
//! A server works on one script at a time. Batches that wait there could as well wait here, where
//! what is asked meanwhile still joins them: fewer and fuller batches. On a slow network, on the
//! other hand, many have to be under way to keep the server busy. So the window follows the queue at the
//! server, estimated from round trips as TCP Vegas does (Brakmo, Peterson: "TCP Vegas: end to end
//! congestion avoidance on a global internet", 1995): `window * (1 - shortest / measured)`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Batches queued at the server that keep it busy, and that are more than it needs.
const QUEUE_LOW: f64 = 5.0;
const QUEUE_HIGH: f64 = 10.0;

const WINDOW_MIN: usize = 8;
const WINDOW_MAX: usize = 4096;
const WINDOW_INITIAL: usize = 32;

/// The shortest round trip is measured anew as often as this, for networks change.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// A batch without an answer for so long is not queued, it is stuck (its server may be gone), and
/// must not keep batches for other servers from leaving.
pub(super) const STUCK_AFTER: Duration = Duration::from_millis(50);

pub(super) struct SendWindow {
    permits: Semaphore,
    size: Cell<usize>,
    /// Round trips since the size was changed: it moves by one in a window's worth of answers.
    answers: Cell<usize>,
    /// Whether all places were taken since then. A window that is not filled need not grow.
    was_full: Cell<bool>,
    shortest: Cell<Duration>,
    shortest_since: Cell<Instant>,
}

impl Default for SendWindow {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(WINDOW_INITIAL),
            size: Cell::new(WINDOW_INITIAL),
            answers: Cell::new(0),
            was_full: Cell::new(false),
            shortest: Cell::new(Duration::MAX),
            shortest_since: Cell::new(Instant::now()),
        }
    }
}

impl SendWindow {
    /// Waits for a place, first come first served. `None` never happens: the window is not closed.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let place = self.permits.acquire().await.ok();
        if self.permits.available_permits() == 0 {
            self.was_full.set(true);
        }
        place
    }

    /// Gives a place back after an answer that took `round_trip`.
    pub(super) fn leave(&self, place: Option<SemaphorePermit<'_>>, round_trip: Duration) {
        let now = Instant::now();
        if round_trip < self.shortest.get() || now - self.shortest_since.get() > SHORTEST_LIFE {
            self.shortest.set(round_trip);
            self.shortest_since.set(now);
        }
        self.answers.set(self.answers.get() + 1);
        if self.answers.get() < self.size.get() {
            return;
        }
        self.answers.set(0);
        let was_full = self.was_full.replace(false);
        let queued = self.size.get() as f64 * (1.0 - self.shortest.get().as_secs_f64() / round_trip.as_secs_f64());
        if queued > QUEUE_HIGH && self.size.get() > WINDOW_MIN {
            self.size.set(self.size.get() - 1);
            place.into_iter().for_each(SemaphorePermit::forget);
        } else if queued < QUEUE_LOW && was_full && self.size.get() < WINDOW_MAX {
            self.size.set(self.size.get() + 1);
            self.permits.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(window: &SendWindow, count: usize, round_trip_us: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for _ in 0..count {
                let mut places = Vec::new();
                while window.permits.available_permits() > 0 {
                    places.push(window.enter().await);
                }
                for place in places {
                    window.leave(place, Duration::from_micros(round_trip_us));
                }
            }
        });
    }

    #[test]
    fn batches_that_queue_at_the_server_narrow_it() {
        let window = SendWindow::default();
        answers(&window, 1, 50);
        answers(&window, 100, 1_000);
        assert!((WINDOW_MIN..=12).contains(&window.size.get()), "{}", window.size.get());
    }

    #[test]
    fn a_slow_network_widens_it() {
        let window = SendWindow::default();
        answers(&window, 100, 1_000);
        assert!(window.size.get() > WINDOW_INITIAL + 30, "{}", window.size.get());
    }
}
