//! Events of the embedded tracker as JSON: `[kind, ...fields]`, the fields as in the records.

use std::fmt::Write;

use super::answers::kind;
use crate::service::answer::Event;

pub(super) fn to_json(events: &[Event]) -> String {
    let mut json = String::from("[");
    for event in events {
        if json.len() > 1 {
            json.push(',');
        }
        write_event(&mut json, event);
    }
    json.push(']');
    json
}

fn write_event(json: &mut String, event: &Event) {
    // Writing to a String cannot fail.
    let _ = match event {
        Event::Threshold { orchestrator, threshold, transition } => {
            let (used, reserved, limit) = (transition.used, transition.reserved, transition.limit);
            let (period, at_ms) = (transition.number(), transition.at_ms);
            let orchestrator = string(&orchestrator.decoded_utf16());
            let kind = kind::THRESHOLD;
            write!(json, "[{kind},{period},{threshold},{used},{reserved},{limit},{at_ms},{orchestrator}]")
        }
        Event::Expired { orchestrator, reservation } => {
            let (tokens, periods) = (reservation.tokens, reservation.periods.bits());
            let (created_ms, expires_ms) = (reservation.created_at_ms, reservation.expires_at_ms);
            // Ids are made of characters that need no escape but for those of the orchestrator.
            let id = string(&reservation.id.as_str().encode_utf16().collect::<Vec<_>>());
            let orchestrator = string(&orchestrator.decoded_utf16());
            let (kind, cost) = (kind::EXPIRED, reservation.cost_micros);
            write!(json, "[{kind},{tokens},{periods},{created_ms},{expires_ms},{cost},{id},{orchestrator}]")
        }
        // Only stores on servers tell these.
        Event::Pause { .. }
        | Event::Connected { .. }
        | Event::Disconnected { .. }
        | Event::Warning { .. }
        | Event::Due { .. }
        | Event::Message { .. }
        | Event::Breaker { .. }
        | Event::Listening => write!(json, "[0]"),
    };
}

/// A JSON string; everything but plain ASCII is escaped, so that lone surrogates survive.
fn string(units: &[u16]) -> String {
    let mut text = String::with_capacity(units.len() + 2);
    text.push('"');
    for unit in units {
        match char::from_u32(u32::from(*unit)) {
            Some(plain @ (' '..='!' | '#'..='[' | ']'..='~')) => text.push(plain),
            _ => drop(write!(text, "\\u{unit:04x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn strings_survive_json_even_with_lone_surrogates() {
        assert_eq!(string(&[0x61, 0x22, 0x5c, 0xd800, 0xe9]), r#""a\u0022\u005c\ud800\u00e9""#);
    }
}
