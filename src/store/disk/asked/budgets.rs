//! What was asked of the budget of an orchestrator.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::decide::{self, Amount, Context, OrchestratorState};
use crate::domain::identifier::{OrchestratorId, ReservationId};
use crate::domain::operation::Request;
use crate::domain::period::Periods;
use crate::domain::policy::{Limits, Policy};
use crate::domain::usage::Usage;
use crate::store::disk::kept::{Kept, Replayed};

/// One entry. `configured` belongs to those that a policy belongs to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    pub now_ms: u64,
    pub configured: Limits,
    pub asked: Asked<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Asked<'a> {
    Reserve {
        id: Cow<'a, ReservationId>,
        tokens: u64,
        periods: Periods,
        ttl_ms: u64,
        #[serde(default)]
        cost_micros: u64,
    },
    Settle {
        id: Cow<'a, ReservationId>,
        usage: Option<Cow<'a, Usage>>,
    },
    Track(Cow<'a, Usage>),
    Batch(Cow<'a, [Request]>),
    Sweep,
    /// With the number of entries of a kind that were forgotten at most.
    Review(usize),
    Forget,
}

impl<'a> Entry<'a> {
    pub fn new(context: &Context<'_>, asked: Asked<'a>) -> Self {
        Self { now_ms: context.now_ms, configured: context.configured, asked }
    }

    /// Of the store itself.
    pub fn unruled(now_ms: u64, asked: Asked<'a>) -> Self {
        Self { now_ms, configured: Limits::UNLIMITED, asked }
    }
}

impl Kept for OrchestratorState {
    type Policy = Policy;
    type Asked = Entry<'static>;

    fn replay(&mut self, key: &OrchestratorId, policy: Option<&Policy>, asked: Entry<'static>) -> Replayed {
        let Entry { now_ms, configured, asked } = asked;
        match asked {
            Asked::Sweep => drop(self.sweep(key, now_ms)),
            Asked::Review(count) => drop(self.review(now_ms, count)),
            Asked::Forget => return Replayed::Forgotten,
            asked => {
                let Some(policy) = policy else { return Replayed::Unruled };
                decide_anew(self, &Context::new(key, policy, configured, now_ms), asked);
            }
        }
        Replayed::Done
    }
}

fn decide_anew(state: &mut OrchestratorState, context: &Context<'_>, asked: Asked<'_>) {
    match asked {
        Asked::Reserve { id, tokens, periods, ttl_ms, cost_micros } => {
            drop(state.reserve(context, &id, Amount { tokens, cost_micros }, periods, ttl_ms));
        }
        Asked::Settle { id, usage } => drop(state.settle(context, &id, usage.as_deref())),
        Asked::Track(usage) => drop(state.track(context, &usage)),
        Asked::Batch(requests) => drop(decide::apply(state, context, &requests)),
        Asked::Sweep | Asked::Review(_) | Asked::Forget => {}
    }
}
