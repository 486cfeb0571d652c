//! What is known of one limiter.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::agents::{Agents, Lapsed};
use super::clients::Clients;
use super::line::OrderKey;
use super::parts::Parts;
use super::{CLOCK_BACK_MAX_MS, HITS_REMEMBERED_MS, LATE_SETTLE_MS, WINDOWS_KEPT};
use crate::domain::quota::QuotaState;
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::fast_map::FastMap;
use crate::domain::rate_limit::operation::HitKind;
use crate::domain::rate_limit::terms::{Policy, Terms, WINDOW_PARTS};

/// Everything a store knows of one limiter.
///
/// ```
/// use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
/// use token_budget::domain::rate_limit::decide::{Admission, Ask, LimiterState};
/// use token_budget::domain::rate_limit::operation::Priority;
/// use token_budget::domain::rate_limit::terms::{MINUTE_MS, Policy, Rule, Terms};
///
/// let rule = Rule { unit: Unit::Requests, window_ms: MINUTE_MS, limit: 2, ordinary: 2 };
/// let policy = Policy {
///     configured: Terms { rules: vec![rule], ..Terms::default() },
///     cooldown_ms: 60_000,
///     cooldown_max_ms: 3_600_000,
///     permit_ttl_ms: 600_000,
///     client_lease_ms: 30_000,
///     line_max: 1_000,
/// };
/// let mut limiter = LimiterState::default();
/// let mut acquire = |id| {
///     let ask = Ask { id, amounts: Amounts::call(100, 50), priority: Priority::Normal, agent: "", wait: false };
///     limiter.acquire(0, "client", &policy, &ask).answer
/// };
/// assert!(matches!(acquire("a"), Admission::Granted { .. }));
/// assert!(matches!(acquire("b"), Admission::Granted { .. }));
/// assert!(matches!(acquire("c"), Admission::Refused(_)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimiterState {
    /// Time does not go back for a limiter, see [`LimiterState::instant`].
    pub(super) last_now_ms: u64,
    /// Until when time has passed, when all that was added since ends later: see [`LimiterState::rest`].
    pub(super) rested_at_ms: u64,
    pub(super) set_terms: Option<Arc<Terms>>,
    pub(super) windows: Vec<KeptWindow>,
    pub(super) quotas: [QuotaState; 4],
    pub(super) permits: FastMap<Arc<str>, Permit>,
    /// Permits that were ever given.
    pub(super) admissions: u64,
    /// Permits by the instant at which they expire, expired ones by the instant at which they are forgotten, and by
    /// their numbers.
    pub(super) ends: BTreeMap<(u64, u64), Arc<str>>,
    /// Permits that expired and can still be settled.
    pub(super) late: usize,
    pub(super) under_way: Amounts,
    /// Where in the lines each place is: the number of its agent and its key.
    pub(super) places: FastMap<Arc<str>, (u64, OrderKey)>,
    /// Places that were ever given.
    pub(super) arrivals: u64,
    pub(super) agents: Agents,
    pub(super) clients: Clients,
    pub(super) paused_until_ms: u64,
    pub(super) hits: u64,
    /// Of the last burst.
    pub(super) hit_kind: Option<HitKind>,
    /// After a hit, until a call succeeds.
    pub(super) half_open: bool,
    pub(super) last_hit_ms: u64,
    pub(super) probe: Option<Arc<str>>,
    /// When the next one may try, though the probe has not ended.
    pub(super) probe_until_ms: u64,
    /// When a call was settled last.
    pub(super) settled_at_ms: u64,
    pub(super) next_admission_us: u64,
    /// The number of the last admission, and what `next_admission_us` was before.
    pub(super) last_admission: Option<(u64, u64)>,
    /// The place whose client was told that it is its turn, and when it would fit by what was told.
    pub(super) told: Option<(Arc<str>, u64)>,
    pub(super) learned: BTreeMap<Box<str>, u64>,
    pub(super) learned_until_ms: u64,
    /// When nothing that is known here matters any more, terms set at run time aside.
    pub(super) life_until_ms: u64,
    /// When `paused_until_ms` was set; 0 in states of earlier versions.
    #[serde(default)]
    pub(super) pause_set_ms: u64,
    /// By client.
    #[serde(default)]
    pub(super) lapsed: BTreeMap<Box<str>, Lapsed>,
}

/// One window, and when it was in force last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptWindow {
    pub named_ms: u64,
    pub parts: Parts,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Permit {
    /// Permits are numbered in the order in which they are given.
    pub number: u64,
    pub admitted_at_ms: u64,
    pub expires_at_ms: u64,
    pub amounts: Amounts,
    /// The number of the agent it was charged to; 0, or one that is there no more: the common pool.
    pub agent: u64,
    pub client: Arc<str>,
    pub is_late: bool,
}

/// What a decision depends on beside the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub now_ms: u64,
    pub client: &'a str,
    pub policy: &'a Policy,
    pub terms: &'a Terms,
}

impl LimiterState {
    /// When the limiter can be forgotten; `u64::MAX`: never, for its limits were set at run time.
    pub fn life_until_ms(&self) -> u64 {
        if self.set_terms.is_some() { u64::MAX } else { self.life_until_ms }
    }

    /// The name of a client as the state keeps it: asked with it, the state finds the client faster. `None`: it
    /// holds nothing here.
    pub fn client_name(&self, client: &str) -> Option<Arc<str>> {
        self.clients.name_of(client)
    }

    /// Whether letting time pass may change anything.
    pub fn is_due(&self, clock_ms: u64) -> bool {
        let now_ms = clock_ms.max(self.last_now_ms);
        clock_ms + CLOCK_BACK_MAX_MS < self.last_now_ms
            || now_ms >= self.life_until_ms
            || self.ends.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms <= now_ms)
            || self.clients.is_due(now_ms)
            || self.windows.iter().any(|window| window.parts.is_due(now_ms))
            || self.agents.is_due(now_ms)
            || now_ms >= self.learned_until_ms && !self.learned.is_empty()
    }

    /// Lets time pass: what is over ends. Answers the instant to decide by.
    #[inline]
    pub(super) fn pass(&mut self, clock_ms: u64, policy: &Policy) -> u64 {
        let now_ms = self.instant(clock_ms, policy);
        if now_ms == self.rested_at_ms {
            return now_ms;
        }
        self.pass_until(now_ms);
        now_ms
    }

    fn pass_until(&mut self, now_ms: u64) {
        if now_ms >= self.life_until_ms {
            *self = Self { set_terms: self.set_terms.take(), ..Self::default() };
        }
        self.expire_until(now_ms);
        self.end_dead_clients(now_ms);
        for window in &mut self.windows {
            window.parts.forget(now_ms);
        }
        self.agents.forget(now_ms);
        if now_ms >= self.learned_until_ms {
            self.learned.clear();
        }
    }

    /// Ends a change. Whoever is busy makes many within a millisecond: for the next ones no time has passed.
    #[inline]
    pub(super) fn rest(&mut self, moment: &Moment<'_>) {
        self.prolong(moment);
        let lasts = moment.policy.permit_ttl_ms > 0 && moment.policy.client_lease_ms > 0;
        self.rested_at_ms = if lasts { moment.now_ms } else { 0 };
    }

    /// The same, for a batch of `client` that can change something.
    #[inline]
    pub(super) fn begin(&mut self, clock_ms: u64, client: &str, policy: &Policy) -> u64 {
        let now_ms = self.pass(clock_ms, policy);
        self.last_now_ms = now_ms;
        self.name_windows(now_ms, policy);
        self.clients.renew(client, now_ms + policy.client_lease_ms);
        now_ms
    }

    /// Sees to it that there is a window for each rule in force, and that no other is kept for longer than it
    /// tells of.
    #[inline]
    pub(super) fn name_windows(&mut self, now_ms: u64, policy: &Policy) {
        let set_terms = self.set_terms.clone();
        for rule in &set_terms.as_deref().unwrap_or(&policy.configured).rules {
            match self.windows.iter_mut().find(|window| window.parts.window_ms == rule.window_ms) {
                Some(window) => window.named_ms = now_ms,
                None => self.add_window(now_ms, rule.window_ms),
            }
        }
        let mut index = 0;
        while index < self.windows.len() {
            let window = &self.windows[index];
            match now_ms >= window.named_ms + 2 * window.parts.window_ms {
                true => self.drop_window(index),
                false => index += 1,
            }
        }
    }

    fn add_window(&mut self, now_ms: u64, window_ms: u64) {
        if self.windows.len() >= WINDOWS_KEPT {
            let oldest = (0..self.windows.len()).min_by_key(|index| (self.windows[*index].named_ms, *index));
            oldest.into_iter().for_each(|index| self.drop_window(index));
        }
        let mut parts = Parts::new(window_ms, WINDOW_PARTS);
        let longer = self.windows.iter().filter(|kept| kept.parts.window_ms >= window_ms);
        let shortest = longer.min_by_key(|kept| kept.parts.window_ms);
        let source = shortest.or_else(|| self.windows.iter().max_by_key(|kept| kept.parts.window_ms));
        if let Some(source) = source {
            parts.inherit(&source.parts, now_ms);
        }
        self.windows.push(KeptWindow { named_ms: now_ms, parts });
        self.agents.add_window(window_ms);
    }

    fn drop_window(&mut self, index: usize) {
        self.windows.remove(index);
        self.agents.drop_window(index);
    }

    /// Notes until when the state matters, after a batch that changed something.
    #[inline]
    pub(super) fn prolong(&mut self, moment: &Moment<'_>) {
        let (now_ms, policy) = (moment.now_ms, moment.policy);
        let mut latest_ms = self.life_until_ms;
        for window in &self.windows {
            latest_ms = latest_ms.max(window.parts.empty_at_ms(now_ms));
        }
        for quota in &self.quotas {
            latest_ms = latest_ms.max(quota.resets_at_ms);
        }
        let rest = [
            now_ms + policy.permit_ttl_ms + LATE_SETTLE_MS,
            now_ms + policy.client_lease_ms + 1,
            self.paused_until_ms + HITS_REMEMBERED_MS,
            self.next_admission_us / 1_000 + 1,
            self.learned_until_ms,
        ];
        self.life_until_ms = rest.into_iter().fold(latest_ms, u64::max);
    }
}
