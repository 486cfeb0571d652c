//! Made-up plays, to which every store of timers answers as the one in memory does.

// Each test program uses its own part.
#![allow(dead_code)]

pub mod steps;

use std::future::Future;

use steps::{Act, START_MS, Step, policies};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::operation::*;
use token_budget::store::memory::timers::MemoryTimers;
use token_budget::store::{Ticket, TimerBatch};

/// An empty store whose clock the test moves.
pub trait Stage: Sized {
    fn open() -> impl Future<Output = Self>;
    fn apply(&self, batch: &TimerBatch) -> impl Future<Output = Receipt>;
    fn set_now_ms(&self, now_ms: u64);
}

pub fn on_one_thread<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

pub fn batch(policy: Policy, client: &str, sequence: u64, requests: Vec<Request>) -> TimerBatch {
    let ticket = Ticket { client: client.into(), sequence, retry: false };
    TimerBatch { shard: OrchestratorId::new("0").unwrap(), policy, requests, ticket }
}

/// `play!(Harness)`, or with the number of plays.
#[macro_export]
macro_rules! timer_plays {
    ($stage:ty) => {
        $crate::timer_plays!($stage, proptest::prelude::ProptestConfig::default().cases);
    };
    ($stage:ty, $cases:expr) => {
        proptest::proptest! {
            // What fails prints its play; nothing is written beside the sources.
            #![proptest_config(proptest::prelude::ProptestConfig {
                failure_persistence: None,
                cases: $cases,
                ..Default::default()
            })]

            #[test]
            fn the_store_answers_as_the_store_in_memory_does(steps in $crate::timer_plays::steps::steps()) {
                $crate::timer_plays::on_one_thread($crate::timer_plays::agree::<$stage>(&steps));
            }
        }
    };
}

/// What the store told, newest last.
#[derive(Default)]
struct Told {
    timers: Vec<Timer>,
    deliveries: Vec<Delivery>,
}

impl Told {
    fn hear(&mut self, receipt: &Receipt) {
        for outcome in receipt.outcomes.iter().flatten() {
            match outcome {
                Outcome::Claimed { timers, deliveries } => {
                    self.timers.extend(timers.iter().cloned());
                    self.deliveries.extend(deliveries.iter().cloned());
                }
                Outcome::Fired { delivery, .. } => self.deliveries.extend(delivery.clone()),
                _ => {}
            }
        }
    }

    fn timer(&self, nth: usize) -> (TimerId, Box<str>, u64) {
        let known = self.timers.iter().rev().nth(nth);
        known.map_or(("a".into(), "0".into(), 0), |timer| (timer.id.clone(), timer.nonce.clone(), timer.occurrence))
    }

    fn delivery(&self, nth: usize) -> DeliveryId {
        self.deliveries.iter().rev().nth(nth).map_or("0.0".into(), |delivery| delivery.id.clone())
    }

    fn operation(&self, now_ms: u64, act: &Act) -> Operation {
        let claims = |nth: &[usize]| {
            (nth.iter().map(|nth| self.timer(*nth).0).collect(), nth.iter().map(|nth| self.delivery(*nth)).collect())
        };
        match act.clone() {
            Act::Plain(operation) => operation,
            Act::Fired { nth, holder, next_in_ms, delivery } => {
                let (id, nonce, occurrence) = self.timer(nth);
                let next_fire_at_ms = next_in_ms.map(|in_ms| now_ms + in_ms);
                Operation::Fired { id, nonce, holder: holder.into(), occurrence, next_fire_at_ms, delivery }
            }
            Act::Release { holder, nth } => {
                let (timers, deliveries) = claims(&nth);
                Operation::Release { holder: holder.into(), timers, deliveries }
            }
            Act::Renew { holder, lease_ms, nth } => {
                let (timers, deliveries) = claims(&nth);
                Operation::Renew { holder: holder.into(), lease_ms, timers, deliveries }
            }
            Act::Delivered { nth, holder } => Operation::Delivered { id: self.delivery(nth), holder: holder.into() },
            Act::Undelivered { nth, holder, retry_in_ms, disable } => {
                let (id, holder) = (self.delivery(nth), holder.into());
                Operation::Undelivered { id, holder, error: "503 é".repeat(120).into(), retry_in_ms, disable }
            }
            Act::Redeliver { nth } => Operation::Redeliver { id: self.delivery(nth) },
            Act::Discard { nth } => Operation::Discard { id: self.delivery(nth) },
        }
    }
}

/// The store answers every batch as the store in memory does, and once more when it is sent again.
pub async fn agree<S: Stage>(steps: &[Step]) {
    let (stage, twin, mut told) = (S::open().await, MemoryTimers::default(), Told::default());
    let (mut now_ms, mut sequence) = (START_MS, 0);
    for step in steps {
        stage.set_now_ms(now_ms);
        match step {
            Step::Forward { by_ms } => now_ms += by_ms,
            Step::Back { by_ms } => now_ms -= by_ms,
            Step::Batch { client, acts, is_sent_twice } => {
                let requests = acts.iter().map(|(act, deadline)| Request {
                    operation: told.operation(now_ms, act),
                    deadline_ms: deadline.map(|from_now_ms| now_ms.saturating_add_signed(from_now_ms)),
                });
                sequence += 1;
                let mut batch = batch(policies()[*client], &format!("c{client}"), sequence, requests.collect());
                let expected = twin.apply_at(&batch, now_ms);
                assert_eq!(stage.apply(&batch).await, expected, "{batch:#?}");
                batch.ticket.retry = true;
                if *is_sent_twice && changes_something(&expected) {
                    assert_repeats(&stage.apply(&batch).await, &expected);
                }
                told.hear(&expected);
            }
        }
    }
    stage.set_now_ms(now_ms);
    for policy in policies() {
        let all = [false, true].map(|dead| Operation::Deliveries { dead, after: "".into(), limit: 1_000 });
        let list = Operation::List { status: None, name: None, owner: None, after: "".into(), limit: 1_000 };
        let requests = all.into_iter().chain([list, Operation::Endpoints]);
        let requests = requests.map(|operation| Request { operation, deadline_ms: None }).collect();
        sequence += 1;
        let batch = batch(policy, "c0", sequence, requests);
        assert_eq!(stage.apply(&batch).await, twin.apply_at(&batch, now_ms));
    }
}

/// A batch that changed nothing is not remembered: it may be decided anew.
fn changes_something(receipt: &Receipt) -> bool {
    receipt.outcomes.iter().any(|outcome| match outcome {
        Ok(Outcome::Created { is_new, .. }) => *is_new,
        Ok(Outcome::Fired { was_held, .. }) => *was_held,
        Ok(Outcome::Claimed { timers, deliveries }) => !timers.is_empty() || !deliveries.is_empty(),
        _ => false,
    })
}

/// The same answer, but for the texts of what has been forgotten since.
fn assert_repeats(again: &Receipt, first: &Receipt) {
    assert_eq!((again.now_ms, again.next_due_ms), (first.now_ms, first.next_due_ms));
    for (again, first) in again.outcomes.iter().zip(&first.outcomes) {
        match (again, first) {
            (
                Ok(Outcome::Claimed { timers, deliveries }),
                Ok(Outcome::Claimed { timers: all_timers, deliveries: all_deliveries }),
            ) => {
                assert!(timers.iter().all(|timer| all_timers.iter().any(|known| known.id == timer.id)));
                assert!(deliveries.iter().all(|delivery| all_deliveries.contains(delivery)));
            }
            (Ok(Outcome::Created { .. } | Outcome::Fired { .. } | Outcome::Done(_) | Outcome::Renewed(_)), _)
                if !matches!(
                    first,
                    Ok(Outcome::Created { is_new: false, .. } | Outcome::Fired { delivery: Some(_), .. })
                ) =>
            {
                assert_eq!(again, first);
            }
            _ => {}
        }
    }
}
