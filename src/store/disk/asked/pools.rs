//! What was asked of a pool of credentials.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::credentials::decide::PoolState;
use crate::domain::credentials::operation::{Answered, Fingerprint, Policy, Request};
use crate::domain::identifier::OrchestratorId;
use crate::store::disk::kept::{Kept, Replayed};
use crate::store::disk::named;

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    pub now_ms: u64,
    pub asked: Asked<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Asked<'a> {
    Pick { resource: Cow<'a, str>, except: Cow<'a, [Fingerprint]> },
    Report { fingerprint: Cow<'a, str>, resource: Cow<'a, str>, picked_at_ms: u64, answered: Cow<'a, Answered> },
    GiveBack { fingerprint: Cow<'a, str>, resource: Cow<'a, str>, picked_at_ms: u64 },
    SetValid { fingerprint: Cow<'a, str>, valid: bool },
    Batch(#[serde(with = "named")] Cow<'a, [Request]>),
    Review,
    Forget,
}

impl<'a> Asked<'a> {
    pub fn at(self, now_ms: u64) -> Entry<'a> {
        Entry { now_ms, asked: self }
    }
}

impl Kept for PoolState {
    type Policy = Policy;
    type Asked = Entry<'static>;

    fn replay(&mut self, _: &OrchestratorId, policy: Option<&Policy>, asked: Entry<'static>) -> Replayed {
        let Entry { now_ms, asked } = asked;
        match asked {
            Asked::Review => self.review(now_ms),
            Asked::Forget => return Replayed::Forgotten,
            asked => {
                let Some(policy) = policy else { return Replayed::Unruled };
                decide_anew(self, now_ms, policy, asked);
            }
        }
        Replayed::Done
    }
}

fn decide_anew(state: &mut PoolState, now_ms: u64, policy: &Policy, asked: Asked<'_>) {
    match asked {
        Asked::Pick { resource, except } => {
            state.pick(now_ms, policy, &resource, &except);
        }
        Asked::Report { fingerprint, resource, picked_at_ms, answered } => {
            state.report(now_ms, policy, &fingerprint, &resource, picked_at_ms, &answered);
        }
        Asked::GiveBack { fingerprint, resource, picked_at_ms } => {
            state.give_back(now_ms, policy, &fingerprint, &resource, picked_at_ms);
        }
        Asked::SetValid { fingerprint, valid } => {
            state.set_valid(now_ms, policy, &fingerprint, valid);
        }
        Asked::Batch(requests) => drop(state.apply(now_ms, policy, &requests)),
        Asked::Review | Asked::Forget => {}
    }
}
