//! What the server's clock shows, estimated from its answers.

use std::collections::VecDeque;

/// Samples that are compared; older ones are forgotten, for clocks drift.
const SAMPLES_MAX: usize = 16;

/// A difference that the round trips do not explain by more than this is a jump of a clock.
const JUMP_MS: i64 = 50;

#[derive(Debug, Clone, Copy)]
struct Sample {
    offset_ms: i64,
    round_trip_ms: i64,
}

/// Estimates `server clock - system clock`.
///
/// The sample with the shortest round trip among the latest is believed: it can be wrong by half
/// of that round trip at most.
#[derive(Debug, Default)]
pub struct ClockEstimate {
    samples: VecDeque<Sample>,
}

impl ClockEstimate {
    /// Learns from an answer: the server said `server_ms`, `round_trip_ms` after it was asked, when
    /// the system clock showed `received_ms`.
    pub fn learn(&mut self, server_ms: u64, received_ms: u64, round_trip_ms: u64) {
        let round_trip_ms = round_trip_ms as i64;
        let offset_ms = server_ms as i64 - (received_ms as i64 - round_trip_ms / 2);
        if let Some(best) = self.best() {
            let explained_ms = (best.round_trip_ms + round_trip_ms) / 2 + JUMP_MS;
            if (offset_ms - best.offset_ms).abs() > explained_ms {
                self.samples.clear();
            }
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { offset_ms, round_trip_ms });
    }

    /// `None` before the first answer.
    pub fn offset_ms(&self) -> Option<i64> {
        self.best().map(|sample| sample.offset_ms)
    }

    fn best(&self) -> Option<Sample> {
        self.samples.iter().copied().min_by_key(|sample| sample.round_trip_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_the_shortest_round_trip() {
        let mut estimate = ClockEstimate::default();
        assert_eq!(estimate.offset_ms(), None);
        estimate.learn(5_000, 1_100, 200);
        assert_eq!(estimate.offset_ms(), Some(4_000));
        estimate.learn(5_098, 1_101, 2);
        assert_eq!(estimate.offset_ms(), Some(3_998));
        estimate.learn(5_250, 1_300, 180);
        assert_eq!(estimate.offset_ms(), Some(3_998));
    }

    #[test]
    fn learns_a_jump_at_once() {
        let mut estimate = ClockEstimate::default();
        estimate.learn(1_000, 1_000, 2);
        estimate.learn(3_601_020, 1_020, 10);
        assert_eq!(estimate.offset_ms(), Some(3_600_005));
        estimate.learn(900, 1_030, 10);
        assert_eq!(estimate.offset_ms(), Some(-125));
    }
}
