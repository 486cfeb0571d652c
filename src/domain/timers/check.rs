//! Whether an operation can be decided at all. Clients ask before they hand it to a store.

use super::operation::{Change, Due, NewTimer, Operation};
use crate::domain::tokens::MAX_TOKENS;

/// Bytes of an id, a name, an owner or a holder.
const NAME_MAX_BYTES: usize = 256;
/// Bytes of an endpoint.
const ENDPOINT_MAX_BYTES: usize = 4_096;
/// Bytes of what is told of a failed attempt.
const ERROR_MAX_BYTES: usize = 500;
/// Bytes of a document or a message.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;
/// Bytes of a recurrence.
const RECURRENCE_MAX_BYTES: usize = 4_096;
/// Ids that one operation names.
const IDS_MAX: usize = 1_000;

impl Operation {
    /// The first field that no store accepts, and what is wrong with it.
    ///
    /// ```
    /// use token_budget::domain::timers::operation::Operation;
    ///
    /// let nobody = Operation::Claim { holder: "".into(), lease_ms: 30_000, timers: 10, deliveries: 0 };
    /// assert_eq!(nobody.check(), Err("holder: expected 1 to 256 bytes of A-Z, a-z, 0-9, _ and -".to_owned()));
    /// ```
    ///
    /// # Errors
    ///
    /// `<field>: expected ...`
    pub fn check(&self) -> Result<(), String> {
        match self {
            Operation::Create(timer) => new_timer(timer),
            Operation::Get { id } | Operation::Cancel { id } => name("id", id),
            Operation::Update { id, change: changed } => name("id", id).and_then(|()| change(changed)),
            Operation::Claim { holder: who, lease_ms, .. } => holder(who).and_then(|()| lease(*lease_ms)),
            Operation::Fired { id, nonce, holder: who, next_fire_at_ms, delivery, .. } => {
                name("id", id)?;
                name("nonce", nonce)?;
                holder(who)?;
                instant("nextFireAtMs", next_fire_at_ms.unwrap_or(0))?;
                delivery.as_ref().map_or(Ok(()), |delivery| {
                    endpoint(&delivery.endpoint)?;
                    at_most("delivery.documentJson", &delivery.document_json, DOCUMENT_MAX_BYTES)?;
                    instant("delivery.leaseMs", delivery.lease_ms)
                })
            }
            Operation::Release { holder: who, timers, deliveries } => {
                holder(who).and_then(|()| ids(timers, deliveries))
            }
            Operation::Renew { holder: who, lease_ms, timers, deliveries } => {
                holder(who)?;
                lease(*lease_ms)?;
                ids(timers, deliveries)
            }
            Operation::Delivered { holder: who, .. } => holder(who),
            Operation::Undelivered { holder: who, retry_in_ms, .. } => {
                holder(who)?;
                instant("retryInMs", retry_in_ms.unwrap_or(0))
            }
            Operation::Endpoint { endpoint: url, .. } => endpoint(url),
            Operation::List { .. }
            | Operation::Deliveries { .. }
            | Operation::Redeliver { .. }
            | Operation::Discard { .. }
            | Operation::Endpoints => Ok(()),
            Operation::Broadcast { message } => at_most("message", message, DOCUMENT_MAX_BYTES),
        }
    }
}

/// As much of the reason for a failure as a store keeps: 500 bytes, whole characters.
pub fn kept_error(error: &str) -> &str {
    let mut end = error.len().min(ERROR_MAX_BYTES);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    &error[..end]
}

fn new_timer(timer: &NewTimer) -> Result<(), String> {
    name("id", &timer.id)?;
    name("name", &timer.name)?;
    at_most("owner", &timer.owner, NAME_MAX_BYTES)?;
    name("nonce", &timer.nonce)?;
    at_most("fingerprint", &timer.fingerprint, NAME_MAX_BYTES)?;
    at_most("documentJson", &timer.document_json, DOCUMENT_MAX_BYTES)?;
    at_most("recurrenceJson", &timer.recurrence_json, RECURRENCE_MAX_BYTES)?;
    due(timer.due)
}

fn change(change: &Change) -> Result<(), String> {
    let texts = [
        ("change.owner", &change.owner, NAME_MAX_BYTES),
        ("change.documentJson", &change.document_json, DOCUMENT_MAX_BYTES),
        ("change.recurrenceJson", &change.recurrence_json, RECURRENCE_MAX_BYTES),
    ];
    change.name.as_ref().map_or(Ok(()), |text| name("change.name", text))?;
    for (field, text, max_bytes) in texts {
        text.as_ref().map_or(Ok(()), |text| at_most(field, text, max_bytes))?;
    }
    change.due.map_or(Ok(()), due)
}

fn due(due: Due) -> Result<(), String> {
    let (Due::In(value_ms) | Due::At(value_ms)) = due;
    instant("due", value_ms)
}

fn instant(field: &str, value_ms: u64) -> Result<(), String> {
    if value_ms <= MAX_TOKENS { Ok(()) } else { Err(format!("{field}: expected an integer from 0 to 2^53-1")) }
}

fn lease(lease_ms: u64) -> Result<(), String> {
    if lease_ms == 0 {
        Err("leaseMs: expected an integer from 1 to 2^53-1".to_owned())
    } else {
        instant("leaseMs", lease_ms)
    }
}

fn name(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        Err(format!("{field}: expected 1 to {NAME_MAX_BYTES} bytes"))
    } else {
        at_most(field, text, NAME_MAX_BYTES)
    }
}

fn at_most(field: &str, text: &str, max_bytes: usize) -> Result<(), String> {
    if text.len() <= max_bytes { Ok(()) } else { Err(format!("{field}: expected at most {max_bytes} bytes")) }
}

fn endpoint(url: &str) -> Result<(), String> {
    if (1..=ENDPOINT_MAX_BYTES).contains(&url.len()) {
        Ok(())
    } else {
        Err(format!("endpoint: expected 1 to {ENDPOINT_MAX_BYTES} bytes"))
    }
}

fn holder(holder: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=NAME_MAX_BYTES).contains(&holder.len()) && holder.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(format!("holder: expected 1 to {NAME_MAX_BYTES} bytes of A-Z, a-z, 0-9, _ and -"))
    }
}

fn ids(timers: &[Box<str>], deliveries: &[Box<str>]) -> Result<(), String> {
    match (timers.len() <= IDS_MAX, deliveries.len() <= IDS_MAX) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("timers: expected at most {IDS_MAX} ids")),
        (true, false) => Err(format!("deliveries: expected at most {IDS_MAX} ids")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named() {
        let timer = NewTimer {
            id: "t".into(),
            name: "n".into(),
            owner: "".into(),
            due: Due::In(1),
            document_json: "{}".into(),
            recurrence_json: "".into(),
            nonce: "x".into(),
            fingerprint: "f".into(),
        };
        let long: Box<str> = "é".repeat(129).into();
        let huge: Box<str> = "x".repeat(DOCUMENT_MAX_BYTES + 1).into();
        let cases = [
            (Operation::Create(NewTimer { id: "".into(), ..timer.clone() }), "id"),
            (Operation::Create(NewTimer { name: long.clone(), ..timer.clone() }), "name"),
            (Operation::Create(NewTimer { owner: long.clone(), ..timer.clone() }), "owner"),
            (Operation::Create(NewTimer { nonce: "".into(), ..timer.clone() }), "nonce"),
            (Operation::Create(NewTimer { fingerprint: long.clone(), ..timer.clone() }), "fingerprint"),
            (Operation::Create(NewTimer { document_json: huge.clone(), ..timer.clone() }), "documentJson"),
            (Operation::Create(NewTimer { recurrence_json: huge.clone(), ..timer.clone() }), "recurrenceJson"),
            (Operation::Broadcast { message: huge.clone() }, "message"),
            (Operation::Create(NewTimer { due: Due::At(MAX_TOKENS + 1), ..timer.clone() }), "due"),
            (Operation::Get { id: "".into() }, "id"),
            (
                Operation::Update { id: "t".into(), change: Change { name: Some("".into()), ..Change::default() } },
                "change.name",
            ),
            (Operation::Claim { holder: "a b".into(), lease_ms: 1, timers: 1, deliveries: 0 }, "holder"),
            (Operation::Claim { holder: "a".into(), lease_ms: 0, timers: 1, deliveries: 0 }, "leaseMs"),
            (Operation::Endpoint { endpoint: "".into(), enabled: true }, "endpoint"),
            (
                Operation::Release { holder: "a".into(), timers: vec!["t".into(); IDS_MAX + 1], deliveries: vec![] },
                "timers",
            ),
            (
                Operation::Undelivered {
                    id: "d".into(),
                    holder: "a".into(),
                    error: "".into(),
                    retry_in_ms: Some(u64::MAX),
                    disable: false,
                },
                "retryInMs",
            ),
        ];
        for (operation, field) in cases {
            let error = operation.check().expect_err(field);
            assert!(error.starts_with(&format!("{field}: expected ")), "{error}");
        }
        assert_eq!(Operation::Create(timer).check(), Ok(()));
    }

    #[test]
    fn an_error_is_cut_between_characters() {
        assert_eq!(kept_error("short"), "short");
        assert_eq!(kept_error(&"é".repeat(300)).len(), 500);
        assert_eq!(kept_error(&format!("x{}", "é".repeat(300))).len(), 499);
    }
}
