//! Requests that were picked and not reported.
//!
//! Counted by when they end unreported, in parts of the time that a request may take, so that forgotten ones
//! leave and the record stays small.

use crate::domain::tokens::add;

/// Parts that the life of a request is told apart in.
const PARTS: u64 = 16;

/// Parts of one record. Only policies that disagree about the life of a request can reach it.
const PARTS_MAX: usize = 64;

/// Counts of requests by the instant at which they end, soonest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UnderWay {
    parts: Vec<(u64, u64)>,
}

impl UnderWay {
    pub fn total(&self, now_ms: u64) -> u64 {
        self.parts.iter().filter(|(ends_at_ms, _)| *ends_at_ms > now_ms).map(|(_, count)| count).sum()
    }

    /// When the last of them ends, 0 when there is none.
    pub fn last_end_ms(&self) -> u64 {
        self.parts.last().map_or(0, |(ends_at_ms, _)| *ends_at_ms)
    }

    pub fn begin(&mut self, ttl_ms: u64, now_ms: u64) {
        let over = self.parts.iter().take_while(|(ends_at_ms, _)| *ends_at_ms <= now_ms).count();
        self.parts.drain(..over);
        let ends_at_ms = end_ms(now_ms, ttl_ms);
        let at = self.parts.partition_point(|(other_ms, _)| *other_ms < ends_at_ms);
        let is_full = self.parts.len() >= PARTS_MAX;
        match self.parts.get_mut(at) {
            Some((other_ms, count)) if *other_ms == ends_at_ms => *count += 1,
            _ if is_full => self.parts[PARTS_MAX - 1].1 += 1,
            _ => self.parts.insert(at, (ends_at_ms, 1)),
        }
    }

    /// The clock went back to `now_ms`: what would end later than a request of now was picked while it was wrong, and
    /// is forgotten.
    pub fn step_back(&mut self, ttl_ms: u64, now_ms: u64) {
        let latest_ms = end_ms(now_ms, ttl_ms);
        self.parts.retain(|(ends_at_ms, _)| *ends_at_ms <= latest_ms);
    }

    /// When fewer than `count` of those under way are left, if none is reported: `now_ms` when it is so now.
    pub fn fewer_at_ms(&self, count: u64, now_ms: u64) -> u64 {
        let (mut total, mut at_ms) = (self.total(now_ms), now_ms);
        for (ends_at_ms, ended) in self.parts.iter().filter(|(ends_at_ms, _)| *ends_at_ms > now_ms) {
            if total < count {
                break;
            }
            (total, at_ms) = (total - ended, *ends_at_ms);
        }
        at_ms
    }

    /// Ends a request that was picked at `picked_at_ms`; whether one is known. What has ended unreported is not.
    pub fn end(&mut self, picked_at_ms: u64, ttl_ms: u64, now_ms: u64) -> bool {
        let ends_at_ms = end_ms(picked_at_ms, ttl_ms);
        if ends_at_ms <= now_ms {
            return false;
        }
        let Ok(at) = self.parts.binary_search_by_key(&ends_at_ms, |(ends_at_ms, _)| *ends_at_ms) else {
            return false;
        };
        self.parts[at].1 -= 1;
        if self.parts[at].1 == 0 {
            self.parts.remove(at);
        }
        true
    }
}

/// When a request of this instant has ended, reported or not: the whole part it belongs to has lived.
fn end_ms(picked_at_ms: u64, ttl_ms: u64) -> u64 {
    let width_ms = (ttl_ms / PARTS).max(1);
    add(picked_at_ms - picked_at_ms % width_ms, add(width_ms, ttl_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_reported_ends_after_its_time() {
        let mut under_way = UnderWay::default();
        for now_ms in 0..1_600 {
            under_way.begin(1_600, now_ms);
            assert!(under_way.parts.len() <= 18);
        }
        assert_eq!(under_way.total(1_599), 1_600);
        assert_eq!(under_way.total(1_700), 1_500);
        assert_eq!(under_way.total(3_199), 100);
        assert_eq!(under_way.total(3_200), 0);
        assert_eq!(under_way.last_end_ms(), 3_200);
    }

    #[test]
    fn a_request_ends_once() {
        let mut under_way = UnderWay::default();
        under_way.begin(1_600, 50);
        assert!(!under_way.end(150, 1_600, 200));
        assert!(under_way.end(50, 1_600, 200));
        assert!(!under_way.end(50, 1_600, 200));
        under_way.begin(1_600, 50);
        assert!(!under_way.end(50, 1_600, 1_700));
        assert_eq!(under_way.total(1_699), 1);
    }

    #[test]
    fn policies_that_disagree_do_not_make_it_grow() {
        let mut under_way = UnderWay::default();
        for ttl_ms in 1_000..2_000 {
            under_way.begin(ttl_ms, 10);
        }
        assert_eq!(under_way.parts.len(), PARTS_MAX);
        assert_eq!(under_way.total(10), 1_000);
    }
}
