//! When a timer that recurs is due next.

use chrono_tz::Tz;
use serde_json::Value;

use super::cron::CronRule;
use crate::domain::tokens::MAX_TOKENS;

/// How a timer recurs.
pub enum Recurrence {
    /// At `anchor_ms` and every `every_ms` from there.
    Every {
        every_ms: u64,
        anchor_ms: u64,
    },
    Cron(Box<CronRule>),
}

impl Recurrence {
    /// Reads `{"every": ms, "anchor": ms}` or `{"cron": "0 2 * * 1-5", "timeZone": "Europe/Berlin"}`.
    ///
    /// ```
    /// use token_budget::domain::timers::recurrence::Recurrence;
    ///
    /// let hourly = Recurrence::parse(r#"{"every": 3600000, "anchor": 500}"#).unwrap();
    /// assert_eq!(hourly.next_after(0), Some(500));
    /// assert_eq!(hourly.next_after(500), Some(3_600_500));
    /// ```
    ///
    /// # Errors
    ///
    /// `<field>: ...`
    pub fn parse(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json).map_err(|error| format!("recurrence: {error}"))?;
        let Value::Object(fields) = value else { return Err("recurrence: expected an object".to_owned()) };
        let allowed: &[&str] = if fields.contains_key("cron") { &["cron", "timeZone"] } else { &["every", "anchor"] };
        if let Some(unknown) = fields.keys().find(|key| !allowed.contains(&key.as_str())) {
            return Err(format!("recurrence: unexpected field `{unknown}` beside {}", allowed.join(" and ")));
        }
        if fields.contains_key("cron") {
            let text = |field: &str| {
                fields.get(field).and_then(Value::as_str).ok_or_else(|| format!("{field}: expected text"))
            };
            return Ok(Recurrence::Cron(Box::new(CronRule::parse(text("cron")?, text("timeZone")?)?)));
        }
        let integer = |field: &str, min: u64| {
            let value = fields.get(field).and_then(Value::as_u64).filter(|value| (min..=MAX_TOKENS).contains(value));
            value.ok_or_else(|| format!("{field}: expected an integer from {min} to 2^53-1"))
        };
        Ok(Recurrence::Every { every_ms: integer("every", 1)?, anchor_ms: integer("anchor", 0)? })
    }

    /// The first instant after `after_ms`, in milliseconds since the Unix epoch; `None`: never again.
    pub fn next_after(&self, after_ms: u64) -> Option<u64> {
        match self {
            Recurrence::Every { anchor_ms, .. } if after_ms < *anchor_ms => Some(*anchor_ms),
            Recurrence::Every { every_ms, anchor_ms } => {
                let periods = (after_ms - anchor_ms) / every_ms + 1;
                let next_ms = periods.checked_mul(*every_ms)?.checked_add(*anchor_ms)?;
                Some(next_ms).filter(|next_ms| *next_ms <= MAX_TOKENS)
            }
            Recurrence::Cron(rule) => rule.next_after(after_ms),
        }
    }
}

/// An IANA time zone.
///
/// # Errors
///
/// `timeZone: ...`
pub(super) fn zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        let shown: String = name.chars().take(100).collect();
        format!("timeZone: no IANA time zone is called {shown:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(json: &str, after_ms: u64) -> Option<u64> {
        Recurrence::parse(json).expect(json).next_after(after_ms)
    }

    #[test]
    fn every_so_often_from_an_anchor() {
        let json = r#"{"every":1000,"anchor":250}"#;
        for (after_ms, next_ms) in [(0, 250), (249, 250), (250, 1_250), (1_249, 1_250), (9_999, 10_250)] {
            assert_eq!(next(json, after_ms), Some(next_ms), "after {after_ms}");
        }
        let largest = format!(r#"{{"every":{MAX_TOKENS},"anchor":0}}"#);
        assert_eq!(next(&largest, 0), Some(MAX_TOKENS));
        assert_eq!(next(&largest, MAX_TOKENS), None);
        assert_eq!(next(r#"{"every":1,"anchor":0}"#, MAX_TOKENS - 1), Some(MAX_TOKENS));
    }

    #[test]
    fn every_bad_field_is_named() {
        let cases = [
            ("", "recurrence: "),
            ("[]", "recurrence: expected an object"),
            ("{}", "every: expected an integer from 1"),
            (r#"{"every":0,"anchor":0}"#, "every: expected an integer from 1"),
            (r#"{"every":1.5,"anchor":0}"#, "every: expected an integer from 1"),
            (r#"{"every":-1,"anchor":0}"#, "every: expected an integer from 1"),
            (r#"{"every":9007199254740992,"anchor":0}"#, "every: expected an integer from 1"),
            (r#"{"every":1}"#, "anchor: expected an integer from 0"),
            (r#"{"every":1,"anchor":0,"cron":"* * * * *"}"#, "recurrence: unexpected field `anchor`"),
            (r#"{"every":1,"anchor":0,"timeZone":"UTC"}"#, "recurrence: unexpected field `timeZone`"),
            (r#"{"cron":5,"timeZone":"UTC"}"#, "cron: expected text"),
            (r#"{"cron":"* * * * *"}"#, "timeZone: expected text"),
            (r#"{"cron":"* * * * *","timeZone":"Mars/Base"}"#, "timeZone: no IANA time zone is called \"Mars/Base\""),
            (r#"{"cron":"* * * *","timeZone":"UTC"}"#, "cron: expected 5 fields"),
            (r#"{"cron":"* * * * * * *","timeZone":"UTC"}"#, "cron: expected 5 fields"),
            (r#"{"cron":"@daily","timeZone":"UTC"}"#, "cron: expected 5 fields"),
            (r#"{"cron":"60 * * * *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"* 24 * * *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"* * 0 * *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"* * * 13 *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"* * * * 8","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"*/0 * * * *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"5-1 * * * *","timeZone":"UTC"}"#, "cron: "),
            (r#"{"cron":"a b c d e","timeZone":"UTC"}"#, "cron: "),
        ];
        for (json, message) in cases {
            let error = Recurrence::parse(json).err().unwrap_or_default();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }
}
