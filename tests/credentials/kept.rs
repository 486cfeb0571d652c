use token_budget::domain::credentials::operation::{Operation, Outcome};

use super::desk::*;
use super::harness::Harness;

fn keep(fingerprint: &str, account: &str, sealed: &str) -> Operation {
    Operation::Keep { fingerprint: fingerprint.into(), account: account.into(), sealed: sealed.into() }
}

fn drop_of(fingerprint: &str) -> Operation {
    Operation::Drop { fingerprint: fingerprint.into() }
}

fn list(entries: &[(&str, &str, &str)]) -> Outcome {
    let entry = |(fingerprint, account, sealed): &(&str, &str, &str)| {
        ((*fingerprint).into(), (*account).into(), (*sealed).into())
    };
    Outcome::Kept(entries.iter().map(entry).collect())
}

pub async fn what_is_kept_is_listed_by_fingerprint<H: Harness>(desk: Desk<H>) {
    assert_eq!(desk.one(Operation::Kept).await, list(&[]));
    for (fingerprint, account) in [("c", "ada"), ("a", "bob"), ("b", "ada")] {
        assert_eq!(desk.one(keep(fingerprint, account, "v1.sealed")).await, Outcome::Done(true));
    }
    let kept = desk.one(Operation::Kept).await;
    assert_eq!(kept, list(&[("a", "bob", "v1.sealed"), ("b", "ada", "v1.sealed"), ("c", "ada", "v1.sealed")]));
}

pub async fn it_is_replaced_and_dropped<H: Harness>(desk: Desk<H>) {
    desk.one(keep("a", "ada", "old")).await;
    assert_eq!(desk.one(keep("a", "bob", "new")).await, Outcome::Done(true));
    assert_eq!(desk.one(Operation::Kept).await, list(&[("a", "bob", "new")]));
    assert_eq!(desk.one(drop_of("a")).await, Outcome::Done(true));
    assert_eq!(desk.one(drop_of("a")).await, Outcome::Done(false));
    assert_eq!(desk.one(Operation::Kept).await, list(&[]));
}

pub async fn a_batch_sees_what_it_keeps<H: Harness>(desk: Desk<H>) {
    desk.one(keep("a", "ada", "1")).await;
    desk.one(keep("b", "bob", "1")).await;
    let operations =
        vec![keep("c", "cem", "1"), drop_of("a"), keep("b", "bob", "2"), Operation::Kept, drop_of("c"), drop_of("c")];
    let done = |done| Ok(Outcome::Done(done));
    let kept = list(&[("b", "bob", "2"), ("c", "cem", "1")]);
    assert_eq!(desk.apply(operations).await, [done(true), done(true), done(true), Ok(kept), done(true), done(false)]);
    assert_eq!(desk.one(Operation::Kept).await, list(&[("b", "bob", "2")]));
}

pub async fn kept_tokens_stay<H: Harness>(desk: Desk<H>) {
    desk.one(keep("a", "ada", "1")).await;
    desk.advance(400 * DAY_MS);
    for _ in 0..3 {
        desk.pick(&[]).await;
    }
    assert_eq!(desk.one(Operation::Kept).await, list(&[("a", "ada", "1")]));
}

pub async fn odd_names_are_kept_as_they_are<H: Harness>(desk: Desk<H>) {
    let entries = [("1", "7 of 9", "1 2 3"), ("=2", "", ""), ("ü", "müller", "=x")];
    for (fingerprint, account, sealed) in entries {
        desk.one(keep(fingerprint, account, sealed)).await;
    }
    assert_eq!(desk.one(Operation::Kept).await, list(&entries));
}
