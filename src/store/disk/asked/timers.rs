//! What was asked of a shard of timers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::identifier::OrchestratorId;
use crate::domain::timers::decide::ShardState;
use crate::domain::timers::operation::{Policy, Request};
use crate::store::disk::kept::{Kept, Replayed};
use crate::store::disk::named;

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    pub now_ms: u64,
    #[serde(with = "named")]
    pub requests: Cow<'a, [Request]>,
}

impl Kept for ShardState {
    type Policy = Policy;
    type Asked = Entry<'static>;

    fn replay(&mut self, _: &OrchestratorId, policy: Option<&Policy>, asked: Entry<'static>) -> Replayed {
        let Some(policy) = policy else { return Replayed::Unruled };
        self.apply(asked.now_ms, policy, &asked.requests);
        // As in memory: what is blank is not kept.
        if self.is_blank() { Replayed::Forgotten } else { Replayed::Done }
    }
}
