//! What can be asked about one pool of credentials, and what is answered.

use serde::{Deserialize, Serialize};

use crate::domain::quota::{Quota, Reading};

/// Stands for a token wherever the token itself must not be seen: 16 bytes of its hash, as hex.
pub type Fingerprint = Box<str>;

/// What tokens of one user share: the quota.
pub type Account = Box<str>;

/// A part of an interface with a quota of its own: `core`, `search`, `graphql`.
pub type Resource = Box<str>;

/// One token as its owner configured it, in the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    pub fingerprint: Fingerprint,
    pub account: Account,
    /// Of tokens that are equally good, the heavier one is taken.
    pub weight: u64,
}

/// What a client says with each batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    pub credentials: Vec<Credential>,
    /// Requests of a quota that are not taken.
    pub reserve: Reserve,
    /// The pause of an account after a secondary limit that names no time; doubled by each further one.
    pub cooldown_ms: u64,
    pub cooldown_max_ms: u64,
    /// A request that is not reported for so long has ended.
    pub request_ttl_ms: u64,
}

impl Default for Reserve {
    fn default() -> Self {
        Reserve::Requests(0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reserve {
    Requests(u64),
    /// Millionths of the limit, rounded down.
    SharePpm(u64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Take a token for one request. Those in `except` were tried already.
    Pick {
        resource: Resource,
        except: Vec<Fingerprint>,
    },
    /// How the request went that `fingerprint` was picked for at `picked_at_ms`. 0: none was picked for it.
    Report {
        fingerprint: Fingerprint,
        resource: Resource,
        picked_at_ms: u64,
        result: Answered,
    },
    /// The request was never sent.
    Return {
        fingerprint: Fingerprint,
        resource: Resource,
        picked_at_ms: u64,
    },
    /// The token is no longer accepted, or is again.
    SetValid {
        fingerprint: Fingerprint,
        valid: bool,
    },
    /// Tokens that can be picked now.
    Count {
        resource: Resource,
    },
    View,
    /// Keeps a token as somebody encrypted it.
    Keep {
        fingerprint: Fingerprint,
        account: Account,
        sealed: Box<str>,
    },
    /// Everything kept.
    Kept,
    /// Forgets a kept token.
    Drop {
        fingerprint: Fingerprint,
    },
}

impl Operation {
    /// Whether applying it can change the store.
    pub fn writes(&self) -> bool {
        !matches!(self, Operation::Count { .. } | Operation::View | Operation::Kept)
    }

    /// Makes instants of the durations that a client knows, see [`Reading::date`].
    pub fn date(&mut self, now_ms: u64) {
        if let Operation::Report { result: Answered { reading: Some(reading), .. }, .. } = self {
            reading.date(now_ms);
        }
    }
}

/// What a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    pub kind: AnswerKind,
    /// `sent_at_ms` is heard where nothing was picked for the request, 0 when it is not known; else the pick tells.
    pub reading: Option<Reading>,
    /// How long the provider asks to wait, from when the store hears of it.
    pub retry_after_ms: Option<u64>,
    /// 0 ... 1000, thousandths: lengthens the first cooldown, at most by a tenth, and shortens one that doubled, at
    /// most by half, but never to less than one cooldown.
    pub jitter: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerKind {
    /// Served, or refused for other reasons than limits.
    Served,
    /// The quota is spent.
    Spent,
    /// A secondary limit: the whole account shall rest.
    Secondary,
    /// 401.
    Unauthorized,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// `left`: requests before the reserve is touched, where known.
    Picked {
        fingerprint: Fingerprint,
        picked_at_ms: u64,
        left: Option<u64>,
        resets_at_ms: u64,
    },
    /// No token can be used. `resets_at_ms`: when the first can, 0 when none ever will.
    Exhausted {
        resets_at_ms: u64,
        limited: u64,
        invalid: u64,
    },
    /// Whether there was anything to do: a report or a return of a token that the policy does not name changes
    /// nothing, nor does telling what is known, keeping more than
    /// [`KEPT_MAX`](crate::domain::credentials::decide::KEPT_MAX), or dropping what is not kept.
    Done(bool),
    Count(u64),
    /// As configured.
    View(Vec<TokenView>),
    /// By fingerprint.
    Kept(Vec<(Fingerprint, Account, Box<str>)>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    pub fingerprint: Fingerprint,
    pub account: Account,
    pub is_valid: bool,
    /// By name.
    pub resources: Vec<ResourceView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceView {
    pub resource: Resource,
    pub quota: Quota,
    /// 0: neither it nor its account rests.
    pub paused_until_ms: u64,
    pub under_way: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    pub deadline_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    pub now_ms: u64,
    pub outcomes: Vec<Result<Outcome, crate::domain::error::OperationError>>,
}
