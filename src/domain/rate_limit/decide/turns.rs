//! Whose turn it is, after a batch.

use std::sync::Arc;

use super::state::{LimiterState, Moment};
use crate::domain::rate_limit::operation::Grant;

/// What a batch brought to light beside its answers; the fields are those of
/// [`Receipt`](crate::domain::rate_limit::operation::Receipt).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turns {
    pub granted: Vec<Grant>,
    pub places: u64,
    pub poll_in_ms: Option<u64>,
    pub turn_of: Option<Box<str>>,
}

/// What is to be done with the line next.
enum Step {
    Admit {
        id: Arc<str>,
        agent: u64,
    },
    /// By the limits that are now in force it can never be admitted: who asks again hears why.
    Remove {
        id: Arc<str>,
    },
    /// The place whose turn it is next, its client, and when it will fit (`u64::MAX`: nobody knows); how long
    /// until one of the calling client's fits.
    Rest {
        next: Option<(Arc<str>, Arc<str>, u64)>,
        own_wait_ms: Option<u64>,
    },
}

impl LimiterState {
    /// The places of the calling client become permits while they fit.
    #[inline]
    pub(super) fn take_turns(&mut self, moment: &Moment<'_>) -> Turns {
        let mut turns = Turns::default();
        if self.places.is_empty() {
            self.told = None;
            self.tell_when_to_poll(moment, None, &mut turns);
            return turns;
        }
        let own_wait_ms = loop {
            match self.next_step(moment) {
                Step::Admit { id, agent } => {
                    let Some(place) = self.leave_line(&id) else { break None };
                    let expires_at_ms = self.admit(moment, agent, id, place.amounts);
                    let grant = Grant { id: (&*place.id).into(), admitted_at_ms: moment.now_ms, expires_at_ms };
                    turns.granted.push(grant);
                }
                Step::Remove { id } => drop(self.leave_line(&id)),
                Step::Rest { next, own_wait_ms } => {
                    turns.turn_of = self.tell(moment, next);
                    break own_wait_ms;
                }
            }
        };
        self.tell_when_to_poll(moment, own_wait_ms, &mut turns);
        turns
    }

    /// What a batch hears that only asks.
    pub(super) fn look_at_turns(&self, moment: &Moment<'_>) -> Turns {
        let mut turns = Turns::default();
        let own_wait_ms = match self.next_step(moment) {
            Step::Admit { .. } | Step::Remove { .. } => Some(0),
            Step::Rest { own_wait_ms, .. } => own_wait_ms,
        };
        self.tell_when_to_poll(moment, own_wait_ms, &mut turns);
        turns
    }

    /// In time for its place, and often enough to be taken for alive: a third of the lease after it was renewed.
    #[inline]
    fn tell_when_to_poll(&self, moment: &Moment<'_>, own_wait_ms: Option<u64>, turns: &mut Turns) {
        let Some((places, lease_until_ms)) = self.clients.standing(moment.client) else { return };
        let lease_ms = moment.policy.client_lease_ms;
        let sign_of_life_ms = lease_until_ms.saturating_sub(moment.now_ms + (lease_ms - lease_ms / 3));
        turns.places = places;
        turns.poll_in_ms = Some(own_wait_ms.map_or(sign_of_life_ms, |wait_ms| wait_ms.min(sign_of_life_ms)).max(1));
    }

    fn next_step(&self, moment: &Moment<'_>) -> Step {
        let (mut next, mut own_wait_ms) = (None, None);
        for (key, agent) in self.heads() {
            let Some(place) = self.agents.get(agent).line.get(&key) else { continue };
            let (id, is_own) = (Arc::clone(&place.id), *place.client == *moment.client);
            let found = |fits_at_ms| Some((Arc::clone(&id), Arc::clone(&place.client), fits_at_ms));
            if self.never(moment, place.amounts, place.priority).is_some() {
                if is_own {
                    return Step::Remove { id };
                }
                // It holds nobody up; its client has to hear of it.
                next = next.or(found(moment.now_ms));
                continue;
            }
            let obstacles = self.obstacles(moment, agent, place.amounts, place.priority);
            if obstacles.reason.is_none() && is_own {
                return Step::Admit { id, agent };
            }
            let wait_ms = Some(obstacles.wait_ms).filter(|wait_ms| *wait_ms > 0 || obstacles.reason.is_none());
            if is_own {
                own_wait_ms = [own_wait_ms, wait_ms].into_iter().flatten().min();
            }
            if !obstacles.is_share_only {
                next = next.or(found(wait_ms.map_or(u64::MAX, |wait_ms| moment.now_ms + wait_ms)));
                break;
            }
        }
        Step::Rest { next, own_wait_ms }
    }

    /// Notes whose turn it is. Answers the client that has to hear of it: another one, when its place came to
    /// the front, or fits earlier than it was told.
    fn tell(&mut self, moment: &Moment<'_>, next: Option<(Arc<str>, Arc<str>, u64)>) -> Option<Box<str>> {
        let Some((id, client, fits_at_ms)) = next else {
            self.told = None;
            return None;
        };
        let is_own = *client == *moment.client;
        let is_known = self.told.as_ref().is_some_and(|(told, at_ms)| *told == id && *at_ms <= fits_at_ms);
        if is_own || !is_known {
            self.told = Some((id, fits_at_ms));
        }
        (!is_own && !is_known).then(|| (&*client).into())
    }
}
