//! What can be asked about one shard of timers, and what is answered.
//!
//! A timer is due at an instant of the store's clock. Whoever asks first afterwards claims it for a while, does
//! what is to be done, and says so ([`Operation::Fired`]); a claim that nobody ends returns. What has to be sent
//! on expiry becomes a delivery in the same step: it is claimed in the same way, until it has arrived or is dead.

use serde::{Deserialize, Serialize};

/// Unique in its shard; 1 to 256 bytes.
pub type TimerId = Box<str>;

/// `<nonce of the timer>.<occurrence>`: stays the same however often something is sent.
pub type DeliveryId = Box<str>;

/// Who claims: one driver of one process. `[A-Za-z0-9_-]`.
pub type Holder = Box<str>;

/// When a timer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase")]
pub enum Due {
    /// So many milliseconds after the store hears of it.
    In(u64),
    /// At an instant, which may lie in the past: then it is due at once.
    At(u64),
}

/// A timer as its author describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTimer {
    pub id: TimerId,
    pub name: Box<str>,
    /// Empty: nobody's.
    pub owner: Box<str>,
    pub due: Due,
    /// What is to be done and whatever the author adds; a JSON object as text that no store reads.
    pub document_json: Box<str>,
    /// How it recurs, as JSON text that no store reads; empty: it fires once.
    pub recurrence_json: Box<str>,
    /// Distinguishes this timer from any other that had its id.
    pub nonce: Box<str>,
    /// Of what the author asked for, without nonce: the same id with another fingerprint is a conflict.
    pub fingerprint: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Waits until it is due, or for whoever claimed it.
    Scheduled,
    /// Has fired for the last time.
    Fired,
    Cancelled,
}

/// A timer as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timer {
    pub id: TimerId,
    pub name: Box<str>,
    pub owner: Box<str>,
    pub document_json: Box<str>,
    pub recurrence_json: Box<str>,
    pub nonce: Box<str>,
    pub fingerprint: Box<str>,
    pub status: Status,
    pub created_at_ms: u64,
    /// When the period began that ends with `fire_at_ms`.
    pub started_at_ms: u64,
    pub fire_at_ms: u64,
    /// How often it has fired, or was moved while somebody held it: the number of what is due next, from 0.
    pub occurrence: u64,
    /// When it fired for the last time, or was cancelled; 0 before.
    pub ended_at_ms: u64,
    /// Who does what is due, until `claimed_until_ms`; empty: nobody. A claim whose time is over is told until
    /// somebody claims anything of its kind.
    pub holder: Holder,
    pub claimed_until_ms: u64,
}

/// Something to be sent, because a timer fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub id: DeliveryId,
    pub timer_id: TimerId,
    /// Where to; what it is compared by when endpoints are disabled.
    pub endpoint: Box<str>,
    /// What is sent, and how; JSON text that no store reads.
    pub document_json: Box<str>,
    pub created_at_ms: u64,
    /// How often it was tried in vain, since it was last redelivered.
    pub attempts: u64,
    /// When to try next. Of a dead one: when it was given up.
    pub next_attempt_at_ms: u64,
    /// Given up: it waits to be redelivered or discarded.
    pub is_dead: bool,
    /// Why the last attempt failed; at most 500 bytes.
    pub error: Box<str>,
    /// Whether its endpoint is disabled.
    pub is_disabled: bool,
    pub holder: Holder,
    pub claimed_until_ms: u64,
}

/// What to send when a timer fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewDelivery {
    pub endpoint: Box<str>,
    pub document_json: Box<str>,
    /// The holder of the timer claims it in the same step, for so long; 0: it is left for whoever claims.
    pub lease_ms: u64,
}

/// What is changed of a timer that is scheduled. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub name: Option<Box<str>>,
    pub owner: Option<Box<str>>,
    /// Begins its period anew.
    pub due: Option<Due>,
    pub document_json: Option<Box<str>>,
    pub recurrence_json: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Asked twice with one id and fingerprint it creates once, also when the timer has ended since and is still
    /// remembered.
    Create(NewTimer),
    Get {
        id: TimerId,
    },
    /// Ends a scheduled timer. Who holds it does what is due all the same; nothing recurs.
    Cancel {
        id: TimerId,
    },
    /// Changes a scheduled timer and takes it from whoever holds it when its time changes. Else who holds it does what
    /// it was told when it claimed it, and says when that recurs.
    Update {
        id: TimerId,
        change: Change,
    },
    /// Timers by id, after the id `after`; every given filter must match. Looks at [`LIST_LOOKS_MAX`] at most: of
    /// those of the owner when one is given, else of those with the name, else of those that have ended when the status
    /// says so, else of all.
    List {
        status: Option<Status>,
        name: Option<Box<str>>,
        owner: Option<Box<str>>,
        after: TimerId,
        limit: u64,
    },
    /// Takes what is due, most overdue first: up to `timers` timers and up to `deliveries` deliveries.
    Claim {
        holder: Holder,
        lease_ms: u64,
        timers: u64,
        deliveries: u64,
    },
    /// What was due as number `occurrence` is done. `next_fire_at_ms`: it recurs. Counts when the claim is the
    /// holder's, over or not, and also when nobody holds a claim: the work was done, and who claimed for it last may
    /// have been forgotten. It does not count when somebody else has a claim, nor when an [`Operation::Update`] took
    /// the timer away meanwhile.
    Fired {
        id: TimerId,
        nonce: Box<str>,
        holder: Holder,
        occurrence: u64,
        next_fire_at_ms: Option<u64>,
        delivery: Option<NewDelivery>,
    },
    /// Returns claims of `holder` that it cannot serve; they are due at once.
    Release {
        holder: Holder,
        timers: Vec<TimerId>,
        deliveries: Vec<DeliveryId>,
    },
    /// Lengthens claims of `holder` to `lease_ms` from now. The answer is how many it still has.
    Renew {
        holder: Holder,
        lease_ms: u64,
        timers: Vec<TimerId>,
        deliveries: Vec<DeliveryId>,
    },
    /// It has arrived, whoever sent it.
    Delivered {
        id: DeliveryId,
        holder: Holder,
    },
    /// It has not. `retry_in_ms`: when to try again; `None`: it is dead. `disable`: nothing is to be sent to its
    /// endpoint any more; it is dead, and so is whatever else was to be sent there as soon as somebody would claim it.
    Undelivered {
        id: DeliveryId,
        holder: Holder,
        error: Box<str>,
        retry_in_ms: Option<u64>,
        disable: bool,
    },
    /// Deliveries by id, after the id `after`: those under way, or those that are dead.
    Deliveries {
        dead: bool,
        after: DeliveryId,
        limit: u64,
    },
    /// Tries a dead delivery anew, at once, with its id. Nothing is done while its endpoint is disabled.
    Redeliver {
        id: DeliveryId,
    },
    /// Forgets a dead delivery.
    Discard {
        id: DeliveryId,
    },
    /// Whether anything is to be sent to an endpoint.
    Endpoint {
        endpoint: Box<str>,
        enabled: bool,
    },
    /// The endpoints that are disabled, by name; [`ENDPOINTS_MAX`] are remembered, the longest disabled goes first.
    Endpoints,
    /// Told to every process that listens, one's own included; nothing is kept of it. A store in this process tells
    /// nobody.
    Broadcast {
        message: Box<str>,
    },
}

/// Timers one [`Operation::List`] looks at before it answers with what it found.
pub const LIST_LOOKS_MAX: u64 = 1_000;

/// Disabled endpoints a shard remembers.
pub const ENDPOINTS_MAX: usize = 1_000;

/// Timers and deliveries that one [`Operation::Claim`] takes at most, of each.
pub const CLAIM_MAX: u64 = 500;

/// Dead deliveries a shard keeps; the oldest is forgotten first.
pub const DEAD_MAX: usize = 10_000;

/// Ended timers a shard remembers; the one that ended first is forgotten first. Their ids are what makes creating
/// idempotent: a shard that fires a thousand a second remembers them for 100 seconds.
pub const ENDED_MAX: usize = 100_000;

impl Operation {
    /// Whether applying it can change the store.
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Operation::Get { .. } | Operation::List { .. } | Operation::Deliveries { .. } | Operation::Endpoints
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// `is_new`: it was not there before.
    Created {
        timer: Timer,
        is_new: bool,
    },
    /// The id belongs to a timer with another fingerprint.
    Conflict,
    /// `None`: there is no such timer. Of a change: nor one that can be changed.
    Timer(Option<Timer>),
    /// `next`: where to go on, empty when that was all.
    Timers {
        timers: Vec<Timer>,
        next: TimerId,
    },
    Claimed {
        timers: Vec<Timer>,
        deliveries: Vec<Delivery>,
    },
    /// Of [`Operation::Fired`]: whether the claim was still the holder's; else nothing was changed.
    Fired {
        was_held: bool,
        delivery: Option<Delivery>,
    },
    /// Whether there was anything to do.
    Done(bool),
    Renewed(u64),
    Deliveries {
        deliveries: Vec<Delivery>,
        next: DeliveryId,
    },
    Endpoints(Vec<Box<str>>),
}

/// What a client says with each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// An ended timer is remembered for so long.
    pub keep_ended_ms: u64,
    /// A dead delivery is kept for so long.
    pub keep_dead_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { keep_ended_ms: 86_400_000, keep_dead_ms: 30 * 86_400_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub operation: Operation,
    pub deadline_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receipt {
    /// The store's clock when it decided.
    pub now_ms: u64,
    pub outcomes: Vec<Result<Outcome, crate::domain::error::OperationError>>,
    /// When something of the shard is due next: a timer, a delivery, or the end of a claim.
    pub next_due_ms: Option<u64>,
}
