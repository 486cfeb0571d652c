use super::*;

fn list(
    shard: &mut ShardState,
    filters: [Option<&str>; 2],
    status: Option<Status>,
    limit: u64,
) -> (Vec<String>, usize) {
    let [name, owner] = filters;
    let mut after: TimerId = "".into();
    let mut ids = Vec::new();
    let mut pages = 0;
    loop {
        let operation =
            Operation::List { status, name: name.map(Into::into), owner: owner.map(Into::into), after, limit };
        let Outcome::Timers { timers, next } = ask(shard, 100, operation) else { panic!("timers") };
        ids.extend(timers.iter().map(|timer| timer.id.to_string()));
        pages += 1;
        if next.is_empty() {
            return (ids, pages);
        }
        after = next;
    }
}

fn filled() -> ShardState {
    let mut shard = ShardState::default();
    for number in 0..2_500_u64 {
        let id = format!("t{number:04}");
        let timer = NewTimer {
            name: format!("name{}", number % 3).into(),
            owner: if number % 5 == 0 { "".into() } else { format!("owner{}", number % 5).into() },
            ..new_timer(&id, Due::In(1_000))
        };
        ask(&mut shard, 0, Operation::Create(timer));
        if number % 7 == 0 {
            ask(&mut shard, 1, Operation::Cancel { id: id.into() });
        }
    }
    shard
}

fn expected(matches: impl Fn(u64) -> bool) -> Vec<String> {
    (0..2_500).filter(|number| matches(*number)).map(|number| format!("t{number:04}")).collect()
}

#[test]
fn every_filter_finds_what_matches_in_order_and_once() {
    let mut shard = filled();
    for limit in [1_000, 10_000, 99] {
        assert_eq!(list(&mut shard, [None, None], None, limit).0, expected(|_| true));
        assert_eq!(list(&mut shard, [Some("name1"), None], None, limit).0, expected(|n| n % 3 == 1));
        assert_eq!(list(&mut shard, [None, Some("owner2")], None, limit).0, expected(|n| n % 5 == 2));
        assert_eq!(list(&mut shard, [None, Some("")], None, limit).0, expected(|n| n % 5 == 0));
        let both = [Some("name1"), Some("owner2")];
        assert_eq!(list(&mut shard, both, None, limit).0, expected(|n| n % 3 == 1 && n % 5 == 2));
        let cancelled = Some(Status::Cancelled);
        assert_eq!(list(&mut shard, [None, None], cancelled, limit).0, expected(|n| n % 7 == 0));
        assert_eq!(list(&mut shard, both, cancelled, limit).0, expected(|n| n % 105 == 7));
        assert!(list(&mut shard, [None, None], Some(Status::Fired), limit).0.is_empty());
        assert_eq!(list(&mut shard, [None, None], Some(Status::Scheduled), limit).0, expected(|n| n % 7 != 0));
        assert!(list(&mut shard, [Some("unknown"), None], None, limit).0.is_empty());
    }
}

#[test]
fn a_page_looks_at_a_bounded_number() {
    let mut shard = filled();
    assert_eq!(list(&mut shard, [None, None], None, u64::MAX).1, 3);
    // Nothing matches, and still each page ends.
    assert_eq!(list(&mut shard, [Some("name1"), Some("")], Some(Status::Fired), 10).1, 1);
    assert_eq!(list(&mut shard, [None, Some("")], Some(Status::Fired), 10).1, 1);
    // The last page finds none among those that are left.
    let (ids, pages) = list(&mut shard, [None, Some("")], None, 10);
    assert_eq!((ids.len(), pages), (500, 51));
    assert_eq!(list(&mut shard, [None, None], None, 0).0.len(), 2_500, "a page has one at least");
}

#[test]
fn a_list_follows_changes_of_name_and_owner() {
    let mut shard = ShardState::default();
    ask(&mut shard, 0, Operation::Create(NewTimer { owner: "ada".into(), ..new_timer("a", Due::In(5)) }));
    let change = Change { name: Some("new".into()), owner: Some("bob".into()), ..Change::default() };
    ask(&mut shard, 0, Operation::Update { id: "a".into(), change });
    assert_eq!(list(&mut shard, [Some("new"), None], None, 10).0, ["a"]);
    assert_eq!(list(&mut shard, [None, Some("bob")], None, 10).0, ["a"]);
    assert!(list(&mut shard, [Some("name"), None], None, 10).0.is_empty());
    assert!(list(&mut shard, [None, Some("ada")], None, 10).0.is_empty());
}
