//! All there is to see, and what is remembered from elsewhere.

use super::agents::Agent;
use super::parts::Parts;
use super::state::{KeptWindow, LimiterState, Moment};
use super::{LEARNED_KEPT_MS, PAUSE_MAX_MS};
use crate::domain::quota::Reading;
use crate::domain::rate_limit::amounts::Unit;
use crate::domain::rate_limit::operation::{AgentView, LEARNED_MAX, View, WindowView};
use crate::domain::tokens;

impl LimiterState {
    pub(super) fn view(&self, moment: &Moment<'_>) -> View {
        let is_paused = moment.now_ms < self.paused_until_ms;
        View {
            now_ms: moment.now_ms,
            terms: moment.terms.clone(),
            is_set: self.set_terms.is_some(),
            windows: self.window_views(moment),
            quotas: self.quotas.map(|quota| quota.quota()),
            under_way: self.under_way,
            waiting: self.places.len() as u64,
            paused_until_ms: if is_paused { self.paused_until_ms } else { 0 },
            hits: self.hits,
            paused_by: self.paused_by(moment.now_ms),
            next_admission_us: self.next_admission_us,
            agents: self.agent_views(),
        }
    }

    /// Those of the rules, in their order, each once; then the others that are kept, for what they know counts when
    /// their rules are in force again.
    fn window_views(&self, moment: &Moment<'_>) -> Vec<WindowView> {
        let mut views: Vec<WindowView> = Vec::new();
        for rule in &moment.terms.rules {
            if views.iter().any(|view| view.window_ms == rule.window_ms) {
                continue;
            }
            let kept = self.windows.iter().find(|kept| kept.parts.window_ms == rule.window_ms);
            let (used, parts) = kept.map(|kept| (kept.parts.sum(), kept.parts.list().collect())).unwrap_or_default();
            views.push(WindowView { window_ms: rule.window_ms, used, parts });
        }
        let is_new = |kept: &&KeptWindow| views.iter().all(|view| view.window_ms != kept.parts.window_ms);
        let mut others: Vec<_> = self.windows.iter().filter(is_new).map(|kept| &kept.parts).collect();
        others.sort_unstable_by_key(|parts| parts.window_ms);
        let view =
            |parts: &Parts| WindowView { window_ms: parts.window_ms, used: parts.sum(), parts: parts.list().collect() };
        views.extend(others.into_iter().map(view));
        views
    }

    /// Those with a share by name, the common pool (``) first; none when nobody has one.
    fn agent_views(&self) -> Vec<AgentView> {
        if !self.agents.have_shares() {
            return Vec::new();
        }
        let shortest = self.shortest_window();
        let view = |agent: &Agent| AgentView {
            agent: agent.name.clone(),
            share_ppm: agent.share_ppm,
            used: shortest.and_then(|index| agent.windows.get(index)).map(|parts| parts.sum()).unwrap_or_default(),
            waiting: agent.line.len() as u64,
        };
        let mut views: Vec<_> = self.agents.all().iter().map(view).collect();
        views.sort_by(|a, b| a.agent.cmp(&b.agent));
        views
    }

    /// Counts what `view` knows and this state does not.
    pub(super) fn restore(&mut self, moment: &Moment<'_>, view: &View) {
        let now_ms = moment.now_ms;
        for remembered in &view.windows {
            let kept = self.windows.iter_mut().find(|kept| kept.parts.window_ms == remembered.window_ms);
            let Some(kept) = kept else { continue };
            for (number, amounts) in &remembered.parts {
                kept.parts.raise(*number, *amounts, now_ms);
            }
        }
        for unit in Unit::ALL {
            let told = view.quotas[unit.index()];
            if self.quotas[unit.index()].left(now_ms).is_none() {
                let limit = Some(told.limit).filter(|limit| *limit > 0);
                let resets_at_ms = remembered_ms(told.resets_at_ms, view.now_ms, now_ms);
                let reading = Reading { limit, remaining: told.left, resets_at_ms, sent_at_ms: 0 };
                self.learn_quota(moment, unit, reading, 0);
            }
        }
        self.hit_kind = self.paused_by(now_ms).or(view.paused_by);
        let paused_until_ms = remembered_ms(view.paused_until_ms, view.now_ms, now_ms).min(now_ms + PAUSE_MAX_MS);
        self.pause_until(paused_until_ms, now_ms);
        self.hits = self.hits.max(view.hits.min(super::signals::HITS_MAX));
        self.half_open = self.half_open || self.hits > 0;
        let next_admission_us = view.next_admission_us.min(now_ms * 1_000 + moment.terms.pause_us);
        if next_admission_us > self.next_admission_us {
            self.next_admission_us = next_admission_us;
            // A cancel of the last admission does not take this back.
            self.last_admission = None;
        }
    }

    pub(super) fn learn(&mut self, moment: &Moment<'_>, counters: &[(Box<str>, u64)]) {
        for (name, more) in counters {
            if let Some(count) = self.learned.get_mut(name) {
                *count = tokens::add(*count, *more);
            } else if self.learned.len() < LEARNED_MAX {
                self.learned.insert(name.clone(), *more);
            }
        }
        self.learned_until_ms = moment.now_ms + LEARNED_KEPT_MS;
    }
}

/// Where an end comes to lie that was remembered at `seen_ms`. By a clock that is behind that one there is left what
/// was left then.
fn remembered_ms(until_ms: u64, seen_ms: u64, now_ms: u64) -> u64 {
    until_ms.min(now_ms.saturating_add(until_ms.saturating_sub(seen_ms)))
}
