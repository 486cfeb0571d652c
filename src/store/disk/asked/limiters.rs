//! What was asked of a limiter.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::identifier::OrchestratorId;
use crate::domain::rate_limit::amounts::Amounts;
use crate::domain::rate_limit::decide::{Ask, LimiterState};
use crate::domain::rate_limit::operation::{Priority, Request, Signals};
use crate::domain::rate_limit::terms::Policy;
use crate::store::disk::kept::{Kept, Replayed};
use crate::store::disk::named;

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    pub now_ms: u64,
    pub client: Cow<'a, str>,
    pub asked: Asked<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Asked<'a> {
    Acquire { id: Cow<'a, str>, amounts: Amounts, priority: Priority, agent: Cow<'a, str>, wait: bool },
    Settle { id: Cow<'a, str>, used: Amounts, signals: Option<Cow<'a, Signals>> },
    Cancel { id: Cow<'a, str> },
    Poll,
    Batch(#[serde(with = "named")] Cow<'a, [Request]>),
    Forget,
}

impl<'a> Asked<'a> {
    pub fn acquire(ask: &Ask<'a>) -> Self {
        let Ask { id, amounts, priority, agent, wait } = *ask;
        Asked::Acquire { id: Cow::Borrowed(id), amounts, priority, agent: Cow::Borrowed(agent), wait }
    }

    /// By whom, and when.
    pub fn by(self, client: &'a str, now_ms: u64) -> Entry<'a> {
        Entry { now_ms, client: Cow::Borrowed(client), asked: self }
    }
}

impl Kept for LimiterState {
    type Policy = Policy;
    type Asked = Entry<'static>;

    fn replay(&mut self, _: &OrchestratorId, policy: Option<&Policy>, asked: Entry<'static>) -> Replayed {
        let Entry { now_ms, client, asked } = asked;
        if matches!(asked, Asked::Forget) {
            return Replayed::Forgotten;
        }
        let Some(policy) = policy else { return Replayed::Unruled };
        match asked {
            Asked::Acquire { id, amounts, priority, agent, wait } => {
                let ask = Ask { id: &id, amounts, priority, agent: &agent, wait };
                drop(self.acquire(now_ms, &client, policy, &ask));
            }
            Asked::Settle { id, used, signals } => {
                drop(self.settle(now_ms, &client, policy, &id, used, signals.as_deref()));
            }
            Asked::Cancel { id } => drop(self.cancel(now_ms, &client, policy, &id)),
            Asked::Poll => drop(self.poll(now_ms, &client, policy)),
            Asked::Batch(requests) => drop(self.apply(now_ms, &client, policy, &requests)),
            Asked::Forget => {}
        }
        Replayed::Done
    }
}
