//! Checked conversions that both trackers share.
//!
//! The facade checks first and names the field; what is refused here is a fault of the facade.

use napi::{Error, Result, Status};

use super::calls::{self, Malformed, amount};
use super::text::Text;
use crate::domain::identifier::OrchestratorId;
use crate::domain::operation::PeriodView;
use crate::domain::period::PERIOD_COUNT;
use crate::domain::policy::Limits;

pub(super) fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}

pub(super) fn malformed(error: Malformed) -> Error {
    invalid(match error {
        Malformed::Argument(message) => message,
        Malformed::Submission => "malformed call".to_owned(),
    })
}

/// An exact integer, or an error that names it.
pub(super) fn exact(name: &str, value: f64) -> Result<u64> {
    amount(value).ok_or_else(|| invalid(format!("{name}: expected an integer from 0 to 2^53-1")))
}

pub(super) fn orchestrator(id: &Text) -> Result<OrchestratorId> {
    calls::orchestrator(id.as_units()).map_err(malformed)
}

/// Of tokens, then of money in micro-units; NaN is unlimited.
pub(super) fn limits(limits: &[f64]) -> Limits {
    let at = |index: usize| limits.get(index).copied().and_then(amount);
    Limits { tokens: std::array::from_fn(at), cost: std::array::from_fn(|index| at(PERIOD_COUNT + index)) }
}

/// Numbers of a view.
pub(super) const VIEW_LENGTH: usize = 9;

/// Used, reserved, limit (-1 is unlimited), start and end of the window, until when it is paused (-1: it is not);
/// money used, reserved and its limit in micro-units.
pub(super) fn view_numbers(view: &PeriodView) -> [f64; VIEW_LENGTH] {
    let number = |number: Option<u64>| number.map_or(-1.0, |number| number as f64);
    let window = [view.window.start_ms, view.window.end_ms].map(|bound_ms| bound_ms as f64);
    [
        view.used as f64,
        view.reserved as f64,
        number(view.limit),
        window[0],
        window[1],
        number(view.paused_until_ms),
        view.cost.used as f64,
        view.cost.reserved as f64,
        number(view.cost.limit),
    ]
}
