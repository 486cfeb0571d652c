//! Lists against a model that looks at everything.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::timers::decide::ShardState;
use token_budget::domain::timers::operation::*;

const NAMES: [&str; 3] = ["a", "ab", "b"];
const OWNERS: [&str; 3] = ["", "a", "b"];
const KEEP_MS: u64 = 50;
const POLICY: Policy = Policy { keep_ended_ms: KEEP_MS, keep_dead_ms: KEEP_MS };

#[derive(Debug, Clone)]
pub enum Step {
    Create { id: u8, name: &'static str, owner: &'static str, in_ms: u64 },
    Update { id: u8, name: Option<&'static str>, owner: Option<&'static str> },
    Cancel { id: u8 },
    Fire,
    Forward { by_ms: u64 },
    List { status: Option<Status>, name: Option<&'static str>, owner: Option<&'static str>, limit: u64 },
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, name, owner) = (|| 0..30_u8, || select(NAMES.to_vec()), || select(OWNERS.to_vec()));
    let statuses = vec![Status::Scheduled, Status::Fired, Status::Cancelled];
    let step = prop_oneof![
        6 => (id(), name(), owner(), 0..40_u64)
            .prop_map(|(id, name, owner, in_ms)| Step::Create { id, name, owner, in_ms }),
        2 => (id(), weighted(0.5, name()), weighted(0.5, owner()))
            .prop_map(|(id, name, owner)| Step::Update { id, name, owner }),
        1 => id().prop_map(|id| Step::Cancel { id }),
        2 => Just(Step::Fire),
        2 => (0..30_u64).prop_map(|by_ms| Step::Forward { by_ms }),
        4 => (weighted(0.5, select(statuses)), weighted(0.4, name()), weighted(0.4, owner()), 1..8_u64)
            .prop_map(|(status, name, owner, limit)| Step::List { status, name, owner, limit }),
    ];
    vec(step, 1..150)
}

/// Timers in no order, and nothing is ever forgotten.
#[derive(Default)]
struct Model {
    timers: Vec<Timer>,
}

impl Model {
    fn present(&self, now_ms: u64) -> impl Iterator<Item = &Timer> {
        self.timers.iter().filter(move |timer| is_present(timer, now_ms))
    }

    fn put(&mut self, timer: Timer) {
        self.timers.retain(|known| known.id != timer.id);
        self.timers.push(timer);
    }
}

fn is_present(timer: &Timer, now_ms: u64) -> bool {
    timer.status == Status::Scheduled || timer.ended_at_ms + KEEP_MS > now_ms
}

pub fn agree(steps: &[Step]) {
    let (mut shard, mut model, mut now_ms, mut nonce) = (ShardState::default(), Model::default(), 1_000, 0);
    let ask = |shard: &mut ShardState, now_ms, operation| {
        let mut receipt = shard.apply(now_ms, &POLICY, &[Request { operation, deadline_ms: None }]);
        receipt.outcomes.remove(0).expect("no deadline")
    };
    for step in steps {
        match step.clone() {
            Step::Create { id, name, owner, in_ms } => {
                nonce += 1;
                let timer = NewTimer {
                    id: format!("t{id}").into(),
                    name: name.into(),
                    owner: owner.into(),
                    due: Due::In(in_ms),
                    document_json: "{}".into(),
                    recurrence_json: "".into(),
                    nonce: nonce.to_string().into(),
                    fingerprint: "f".into(),
                };
                let known = model.present(now_ms).find(|known| known.id == timer.id).cloned();
                match ask(&mut shard, now_ms, Operation::Create(timer)) {
                    Outcome::Created { timer, is_new: false } => assert_eq!(Some(timer), known),
                    Outcome::Created { timer, is_new: true } => {
                        assert_eq!(known, None);
                        model.put(timer);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Update { id, name, owner } => {
                let change = Change { name: name.map(Into::into), owner: owner.map(Into::into), ..Change::default() };
                let id = format!("t{id}").into();
                if let Outcome::Timer(Some(timer)) = ask(&mut shard, now_ms, Operation::Update { id, change }) {
                    assert!(name.is_none_or(|name| &*timer.name == name));
                    assert!(owner.is_none_or(|owner| &*timer.owner == owner));
                    model.put(timer);
                }
            }
            Step::Cancel { id } => {
                let id = format!("t{id}").into();
                if let Outcome::Timer(Some(timer)) = ask(&mut shard, now_ms, Operation::Cancel { id }) {
                    model.put(timer);
                }
            }
            Step::Fire => fire(&mut shard, &mut model, now_ms, ask),
            Step::Forward { by_ms } => now_ms += by_ms,
            Step::List { status, name, owner, limit } => {
                let mut expected: Vec<_> = model
                    .present(now_ms)
                    .filter(|timer| status.is_none_or(|status| timer.status == status))
                    .filter(|timer| name.is_none_or(|name| &*timer.name == name))
                    .filter(|timer| owner.is_none_or(|owner| &*timer.owner == owner))
                    .cloned()
                    .collect();
                expected.sort_by(|a, b| a.id.cmp(&b.id));
                let mut listed = Vec::new();
                let mut after: TimerId = "".into();
                loop {
                    let (name, owner) = (name.map(Into::into), owner.map(Into::into));
                    let operation = Operation::List { status, name, owner, after, limit };
                    let Outcome::Timers { timers, next } = ask(&mut shard, now_ms, operation) else { panic!("list") };
                    assert!(timers.len() as u64 <= limit);
                    listed.extend(timers);
                    if next.is_empty() {
                        break;
                    }
                    after = next;
                }
                assert_eq!(listed, expected, "{step:?}");
            }
        }
        let next_ms = model.timers.iter().filter(|timer| timer.status == Status::Scheduled);
        assert_eq!(shard.next_due_ms(), next_ms.map(|timer| timer.fire_at_ms).min());
    }
}

/// Everything that is due is claimed and done at once.
fn fire(
    shard: &mut ShardState,
    model: &mut Model,
    now_ms: u64,
    ask: impl Fn(&mut ShardState, u64, Operation) -> Outcome,
) {
    let claim = Operation::Claim { holder: "p".into(), lease_ms: 1_000, timers: 500, deliveries: 0 };
    let Outcome::Claimed { timers, .. } = ask(shard, now_ms, claim) else { panic!("claim") };
    let due = model.timers.iter().filter(|timer| timer.status == Status::Scheduled && timer.fire_at_ms <= now_ms);
    assert_eq!(timers.len(), due.count());
    for timer in timers {
        let fired = Operation::Fired {
            id: timer.id.clone(),
            nonce: timer.nonce.clone(),
            holder: "p".into(),
            occurrence: timer.occurrence,
            next_fire_at_ms: None,
            delivery: None,
        };
        assert_eq!(ask(shard, now_ms, fired), Outcome::Fired { was_held: true, delivery: None });
        let Outcome::Timer(ended) = ask(shard, now_ms, Operation::Get { id: timer.id }) else { panic!("get") };
        model.put(ended.expect("it has just ended"));
    }
}
