use super::*;

#[test]
fn creating_twice_creates_once() {
    let mut shard = ShardState::default();
    create(&mut shard, 100, "a", Due::In(50));
    let again = NewTimer { nonce: "another".into(), ..new_timer("a", Due::In(900)) };
    let Outcome::Created { timer, is_new: false } = ask(&mut shard, 200, Operation::Create(again)) else {
        panic!("created anew")
    };
    assert_eq!((timer.fire_at_ms, &*timer.nonce), (150, "n-a"));
    let other = NewTimer { fingerprint: "g".into(), ..new_timer("a", Due::In(50)) };
    assert_eq!(ask(&mut shard, 200, Operation::Create(other)), Outcome::Conflict);
}

#[test]
fn one_that_has_ended_is_remembered_for_its_time() {
    let policy = Policy { keep_ended_ms: 1_000, ..Policy::default() };
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    assert!(fires(&mut shard, 10, fired("a", "p", 0)));
    let ended = get(&mut shard, 10, "a").expect("remembered");
    assert_eq!((ended.status, ended.ended_at_ms, ended.occurrence), (Status::Fired, 10, 1));
    let again = |shard: &mut ShardState, now_ms| {
        ask_with(shard, now_ms, &policy, Operation::Create(new_timer("a", Due::In(5))))
    };
    assert!(matches!(again(&mut shard, 1_009), Outcome::Created { is_new: false, .. }));
    assert!(matches!(again(&mut shard, 1_010), Outcome::Created { is_new: true, .. }));
}

#[test]
fn what_has_outlived_its_time_is_absent_before_it_is_forgotten() {
    let policy = Policy { keep_ended_ms: 1_000, ..Policy::default() };
    let mut shard = ShardState::default();
    for number in 0..20 {
        create(&mut shard, 0, &format!("t{number}"), Due::In(0));
        ask(&mut shard, 0, Operation::Cancel { id: format!("t{number}").into() });
    }
    let get = Operation::Get { id: "t3".into() };
    assert_eq!(ask_with(&mut shard, 1_000, &policy, get), Outcome::Timer(None));
    assert_eq!(shard.footprint().ended, 20, "reading forgets nothing");
    let nothing = Operation::Cancel { id: "unknown".into() };
    for _ in 0..10 {
        ask_with(&mut shard, 1_000, &policy, nothing.clone());
    }
    assert!(shard.is_blank());
}

/// As many as end within a few seconds where ten thousand are due each second.
#[test]
fn an_id_outlasts_many_others() {
    let mut shard = ShardState::default();
    for number in 0..50_000 {
        let id = format!("t{number:06}");
        create(&mut shard, 0, &id, Due::In(0));
        ask(&mut shard, number, Operation::Cancel { id: id.into() });
    }
    assert!(get(&mut shard, 50_000, "t000000").is_some());
}

#[test]
fn those_that_have_ended_are_bounded() {
    let mut shard = ShardState::default();
    for number in 0..=ENDED_MAX {
        create(&mut shard, 0, &format!("t{number:06}"), Due::In(0));
        ask(&mut shard, number as u64, Operation::Cancel { id: format!("t{number:06}").into() });
    }
    assert_eq!(shard.footprint(), Footprint { ended: ENDED_MAX, ..Footprint::default() });
    assert_eq!(get(&mut shard, 0, "t000000"), None);
    assert!(get(&mut shard, 0, "t000001").is_some());
}

#[test]
fn a_cancelled_timer_fires_no_more_except_by_who_holds_it() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(0));
    let Outcome::Timer(Some(cancelled)) = ask(&mut shard, 5, Operation::Cancel { id: "a".into() }) else {
        panic!("not cancelled")
    };
    assert_eq!((cancelled.status, cancelled.ended_at_ms), (Status::Cancelled, 5));
    assert_eq!(ask(&mut shard, 5, Operation::Cancel { id: "a".into() }), Outcome::Timer(None));
    assert!(claimed_ids(&mut shard, 10, "p").is_empty());
    assert!(!fires(&mut shard, 10, fired("a", "p", 0)));

    create(&mut shard, 0, "b", Due::In(0));
    claimed_ids(&mut shard, 0, "p");
    ask(&mut shard, 1, Operation::Cancel { id: "b".into() });
    assert!(!fires(&mut shard, 2, fired("b", "q", 0)));
    let recurring = Operation::Fired {
        id: "b".into(),
        nonce: "n-b".into(),
        holder: "p".into(),
        occurrence: 0,
        next_fire_at_ms: Some(500),
        delivery: Some(NewDelivery { endpoint: "e".into(), document_json: "{}".into(), lease_ms: 0 }),
    };
    assert!(fires(&mut shard, 2, recurring));
    let ended = get(&mut shard, 2, "b").expect("remembered");
    assert_eq!((ended.status, ended.occurrence), (Status::Cancelled, 1));
    assert_eq!(shard.footprint().deliveries, 1);
    assert!(claimed_ids(&mut shard, 1_000, "p").is_empty(), "nothing recurs");
}

#[test]
fn one_that_recurs_begins_its_period_where_the_last_ended() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::At(1_000));
    for occurrence in 0..3 {
        let now_ms = 1_007 + occurrence * 1_000;
        assert_eq!(claimed_ids(&mut shard, now_ms, "p"), ["a"]);
        let again = Operation::Fired {
            id: "a".into(),
            nonce: "n-a".into(),
            holder: "p".into(),
            occurrence,
            next_fire_at_ms: Some(2_000 + occurrence * 1_000),
            delivery: None,
        };
        assert!(fires(&mut shard, now_ms, again.clone()));
        assert!(!fires(&mut shard, now_ms, again));
        let timer = get(&mut shard, now_ms, "a").expect("scheduled");
        assert_eq!(timer.started_at_ms, 1_000 + occurrence * 1_000);
        assert_eq!(timer.fire_at_ms, 2_000 + occurrence * 1_000);
        assert_eq!((timer.occurrence, timer.status), (occurrence + 1, Status::Scheduled));
    }
}

#[test]
fn an_update_changes_what_it_names() {
    let mut shard = ShardState::default();
    create(&mut shard, 0, "a", Due::In(1_000));
    let change = Change {
        name: Some("other".into()),
        owner: Some("ada".into()),
        due: Some(Due::In(70)),
        document_json: None,
        recurrence_json: Some("{\"every\":5}".into()),
    };
    let Outcome::Timer(Some(timer)) = ask(&mut shard, 100, Operation::Update { id: "a".into(), change }) else {
        panic!("not changed")
    };
    assert_eq!((&*timer.name, &*timer.owner, &*timer.document_json), ("other", "ada", "{}"));
    assert_eq!((timer.created_at_ms, timer.started_at_ms, timer.fire_at_ms), (0, 100, 170));
    assert_eq!(&*timer.recurrence_json, "{\"every\":5}");
    let nothing = Operation::Update { id: "unknown".into(), change: Change::default() };
    assert_eq!(ask(&mut shard, 100, nothing), Outcome::Timer(None));
    ask(&mut shard, 100, Operation::Cancel { id: "a".into() });
    let ended = Operation::Update { id: "a".into(), change: Change::default() };
    assert_eq!(ask(&mut shard, 100, ended), Outcome::Timer(None));
}

#[test]
fn instants_stay_exact() {
    let mut shard = ShardState::default();
    let last_ms = crate::domain::tokens::MAX_TOKENS;
    create(&mut shard, 5, "a", Due::In(last_ms));
    assert_eq!(shard.next_due_ms(), Some(last_ms));
    assert!(claimed_ids(&mut shard, last_ms - 1, "p").is_empty());
    assert_eq!(claimed_ids(&mut shard, last_ms, "p"), ["a"]);
}

#[test]
fn what_is_written_down_is_the_same_when_it_is_read() {
    let mut shard = ShardState::default();
    for number in 0..6 {
        let id = format!("t{number}");
        let owner = if number % 2 == 0 { "" } else { "ada" };
        let timer = NewTimer { owner: owner.into(), ..new_timer(&id, Due::In(number)) };
        ask(&mut shard, 0, Operation::Create(timer));
    }
    claim(&mut shard, 2, "p", 2, 0);
    let change = Change { due: Some(Due::In(9)), ..Change::default() };
    ask(&mut shard, 3, Operation::Update { id: "t0".into(), change });
    ask(&mut shard, 4, Operation::Cancel { id: "t1".into() });
    let id = fire_with_delivery(&mut shard, 5, "d1", "p", LEASE_MS).id;
    fire_with_delivery(&mut shard, 5, "d2", "p", 7);
    ask(&mut shard, 6, undelivered(&id, "p", None, true));
    let json = serde_json::to_string(&shard).expect("text");
    let again: ShardState = serde_json::from_str(&json).expect("a shard");
    assert_eq!(again, shard);
}
