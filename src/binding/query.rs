//! The colder operations: arguments and answers as JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::operation::{Operation, Outcome, Override, Pause};
use crate::domain::period::{PERIOD_COUNT, Period};
use crate::domain::policy::Limits;

/// Verbs, see `docs/boundary.md`.
mod verb {
    pub const SET_BUDGET: u32 = 1;
    pub const GET_BUDGET: u32 = 2;
    pub const SET_OVERRIDE: u32 = 3;
    pub const REMOVE_OVERRIDE: u32 = 4;
    pub const LIST_OVERRIDES: u32 = 5;
    pub const LIST_RESERVATIONS: u32 = 6;
    pub const HISTORY: u32 = 7;
    pub const CLEAR_THRESHOLDS: u32 = 8;
    pub const PAUSE: u32 = 9;
    pub const RESUME: u32 = 10;
    pub const GET_PAUSE: u32 = 11;
}

#[derive(Deserialize)]
struct BudgetArguments {
    budget: Option<Limits>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OverrideArguments {
    id: String,
    period: usize,
    additional_tokens: u64,
    #[serde(default)]
    additional_cost: u64,
    expires_at_ms: u64,
    document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PauseArguments {
    until_ms: Option<u64>,
    document: Box<RawValue>,
}

#[derive(Deserialize)]
struct IdArguments {
    id: String,
}

#[derive(Deserialize)]
struct PeriodArguments {
    period: Option<usize>,
}

#[derive(Deserialize)]
struct PageArguments {
    period: Option<usize>,
    offset: u64,
    limit: u64,
}

/// The operation a verb and its arguments stand for.
pub(super) fn operation(verb: u32, arguments: &str) -> Result<Operation, String> {
    fn parse<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, String> {
        serde_json::from_str(arguments).map_err(|error| format!("arguments: {error}"))
    }
    Ok(match verb {
        verb::SET_BUDGET => Operation::SetBudget(parse::<BudgetArguments>(arguments)?.budget),
        verb::GET_BUDGET => Operation::GetBudget,
        verb::SET_OVERRIDE => {
            let given: OverrideArguments = parse(arguments)?;
            let OverrideArguments { id, period, additional_tokens, additional_cost, expires_at_ms, document } = given;
            if additional_tokens > 0 && additional_cost > 0 {
                return Err("additionalCost: expected tokens or money".to_owned());
            }
            let document_json = document.get().to_owned();
            let period = named_period(period)?;
            Operation::SetOverride(Override {
                id,
                period,
                additional_tokens,
                expires_at_ms,
                document_json,
                additional_cost,
            })
        }
        verb::REMOVE_OVERRIDE => Operation::RemoveOverride { id: parse::<IdArguments>(arguments)?.id },
        verb::LIST_OVERRIDES => {
            Operation::ListOverrides { period: maybe_period(parse::<PeriodArguments>(arguments)?.period)? }
        }
        verb::LIST_RESERVATIONS => {
            let PageArguments { period, offset, limit } = parse(arguments)?;
            Operation::ListReservations { period: maybe_period(period)?, offset, limit }
        }
        verb::HISTORY => {
            let PageArguments { period, offset, limit } = parse(arguments)?;
            let period = maybe_period(period)?.unwrap_or(Period::Hourly);
            Operation::History { period, offset, limit }
        }
        verb::CLEAR_THRESHOLDS => {
            Operation::ClearThresholds { period: maybe_period(parse::<PeriodArguments>(arguments)?.period)? }
        }
        verb::PAUSE => {
            let PauseArguments { until_ms, document } = parse(arguments)?;
            Operation::Pause { until_ms, document_json: document.get().to_owned() }
        }
        verb::RESUME => Operation::Resume,
        verb::GET_PAUSE => Operation::GetPause,
        _ => return Err(format!("verb: unknown number {verb}")),
    })
}

fn named_period(index: usize) -> Result<Period, String> {
    Period::from_index(index).ok_or_else(|| format!("period: unknown number {index}"))
}

fn maybe_period(index: Option<usize>) -> Result<Option<Period>, String> {
    index.map(named_period).transpose()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetAnswer {
    /// Of tokens, then of money in micro-units.
    base: [[Option<u64>; PERIOD_COUNT]; 2],
    effective: [[Option<u64>; PERIOD_COUNT]; 2],
    stored: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OverrideAnswer<'a> {
    id: &'a str,
    period: usize,
    additional_tokens: u64,
    additional_cost: u64,
    expires_at_ms: u64,
    document: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReservationAnswer<'a> {
    id: &'a str,
    tokens: u64,
    periods: u8,
    created_at_ms: u64,
    expires_at_ms: u64,
    cost_micros: u64,
}

/// The answer to a colder operation.
pub(super) fn answer_json(outcome: &Outcome) -> String {
    let json = match outcome {
        Outcome::Budget(view) => {
            let answer = BudgetAnswer {
                base: [view.base.tokens, view.base.cost],
                effective: [view.effective.tokens, view.effective.cost],
                stored: view.stored,
            };
            serde_json::to_string(&answer)
        }
        Outcome::OverrideRemoved(removed) => Ok(format!(r#"{{"removed":{removed}}}"#)),
        Outcome::Overrides(overrides) => {
            let overrides: Vec<_> = overrides.iter().map(override_answer).collect();
            serde_json::to_string(&overrides).map(|list| format!(r#"{{"overrides":{list}}}"#))
        }
        Outcome::Reservations(reservations) => {
            let reservations: Vec<_> = reservations
                .iter()
                .map(|open| ReservationAnswer {
                    id: open.id.as_str(),
                    tokens: open.tokens,
                    periods: open.periods.bits(),
                    created_at_ms: open.created_at_ms,
                    expires_at_ms: open.expires_at_ms,
                    cost_micros: open.cost_micros,
                })
                .collect();
            serde_json::to_string(&reservations).map(|list| format!(r#"{{"reservations":{list}}}"#))
        }
        Outcome::Resumed(resumed) => Ok(format!(r#"{{"resumed":{resumed}}}"#)),
        Outcome::Pause(pause) => Ok(format!(r#"{{"pause":{}}}"#, pause.as_ref().map_or("null".to_owned(), pause_json))),
        Outcome::History(records) => Ok(format!(r#"{{"records":[{}]}}"#, records.join(","))),
        _ => Ok("{}".to_owned()),
    };
    // Plain data with string keys: there is nothing in it that JSON cannot hold.
    json.unwrap_or_else(|_| "{}".to_owned())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PauseAnswer<'a> {
    until_ms: Option<u64>,
    since_ms: u64,
    document: Option<&'a RawValue>,
}

pub(super) fn pause_json(pause: &Pause) -> String {
    let document = serde_json::from_str(&pause.document_json).ok();
    let answer = PauseAnswer { until_ms: pause.until_ms, since_ms: pause.since_ms, document };
    serde_json::to_string(&answer).unwrap_or_default()
}

fn override_answer(granted: &Override) -> OverrideAnswer<'_> {
    OverrideAnswer {
        id: &granted.id,
        period: granted.period.index(),
        additional_tokens: granted.additional_tokens,
        additional_cost: granted.additional_cost,
        expires_at_ms: granted.expires_at_ms,
        document: serde_json::from_str(&granted.document_json).ok(),
    }
}
