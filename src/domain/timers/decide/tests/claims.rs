use super::*;

#[test]
fn nothing_is_claimed_before_it_is_due() {
    let mut shard = ShardState::default();
    create(&mut shard, 1_000, "a", Due::In(500));
    create(&mut shard, 1_000, "b", Due::At(1_400));
    create(&mut shard, 1_000, "past", Due::At(3));
    assert_eq!(claimed_ids(&mut shard, 1_000, "p"), ["past"]);
    assert!(claimed_ids(&mut shard, 1_399, "p").is_empty());
    assert_eq!(claimed_ids(&mut shard, 1_400, "p"), ["b"]);
    assert_eq!(claimed_ids(&mut shard, 1_500, "p"), ["a"]);
}

#[test]
fn most_overdue_first_then_by_id() {
    let mut shard = ShardState::default();
    for (id, at_ms) in [("c", 20), ("a", 20), ("b", 10), ("d", 30)] {
        create(&mut shard, 0, id, Due::At(at_ms));
    }
    let (first, _) = claim(&mut shard, 50, "p", 3, 0);
    assert_eq!(first.iter().map(|timer| &*timer.id).collect::<Vec<_>>(), ["b", "a", "c"]);
    // One that returns goes before what was due later.
    create(&mut shard, 50, "later", Due::At(40));
    assert_eq!(claimed_ids(&mut shard, 50 + LEASE_MS, "q"), ["b", "a", "c", "d", "later"]);
}

#[test]
fn a_claim_that_nobody_ends_returns() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(10));
    assert_eq!(claimed_ids(&mut shard, 10, "p"), ["a"]);
    assert_eq!(shard.next_due_ms(), Some(10 + LEASE_MS));
    assert!(claimed_ids(&mut shard, 9 + LEASE_MS, "q").is_empty());
    assert_eq!(claimed_ids(&mut shard, 10 + LEASE_MS, "q"), ["a"]);
    assert!(!fires(&mut shard, 11 + LEASE_MS, fired("a", "p", 0)), "q has it");
    assert!(fires(&mut shard, 12 + LEASE_MS, fired("a", "q", 0)));
    assert!(!fires(&mut shard, 13 + LEASE_MS, fired("a", "q", 0)), "it is done");
    assert_eq!(shard.next_due_ms(), None);
}

#[test]
fn what_is_done_late_is_done_when_nobody_has_taken_it() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    assert!(fires(&mut shard, 5 * LEASE_MS, fired("a", "p", 0)));

    // Also when the store forgot who claimed it, as after a failover.
    create(&mut shard, 0, "b", Due::In(0));
    assert!(fires(&mut shard, 0, fired("b", "p", 0)));

    // And when somebody else took it and gave up on it.
    create(&mut shard, 0, "c", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    claimed_ids(&mut shard, LEASE_MS, "q");
    assert!(fires(&mut shard, 2 * LEASE_MS, fired("c", "p", 0)));
}

#[test]
fn another_nonce_or_occurrence_changes_nothing() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    let before = shard.clone();
    assert!(!fires(&mut shard, 1, fired("a", "p", 1)));
    let foreign = Operation::Fired {
        id: "a".into(),
        nonce: "other".into(),
        holder: "p".into(),
        occurrence: 0,
        next_fire_at_ms: None,
        delivery: None,
    };
    assert!(!fires(&mut shard, 1, foreign));
    assert!(!fires(&mut shard, 1, fired("unknown", "p", 0)));
    assert!(!fires(&mut shard, 1, fired("a", "q", 0)));
    assert_eq!(shard, before);
}

#[test]
fn one_that_was_moved_is_not_done_by_who_held_it_before() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    let change = Change { due: Some(Due::In(0)), ..Change::default() };
    ask(&mut shard, 7, Operation::Update { id: "a".into(), change });
    assert!(!fires(&mut shard, 8, fired("a", "p", 0)));
    assert_eq!(claimed_ids(&mut shard, 8, "q"), ["a"]);
    assert!(!fires(&mut shard, 9, fired("a", "q", 0)), "it was told of under this number");
    assert!(fires(&mut shard, 9, fired("a", "q", 1)));
}

#[test]
fn a_change_of_anything_but_the_time_leaves_the_claim() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    let change = Change { document_json: Some("[]".into()), ..Change::default() };
    ask(&mut shard, 7, Operation::Update { id: "a".into(), change });
    assert!(claimed_ids(&mut shard, 8, "q").is_empty());
    assert!(fires(&mut shard, 8, fired("a", "p", 0)));
}

#[test]
fn released_is_due_at_once_and_renewed_lasts() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    create(&mut shard, 0, "b", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    let release = |holder: &str| Operation::Release {
        holder: holder.into(),
        timers: vec!["a".into(), "unknown".into()],
        deliveries: vec![],
    };
    assert_eq!(ask(&mut shard, 1, release("q")), Outcome::Done(false));
    assert_eq!(ask(&mut shard, 1, release("p")), Outcome::Done(true));
    let renew = |holder: &str| Operation::Renew {
        holder: holder.into(),
        lease_ms: LEASE_MS,
        timers: vec!["a".into(), "b".into()],
        deliveries: vec![],
    };
    assert_eq!(ask(&mut shard, 20_000, renew("p")), Outcome::Renewed(1));
    assert_eq!(ask(&mut shard, 20_000, renew("q")), Outcome::Renewed(0));
    assert_eq!(claimed_ids(&mut shard, LEASE_MS, "q"), ["a"]);
    assert_eq!(claimed_ids(&mut shard, 20_000 + LEASE_MS, "q"), ["b"]);
}

#[test]
fn a_claim_whose_time_is_over_can_be_renewed_until_somebody_claims() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    let renew =
        Operation::Renew { holder: "p".into(), lease_ms: LEASE_MS, timers: vec!["a".into()], deliveries: vec![] };
    assert_eq!(ask(&mut shard, 2 * LEASE_MS, renew), Outcome::Renewed(1));
    assert!(claimed_ids(&mut shard, 2 * LEASE_MS + 1, "q").is_empty());
}

#[test]
fn a_clock_that_goes_back_lengthens_no_claim_beyond_its_lease() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::At(100));
    let year_ms = 365 * 86_400_000;
    assert_eq!(claimed_ids(&mut shard, year_ms, "p"), ["a"]);
    // The clock was a year ahead.
    assert!(claimed_ids(&mut shard, 1_000, "q").is_empty());
    assert_eq!(shard.next_due_ms(), Some(1_000 + LEASE_MS));
    assert_eq!(claimed_ids(&mut shard, 1_000 + LEASE_MS, "q"), ["a"]);
}

#[test]
fn a_step_back_of_a_second_or_less_changes_no_claim() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::At(0));
    claimed_ids(&mut shard, 5_000, "p");
    claimed_ids(&mut shard, 4_000, "q");
    assert_eq!(shard.next_due_ms(), Some(5_000 + LEASE_MS));
    claimed_ids(&mut shard, 3_999, "q");
    assert_eq!(shard.next_due_ms(), Some(3_999 + LEASE_MS));
}

#[test]
fn one_call_takes_a_bounded_number() {
    let mut shard = ShardState::default();
    for number in 0..CLAIM_MAX + 10 {
        create(&mut shard, 0, &format!("t{number}"), Due::At(number));
    }
    assert_eq!(claim(&mut shard, 10_000, "p", u64::MAX, 0).0.len(), CLAIM_MAX as usize);
    assert_eq!(claim(&mut shard, 10_000, "p", u64::MAX, 0).0.len(), 10);
    assert_eq!(claim(&mut shard, 10_000, "p", 0, 0).0.len(), 0);
}
