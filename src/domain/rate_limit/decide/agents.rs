//! Agents with shares, and the common pool of all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clients::Holding;
use super::line::{OrderKey, Place};
use super::parts::Parts;
use super::state::{LimiterState, Moment};
use super::{AGENT_PARTS, AGENTS_MAX, LAPSED_KEPT_MS, LAPSED_MAX, WHOLE_PPM};
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::operation::Outcome;

/// The common pool first, then each agent that has a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Agents {
    list: Vec<Agent>,
    /// Numbers that were ever given; 0 is the pool.
    numbers: u64,
}

impl Default for Agents {
    fn default() -> Self {
        Self { list: vec![Agent::default()], numbers: 0 }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Agent {
    pub number: u64,
    pub name: Box<str>,
    /// Of the pool: what no other has.
    pub share_ppm: u64,
    giver: Option<Arc<str>>,
    /// Open ones; of the pool they follow from the others' and are not counted here.
    pub permits: u64,
    pub line: BTreeMap<OrderKey, Place>,
    /// As the windows of the limiter, in their order. Of the pool only while somebody has a share.
    pub windows: Vec<Parts>,
}

/// The shares that ended with the lease of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lapsed {
    pub until_ms: u64,
    agents: Vec<Box<str>>,
}

impl Agents {
    /// Whether any share is given.
    pub fn have_shares(&self) -> bool {
        self.list.len() > 1
    }

    pub fn all(&self) -> &[Agent] {
        &self.list
    }

    /// By its number; what is there no more belongs to the pool.
    pub fn get(&self, number: u64) -> &Agent {
        &self.list[self.index(number)]
    }

    pub fn get_mut(&mut self, number: u64) -> &mut Agent {
        let index = self.index(number);
        &mut self.list[index]
    }

    /// The number of the agent with this name.
    pub fn number_of(&self, name: &str) -> u64 {
        if !self.have_shares() || name.is_empty() {
            return 0;
        }
        self.list.iter().find(|agent| &*agent.name == name).map_or(0, |agent| agent.number)
    }

    pub fn places(&self) -> impl Iterator<Item = (&OrderKey, &Place)> {
        self.list.iter().flat_map(|agent| &agent.line)
    }

    pub fn given_by(&self, client: &Arc<str>) -> Vec<u64> {
        let given = self.list.iter().filter(|agent| agent.giver.as_ref() == Some(client));
        given.map(|agent| agent.number).collect()
    }

    pub fn is_due(&self, now_ms: u64) -> bool {
        self.list.iter().flat_map(|agent| &agent.windows).any(|parts| parts.is_due(now_ms))
    }

    pub fn forget(&mut self, now_ms: u64) {
        self.list.iter_mut().flat_map(|agent| &mut agent.windows).for_each(|parts| parts.forget(now_ms));
    }

    /// The agents with their shares, without permits and places, and what they used as if it had been now.
    pub fn without_calls(mut self, now_ms: u64) -> Self {
        for agent in &mut self.list {
            agent.permits = 0;
            agent.line.clear();
            agent.windows.iter_mut().for_each(|parts| parts.gather(now_ms));
        }
        self
    }

    pub fn add_window(&mut self, window_ms: u64) {
        if self.have_shares() {
            self.list.iter_mut().for_each(|agent| agent.windows.push(Parts::new(window_ms, AGENT_PARTS)));
        }
    }

    pub fn drop_window(&mut self, index: usize) {
        if self.have_shares() {
            self.list.iter_mut().for_each(|agent| drop(agent.windows.remove(index)));
        }
    }

    pub fn admitted(&mut self, number: u64, now_ms: u64, amounts: Amounts) {
        if self.have_shares() {
            let agent = self.get_mut(number);
            agent.permits += 1;
            agent.windows.iter_mut().for_each(|parts| parts.add(now_ms, amounts));
        }
    }

    pub fn permit_ended(&mut self, number: u64) {
        let agent = self.get_mut(number);
        agent.permits = agent.permits.saturating_sub(1);
    }

    fn index(&self, number: u64) -> usize {
        if number == 0 {
            return 0;
        }
        self.list.iter().position(|agent| agent.number == number).unwrap_or(0)
    }

    fn set_pool_share(&mut self) {
        let given: u64 = self.list[1..].iter().map(|agent| agent.share_ppm).sum();
        self.list[0].share_ppm = WHOLE_PPM - given;
    }
}

impl LimiterState {
    /// Which window is the shortest; shares are looked at by it.
    pub(super) fn shortest_window(&self) -> Option<usize> {
        (0..self.windows.len()).min_by_key(|index| (self.windows[*index].parts.window_ms, *index))
    }

    /// Whether an agent uses its share: it has calls that wait or are under way, or had one a moment ago.
    fn is_active(&self, agent: &Agent, shortest: Option<usize>) -> bool {
        let permits = match agent.number {
            0 => {
                let others: u64 = self.agents.all()[1..].iter().map(|other| other.permits).sum();
                ((self.permits.len() - self.late) as u64).saturating_sub(others)
            }
            _ => agent.permits,
        };
        let used = shortest.and_then(|index| agent.windows.get(index)).map_or(0, |parts| parts.sum().requests);
        permits > 0 || !agent.line.is_empty() || used > 0
    }

    /// What `agent` gets of any cap: `(share, of)`. What others leave idle is divided in proportion.
    pub(super) fn portion(&self, agent: &Agent) -> (u64, u64) {
        let shortest = self.shortest_window();
        let counts = |other: &&Agent| other.number == agent.number || self.is_active(other, shortest);
        let (mut shares, mut active) = (0, 0);
        for other in self.agents.all().iter().filter(counts) {
            shares += other.share_ppm;
            active += 1;
        }
        if shares == 0 { (1, active) } else { (agent.share_ppm, shares) }
    }

    /// Gives an agent a share, or takes it back. Whether it was done.
    pub(super) fn allocate(&mut self, moment: &Moment<'_>, name: &str, share_ppm: u64) -> bool {
        let number = self.agents.number_of(name);
        if name.is_empty() || share_ppm > WHOLE_PPM {
            return false;
        }
        if share_ppm == 0 {
            self.end_share(number);
            return true;
        }
        let others = self.agents.list[1..].iter().filter(|agent| agent.number != number);
        if others.map(|agent| agent.share_ppm).sum::<u64>() + share_ppm > WHOLE_PPM {
            return false;
        }
        if number == 0 && self.agents.list.len() > AGENTS_MAX {
            return false;
        }
        let number = if number == 0 { self.add_agent(name) } else { number };
        self.agents.get_mut(number).share_ppm = share_ppm;
        self.given(moment, number);
        self.agents.set_pool_share();
        true
    }

    /// What the calling client gives, after what it says it gave. Where it is known what ended with its lease, nothing else
    /// is given again: the rest others had taken over or taken back before.
    pub(super) fn keep_shares(&mut self, moment: &Moment<'_>, given: &[(Box<str>, u64)]) -> Outcome {
        let ended = self.lapsed.remove(moment.client).filter(|ended| ended.until_ms > moment.now_ms);
        let lapsed = ended.is_some() || !self.clients.has_given(moment.client);
        if lapsed {
            for (name, share_ppm) in given {
                let is_its = ended.as_ref().is_none_or(|ended| ended.agents.contains(name));
                if is_its && *share_ppm > 0 && self.agents.number_of(name) == 0 {
                    self.allocate(moment, name, *share_ppm);
                }
            }
        }
        let is_its = |agent: &&Agent| agent.giver.as_deref() == Some(moment.client);
        let own = self.agents.all().iter().filter(is_its);
        let mut shares: Vec<_> = own.map(|agent| (agent.name.clone(), agent.share_ppm)).collect();
        shares.sort_unstable();
        Outcome::Kept { lapsed, shares }
    }

    /// Remembers which shares ended with the lease of a client.
    pub(super) fn note_lapsed(&mut self, client: &str, agents: Vec<Box<str>>, now_ms: u64) {
        self.lapsed.retain(|_, ended| ended.until_ms > now_ms);
        self.lapsed.insert(client.into(), Lapsed { until_ms: now_ms + LAPSED_KEPT_MS, agents });
        while self.lapsed.len() > LAPSED_MAX {
            let oldest = self.lapsed.iter().min_by_key(|(name, ended)| (ended.until_ms, *name));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            self.lapsed.remove(&name);
        }
    }

    /// The agent belongs to the common pool again, with all it used and waits for.
    pub(super) fn end_share(&mut self, number: u64) {
        if number != 0 {
            self.join_agents(number, 0);
        }
    }

    /// Everything `from` has is `to`'s, and the calling client gave it. Whether there was anything.
    pub(super) fn hand_off(&mut self, moment: &Moment<'_>, from: &str, to: &str) -> bool {
        let (from, target) = (self.agents.number_of(from), self.agents.number_of(to));
        if from == 0 {
            return false;
        }
        let receiver = if target == 0 && !to.is_empty() { from } else { target };
        match receiver == from {
            true => self.agents.get_mut(from).name = to.into(),
            false => self.join_agents(from, receiver),
        }
        if receiver != 0 {
            self.given(moment, receiver);
        }
        true
    }

    /// The share of this agent lives with the calling client from now on.
    fn given(&mut self, moment: &Moment<'_>, number: u64) {
        let lease_until_ms = moment.now_ms + moment.policy.client_lease_ms;
        let giver = self.clients.hold(moment.client, Holding::Share, lease_until_ms);
        let before = self.agents.get_mut(number).giver.replace(giver);
        before.iter().for_each(|client| self.clients.let_go(client, Holding::Share));
    }

    fn add_agent(&mut self, name: &str) -> u64 {
        let windows: Vec<_> =
            self.windows.iter().map(|window| Parts::new(window.parts.window_ms, AGENT_PARTS)).collect();
        if !self.agents.have_shares() {
            self.agents.list[0].windows = windows.clone();
        }
        self.agents.numbers += 1;
        let number = self.agents.numbers;
        self.agents.list.push(Agent { number, name: name.into(), windows, ..Agent::default() });
        number
    }

    /// One agent (`from`) becomes part of another.
    fn join_agents(&mut self, from: u64, to: u64) {
        let gone = self.agents.list.remove(self.agents.index(from));
        gone.giver.iter().for_each(|client| self.clients.let_go(client, Holding::Share));
        let moved = gone.line.iter().map(|(key, place)| (Arc::clone(&place.id), (to, *key)));
        self.places.extend(moved);
        if to != 0 {
            self.permits.values_mut().filter(|permit| permit.agent == from).for_each(|permit| permit.agent = to);
        }
        let target = self.agents.get_mut(to);
        target.line.extend(gone.line);
        if to != 0 {
            target.permits += gone.permits;
            target.share_ppm += gone.share_ppm;
        }
        target.windows.iter_mut().zip(&gone.windows).for_each(|(parts, more)| parts.absorb(more));
        self.agents.set_pool_share();
        if !self.agents.have_shares() {
            self.agents.list[0].windows.clear();
        }
    }
}
