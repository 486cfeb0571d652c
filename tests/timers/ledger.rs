//! Everything that was seen, and what must never be.

use std::collections::{BTreeMap, BTreeSet};

use token_budget::domain::timers::operation::*;

/// One timer as its author knows it.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    pub nonce: Box<str>,
    pub fire_at_ms: u64,
    pub occurrence: u64,
    pub is_over: bool,
    pub is_cancelled: bool,
    /// Of the last claim that was handed out and neither ended nor taken.
    pub holder: Holder,
    pub claimed_until_ms: u64,
    /// How often each occurrence was handed out, and how often it counted as done.
    pub handed_out: BTreeMap<u64, u64>,
    pub done: BTreeMap<u64, u64>,
    /// Occurrences whose timer was moved while somebody held it.
    pub given_up: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub timers: BTreeMap<TimerId, Entry>,
    /// Deliveries that are neither delivered nor dead, and how often each was handed out.
    pub under_way: BTreeMap<DeliveryId, u64>,
    pub dead: BTreeMap<DeliveryId, u64>,
    pub delivered: BTreeMap<DeliveryId, u64>,
    /// Whether the clock was ever set back: then a claim may end before it was said to.
    pub clock_was_set_back: bool,
}

impl Ledger {
    pub fn created(&mut self, timer: &Timer) {
        let entry = Entry { nonce: timer.nonce.clone(), fire_at_ms: timer.fire_at_ms, ..Entry::default() };
        self.timers.insert(timer.id.clone(), entry);
    }

    /// `was_held`: whether the store knew a claim, where that is certain.
    pub fn moved(&mut self, timer: &Timer, was_held: Option<bool>) {
        let entry = self.timers.get_mut(&timer.id).expect("known");
        if entry.fire_at_ms != timer.fire_at_ms {
            let is_another = timer.occurrence != entry.occurrence;
            assert_eq!(was_held.unwrap_or(is_another), is_another, "{timer:?} {entry:?}");
            if is_another {
                entry.given_up.insert(entry.occurrence);
                entry.occurrence += 1;
            }
            assert_eq!(timer.occurrence, entry.occurrence);
            entry.fire_at_ms = timer.fire_at_ms;
            entry.holder = "".into();
        }
        assert_eq!(timer.holder, entry.holder);
    }

    pub fn cancelled(&mut self, timer: &Timer) {
        let entry = self.timers.get_mut(&timer.id).expect("known");
        assert!(!entry.is_over, "{timer:?} was over");
        (entry.is_over, entry.is_cancelled) = (true, true);
    }

    /// Never early, nobody else has it, and the same number until it is done.
    pub fn claimed(&mut self, timer: &Timer, holder: &str, now_ms: u64) {
        let clock_was_set_back = self.clock_was_set_back;
        let entry = self.timers.get_mut(&timer.id).expect("known");
        assert!(!entry.is_over, "{timer:?} is over");
        assert!(timer.fire_at_ms <= now_ms, "{timer:?} at {now_ms}");
        assert_eq!((timer.fire_at_ms, timer.occurrence), (entry.fire_at_ms, entry.occurrence), "{timer:?}");
        let is_free = entry.holder.is_empty() || entry.claimed_until_ms <= now_ms || clock_was_set_back;
        assert!(is_free, "{timer:?} was taken from {entry:?} at {now_ms}");
        entry.holder = holder.into();
        entry.claimed_until_ms = timer.claimed_until_ms;
        *entry.handed_out.entry(timer.occurrence).or_default() += 1;
    }

    /// It counted. Once for each number.
    pub fn fired(&mut self, id: &str, occurrence: u64, next_fire_at_ms: Option<u64>) {
        let entry = self.timers.get_mut(id).expect("known");
        assert_eq!(entry.occurrence, occurrence);
        let done = entry.done.entry(occurrence).or_default();
        *done += 1;
        assert_eq!(*done, 1, "{id} fired twice as {occurrence}");
        entry.occurrence += 1;
        entry.holder = "".into();
        match next_fire_at_ms.filter(|_| !entry.is_over) {
            Some(next_ms) => entry.fire_at_ms = next_ms,
            None => entry.is_over = true,
        }
    }

    pub fn delivery_made(&mut self, delivery: &Delivery, timer_id: &str, occurrence: u64) {
        let nonce = &self.timers.get(timer_id).expect("known").nonce;
        assert_eq!(*delivery.id, format!("{nonce}.{occurrence}"));
        assert_eq!(&*delivery.timer_id, timer_id);
        let known = [&self.under_way, &self.dead, &self.delivered];
        assert!(!known.iter().any(|known| known.contains_key(&delivery.id)), "{delivery:?} was made twice");
        self.under_way.insert(delivery.id.clone(), u64::from(!delivery.holder.is_empty()));
    }

    pub fn delivery_claimed(&mut self, delivery: &Delivery, now_ms: u64) {
        assert!(delivery.next_attempt_at_ms <= now_ms, "{delivery:?} at {now_ms}");
        let count = self.under_way.get_mut(&delivery.id).unwrap_or_else(|| panic!("{delivery:?} is not under way"));
        *count += 1;
    }

    pub fn delivered(&mut self, id: &DeliveryId) {
        let count = self.under_way.remove(id).or_else(|| self.dead.remove(id)).expect("under way or dead");
        self.delivered.insert(id.clone(), count);
    }

    pub fn died(&mut self, id: &DeliveryId) {
        let count = self.under_way.remove(id).expect("under way");
        self.dead.insert(id.clone(), count);
    }

    /// After everything was given its time: nothing is lost, and what was done was handed out before.
    pub fn check_all_done(&self) {
        for (id, entry) in &self.timers {
            assert!(entry.is_over, "{id} was lost: {entry:?}");
            for occurrence in (0..entry.occurrence).filter(|occurrence| !entry.given_up.contains(occurrence)) {
                assert_eq!(entry.done.get(&occurrence), Some(&1), "{id} {entry:?}");
                assert!(entry.handed_out.get(&occurrence).is_some_and(|count| *count >= 1), "{id} {entry:?}");
            }
        }
        assert!(self.under_way.is_empty(), "{:?} were lost", self.under_way);
        assert!(self.delivered.values().all(|count| *count >= 1));
    }
}
