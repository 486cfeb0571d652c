//! Durations as people write them: `20ms`, `30s`, `5m`, `6m0s`, `1h30m`, `1.5h`, `2d`, `1w`.

use crate::domain::tokens::MAX_TOKENS;

/// Characters of the longest duration.
const LENGTH_MAX: usize = 64;

/// Units and their milliseconds. A day has 24 hours: a duration knows no calendar.
const UNITS: [(&str, u128); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Whole milliseconds, at most 2^53 - 1. Parts add up in any order; there may be blanks between them.
///
/// ```
/// use token_budget::domain::timers::duration::parse;
///
/// assert_eq!(parse("1h30m"), Ok(5_400_000));
/// assert_eq!(parse("0.5s"), Ok(500));
/// assert_eq!(parse("250"), Err("\"250\" has no unit: write 250ms, or 250s".to_owned()));
/// ```
///
/// # Errors
///
/// What is wrong with it, and what is expected.
pub fn parse(text: &str) -> Result<u64, String> {
    if text.chars().count() > LENGTH_MAX {
        return Err(format!("a duration has at most {LENGTH_MAX} characters"));
    }
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("an empty duration: write 30s, 5m or 1h30m".to_owned());
    }
    let mut sum_ms: u128 = 0;
    while !rest.is_empty() {
        let (part_ms, after) = part(text, rest)?;
        sum_ms = sum_ms.saturating_add(part_ms);
        rest = after.trim_start();
    }
    if sum_ms > u128::from(MAX_TOKENS) {
        return Err(format!("{text:?} is too long: at most 2^53-1 milliseconds"));
    }
    Ok(sum_ms as u64)
}

/// Milliseconds of the number and unit that `rest` begins with, and what follows.
fn part<'a>(text: &str, rest: &'a str) -> Result<(u128, &'a str), String> {
    let number_end = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(rest.len());
    let (number, rest) = rest.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(format!("{text:?} is no duration: expected a number such as 5 or 1.5 before each unit"));
    }
    let rest = rest.trim_start();
    let unit_end = rest.find(|sign: char| !sign.is_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    if unit.is_empty() {
        return Err(format!("{text:?} has no unit: write {number}ms, or {number}s"));
    }
    let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("{text:?} has an unknown unit, {unit:?}: use ms, s, m, h, d or w"));
    };
    let too_long = || format!("{text:?} is too long: at most 2^53-1 milliseconds");
    let scale = 10_u128.checked_pow(fraction.len() as u32).ok_or_else(|| too_fine(text))?;
    let whole: u128 = whole.parse().map_err(|_| too_long())?;
    let fraction: u128 = fraction.parse().map_err(|_| too_fine(text))?;
    let whole_ms = whole.checked_mul(*unit_ms).ok_or_else(too_long)?;
    let scaled_ms = fraction.checked_mul(*unit_ms).ok_or_else(|| too_fine(text))?;
    if !scaled_ms.is_multiple_of(scale) {
        return Err(too_fine(text));
    }
    Ok((whole_ms.saturating_add(scaled_ms / scale), rest))
}

fn too_fine(text: &str) -> String {
    format!("{text:?} is no whole number of milliseconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        let cases = [
            ("0s", 0),
            ("20ms", 20),
            ("30s", 30_000),
            ("5m", 300_000),
            ("6m0s", 360_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("5 m", 300_000),
            ("1.5 h 30 m", 7_200_000),
            (" 2d ", 172_800_000),
            ("1w", 604_800_000),
            ("1.5h", 5_400_000),
            ("0.1s", 100),
            ("0.001s", 1),
            ("1.000000s", 1_000),
            ("0.3s", 300),
            ("1w2d3h4m5s6ms", 788_645_006),
            ("9007199254740991ms", MAX_TOKENS),
        ];
        for (text, duration_ms) in cases {
            assert_eq!(parse(text), Ok(duration_ms), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "an empty duration"),
            ("   ", "an empty duration"),
            ("250", "has no unit: write 250ms"),
            ("1h30", "has no unit: write 30ms"),
            ("-5m", "expected a number"),
            ("+5m", "expected a number"),
            ("m", "expected a number"),
            (".5s", "expected a number"),
            ("5.s", "expected a number"),
            ("1.2.3s", "expected a number"),
            ("1e3s", "unknown unit, \"e\""),
            ("5M", "unknown unit, \"M\""),
            ("5min", "unknown unit, \"min\""),
            ("5 minutes", "unknown unit, \"minutes\""),
            ("5 30m", "has no unit: write 5ms"),
            ("5µs", "unknown unit"),
            ("1,5h", "has no unit"),
            ("5m-3s", "expected a number"),
            ("0.5ms", "no whole number of milliseconds"),
            ("0.0001s", "no whole number of milliseconds"),
            ("1.0000000000000000000000000000000000000000000000001s", "no whole number"),
            ("9007199254740992ms", "too long"),
            ("99999999999999999999999999999999999999999999999w", "too long"),
            ("Infinity", "expected a number"),
        ];
        for (text, message) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!(parse(&"1s".repeat(40)).expect_err("long").contains("at most 64 characters"));
    }
}
