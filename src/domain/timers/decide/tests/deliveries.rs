use super::*;

fn list(shard: &mut ShardState, now_ms: u64, dead: bool) -> Vec<Delivery> {
    match ask(shard, now_ms, Operation::Deliveries { dead, after: "".into(), limit: 1_000 }) {
        Outcome::Deliveries { deliveries, .. } => deliveries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_delivery_has_an_id_that_stays() {
    let mut shard = ShardState::default();
    let delivery = fire_with_delivery(&mut shard, 5, "a", "p", LEASE_MS);
    assert_eq!(&*delivery.id, "n-a.0");
    assert_eq!((&*delivery.holder, delivery.claimed_until_ms), ("p", 5 + LEASE_MS));
    assert!(claim(&mut shard, 4 + LEASE_MS, "q", 0, 10).1.is_empty());
    let (_, again) = claim(&mut shard, 5 + LEASE_MS, "q", 0, 10);
    assert_eq!(&*again[0].id, "n-a.0");
    assert_eq!(&*again[0].timer_id, "a");
}

#[test]
fn without_a_lease_it_is_left_for_whoever_claims() {
    let mut shard = ShardState::default();
    let delivery = fire_with_delivery(&mut shard, 5, "a", "p", 0);
    assert!(delivery.holder.is_empty());
    assert_eq!(claim(&mut shard, 5, "q", 0, 10).1.len(), 1);
}

#[test]
fn what_failed_is_tried_again_at_its_time_and_is_dead_in_the_end() {
    let mut shard = ShardState::default();
    let id = fire_with_delivery(&mut shard, 0, "a", "p", LEASE_MS).id;
    assert_eq!(ask(&mut shard, 10, undelivered(&id, "p", Some(1_000), false)), Outcome::Done(true));
    assert_eq!(shard.next_due_ms(), Some(1_010));
    assert!(claim(&mut shard, 1_009, "q", 0, 10).1.is_empty());
    let (_, again) = claim(&mut shard, 1_010, "q", 0, 10);
    assert_eq!((again[0].attempts, &*again[0].error), (1, "503"));
    assert_eq!(ask(&mut shard, 1_020, undelivered(&id, "q", None, false)), Outcome::Done(true));
    assert_eq!(shard.next_due_ms(), None);
    let dead = list(&mut shard, 1_020, true);
    assert_eq!((dead.len(), dead[0].attempts, dead[0].next_attempt_at_ms), (1, 2, 1_020));
    assert!(list(&mut shard, 1_020, false).is_empty());

    assert_eq!(ask(&mut shard, 2_000, Operation::Redeliver { id: id.clone() }), Outcome::Done(true));
    assert_eq!(ask(&mut shard, 2_000, Operation::Redeliver { id: id.clone() }), Outcome::Done(false));
    let (_, anew) = claim(&mut shard, 2_000, "q", 0, 10);
    assert_eq!((&anew[0].id, anew[0].attempts), (&id, 0));
    assert_eq!(
        ask(&mut shard, 2_001, Operation::Delivered { id: id.clone(), holder: "q".into() }),
        Outcome::Done(true)
    );
    assert_eq!(ask(&mut shard, 2_001, Operation::Delivered { id, holder: "q".into() }), Outcome::Done(false));
    assert_eq!(shard.footprint(), Footprint { ended: 1, ..Footprint::default() });
}

#[test]
fn an_outdated_failure_does_not_count() {
    let mut shard = ShardState::default();
    let id = fire_with_delivery(&mut shard, 0, "a", "p", LEASE_MS).id;
    claim(&mut shard, LEASE_MS, "q", 0, 10);
    // q has it.
    assert_eq!(ask(&mut shard, LEASE_MS + 1, undelivered(&id, "p", None, false)), Outcome::Done(false));
    ask(&mut shard, LEASE_MS + 2, undelivered(&id, "q", Some(60_000), false));
    // q has decided when to try next.
    assert_eq!(ask(&mut shard, LEASE_MS + 3, undelivered(&id, "p", None, false)), Outcome::Done(false));
    assert_eq!(list(&mut shard, LEASE_MS + 3, false)[0].attempts, 1);
    // But that it arrived is true whoever says so.
    let arrived = Operation::Delivered { id, holder: "p".into() };
    assert_eq!(ask(&mut shard, LEASE_MS + 4, arrived), Outcome::Done(true));
}

#[test]
fn nothing_is_sent_to_a_disabled_endpoint() {
    let mut shard = ShardState::default();
    let first = fire_with_delivery(&mut shard, 0, "a", "p", LEASE_MS).id;
    let second = fire_with_delivery(&mut shard, 0, "b", "p", 0).id;
    assert_eq!(ask(&mut shard, 1, undelivered(&first, "p", Some(5), true)), Outcome::Done(true));
    let endpoint: Box<str> = "https://a.example".into();
    assert_eq!(ask(&mut shard, 1, Operation::Endpoints), Outcome::Endpoints(vec![endpoint.clone()]));
    assert!(list(&mut shard, 1, false)[0].is_disabled);
    assert!(claim(&mut shard, 10, "q", 0, 10).1.is_empty());
    let dead = list(&mut shard, 10, true);
    assert_eq!(dead.iter().map(|delivery| &*delivery.error).collect::<Vec<_>>(), ["503", DISABLED_ERROR]);
    // One that is made now is dead from the start.
    let third = fire_with_delivery(&mut shard, 10, "c", "p", LEASE_MS);
    assert!(third.is_dead && third.is_disabled && third.holder.is_empty());
    assert_eq!(ask(&mut shard, 11, Operation::Redeliver { id: second.clone() }), Outcome::Done(false));

    let enable = |enabled| Operation::Endpoint { endpoint: endpoint.clone(), enabled };
    assert_eq!(ask(&mut shard, 12, enable(true)), Outcome::Done(true));
    assert_eq!(ask(&mut shard, 12, enable(true)), Outcome::Done(false));
    assert_eq!(ask(&mut shard, 12, Operation::Redeliver { id: second }), Outcome::Done(true));
    assert_eq!(claim(&mut shard, 12, "q", 0, 10).1.len(), 1);
    assert_eq!(ask(&mut shard, 13, enable(false)), Outcome::Done(true));
    assert_eq!(ask(&mut shard, 13, enable(false)), Outcome::Done(false));
}

#[test]
fn an_endpoint_that_is_gone_is_disabled_whoever_was_told() {
    let mut shard = ShardState::default();
    let id = fire_with_delivery(&mut shard, 0, "a", "p", LEASE_MS).id;
    assert_eq!(ask(&mut shard, 1, undelivered(&id, "q", None, true)), Outcome::Done(true));
    assert!(!list(&mut shard, 1, false)[0].is_dead, "p still has it");
    assert_eq!(ask(&mut shard, 2, undelivered(&id, "p", None, true)), Outcome::Done(true));
    assert!(list(&mut shard, 2, true)[0].is_dead);
}

#[test]
fn the_dead_are_kept_for_their_time_and_can_be_discarded() {
    let mut shard = ShardState::default();
    let id = fire_with_delivery(&mut shard, 0, "a", "p", LEASE_MS).id;
    let other = fire_with_delivery(&mut shard, 0, "b", "p", LEASE_MS).id;
    assert_eq!(ask(&mut shard, 1, Operation::Discard { id: id.clone() }), Outcome::Done(false), "not dead");
    ask(&mut shard, 1, undelivered(&id, "p", None, false));
    ask(&mut shard, 1, undelivered(&other, "p", None, false));
    assert_eq!(ask(&mut shard, 2, Operation::Discard { id: other }), Outcome::Done(true));
    let keep_ms = Policy::default().keep_dead_ms;
    assert_eq!(list(&mut shard, keep_ms, true).len(), 1);
    assert!(list(&mut shard, 1 + keep_ms, true).is_empty());
    assert_eq!(ask(&mut shard, 1 + keep_ms, Operation::Redeliver { id }), Outcome::Done(false));
    assert_eq!(shard.footprint().dead, 0, "a call that writes forgets");
}

#[test]
fn the_dead_and_the_disabled_are_bounded() {
    let mut shard = ShardState::default();
    for number in 0..=DEAD_MAX {
        let id = fire_with_delivery(&mut shard, number as u64, &format!("t{number:05}"), "p", LEASE_MS).id;
        ask(&mut shard, number as u64, undelivered(&id, "p", None, false));
    }
    assert_eq!(shard.footprint().dead, DEAD_MAX);
    assert_eq!(&*list(&mut shard, 0, true)[0].timer_id, "t00001");
    for number in 0..=ENDPOINTS_MAX {
        let endpoint = format!("https://{number:05}.example").into();
        ask(&mut shard, number as u64, Operation::Endpoint { endpoint, enabled: false });
    }
    let Outcome::Endpoints(endpoints) = ask(&mut shard, 0, Operation::Endpoints) else { panic!("endpoints") };
    assert_eq!((endpoints.len(), &*endpoints[0]), (ENDPOINTS_MAX, "https://00001.example"));
}

#[test]
fn deliveries_come_in_pages() {
    let mut shard = ShardState::default();
    for number in 0..5 {
        fire_with_delivery(&mut shard, 0, &format!("t{number}"), "p", LEASE_MS);
    }
    let mut after: DeliveryId = "".into();
    let mut pages = Vec::new();
    loop {
        let operation = Operation::Deliveries { dead: false, after: after.clone(), limit: 2 };
        let Outcome::Deliveries { deliveries, next } = ask(&mut shard, 0, operation) else { panic!("deliveries") };
        pages.push(deliveries.len());
        if next.is_empty() {
            break;
        }
        after = next;
    }
    assert_eq!(pages, [2, 2, 1]);
}
