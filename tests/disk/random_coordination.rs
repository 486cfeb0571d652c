//! Random operations on timers and circuit breakers.

use token_budget::domain::breakers::operation as breakers;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::operation::{Change, Due, NewDelivery, NewTimer, Operation, Policy, Request};
use token_budget::store::disk::DiskStore;
use token_budget::store::{BreakerBatch, Ticket, TimerBatch};

use super::Driver;

fn ticket() -> Ticket {
    Ticket { client: "c".into(), sequence: 1, retry: false }
}

impl Driver {
    pub fn ask_timers(&mut self, store: &DiskStore, shard: &OrchestratorId) {
        let requests = (0..1 + self.below(2)).map(|_| self.timer_operation());
        let requests = requests.map(|operation| Request { operation, deadline_ms: None }).collect();
        let policy = Policy { keep_ended_ms: 60_000 * (1 + self.below(2)), keep_dead_ms: 600_000 };
        let batch = TimerBatch { shard: shard.clone(), policy, requests, ticket: ticket() };
        store.timers().apply_at(&batch, self.now_ms);
    }

    fn timer_operation(&mut self) -> Operation {
        let id: Box<str> = format!("t{}", self.below(12)).into();
        let holder: Box<str> = format!("h{}", self.below(2)).into();
        let delivery = format!("n{}.{}", self.below(12), self.below(3)).into();
        match self.below(14) {
            0..=3 => Operation::Create(NewTimer {
                nonce: format!("n{}", &id[1..]).into(),
                id,
                name: format!("name-{}", self.below(3)).into(),
                owner: "me".into(),
                due: if self.below(2) == 0 { Due::In(self.below(60_000)) } else { Due::At(self.now_ms) },
                document_json: r#"{"a":[1,"ä"]}"#.into(),
                recurrence_json: "".into(),
                fingerprint: "f".into(),
            }),
            4 => Operation::Cancel { id },
            5 => {
                let change =
                    Change { due: Some(Due::In(self.below(9_000))), name: Some("new".into()), ..Change::default() };
                Operation::Update { id, change }
            }
            6..=7 => Operation::Claim { holder, lease_ms: 5_000, timers: 3, deliveries: 3 },
            8..=9 => Operation::Fired {
                nonce: format!("n{}", &id[1..]).into(),
                id,
                holder,
                occurrence: self.below(3),
                next_fire_at_ms: (self.below(3) == 0).then(|| self.now_ms + 10_000),
                delivery: (self.below(2) == 0).then(|| NewDelivery {
                    endpoint: format!("https://{}.example", self.below(2)).into(),
                    document_json: "{}".into(),
                    lease_ms: self.below(2) * 3_000,
                }),
            },
            10 => Operation::Delivered { id: delivery, holder },
            11 => Operation::Undelivered {
                id: delivery,
                holder,
                error: "no".into(),
                retry_in_ms: (self.below(2) == 0).then_some(2_000),
                disable: self.below(5) == 0,
            },
            12 => Operation::Endpoint { endpoint: "https://1.example".into(), enabled: self.below(2) == 0 },
            _ => Operation::Get { id },
        }
    }

    pub fn ask_breaker(&mut self, store: &DiskStore, breaker: &OrchestratorId) {
        use breakers::{Mode, Operation, Policy, State};
        let mode = match self.below(2) {
            0 => Mode::Consecutive { threshold: 3 },
            _ => Mode::Sampling { threshold_ppm: 400_000, minimum: 4, window_ms: 60_000 },
        };
        let policy = Policy { mode, reset_after_ms: 5_000, growth_permille: 1_500, ..Policy::default() };
        let holder: Box<str> = format!("h{}", self.below(2)).into();
        let reset_in_ms = (self.below(3) == 0).then(|| self.below(20_000));
        let operation = match self.below(8) {
            0..=2 => Operation::Record { successes: self.below(3), failures: self.below(3), reset_in_ms },
            3..=4 => Operation::Probe { holder },
            5 => Operation::Probed { holder, succeeded: Some(self.below(2) == 0), reset_in_ms },
            6 if self.below(4) == 0 => Operation::Force { state: State::Open, for_ms: Some(9_000) },
            _ => Operation::View,
        };
        let requests = vec![breakers::Request { operation, deadline_ms: None }];
        let batch = BreakerBatch { breaker: breaker.clone(), policy, requests, ticket: ticket() };
        store.breakers().apply_at(&batch, self.now_ms);
    }
}
