//! The map of a cluster, as CLUSTER SLOTS tells it.

use redis::Value;

use super::dial::text;
use super::slot::SLOTS;
use crate::store::redis::config::Address;

/// A range of slots, both ends included, and the primary that serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub first: u16,
    pub last: u16,
    pub primary: Address,
}

/// Reads the reply of the server at `asked`; `None` when it is not a map. A node that does not
/// know its own name (or hides it) means the name under which it was asked.
pub fn ranges(reply: &Value, asked: &Address) -> Option<Vec<Range>> {
    let Value::Array(entries) = reply else { return None };
    entries.iter().map(|entry| range(entry, asked)).collect()
}

fn range(entry: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = entry else { return None };
    let (first, last) = (slot_number(parts.first()?)?, slot_number(parts.get(1)?)?);
    let Value::Array(primary) = parts.get(2)? else { return None };
    let Value::Int(port) = primary.get(1)? else { return None };
    let host = text(primary.first()?).unwrap_or_default();
    let primary = Address { host: known_host(host, asked), port: u16::try_from(*port).ok()? };
    (first <= last).then_some(Range { first, last, primary })
}

/// `?` is how servers write a host they do not know.
pub fn known_host(host: String, asked: &Address) -> String {
    match host.as_str() {
        "" | "?" => asked.host.clone(),
        _ => host,
    }
}

fn slot_number(value: &Value) -> Option<u16> {
    let Value::Int(number) = value else { return None };
    u16::try_from(*number).ok().filter(|&number| usize::from(number) < SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: i64, last: i64, host: Value, port: i64) -> Value {
        let id = Value::BulkString(b"0123".to_vec());
        let primary = Value::Array(vec![host, Value::Int(port), id, Value::Array(vec![])]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    fn host(name: &str) -> Value {
        Value::BulkString(name.as_bytes().to_vec())
    }

    #[test]
    fn a_hidden_host_is_the_one_that_was_asked() {
        let asked = Address { host: "public".to_owned(), port: 1 };
        let reply = Value::Array(vec![
            entry(0, 5, host("a"), 7000),
            entry(6, 7, Value::Nil, 7001),
            entry(8, 9, host(""), 7002),
            entry(10, 16383, host("?"), 7003),
        ]);
        let map = ranges(&reply, &asked).unwrap();
        let hosts: Vec<_> = map.iter().map(|range| range.primary.to_string()).collect();
        assert_eq!(hosts, ["a:7000", "public:7001", "public:7002", "public:7003"]);
    }

    #[test]
    fn nonsense_is_no_map() {
        let asked = Address { host: "h".to_owned(), port: 1 };
        for (first, last, port) in [(-1, 5, 1), (0, 16384, 1), (6, 5, 1), (0, 5, 99999)] {
            assert_eq!(ranges(&Value::Array(vec![entry(first, last, host("a"), port)]), &asked), None);
        }
        assert_eq!(ranges(&Value::Nil, &asked), None);
        assert_eq!(ranges(&Value::Array(vec![Value::Array(vec![])]), &asked), None);
    }
}
