use super::*;
use crate::domain::rate_limit::amounts::{Amounts, Unit};
use crate::domain::rate_limit::operation::*;
use crate::domain::rate_limit::terms::{Concurrency, MINUTE_MS, Policy, Rule, Terms};

const START_MS: u64 = 1_800_000_000_000;

fn rule(unit: Unit, limit: u64) -> Rule {
    Rule { unit, window_ms: MINUTE_MS, limit, ordinary: limit }
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        configured: Terms { rules, ..Terms::default() },
        cooldown_ms: 60_000,
        cooldown_max_ms: 3_600_000,
        permit_ttl_ms: 600_000,
        client_lease_ms: 30_000,
        line_max: 3,
    }
}

/// One limiter, and the instant at which it is asked.
struct Desk {
    limiter: LimiterState,
    policy: Policy,
    now_ms: u64,
}

impl Desk {
    fn new(rules: Vec<Rule>) -> Self {
        Self { limiter: LimiterState::default(), policy: policy(rules), now_ms: START_MS }
    }

    fn ask(&mut self, client: &str, ask: &Ask<'_>) -> Answered<Admission> {
        self.limiter.acquire(self.now_ms, client, &self.policy, ask)
    }

    fn acquire(&mut self, id: &str, wait: bool) -> Admission {
        let ask = Ask { id, amounts: Amounts::call(10, 5), priority: Priority::Normal, agent: "", wait };
        self.ask("c", &ask).answer
    }

    fn of_agent(&mut self, id: &str, agent: &str, wait: bool) -> Admission {
        let ask = Ask { id, amounts: Amounts::call(10, 5), priority: Priority::Normal, agent, wait };
        self.ask("c", &ask).answer
    }

    fn settle(&mut self, id: &str, input: u64, output: u64) -> Answered<Settlement> {
        let used = Amounts::call(input, output);
        self.limiter.settle(self.now_ms, "c", &self.policy, id, used, None)
    }

    fn poll(&mut self) -> Turns {
        self.limiter.poll(self.now_ms, "c", &self.policy).turns
    }

    fn apply(&mut self, operation: Operation) -> Outcome {
        let requests = [Request { operation, deadline_ms: None }];
        let receipt = self.limiter.apply(self.now_ms, "c", &self.policy, &requests);
        receipt.outcomes.into_iter().next().unwrap().unwrap()
    }

    fn view(&mut self) -> View {
        match self.apply(Operation::View) {
            Outcome::View(view) => *view,
            other => panic!("{other:?}"),
        }
    }

    fn hit(&mut self, retry_after_ms: Option<u64>, sent_at_ms: u64) {
        let hit = Some(Hit { kind: HitKind::Rate, retry_after_ms, jitter: 0, least_ms: 0 });
        self.apply(Operation::Observe(Signals { sent_at_ms, hit, ..Signals::default() }));
    }
}

fn is_granted(admission: Admission) -> bool {
    matches!(admission, Admission::Granted { .. })
}

fn refused(admission: Admission) -> (Reason, u64) {
    match admission {
        Admission::Refused(Verdict::Wait { wait_ms, reason }) => (reason, wait_ms),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_admitted_counts_until_its_part_has_left() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 2)]);
    assert!(is_granted(desk.acquire("a", false)));
    desk.now_ms += 999;
    assert!(is_granted(desk.acquire("b", false)));
    assert_eq!(refused(desk.acquire("c", false)), (Reason::Rule(0), MINUTE_MS + 1));
    desk.now_ms = START_MS + MINUTE_MS + 999;
    assert_eq!(refused(desk.acquire("c", false)), (Reason::Rule(0), 1));
    desk.now_ms += 1;
    assert!(is_granted(desk.acquire("c", false)));
}

#[test]
fn a_refusal_consumes_nothing_of_any_rule() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 9), rule(Unit::InputTokens, 15), rule(Unit::OutputTokens, 5)]);
    assert!(is_granted(desk.acquire("a", false)));
    let before = desk.view();
    assert_eq!(refused(desk.acquire("b", false)).0, Reason::Rule(1));
    assert_eq!(desk.view(), before);
    let big = Ask { id: "b", amounts: Amounts::call(16, 0), priority: Priority::Normal, agent: "", wait: true };
    let never = Verdict::Never { reason: Reason::Rule(1), limit: 15 };
    assert_eq!(desk.ask("c", &big).answer, Admission::Refused(never));
}

#[test]
fn critical_calls_use_what_is_held_back() {
    let mut desk = Desk::new(vec![Rule { ordinary: 1, ..rule(Unit::Requests, 2) }]);
    assert!(is_granted(desk.acquire("a", false)));
    assert_eq!(refused(desk.acquire("b", false)).0, Reason::Rule(0));
    let critical = Ask { id: "b", amounts: Amounts::call(0, 0), priority: Priority::Critical, agent: "", wait: false };
    assert!(is_granted(desk.ask("c", &critical).answer));
}

#[test]
fn pacing_carries_fractions_and_allows_no_burst() {
    let mut desk = Desk::new(vec![]);
    desk.policy.configured.pause_us = 1_500;
    let mut admitted = Vec::new();
    for ms in 0..12 {
        desk.now_ms = START_MS + ms;
        if is_granted(desk.acquire(&format!("p{ms}"), false)) {
            admitted.push(ms);
        }
    }
    assert_eq!(admitted, [0, 2, 3, 5, 6, 8, 9, 11]);
    desk.now_ms += 1_000;
    assert!(is_granted(desk.acquire("x", false)));
    assert_eq!(refused(desk.acquire("y", false)), (Reason::Pacing, 2));
    desk.limiter.cancel(desk.now_ms, "c", &desk.policy, "x");
    assert!(is_granted(desk.acquire("y", false)));
}

#[test]
fn a_settle_corrects_the_estimate() {
    let mut desk = Desk::new(vec![rule(Unit::InputTokens, 100)]);
    desk.acquire("a", false);
    let settled = desk.settle("a", 90, 3).answer;
    assert_eq!(settled, Settlement { known: true, late: false, estimated: Amounts::call(10, 5) });
    let view = desk.view();
    assert_eq!((view.windows[0].used, view.under_way), (Amounts::call(90, 3), Amounts::default()));
    assert!(!desk.settle("a", 90, 3).answer.known);
    // The part of a long answer has left: what it spoke meanwhile counts now.
    desk.acquire("b", false);
    desk.now_ms += 2 * MINUTE_MS;
    desk.settle("b", 12, 7);
    assert_eq!(desk.view().windows[0].used, Amounts { requests: 0, input_tokens: 2, output_tokens: 7 });
}

#[test]
fn a_cancel_gives_everything_back() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 1)]);
    desk.policy.configured.concurrency = Some(Concurrency { limit: 1, ordinary: 1 });
    desk.acquire("a", false);
    assert!(desk.limiter.cancel(desk.now_ms, "c", &desk.policy, "a").answer);
    assert!(!desk.limiter.cancel(desk.now_ms, "c", &desk.policy, "a").answer);
    assert!(is_granted(desk.acquire("b", false)));
}

#[test]
fn first_come_first_served_and_the_large_are_not_starved() {
    let mut desk = Desk::new(vec![rule(Unit::InputTokens, 20)]);
    desk.acquire("a", false);
    let large = Ask { id: "large", amounts: Amounts::call(20, 0), priority: Priority::Normal, agent: "", wait: true };
    assert!(matches!(desk.ask("c", &large).answer, Admission::Waiting { reason: Reason::Rule(0), ahead: 0, .. }));
    assert_eq!(refused(desk.acquire("small", false)).0, Reason::Line);
    assert!(matches!(desk.acquire("small", true), Admission::Waiting { reason: Reason::Line, ahead: 1, .. }));
    assert!(matches!(desk.acquire("third", true), Admission::Waiting { ahead: 2, .. }));
    assert_eq!(desk.acquire("fourth", true), Admission::LineFull);
    desk.now_ms += 2 * MINUTE_MS;
    // Nobody called for longer than the lease.
    assert_eq!(desk.poll().places, 0);
    assert!(is_granted(desk.acquire("a2", false)));
}

#[test]
fn places_become_permits_in_their_order() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 1)]);
    desk.policy.client_lease_ms = 600_000;
    desk.acquire("a", false);
    let mut wait = |id, priority| {
        let ask = Ask { id, amounts: Amounts::call(1, 1), priority, agent: "", wait: true };
        desk.limiter.acquire(desk.now_ms, "c", &desk.policy, &ask)
    };
    wait("low", Priority::Low);
    wait("normal", Priority::Normal);
    let turns = wait("critical", Priority::Critical).turns;
    assert_eq!((turns.places, turns.poll_in_ms), (3, Some(MINUTE_MS + 1_000)));
    for expected in ["critical", "normal", "low"] {
        desk.now_ms += MINUTE_MS + 1_000;
        let granted: Vec<_> = desk.poll().granted.into_iter().map(|grant| grant.id).collect();
        assert_eq!(granted, [PermitId::from(expected)]);
    }
    assert_eq!(desk.poll().places, 0);
}

#[test]
fn another_client_hears_once_that_it_is_its_turn() {
    let mut desk = Desk::new(vec![]);
    desk.policy.configured.concurrency = Some(Concurrency { limit: 1, ordinary: 1 });
    desk.acquire("a", false);
    let ask = Ask { id: "b", amounts: Amounts::call(1, 1), priority: Priority::Normal, agent: "", wait: true };
    assert_eq!(desk.ask("d", &ask).turns.turn_of, None);
    assert_eq!(desk.poll().turn_of, None);
    assert_eq!(desk.settle("a", 1, 1).turns.turn_of.as_deref(), Some("d"));
    assert_eq!(desk.poll().turn_of, None);
    let turns = desk.limiter.poll(desk.now_ms, "d", &desk.policy).turns;
    assert_eq!(&*turns.granted[0].id, "b");
}

#[test]
fn permits_of_a_dead_client_return() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 5)]);
    desk.policy.configured.concurrency = Some(Concurrency { limit: 1, ordinary: 1 });
    desk.acquire("a", false);
    desk.now_ms += desk.policy.client_lease_ms;
    let ask = Ask { id: "b", amounts: Amounts::call(1, 1), priority: Priority::Normal, agent: "", wait: false };
    assert!(is_granted(desk.ask("d", &ask).answer));
    assert_eq!(desk.view().windows[0].used.requests, 2);
    let settled = desk.settle("a", 10, 50).answer;
    assert!(settled.known && settled.late);
    assert_eq!(desk.view().windows[0].used.output_tokens, 51);
}

#[test]
fn a_hit_pauses_and_then_one_call_at_a_time_tries() {
    let mut desk = Desk::new(vec![]);
    desk.acquire("a", false);
    desk.hit(None, desk.now_ms);
    // The same burst.
    desk.hit(None, desk.now_ms - 5);
    assert_eq!(refused(desk.acquire("b", false)), (Reason::Cooldown, 60_000));
    desk.now_ms += 60_000;
    assert!(is_granted(desk.acquire("probe", false)));
    assert_eq!(refused(desk.acquire("c", false)), (Reason::Probe, 60_000));
    desk.hit(None, desk.now_ms);
    assert_eq!(refused(desk.acquire("c", false)), (Reason::Cooldown, 120_000));
    desk.now_ms += 120_000;
    desk.settle("probe", 1, 1);
    assert!(is_granted(desk.acquire("probe2", false)));
    let ok = Signals { is_success: true, ..Signals::default() };
    desk.limiter.settle(desk.now_ms, "c", &desk.policy, "probe2", Amounts::call(1, 1), Some(&ok));
    assert!(is_granted(desk.acquire("d", false)) && is_granted(desk.acquire("e", false)));
    assert_eq!(desk.view().hits, 0);
}

#[test]
fn what_a_provider_asks_for_is_bounded() {
    let mut desk = Desk::new(vec![]);
    desk.hit(Some(120_000_000), desk.now_ms);
    assert_eq!(refused(desk.acquire("a", false)), (Reason::Cooldown, 3_600_000));
    desk.apply(Operation::Pause { for_ms: 0 });
    assert!(is_granted(desk.acquire("a", false)) && is_granted(desk.acquire("b", false)));
}

#[test]
fn idle_shares_are_lent_and_come_back() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 10)]);
    desk.policy.client_lease_ms = 600_000;
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    assert_eq!(desk.apply(share("a", 600_000)), Outcome::Done(true));
    assert_eq!(desk.apply(share("b", 400_001)), Outcome::Done(false));
    assert_eq!(desk.apply(share("b", 400_000)), Outcome::Done(true));
    for index in 0..5 {
        assert!(is_granted(desk.of_agent(&format!("a{index}"), "a", false)));
    }
    assert!(is_granted(desk.of_agent("b0", "b", false)));
    assert!(is_granted(desk.of_agent("a5", "a", false)));
    assert_eq!(refused(desk.of_agent("a6", "a", false)).0, Reason::Share);
    assert!(matches!(desk.of_agent("a6", "a", true), Admission::Waiting { reason: Reason::Share, .. }));
    // Who has used up its share does not hold up the others.
    for index in 1..4 {
        assert!(is_granted(desk.of_agent(&format!("b{index}"), "b", false)));
    }
    // The first in line waits for more than its share now.
    assert_eq!(refused(desk.of_agent("b4", "b", false)), (Reason::Line, MINUTE_MS + 3_000));
    assert_eq!(desk.apply(Operation::Handoff { from: "b".into(), to: "a".into() }), Outcome::Done(true));
    let agents = desk.view().agents;
    assert_eq!((agents.len(), agents[1].share_ppm, agents[1].used.requests), (2, 1_000_000, 10));
    assert_eq!(desk.apply(share("a", 0)), Outcome::Done(true));
    assert!(desk.view().agents.is_empty());
}

#[test]
fn what_is_remembered_counts_once() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 3)]);
    desk.acquire("a", false);
    desk.acquire("b", false);
    let remembered = desk.view();
    let mut other = Desk::new(vec![rule(Unit::Requests, 3)]);
    other.acquire("c", false);
    for _ in 0..2 {
        other.apply(Operation::Restore(Box::new(remembered.clone())));
        assert_eq!(other.view().windows[0].used.requests, 2);
    }
    other.now_ms += 2 * MINUTE_MS;
    other.apply(Operation::Restore(Box::new(remembered)));
    assert_eq!(other.view().windows[0].used.requests, 0);
}

#[test]
fn other_windows_take_over_what_is_known() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 3)]);
    desk.acquire("a", false);
    desk.acquire("b", false);
    let faster = Rule { window_ms: 30_000, ..rule(Unit::Requests, 2) };
    let terms = Terms { rules: vec![faster], ..Terms::default() };
    desk.apply(Operation::SetTerms(Some(terms)));
    assert_eq!(refused(desk.acquire("c", false)).0, Reason::Rule(0));
    assert_eq!(desk.limiter.life_until_ms(), u64::MAX);
    desk.apply(Operation::SetTerms(None));
    assert!(is_granted(desk.acquire("c", false)));
    assert_eq!(refused(desk.acquire("d", false)).0, Reason::Rule(0));
}

#[test]
fn a_place_that_can_never_be_served_ends() {
    let mut desk = Desk::new(vec![rule(Unit::InputTokens, 20)]);
    desk.acquire("a", false);
    let large = Ask { id: "large", amounts: Amounts::call(20, 0), priority: Priority::Normal, agent: "", wait: true };
    desk.ask("c", &large);
    let terms = Terms { rules: vec![rule(Unit::InputTokens, 19)], ..Terms::default() };
    desk.apply(Operation::SetTerms(Some(terms)));
    assert_eq!(desk.poll().places, 0);
    let never = Verdict::Never { reason: Reason::Rule(0), limit: 19 };
    assert_eq!(desk.ask("c", &large).answer, Admission::Refused(never));
}

#[test]
fn time_stands_still_while_the_clock_is_a_little_behind() {
    let mut desk = Desk::new(vec![rule(Unit::Requests, 1)]);
    desk.acquire("a", false);
    desk.now_ms -= 10_000;
    assert_eq!(refused(desk.acquire("b", false)), (Reason::Rule(0), MINUTE_MS + 1_000));
    assert_eq!(desk.view().now_ms, START_MS);
}
