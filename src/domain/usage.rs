//! Reported token usage.

use serde::{Deserialize, Serialize};

use super::calendar::{DAY_MS, Date};
use super::identifier::ReservationId;

/// The disjoint parts of a usage. They describe the total; the total is what is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    pub prompt: u64,
    pub completion: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
}

impl Parts {
    /// Tokens of `total` that no part accounts for.
    pub fn unattributed(&self, total: u64) -> u64 {
        [self.prompt, self.completion, self.cache_read, self.cache_write, self.reasoning]
            .into_iter()
            .fold(total, u64::saturating_sub)
    }
}

/// Tokens that were spent, with what is known about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The tokens that are counted.
    pub total: u64,
    pub parts: Parts,
    /// Empty when unknown; counted under the model `unknown`.
    pub model: String,
    /// Empty when unknown.
    pub session_id: String,
    /// The same id counts once within the idempotency TTL.
    pub request_id: Option<String>,
    /// A JSON object as text, kept in the history.
    pub metadata_json: Option<String>,
    /// When it happened, as reported; kept in the history. Milliseconds since the Unix epoch.
    pub reported_at_ms: u64,
    /// When it happened by the store's clock; decides the windows it counts in. `None` is now.
    pub occurred_at_ms: Option<u64>,
    /// What it cost, in micro-units of the currency.
    #[serde(default)]
    pub cost_micros: u64,
    /// Nobody said what it cost: with a reservation it costs its share of what that holds, else nothing.
    /// `cost_micros` is 0 then.
    #[serde(default)]
    pub costs_as_held: bool,
}

impl Usage {
    /// Whether there is anything to count.
    pub fn is_something(&self) -> bool {
        self.total > 0 || self.cost_micros > 0
    }
}

/// The record of `usage` in a history, a JSON object as text; with `reservation_id` when it came
/// from a settle. The same bytes for every store.
///
/// ```
/// use token_budget::domain::usage::{Parts, Usage, history_record};
///
/// let usage = Usage {
///     total: 30,
///     parts: Parts { prompt: 10, completion: 20, ..Parts::default() },
///     model: "opus".to_owned(),
///     reported_at_ms: 1_700_000_000_123,
///     ..Usage::default()
/// };
/// assert_eq!(
///     history_record(&usage, None),
///     r#"{"timestamp":"2023-11-14T22:13:20.123Z","promptTokens":10,"completionTokens":20,"totalTokens":30,"model":"opus"}"#,
/// );
/// ```
pub fn history_record(usage: &Usage, reservation_id: Option<&ReservationId>) -> String {
    let mut json = String::with_capacity(256 + usage.metadata_json.as_ref().map_or(0, String::len));
    write_history_record(&mut json, usage, reservation_id);
    json
}

/// Appends the [history record](history_record) to `json`.
pub fn write_history_record(json: &mut String, usage: &Usage, reservation_id: Option<&ReservationId>) {
    json.push('{');
    push_text(json, "\"sessionId\":", Some(&usage.session_id));
    push_key(json, "\"timestamp\":");
    push_timestamp(json, usage.reported_at_ms);
    push_number(json, "\"promptTokens\":", usage.parts.prompt);
    push_number(json, "\"completionTokens\":", usage.parts.completion);
    let seldom = [
        ("\"cacheReadTokens\":", usage.parts.cache_read),
        ("\"cacheWriteTokens\":", usage.parts.cache_write),
        ("\"reasoningTokens\":", usage.parts.reasoning),
    ];
    for (key, tokens) in seldom.into_iter().filter(|(_, tokens)| *tokens != 0) {
        push_number(json, key, tokens);
    }
    push_number(json, "\"totalTokens\":", usage.total);
    if usage.cost_micros > 0 {
        push_number(json, "\"costMicros\":", usage.cost_micros);
    }
    push_text(json, "\"model\":", Some(&usage.model));
    push_text(json, "\"requestId\":", usage.request_id.as_deref());
    push_text(json, "\"reservationId\":", reservation_id.map(ReservationId::as_str));
    if let Some(metadata) = usage.metadata_json.as_deref() {
        push_key(json, "\"metadata\":");
        json.push_str(metadata);
    }
    json.push('}');
}

/// `key` with its quotes and its colon, so that it is copied in one piece.
fn push_key(json: &mut String, key: &str) {
    if !json.ends_with('{') {
        json.push(',');
    }
    json.push_str(key);
}

fn push_number(json: &mut String, key: &str, number: u64) {
    push_key(json, key);
    push_digits(json, number, 1);
}

/// Leaves the key out when there is no text.
fn push_text(json: &mut String, key: &str, text: Option<&str>) {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return };
    push_key(json, key);
    json.push('"');
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        push_escaped(json, text);
    } else {
        json.push_str(text);
    }
    json.push('"');
}

fn push_escaped(json: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
}

/// ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` writes it.
fn push_timestamp(json: &mut String, instant_ms: u64) {
    let day_ms = DAY_MS as u64;
    let Date { year, month, day } = Date::from_days((instant_ms / day_ms) as i64);
    let second = instant_ms % day_ms / 1_000;
    let year = year.unsigned_abs();
    json.push('"');
    if year > 9_999 {
        json.push('+');
    }
    push_digits(json, year, if year > 9_999 { 6 } else { 4 });
    let mut rest = *b"-00-00T00:00:00.000Z\"";
    let pairs = [
        (1, month.unsigned_abs()),
        (4, day.unsigned_abs()),
        (7, second / 3_600),
        (10, second / 60 % 60),
        (13, second % 60),
        (16, instant_ms % 1_000 / 10),
    ];
    for (at, number) in pairs {
        rest[at] += (number / 10) as u8;
        rest[at + 1] += (number % 10) as u8;
    }
    rest[18] += (instant_ms % 10) as u8;
    push_ascii(json, &rest);
}

/// Writes `number` with at least `width` digits. By hand: formatting would take most of the time
/// of a record, and every tracked usage writes one.
fn push_digits(json: &mut String, number: u64, width: usize) {
    const LONGEST: usize = 20;
    let mut digits = [b'0'; LONGEST];
    let mut first = LONGEST;
    let mut rest = number;
    while rest > 0 || LONGEST - first < width {
        first -= 1;
        digits[first] += (rest % 10) as u8;
        rest /= 10;
    }
    push_ascii(json, &digits[first..]);
}

fn push_ascii(json: &mut String, bytes: &[u8]) {
    // It is: everything given is digits and signs.
    json.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identifier::OrchestratorId;
    use crate::domain::period::Periods;

    fn timestamp(instant_ms: u64) -> String {
        let mut json = String::new();
        push_timestamp(&mut json, instant_ms);
        json
    }

    #[test]
    fn keys_stand_in_order_and_absent_ones_are_left_out() {
        let id = ReservationId::generate(&OrchestratorId::new("a").unwrap(), Periods::ALL);
        let usage = Usage {
            total: 9_007_199_254_740_991,
            parts: Parts { prompt: 1, completion: 2, cache_read: 3, cache_write: 4, reasoning: 5 },
            model: "m".to_owned(),
            session_id: "s".to_owned(),
            request_id: Some("r".to_owned()),
            metadata_json: Some(r#"{"a":[1,"\u0000"]}"#.to_owned()),
            reported_at_ms: 0,
            occurred_at_ms: None,
            cost_micros: 6,
            costs_as_held: false,
        };
        let expected = format!(
            concat!(
                r#"{{"sessionId":"s","timestamp":"1970-01-01T00:00:00.000Z","promptTokens":1,"completionTokens":2,"#,
                r#""cacheReadTokens":3,"cacheWriteTokens":4,"reasoningTokens":5,"totalTokens":9007199254740991,"costMicros":6,"#,
                r#""model":"m","requestId":"r","reservationId":"{}","metadata":{{"a":[1,"\u0000"]}}}}"#
            ),
            id.as_str()
        );
        assert_eq!(history_record(&usage, Some(&id)), expected);
        let empty = r#"{"timestamp":"1970-01-01T00:00:00.000Z","promptTokens":0,"completionTokens":0,"totalTokens":0}"#;
        assert_eq!(history_record(&Usage::default(), None), empty);
    }

    #[test]
    fn any_text_survives_json() {
        let text: String = ('\0'..='\u{ff}').chain("\u{2028}🚀\"\\".chars()).collect();
        let usage = Usage { model: text.clone(), request_id: Some(text.clone()), ..Usage::default() };
        let record: serde_json::Value = serde_json::from_str(&history_record(&usage, None)).unwrap();
        assert_eq!(record["model"], text);
        assert_eq!(record["requestId"], text);
    }

    #[test]
    fn timestamps_are_those_of_javascript() {
        assert_eq!(timestamp(951_827_696_789), "\"2000-02-29T12:34:56.789Z\"");
        assert_eq!(timestamp(253_402_300_800_000), "\"+010000-01-01T00:00:00.000Z\"");
        assert_eq!(timestamp(8_640_000_000_000_000), "\"+275760-09-13T00:00:00.000Z\"");
    }
}
