//! Listed overrides and their documents, while somebody changes them.

#[path = "support/redis_rig.rs"]
mod redis_rig;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use redis_rig::{HOUR_MS, Rig, block_on, usage};
use redis_transport::TestTransport;
use token_budget::domain::error::{Applied, OperationError, StoreError};
use token_budget::domain::operation::{Operation, Outcome, Override};
use token_budget::domain::period::Period;
use token_budget::store::redis::keys::Keys;
use token_budget::store::redis::script::OVERRIDE_LIST;
use token_budget::store::redis::store::RedisStore;
use token_budget::store::redis::transport::{Call, Transport};
use token_budget::store::{Batch, Store};

fn granted(rig: &Rig, id: &str, period: Period, tokens: u64) -> Override {
    Override {
        id: id.to_owned(),
        period,
        additional_tokens: tokens,
        additional_cost: 0,
        expires_at_ms: rig.clock_ms() + HOUR_MS,
        document_json: format!(r#"{{"reason":"{id} {} {tokens}"}}"#, period.name()),
    }
}

/// Applies a batch of changes before each call for documents.
struct Meddler<'a> {
    inner: TestTransport,
    rig: &'a Rig,
    changes: RefCell<Vec<Vec<Operation>>>,
    calls: Cell<usize>,
    failure: Option<StoreError>,
}

impl Transport for &Meddler<'_> {
    async fn call(&self, call: &Call, deadline: Instant) -> Result<redis::Value, StoreError> {
        if call.script.name == OVERRIDE_LIST.name {
            self.calls.set(self.calls.get() + 1);
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let change = self.changes.borrow_mut().pop();
            if let Some(operations) = change {
                self.rig.apply(operations).await.expect("the change is made");
            }
        }
        self.inner.call(call, deadline).await
    }

    fn clock_offset_ms(&self) -> i64 {
        0
    }
}

/// What `batch` answers while the changes are made, the first one first.
async fn meddled(
    rig: &Rig,
    batch: &Batch,
    changes: &[Vec<Operation>],
    failure: Option<StoreError>,
) -> (Result<Vec<Result<Outcome, OperationError>>, StoreError>, usize) {
    let inner = TestTransport::open(&rig.server.client()).await;
    let changes = RefCell::new(changes.iter().rev().cloned().collect());
    let meddler = Meddler { inner, rig, changes, calls: Cell::new(0), failure };
    let store = RedisStore::with_manual_clock(&meddler, Keys::new("test", false), rig.clock.clone());
    let answer = store.apply_until(batch, Instant::now() + Duration::from_secs(5)).await;
    (answer.map(|receipt| receipt.outcomes), meddler.calls.get())
}

fn listed(entries: &[&Override]) -> Result<Outcome, OperationError> {
    Ok(Outcome::Overrides(entries.iter().map(|entry| (*entry).clone()).collect()))
}

const LIST: Operation = Operation::ListOverrides { period: None };

#[test]
fn documents_take_one_call() {
    block_on(async {
        let rig = Rig::new().await;
        let [a, b] = [granted(&rig, "a", Period::Hourly, 1), granted(&rig, "b", Period::Daily, 2)];
        for entry in [&a, &b] {
            rig.one(Operation::SetOverride(entry.clone())).await.unwrap();
        }
        let daily = Operation::ListOverrides { period: Some(Period::Daily) };
        let (outcomes, calls) = meddled(&rig, &rig.batch(vec![LIST, daily]), &[], None).await;
        assert_eq!(outcomes.unwrap(), [listed(&[&a, &b]), listed(&[&b])]);
        assert_eq!(calls, 1);
    });
}

#[test]
fn a_replaced_override_is_told_with_its_own_document() {
    block_on(async {
        let rig = Rig::new().await;
        let old = granted(&rig, "o", Period::Hourly, 1);
        let richer = granted(&rig, "o", Period::Hourly, 7);
        let moved = granted(&rig, "o", Period::Daily, 1);
        for new in [&richer, &moved] {
            rig.one(Operation::SetOverride(old.clone())).await.unwrap();
            let (outcomes, _) =
                meddled(&rig, &rig.batch(vec![LIST]), &[vec![Operation::SetOverride(new.clone())]], None).await;
            assert_eq!(outcomes.unwrap(), [listed(&[new])]);
        }
        let hourly = Operation::ListOverrides { period: Some(Period::Hourly) };
        rig.one(Operation::SetOverride(old.clone())).await.unwrap();
        let changes = [vec![Operation::SetOverride(moved.clone())]];
        let (outcomes, _) = meddled(&rig, &rig.batch(vec![hourly]), &changes, None).await;
        assert_eq!(outcomes.unwrap(), [listed(&[])]);
    });
}

#[test]
fn one_that_is_gone_is_not_told() {
    block_on(async {
        let rig = Rig::new().await;
        rig.one(Operation::SetOverride(granted(&rig, "o", Period::Hourly, 1))).await.unwrap();
        let removal = Operation::RemoveOverride { id: "o".to_owned() };
        let (outcomes, calls) = meddled(&rig, &rig.batch(vec![LIST]), &[vec![removal]], None).await;
        assert_eq!((outcomes.unwrap(), calls), (vec![listed(&[])], 1));
    });
}

#[test]
fn each_list_of_a_batch_tells_what_stood_before_it() {
    block_on(async {
        let rig = Rig::new().await;
        let [old, new] = [Period::Hourly, Period::Daily].map(|period| granted(&rig, "o", period, 1));
        let reworded = Override { document_json: r#"{"reason":"other words"}"#.to_owned(), ..new.clone() };
        rig.one(Operation::SetOverride(old.clone())).await.unwrap();
        let set = |entry: &Override| Operation::SetOverride(entry.clone());
        let operations = vec![LIST, set(&new), LIST, set(&reworded), LIST, LIST];
        let done = Ok(Outcome::OverrideSet);
        assert_eq!(
            rig.apply(operations).await.unwrap().outcomes,
            [listed(&[&old]), done.clone(), listed(&[&new]), done, listed(&[&reworded]), listed(&[&reworded])]
        );
        let removal = Operation::RemoveOverride { id: "o".to_owned() };
        let outcomes = rig.apply(vec![LIST, removal, LIST]).await.unwrap().outcomes;
        assert_eq!(outcomes, [listed(&[&reworded]), Ok(Outcome::OverrideRemoved(true)), listed(&[])]);
    });
}

#[test]
fn a_deleted_document_leaves_the_override_in_force() {
    block_on(async {
        let rig = Rig::new().await;
        let entry = granted(&rig, "o", Period::Hourly, 1);
        rig.one(Operation::SetOverride(entry.clone())).await.unwrap();
        let key = rig.keys().override_document(Period::Hourly, "o");
        redis::cmd("DEL").arg(key).query::<()>(&mut rig.server.connection()).unwrap();
        assert_eq!(rig.one(LIST).await, listed(&[&Override { document_json: "{}".to_owned(), ..entry }]));
    });
}

#[test]
fn overrides_that_never_rest_are_given_up() {
    block_on(async {
        let rig = Rig::new().await;
        let numbered = |round: u64| granted(&rig, &format!("o{round}"), Period::Hourly, round);
        // Each time another override stands in the place of the one before.
        let succession = |round: u64| {
            let end = Operation::RemoveOverride { id: format!("o{}", round - 1) };
            vec![end, Operation::SetOverride(numbered(round))]
        };
        rig.one(Operation::SetOverride(numbered(0))).await.unwrap();
        let changes: Vec<_> = (1..=2).map(succession).collect();
        let (outcomes, calls) = meddled(&rig, &rig.batch(vec![LIST]), &changes, None).await;
        assert_eq!((outcomes.unwrap(), calls), (vec![listed(&[&numbered(2)])], 3));

        let changes: Vec<_> = (3..=9).map(succession).collect();
        let (outcomes, calls) = meddled(&rig, &rig.batch(vec![LIST]), &changes, None).await;
        assert!(matches!(outcomes, Err(StoreError::Unavailable { applied: Applied::Unknown, .. })), "{outcomes:?}");
        assert_eq!(calls, 4);
    });
}

#[test]
fn what_was_applied_is_known_to_be_when_documents_get_no_answer() {
    block_on(async {
        let rig = Rig::new().await;
        rig.one(Operation::SetOverride(granted(&rig, "o", Period::Hourly, 1))).await.unwrap();
        let mut batch = rig.batch(vec![Operation::Track(usage(10)), LIST]);
        let away = StoreError::Unavailable { message: "away".to_owned(), applied: Applied::No };
        let (outcomes, _) = meddled(&rig, &batch, &[], Some(away)).await;
        let Err(StoreError::Unavailable { applied: Applied::Unknown, .. }) = outcomes else { panic!("{outcomes:?}") };
        batch.ticket.retry = true;
        assert!(rig.store.apply(&batch).await.is_ok());
        let Ok(Outcome::Check(view)) = rig.one(Operation::Check { period: Period::Hourly, tokens: 0 }).await else {
            panic!("it checks")
        };
        assert_eq!(view.used, 10);
    });
}

#[test]
fn a_refusal_of_documents_fails_the_list_alone() {
    block_on(async {
        let rig = Rig::new().await;
        rig.one(Operation::SetOverride(granted(&rig, "o", Period::Hourly, 1))).await.unwrap();
        let batch = rig.batch(vec![Operation::Track(usage(10)), LIST]);
        let refusal = StoreError::Refused { message: "NOPERM".to_owned() };
        let (outcomes, _) = meddled(&rig, &batch, &[], Some(refusal)).await;
        let outcomes = outcomes.unwrap();
        assert!(matches!(outcomes[0], Ok(Outcome::Tracked { duplicate: false, .. })), "{outcomes:?}");
        assert_eq!(outcomes[1], Err(OperationError::Refused { message: "NOPERM".to_owned() }));
    });
}
