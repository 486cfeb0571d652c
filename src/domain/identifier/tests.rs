use super::*;
use crate::domain::period::{Period, Periods};
use proptest::prelude::*;

fn encoded(id: &str) -> String {
    OrchestratorId::new(id).unwrap().encoded().to_owned()
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

#[test]
fn ordinary_ids_appear_as_written() {
    for id in ["team-a", "a.b/c@d", "Größe", "日本", "🚀", "a\"'b<>&|"] {
        assert_eq!(encoded(id), id);
    }
}

#[test]
fn characters_that_mean_something_are_encoded_byte_by_byte() {
    assert_eq!(encoded(r":{}%*?[]\"), "%3A%7B%7D%25%2A%3F%5B%5D%5C");
    assert_eq!(encoded(" \t\n\u{7f}\u{0}"), "%20%09%0A%7F%00");
    // No-break space, ideographic space, line separator, next line.
    assert_eq!(encoded("\u{a0}\u{3000}\u{2028}\u{85}"), "%C2%A0%E3%80%80%E2%80%A8%C2%85");
}

#[test]
fn lone_surrogates_keep_their_bytes() {
    let lone = |units: &[u16]| OrchestratorId::from_utf16(units).unwrap().encoded().to_owned();
    assert_eq!(lone(&[0xD800]), "%ED%A0%80");
    assert_eq!(lone(&[0xDFFF, 0x61]), "%ED%BF%BFa");
    assert_eq!(lone(&[0xD83D, 0xDE80]), "🚀");
}

#[test]
fn the_bound_counts_bytes_of_the_id_and_not_of_its_key() {
    assert!(OrchestratorId::new("").is_none());
    assert!(OrchestratorId::from_utf16(&[]).is_none());
    assert!(OrchestratorId::from_encoded("").is_none());
    let longest = ":".repeat(256);
    let key = encoded(&longest);
    assert_eq!(key.len(), 3 * 256);
    assert!(OrchestratorId::from_encoded(&key).is_some());
    assert!(OrchestratorId::new(&"é".repeat(129)).is_none());
    assert!(OrchestratorId::from_encoded(&"%3A".repeat(257)).is_none());
    assert!(OrchestratorId::from_utf16(&[0xD800; 85]).is_some());
    assert!(OrchestratorId::from_utf16(&[0xD800; 86]).is_none());
}

#[test]
fn only_the_canonical_encoding_is_one() {
    let wrong = ["%", "%3", "%3a", "%61", "%ZZ", "a b", "a:b", "%C3%A9", "%ED%A0%BD%ED%BA%80", "%FF", "%+1"];
    for text in wrong {
        assert!(OrchestratorId::from_encoded(text).is_none(), "{text}");
    }
}

#[test]
fn a_reservation_id_tells_its_periods_and_orchestrator() {
    let orchestrator = OrchestratorId::new("a.b:c").unwrap();
    for periods in [Periods::from(Period::Daily), Periods::ALL] {
        let id = ReservationId::generate(&orchestrator, periods);
        assert_eq!(id.periods(), periods);
        assert_eq!(id.orchestrator(), orchestrator);
        assert_eq!(id.key().to_id(&orchestrator), id);
        assert_eq!(ReservationId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(ReservationId::generate(&orchestrator, periods), id);
    }
}

#[test]
fn what_is_no_reservation_id_is_refused() {
    let random = "AAECAwQFBgcICQoLDA0ODw";
    assert!(ReservationId::parse(&format!("1{random}.a")).is_some());
    let wrong = [
        String::new(),
        "1".to_owned(),
        format!("0{random}.a"),
        format!("8{random}.a"),
        format!("1{random}"),
        format!("1{random}."),
        format!("1{random}a"),
        format!("1{random}.a b"),
        format!("1{random}x.a"),
        "1AAECAwQFBgcICQoLDA0ODx.a".to_owned(),
        "é".repeat(20),
    ];
    for text in wrong {
        assert!(ReservationId::parse(&text).is_none(), "{text}");
    }
}

#[test]
fn an_unheld_id_is_no_other_id() {
    let orchestrator = OrchestratorId::new("a.b:c").unwrap();
    let id = UnheldId::generate(&orchestrator);
    assert_eq!(id.orchestrator(), orchestrator);
    assert!(id.as_str().starts_with(id.mark()) && !id.mark().contains('.'));
    assert_eq!(UnheldId::parse(id.as_str()), Some(id.clone()));
    assert_ne!(UnheldId::generate(&orchestrator).mark(), id.mark());
    assert_eq!(ReservationId::parse(id.as_str()), None);
    let real = ReservationId::generate(&orchestrator, Periods::ALL);
    for wrong in [real.as_str(), &format!("~{}", real.as_str()), id.mark(), &id.as_str()[1..], "~0", ""] {
        assert_eq!(UnheldId::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn keys_sort_as_ids_do() {
    let orchestrator = OrchestratorId::new("a").unwrap();
    let mut ids: Vec<_> = (0..100).map(|_| ReservationId::generate(&orchestrator, Periods::ALL)).collect();
    ids.sort();
    assert!(ids.is_sorted_by_key(ReservationId::key));
}

/// Strings of characters likely to be confused with each other's encoding.
fn tricky() -> impl Strategy<Value = Vec<u16>> {
    let unit = prop_oneof![
        prop::sample::select(utf16("%:{}*?[]\\ \u{a0}\u{2028}3AaEDé")),
        prop::sample::select(vec![0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xD83D, 0xDE80, 0]),
        any::<u16>(),
    ];
    prop::collection::vec(unit, 1..12)
}

proptest! {
    #[test]
    fn encoding_is_injective(a in tricky(), b in tricky()) {
        prop_assert_eq!(encode_utf16(&a) == encode_utf16(&b), a == b);
    }

    #[test]
    fn every_encoding_decodes_to_its_id(id in tricky()) {
        let orchestrator = OrchestratorId::from_utf16(&id).unwrap();
        prop_assert_eq!(orchestrator.decoded_utf16(), id);
        prop_assert_eq!(OrchestratorId::from_encoded(orchestrator.encoded()), Some(orchestrator.clone()));
        let harmful = |c: char| c.is_whitespace() || c.is_control() || ":{}*?[]\\".contains(c);
        let is_harmless = !orchestrator.encoded().contains(harmful);
        prop_assert!(is_harmless);
    }

    #[test]
    fn both_kinds_of_string_agree(id in "\\PC{1,20}") {
        prop_assert_eq!(OrchestratorId::new(&id), OrchestratorId::from_utf16(&utf16(&id)));
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC{0,40}") {
        let _ = (ReservationId::parse(&text), UnheldId::parse(&text), OrchestratorId::from_encoded(&text));
    }
}
