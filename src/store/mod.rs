//! Where state lives.
//!
//! A store applies a [`Batch`] of operations on one orchestrator atomically and in order, by its
//! own clock, and answers with a [`Receipt`]. It never decides anything the domain does not: see
//! [`crate::domain::decide`].

pub mod disk;
pub mod ledger;
pub mod memory;
pub mod redis;
mod sqlite;

use std::future::Future;
use std::sync::Arc;

use crate::domain::error::StoreError;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::{Receipt, Request};
use crate::domain::policy::{Limits, Policy};
use crate::domain::{breakers, credentials, rate_limit, timers};

/// Operations on one orchestrator that are applied together, in order.
#[derive(Debug, Clone)]
pub struct Batch {
    pub orchestrator: OrchestratorId,
    pub policy: Arc<Policy>,
    /// The limits configured for the orchestrator; limits set at run time come before them.
    pub configured: Limits,
    pub requests: Vec<Request>,
    pub ticket: Ticket,
}

/// Operations on one limiter that are applied together, in order.
#[derive(Debug, Clone)]
pub struct RateLimitBatch {
    /// Names of limiters obey the rules of orchestrators.
    pub limiter: OrchestratorId,
    pub policy: Arc<rate_limit::terms::Policy>,
    pub requests: Vec<rate_limit::operation::Request>,
    pub ticket: Ticket,
}

/// Operations on one pool of credentials that are applied together, in order.
#[derive(Debug, Clone)]
pub struct CredentialBatch {
    /// Names of pools obey the rules of orchestrators.
    pub pool: OrchestratorId,
    pub policy: Arc<credentials::operation::Policy>,
    pub requests: Vec<credentials::operation::Request>,
    pub ticket: Ticket,
}

/// Operations on one shard of timers that are applied together, in order.
#[derive(Debug, Clone)]
pub struct TimerBatch {
    /// A number, written as text.
    pub shard: OrchestratorId,
    pub policy: timers::operation::Policy,
    pub requests: Vec<timers::operation::Request>,
    pub ticket: Ticket,
}

/// Operations on one circuit breaker that are applied together, in order.
#[derive(Debug, Clone)]
pub struct BreakerBatch {
    /// Names of breakers obey the rules of orchestrators.
    pub breaker: OrchestratorId,
    pub policy: breakers::operation::Policy,
    pub requests: Vec<breakers::operation::Request>,
    pub ticket: Ticket,
}

/// Tells a batch from every other batch, so that sending it again never counts twice.
///
/// A client has at most one batch of an orchestrator under way, and numbers them ascending from 1:
/// the store remembers the last answer per orchestrator and client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Unique per tracker instance; `[A-Za-z0-9_-]`.
    pub client: Arc<str>,
    pub sequence: u64,
    /// Whether this batch was sent before and got no answer.
    pub retry: bool,
}

/// A place that keeps budgets.
pub trait Store {
    /// Applies the batch. Dropping the future does not undo what was sent.
    fn apply(&self, batch: &Batch) -> impl Future<Output = Result<Receipt, StoreError>>;

    /// The store's clock as well as it is known here: exact for a store in this process, estimated
    /// from its answers for a server.
    fn now_ms(&self) -> u64;
}
