//! A play: processes that claim, finish, renew, release, die; authors that create, move and cancel.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::timers::decide::ShardState;
use token_budget::domain::timers::operation::*;
use token_budget::store::memory::timers::MemoryTimers;
use token_budget::store::{Ticket, TimerBatch};

use super::ledger::Ledger;

pub const LEASE_MS: u64 = 30_000;
pub const PROCESSES: usize = 3;
/// Long enough that nothing that ended is forgotten while the play lasts.
const POLICY: Policy = Policy { keep_ended_ms: 1 << 50, keep_dead_ms: 1 << 50 };
const START_MS: u64 = 1_700_000_000_000;

#[derive(Debug, Clone)]
pub enum Step {
    Create {
        due: Due,
        recurs: bool,
    },
    Claim {
        process: usize,
        timers: u64,
        deliveries: u64,
    },
    /// Some of what a process holds is done.
    Finish {
        process: usize,
        count: usize,
        delivery_lease_ms: Option<u64>,
    },
    /// Some deliveries that a process holds have arrived or failed.
    Send {
        process: usize,
        count: usize,
        retry_in_ms: Option<Option<u64>>,
    },
    /// All that it holds is forgotten, and returns with time.
    Die {
        process: usize,
    },
    Release {
        process: usize,
    },
    Renew {
        process: usize,
    },
    Move {
        nth: usize,
        due: Due,
    },
    Cancel {
        nth: usize,
    },
    Forward {
        by_ms: u64,
    },
    Back {
        by_ms: u64,
    },
}

pub fn steps(with_steps_back: bool) -> impl Strategy<Value = Vec<Step>> {
    let due = || {
        prop_oneof![
            4 => (0..20_000_u64).prop_map(Due::In),
            1 => Just(Due::In(0)),
            1 => (START_MS - 1_000..START_MS + 100_000).prop_map(Due::At),
            1 => (1..1_u64 << 40).prop_map(Due::In),
        ]
    };
    let process = || 0..PROCESSES;
    let step = prop_oneof![
        8 => (due(), any::<bool>()).prop_map(|(due, recurs)| Step::Create { due, recurs }),
        8 => (process(), 0..6_u64, 0..4_u64)
            .prop_map(|(process, timers, deliveries)| Step::Claim { process, timers, deliveries }),
        8 => (process(), 1..4_usize, weighted(0.6, prop_oneof![Just(0), Just(LEASE_MS)])).prop_map(
            |(process, count, delivery_lease_ms)| Step::Finish { process, count, delivery_lease_ms }
        ),
        4 => (process(), 1..4_usize, weighted(0.5, weighted(0.8, 0..90_000_u64)))
            .prop_map(|(process, count, retry_in_ms)| Step::Send { process, count, retry_in_ms }),
        1 => process().prop_map(|process| Step::Die { process }),
        1 => process().prop_map(|process| Step::Release { process }),
        2 => process().prop_map(|process| Step::Renew { process }),
        2 => (0..9_usize, due()).prop_map(|(nth, due)| Step::Move { nth, due }),
        1 => (0..9_usize).prop_map(|nth| Step::Cancel { nth }),
        8 => prop_oneof![0..50_u64, 0..2 * LEASE_MS].prop_map(|by_ms| Step::Forward { by_ms }),
        1 => prop_oneof![0..2_000_u64, 0..1_u64 << 30].prop_map(move |by_ms| match with_steps_back {
            true => Step::Back { by_ms },
            false => Step::Forward { by_ms },
        }),
    ];
    vec(step, 1..120)
}

#[derive(Debug, Default, Clone)]
struct Process {
    timers: Vec<Timer>,
    deliveries: Vec<DeliveryId>,
}

/// The store, its clock, and everybody.
pub struct Crew {
    store: MemoryTimers,
    /// What was asked, as a journal keeps it.
    journal: Vec<(u64, Vec<Request>)>,
    pub now_ms: u64,
    processes: [Process; PROCESSES],
    pub ledger: Ledger,
    created: Vec<TimerId>,
    recurring: Vec<TimerId>,
}

impl Crew {
    pub fn new() -> Self {
        Self {
            store: MemoryTimers::default(),
            journal: Vec::new(),
            now_ms: START_MS,
            processes: Default::default(),
            ledger: Ledger::default(),
            created: Vec::new(),
            recurring: Vec::new(),
        }
    }

    fn ask(&mut self, operation: Operation) -> (Outcome, Option<u64>) {
        assert_eq!(operation.check(), Ok(()));
        let requests = vec![Request { operation, deadline_ms: None }];
        let batch = TimerBatch {
            shard: OrchestratorId::new("0").expect("a shard"),
            policy: POLICY,
            requests: requests.clone(),
            ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
        };
        let mut receipt = self.store.apply_at(&batch, self.now_ms);
        self.journal.push((self.now_ms, requests));
        (receipt.outcomes.remove(0).expect("no deadline"), receipt.next_due_ms)
    }

    pub fn play(&mut self, step: &Step) {
        match step.clone() {
            Step::Create { due, recurs } => self.create(due, recurs),
            Step::Claim { process, timers, deliveries } => self.claim(process, timers, deliveries),
            Step::Finish { process, count, delivery_lease_ms } => self.finish(process, count, delivery_lease_ms),
            Step::Send { process, count, retry_in_ms } => self.send(process, count, retry_in_ms),
            Step::Die { process } => self.processes[process] = Process::default(),
            Step::Release { process } => self.release(process),
            Step::Renew { process } => self.renew(process),
            Step::Move { nth, due } => self.change(nth, due),
            Step::Cancel { nth } => self.cancel(nth),
            Step::Forward { by_ms } => self.now_ms += by_ms,
            Step::Back { by_ms } => {
                self.now_ms -= by_ms;
                self.ledger.clock_was_set_back = true;
            }
        }
    }

    fn create(&mut self, due: Due, recurs: bool) {
        let number = self.created.len();
        let id: TimerId = format!("t{number}").into();
        let timer = NewTimer {
            id: id.clone(),
            name: "name".into(),
            owner: "".into(),
            due,
            document_json: "{}".into(),
            recurrence_json: if recurs { "{}" } else { "" }.into(),
            nonce: format!("n{number}").into(),
            fingerprint: "f".into(),
        };
        let (outcome, next_due_ms) = self.ask(Operation::Create(timer));
        let Outcome::Created { timer, is_new: true } = outcome else { panic!("{outcome:?}") };
        assert!(next_due_ms.is_some_and(|next_ms| next_ms <= timer.fire_at_ms));
        self.ledger.created(&timer);
        self.created.push(id.clone());
        if recurs {
            self.recurring.push(id);
        }
    }

    fn claim(&mut self, process: usize, timers: u64, deliveries: u64) {
        let holder = holder(process);
        let (_, expected_ms) = self.ask(Operation::Broadcast { message: "".into() });
        let claim = Operation::Claim { holder: holder.clone(), lease_ms: LEASE_MS, timers, deliveries };
        let (Outcome::Claimed { timers: taken, deliveries: sent }, _) = self.ask(claim) else { panic!("claim") };
        assert!(taken.len() as u64 <= timers && sent.len() as u64 <= deliveries);
        let is_anything_due = expected_ms.is_some_and(|due_ms| due_ms <= self.now_ms);
        assert!(is_anything_due || self.ledger.clock_was_set_back || (taken.is_empty() && sent.is_empty()));
        assert!(taken.is_sorted_by_key(|timer| (timer.fire_at_ms, timer.id.clone())));
        for timer in taken {
            assert_eq!(timer.holder, holder);
            assert_eq!(timer.claimed_until_ms, self.now_ms + LEASE_MS);
            self.ledger.claimed(&timer, &holder, self.now_ms);
            self.processes[process].timers.push(timer);
        }
        for delivery in sent {
            assert_eq!(delivery.holder, holder);
            self.ledger.delivery_claimed(&delivery, self.now_ms);
            self.processes[process].deliveries.push(delivery.id);
        }
    }

    fn finish(&mut self, process: usize, count: usize, delivery_lease_ms: Option<u64>) {
        for _ in 0..count {
            let Some(timer) = self.processes[process].timers.pop() else { break };
            let next_fire_at_ms = self.recurring.contains(&timer.id).then_some(timer.fire_at_ms + 10_000);
            // Three times is enough.
            let next_fire_at_ms = next_fire_at_ms.filter(|_| timer.occurrence < 2);
            let delivery = delivery_lease_ms.map(|lease_ms| NewDelivery {
                endpoint: "https://a.example".into(),
                document_json: "{}".into(),
                lease_ms,
            });
            let (id, nonce, occurrence) = (timer.id.clone(), timer.nonce.clone(), timer.occurrence);
            let holder = holder(process);
            let entry = &self.ledger.timers[&timer.id];
            // Of one that was cancelled, a claim that is over may have been forgotten.
            let may_be_forgotten = entry.claimed_until_ms <= self.now_ms || self.ledger.clock_was_set_back;
            let is_mine =
                entry.holder == holder && entry.occurrence == occurrence && !(entry.is_cancelled && may_be_forgotten);
            let operation = Operation::Fired { id, nonce, holder, occurrence, next_fire_at_ms, delivery };
            let (Outcome::Fired { was_held, delivery }, _) = self.ask(operation) else { panic!("fired") };
            assert!(was_held || !is_mine, "{timer:?}");
            assert!(was_held || delivery.is_none());
            if !was_held {
                continue;
            }
            self.ledger.fired(&timer.id, occurrence, next_fire_at_ms);
            if let Some(delivery) = delivery {
                self.ledger.delivery_made(&delivery, &timer.id, occurrence);
                if !delivery.holder.is_empty() {
                    self.processes[process].deliveries.push(delivery.id);
                }
            }
        }
    }

    fn send(&mut self, process: usize, count: usize, failed: Option<Option<u64>>) {
        for _ in 0..count {
            let Some(id) = self.processes[process].deliveries.pop() else { break };
            let holder = holder(process);
            let was_known = !self.ledger.delivered.contains_key(&id);
            match failed {
                None => {
                    let delivered = self.ask(Operation::Delivered { id: id.clone(), holder }).0;
                    assert_eq!(delivered, Outcome::Done(was_known));
                    if was_known {
                        self.ledger.delivered(&id);
                    }
                }
                Some(retry_in_ms) => {
                    let error = "503".into();
                    let operation =
                        Operation::Undelivered { id: id.clone(), holder, error, retry_in_ms, disable: false };
                    let counted = self.ask(operation).0 == Outcome::Done(true);
                    if counted && retry_in_ms.is_none() {
                        self.ledger.died(&id);
                    }
                }
            }
        }
    }

    fn release(&mut self, process: usize) {
        let Process { timers, deliveries } = std::mem::take(&mut self.processes[process]);
        let holder = holder(process);
        for timer in &timers {
            let entry = self.ledger.timers.get_mut(&timer.id).expect("known");
            if entry.holder == holder {
                entry.holder = "".into();
            }
        }
        let timers = timers.into_iter().map(|timer| timer.id).collect();
        self.ask(Operation::Release { holder, timers, deliveries });
    }

    fn renew(&mut self, process: usize) {
        let Process { timers, deliveries } = self.processes[process].clone();
        let holder = holder(process);
        let operation = Operation::Renew {
            holder: holder.clone(),
            lease_ms: LEASE_MS,
            timers: timers.iter().map(|timer| timer.id.clone()).collect(),
            deliveries,
        };
        self.ask(operation);
        for timer in &timers {
            let (Outcome::Timer(kept), _) = self.ask(Operation::Get { id: timer.id.clone() }) else { panic!("get") };
            let kept = kept.expect("nothing is forgotten");
            if kept.holder == holder {
                let entry = self.ledger.timers.get_mut(&timer.id).expect("known");
                assert_eq!(entry.holder, holder);
                entry.claimed_until_ms = kept.claimed_until_ms;
            }
        }
    }

    fn change(&mut self, nth: usize, due: Due) {
        let Some(id) = self.created.iter().rev().nth(nth).cloned() else { return };
        let change = Change { due: Some(due), ..Change::default() };
        let (Outcome::Timer(timer), _) = self.ask(Operation::Update { id: id.clone(), change }) else {
            panic!("update")
        };
        assert_eq!(timer.is_none(), self.ledger.timers[&id].is_over);
        if let Some(timer) = timer {
            // A claim whose time is over may have returned.
            let clock_was_set_back = self.ledger.clock_was_set_back;
            let entry = self.ledger.timers.get_mut(&id).expect("known");
            let was_held = !entry.holder.is_empty();
            let may_have_returned = entry.claimed_until_ms <= self.now_ms || clock_was_set_back;
            if timer.holder.is_empty() && entry.claimed_until_ms <= self.now_ms {
                entry.holder = "".into();
            }
            self.ledger.moved(&timer, (!was_held || !may_have_returned).then_some(was_held));
        }
    }

    fn cancel(&mut self, nth: usize) {
        let Some(id) = self.created.iter().rev().nth(nth).cloned() else { return };
        let (Outcome::Timer(timer), _) = self.ask(Operation::Cancel { id: id.clone() }) else { panic!("cancel") };
        assert_eq!(timer.is_none(), self.ledger.timers[&id].is_over);
        if let Some(timer) = timer {
            self.ledger.cancelled(&timer);
        }
    }

    /// Whoever is left does everything, in its time: as often as it takes.
    pub fn finish_all(&mut self) {
        self.processes = Default::default();
        while let (_, Some(next_due_ms)) = self.ask(Operation::Broadcast { message: "".into() }) {
            self.now_ms = self.now_ms.max(next_due_ms);
            self.claim(0, 500, 500);
            self.finish(0, 500, Some(LEASE_MS));
            self.send(0, 1_000, None);
        }
        self.ledger.check_all_done();
        let kept = self.store.footprint();
        assert_eq!((kept.scheduled, kept.deliveries), (0, 0));
        assert_eq!((kept.ended, kept.dead), (self.created.len(), self.ledger.dead.len()));
    }

    /// The journal, replayed, leads to the same state; and so does what was written down half-way.
    pub fn check_replay(&self) {
        let (mut first, mut second) = (ShardState::default(), ShardState::default());
        for (index, (now_ms, requests)) in self.journal.iter().enumerate() {
            if index == self.journal.len() / 2 {
                let json = serde_json::to_string(&second).expect("text");
                second = serde_json::from_str(&json).expect("a shard");
            }
            assert_eq!(first.apply(*now_ms, &POLICY, requests), second.apply(*now_ms, &POLICY, requests));
        }
        assert_eq!(first, second);
        assert_eq!(first.footprint(), self.store.footprint());
    }
}

fn holder(process: usize) -> Holder {
    format!("p{process}").into()
}
