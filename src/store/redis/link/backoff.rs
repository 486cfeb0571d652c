//! Pauses between attempts to connect.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use super::timing::Timing;

/// Doubles from the first pause to the longest. Half of each pause is random, so that a fleet
/// does not come back in step.
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub fn new(timing: &Timing) -> Backoff {
        Backoff { first: timing.backoff_first, longest: timing.backoff_longest, next: timing.backoff_first }
    }

    /// After a connection that lasted: begin anew.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause / 2 + (pause / 2).mul_f64(random_fraction())
    }

    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause()).await;
    }
}

/// In `[0, 1)`. Each `RandomState` has keys of its own, which is random enough to spread a fleet.
fn random_fraction() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_begins_anew() {
        let mut backoff = Backoff::new(&Timing::default());
        let bounds_ms = [50, 100, 200, 400, 800, 1000, 1000];
        for bound_ms in bounds_ms {
            let pause = backoff.next_pause();
            assert!(pause <= Duration::from_millis(bound_ms), "{pause:?} > {bound_ms} ms");
            assert!(pause >= Duration::from_millis(bound_ms / 2), "{pause:?} < half of {bound_ms} ms");
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(50));
    }
}
