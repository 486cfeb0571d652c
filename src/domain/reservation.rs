//! Reservations: tokens held for a call in flight.
//!
//! ```text
//! pending --settle(actual)--> settled      tokens given back, actual recorded
//!         --settle(nothing)-> released     tokens given back
//!         --ttl passes------> expired      tokens given back; a late settle still records, once
//! ```

pub use super::identifier::ReservationId;
use super::period::Periods;

/// A reservation that holds its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReservation {
    pub id: ReservationId,
    pub tokens: u64,
    /// Money held beside the tokens, in micro-units of the currency.
    pub cost_micros: u64,
    pub periods: Periods,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
}

/// A reservation that gave its tokens back because its time was over.
pub type ExpiredReservation = OpenReservation;
