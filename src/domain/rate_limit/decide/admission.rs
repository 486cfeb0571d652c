//! Whether a call can be made now, and what stands in its way.

use std::sync::Arc;

use super::clients::Holding;
use super::state::{LimiterState, Moment, Permit};
use super::{PAUSE_MAX_MS, PROBE_MIN_MS};
use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::rate_limit::operation::{Priority, Reason, Verdict};
use crate::domain::rate_limit::terms::{Concurrency, Rule};
use crate::domain::tokens::MAX_TOKENS;

/// What keeps a call from being made now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Obstacles {
    /// The first in the order in which reasons are told; `None`: nothing.
    pub reason: Option<Reason>,
    /// Until the last of those ends whose end is known; 0: none is.
    pub wait_ms: u64,
    /// Nothing but the share of its agent.
    pub is_share_only: bool,
}

impl Obstacles {
    fn meet(&mut self, reason: Reason, wait_ms: u64) {
        self.reason = self.reason.or(Some(reason));
        self.wait_ms = self.wait_ms.max(wait_ms);
    }
}

pub(super) fn rule_cap(rule: &Rule, priority: Priority) -> u64 {
    if priority == Priority::Critical { rule.limit } else { rule.ordinary }
}

fn concurrency_cap(concurrency: &Concurrency, priority: Priority) -> u64 {
    if priority == Priority::Critical { concurrency.limit } else { concurrency.ordinary }
}

/// `cap * share / of`, exact for Lua's numbers too.
fn portion_of(cap: u64, (share, of): (u64, u64)) -> u64 {
    cap / of * share + cap % of * share / of
}

impl LimiterState {
    /// Why the call could not be made however long it waits.
    #[inline]
    pub(super) fn never(&self, moment: &Moment<'_>, amounts: Amounts, priority: Priority) -> Option<Verdict> {
        for (index, rule) in moment.terms.rules.iter().enumerate() {
            let cap = rule_cap(rule, priority);
            if amounts.of(rule.unit) > cap {
                return Some(Verdict::Never { reason: Reason::Rule(index), limit: cap });
            }
        }
        let cap = moment.terms.concurrency.as_ref().map(|limits| concurrency_cap(limits, priority));
        (cap == Some(0)).then_some(Verdict::Never { reason: Reason::Concurrency, limit: 0 })
    }

    /// What stands in the way of a call of the agent with this number, the line aside.
    #[inline]
    pub(super) fn obstacles(&self, moment: &Moment<'_>, agent: u64, amounts: Amounts, priority: Priority) -> Obstacles {
        let (now_ms, terms) = (moment.now_ms, moment.terms);
        let mut found = Obstacles::default();
        if now_ms < self.paused_until_ms {
            found.meet(Reason::Cooldown, self.paused_until_ms - now_ms);
        }
        if self.half_open && self.probe.is_some() && now_ms < self.probe_until_ms {
            found.meet(Reason::Probe, self.probe_until_ms - now_ms);
        }
        self.meet_quotas(now_ms, amounts, &mut found);
        self.meet_rules(moment, amounts, priority, &mut found);
        let cap = terms.concurrency.as_ref().map_or(MAX_TOKENS, |limits| concurrency_cap(limits, priority));
        if self.under_way.requests + 1 > cap {
            found.meet(Reason::Concurrency, 0);
        }
        let now_us = now_ms * 1_000;
        if terms.pause_us > 0 && now_us < self.next_admission_us {
            found.meet(Reason::Pacing, (self.next_admission_us - now_us).div_ceil(1_000));
        }
        if self.agents.have_shares() {
            let is_free = found.reason.is_none();
            self.meet_share(moment, agent, amounts, priority, &mut found);
            found.is_share_only = is_free && found.reason.is_some();
        }
        found
    }

    /// Of several quotas the one is told that lasts longest, and so of several rules.
    #[inline]
    fn meet_quotas(&self, now_ms: u64, amounts: Amounts, found: &mut Obstacles) {
        let mut longest: Option<(u64, Unit)> = None;
        for unit in Unit::ALL {
            let quota = &self.quotas[unit.index()];
            if quota.left(now_ms).is_some_and(|left| amounts.of(unit) > left) {
                let wait_ms = quota.resets_at_ms - now_ms;
                if longest.is_none_or(|(other_ms, _)| wait_ms > other_ms) {
                    longest = Some((wait_ms, unit));
                }
            }
        }
        longest.into_iter().for_each(|(wait_ms, unit)| found.meet(Reason::Remaining(unit), wait_ms));
    }

    #[inline]
    fn meet_rules(&self, moment: &Moment<'_>, amounts: Amounts, priority: Priority, found: &mut Obstacles) {
        let mut longest: Option<(u64, usize)> = None;
        for (index, rule) in moment.terms.rules.iter().enumerate() {
            let Some(window) = self.windows.iter().find(|window| window.parts.window_ms == rule.window_ms) else {
                continue;
            };
            let (amount, cap) = (amounts.of(rule.unit), rule_cap(rule, priority));
            if window.parts.sum().of(rule.unit) + amount > cap {
                let wait_ms = window.parts.fits_in_ms(rule.unit, amount, cap, moment.now_ms);
                if longest.is_none_or(|(other_ms, _)| wait_ms > other_ms) {
                    longest = Some((wait_ms, index));
                }
            }
        }
        longest.into_iter().for_each(|(wait_ms, index)| found.meet(Reason::Rule(index), wait_ms));
    }

    /// A call that is more than its agent's whole portion goes when the agent has nothing in the window, or it
    /// could never go.
    fn meet_share(&self, moment: &Moment<'_>, agent: u64, amounts: Amounts, priority: Priority, found: &mut Obstacles) {
        let agent = self.agents.get(agent);
        let portion = self.portion(agent);
        for rule in &moment.terms.rules {
            let index = self.windows.iter().position(|window| window.parts.window_ms == rule.window_ms);
            let Some(parts) = index.and_then(|index| agent.windows.get(index)) else { continue };
            let (used, amount) = (parts.sum().of(rule.unit), amounts.of(rule.unit));
            let cap = portion_of(rule_cap(rule, priority), portion);
            if amount > cap && used > 0 {
                found.meet(Reason::Share, parts.fits_in_ms(rule.unit, 0, 0, moment.now_ms));
            } else if amount <= cap && used + amount > cap {
                found.meet(Reason::Share, parts.fits_in_ms(rule.unit, amount, cap, moment.now_ms));
            }
        }
    }

    /// Admits the call: everything is taken at once.
    #[inline]
    pub(super) fn admit(&mut self, moment: &Moment<'_>, agent: u64, id: Arc<str>, amounts: Amounts) -> u64 {
        let now_ms = moment.now_ms;
        self.windows.iter_mut().for_each(|window| window.parts.add(now_ms, amounts));
        self.agents.admitted(agent, now_ms, amounts);
        self.under_way = self.under_way.plus(amounts);
        for unit in Unit::ALL {
            self.quotas[unit.index()].take(amounts.of(unit));
        }
        self.admissions += 1;
        let number = self.admissions;
        self.last_admission = Some((number, self.next_admission_us));
        if moment.terms.pause_us > 0 {
            let (now_us, next_us) = (now_ms * 1_000, self.next_admission_us);
            let begins_us = if next_us + 1_000 > now_us && next_us <= now_us { next_us } else { now_us };
            self.next_admission_us = begins_us + moment.terms.pause_us;
        }
        if self.half_open {
            self.probe = Some(Arc::clone(&id));
            self.probe_until_ms = now_ms + moment.policy.cooldown_ms.clamp(PROBE_MIN_MS, PAUSE_MAX_MS);
        }
        let expires_at_ms = now_ms + moment.policy.permit_ttl_ms;
        let client = self.clients.hold(moment.client, Holding::Permit, now_ms + moment.policy.client_lease_ms);
        self.ends.insert((expires_at_ms, number), Arc::clone(&id));
        let permit = Permit { number, admitted_at_ms: now_ms, expires_at_ms, amounts, agent, client, is_late: false };
        self.permits.insert(id, permit);
        expires_at_ms
    }
}
