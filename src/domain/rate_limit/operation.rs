//! What can be asked about one limiter, and what is answered.

use serde::{Deserialize, Serialize};

use super::amounts::{Amounts, Unit};
use super::terms::Terms;
use crate::domain::quota::{Quota, Reading};

/// A permit, or a place in the line that becomes one: unique, given by the client, `[A-Za-z0-9_-]{1,64}`.
pub type PermitId = Box<str>;

/// Who a share belongs to; at most 256 bytes. Empty: nobody in particular.
pub type Agent = Box<str>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Priority {
    /// Before all others; may use what is held back.
    Critical,
    Normal,
    /// Waits as if it had come [`LOW_PENALTY_MS`] later.
    Low,
}

pub const LOW_PENALTY_MS: u64 = 60_000;

/// One thing asked of a store about one limiter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Could the call be made? Writes nothing.
    Check {
        amounts: Amounts,
        priority: Priority,
        agent: Agent,
    },
    /// Admit the call, or let it wait in the line. Asked twice with one id it is admitted once.
    Acquire {
        id: PermitId,
        amounts: Amounts,
        priority: Priority,
        agent: Agent,
        wait: bool,
    },
    /// Says that the client lives, and asks for what waits: see [`Receipt::granted`].
    Poll,
    /// The call was made: correct the estimate. `reading`: what the response says.
    Settle {
        id: PermitId,
        used: Amounts,
        signals: Signals,
    },
    /// The call was not made, or nobody waits any more: give everything back.
    Cancel {
        id: PermitId,
    },
    /// What a response says that belongs to no permit.
    Observe(Signals),
    /// Replace the limits for every client; `None` returns to the configured.
    SetTerms(Option<Terms>),
    /// Gives an agent a share of every limit, in millionths. 0 takes it back. The share ends when the client
    /// that gave it dies.
    Allocate {
        agent: Agent,
        share_ppm: u64,
    },
    /// Says that the client lives, and which shares it gave, with their sizes. If it was taken for dead since, or the
    /// store forgot it, those are given anew that fit and that nobody else has given by now.
    KeepShares(Vec<(Agent, u64)>),
    /// Everything `from` has is `to`'s: share, usage, places in the line. The calling client counts as the one that
    /// gave the share.
    Handoff {
        from: Agent,
        to: Agent,
    },
    /// Admits nothing until then; 0 ends every pause, backoff included, and forgets what the provider said is left.
    Pause {
        for_ms: u64,
    },
    View,
    /// Counts what is remembered from elsewhere, unless it is known already: per part of a window the greater
    /// number counts.
    Restore(Box<View>),
    /// Adds to named counters: `(name, more)`.
    Learn(Vec<(Box<str>, u64)>),
    /// All named counters.
    Learned,
}

impl Operation {
    /// Whether applying it can change the store.
    pub fn writes(&self) -> bool {
        !matches!(self, Operation::Check { .. } | Operation::View | Operation::Learned)
    }

    /// Makes instants of the durations that a client knows, see [`Reading::date`].
    pub fn date(&mut self, now_ms: u64) {
        if let Operation::Settle { signals, .. } | Operation::Observe(signals) = self {
            signals.date(now_ms);
        }
    }
}

impl Signals {
    /// Makes instants of durations, see [`Reading::date`].
    pub fn date(&mut self, now_ms: u64) {
        self.sent_at_ms = now_ms.saturating_sub(self.sent_at_ms);
        self.readings.iter_mut().for_each(|(_, reading)| reading.date(now_ms));
    }
}

/// Named counters of a limiter; further names are ignored.
pub const LEARNED_MAX: usize = 4_096;

/// What a response says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signals {
    /// When its request left, by the store's clock, 0: nobody knows. Of a settle whose permit is known, that tells.
    pub sent_at_ms: u64,
    /// Per unit; `sent_at_ms` and the instants of a settle are filled in by the store.
    pub readings: Vec<(Unit, Reading)>,
    pub hit: Option<Hit>,
    /// The provider did what it was asked: ends the backoff.
    pub is_success: bool,
}

/// The provider refused the call for its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    pub kind: HitKind,
    /// How long the provider asks to wait, from when the store hears of it; 0 says nothing.
    pub retry_after_ms: Option<u64>,
    /// 0 ... 1000, thousandths: chance, thrown by the client, by which the first backoff is lengthened, at most by a
    /// tenth, and one that doubled is shortened, at most by half, but never to less than the cooldown.
    pub jitter: u64,
    /// The pause is no shorter, [`cooldown_max_ms`](super::terms::Policy::cooldown_max_ms) aside: what the provider's
    /// rules say where it names no time.
    #[serde(default)]
    pub least_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HitKind {
    /// Too fast.
    Rate,
    /// Nothing left: of the day, of the money.
    Quota,
}

/// Why a call has to wait, or can never be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reason {
    /// The rule with this index.
    Rule(usize),
    Concurrency,
    /// The pause between admissions.
    Pacing,
    /// The provider says that nothing is left.
    Remaining(Unit),
    /// After a hit, or paused by hand.
    Cooldown,
    /// After a cooldown a single call tries whether the provider lets it through.
    Probe,
    /// Others came first.
    Line,
    /// Its agent has used its share.
    Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verdict {
    Now,
    /// `wait_ms`: as far as is known; 0 when it depends on others.
    Wait {
        wait_ms: u64,
        reason: Reason,
    },
    /// It is more than the limit: `limit` is what could be asked for at most.
    Never {
        reason: Reason,
        limit: u64,
    },
}

/// The answer to one [`Operation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    Verdict(Verdict),
    Granted(Grant),
    /// In the line, behind `ahead` others.
    Waiting {
        wait_ms: u64,
        reason: Reason,
        ahead: u64,
    },
    /// Neither admitted nor waiting: nothing was consumed.
    Refused(Verdict),
    /// [`super::terms::Policy::line_max`] calls wait already.
    LineFull,
    /// `known`: whether there was such a permit. `late`: its time was over.
    Settled {
        known: bool,
        late: bool,
        estimated: Amounts,
    },
    Cancelled {
        known: bool,
    },
    /// Whether it was done. A share that would make the sum exceed the whole is not given.
    Done(bool),
    /// The shares that live with the client now, by agent. `lapsed`: they had ended, or some had; what is not among
    /// them is lost.
    Kept {
        lapsed: bool,
        shares: Vec<(Agent, u64)>,
    },
    View(Box<View>),
    Learned(Vec<(Box<str>, u64)>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    pub id: PermitId,
    pub admitted_at_ms: u64,
    pub expires_at_ms: u64,
}

/// All there is to see of a limiter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub now_ms: u64,
    /// In force.
    pub terms: Terms,
    /// Whether `terms` were set at run time.
    pub is_set: bool,
    pub windows: Vec<WindowView>,
    /// By [`Unit::index`].
    pub quotas: [Quota; 4],
    /// Permits under way, and what they were admitted with.
    pub under_way: Amounts,
    pub waiting: u64,
    /// 0: no pause.
    pub paused_until_ms: u64,
    /// Hits since the last success.
    pub hits: u64,
    /// What the last of them was, while the pause or the probing after it lasts.
    #[serde(default)]
    pub paused_by: Option<HitKind>,
    /// By the pacing; microseconds since the epoch.
    pub next_admission_us: u64,
    pub agents: Vec<AgentView>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowView {
    pub window_ms: u64,
    pub used: Amounts,
    /// `(number of the part, counted)`, oldest first: part `n` begins at `n * window_ms / 60`.
    pub parts: Vec<(u64, Amounts)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView {
    pub agent: Agent,
    pub share_ppm: u64,
    /// In the shortest window.
    pub used: Amounts,
    pub waiting: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    /// By the store's clock; a store that sees the request at or after this instant does nothing.
    pub deadline_ms: Option<u64>,
}

/// What a store answers to a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    pub now_ms: u64,
    /// One for each request, in their order; `Err`: its deadline had passed.
    pub outcomes: Vec<Result<Outcome, crate::domain::error::OperationError>>,
    /// Places in the line of this client that became permits.
    pub granted: Vec<Grant>,
    /// Places the client has in the line.
    pub places: u64,
    /// In how many milliseconds the client shall poll, for it has places, permits, or gave
    /// shares; `None`: it has nothing that could be lost.
    pub poll_in_ms: Option<u64>,
    /// Another client, whose turn has come by this batch: it shall poll. Told once.
    pub turn_of: Option<Box<str>>,
}
