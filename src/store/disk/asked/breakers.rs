//! What was asked of a circuit breaker.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::breakers::decide::BreakerState;
use crate::domain::breakers::operation::{Policy, Request};
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
    Batch(#[serde(with = "named")] Cow<'a, [Request]>),
    Forget,
}

impl Kept for BreakerState {
    type Policy = Policy;
    type Asked = Entry<'static>;

    fn replay(&mut self, _: &OrchestratorId, policy: Option<&Policy>, asked: Entry<'static>) -> Replayed {
        match (asked.asked, policy) {
            (Asked::Forget, _) => Replayed::Forgotten,
            (Asked::Batch(_), None) => Replayed::Unruled,
            (Asked::Batch(requests), Some(policy)) => {
                self.apply(asked.now_ms, policy, &requests);
                Replayed::Done
            }
        }
    }
}
