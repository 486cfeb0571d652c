//! What holds whatever is asked, by a ledger of all admissions.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Priority, Reason, Verdict, View};
use token_budget::domain::rate_limit::terms::{MINUTE_MS, Rule};

use super::desk::*;
use super::harness::Harness;
use super::ledger::{Ledger, cap};

#[derive(Debug, Clone)]
pub enum Deed {
    Acquire { client: u8, amounts: Amounts, priority: Priority, wait: bool },
    Settle { nth: usize, used: Amounts },
    Cancel { nth: usize },
    Poll { client: u8 },
    Forward { by_ms: u64 },
}

pub fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = |unit, limits: std::ops::Range<u64>| {
        (limits, 0..30_u64, select(vec![SECOND_MS, 7_001, MINUTE_MS])).prop_map(move |(limit, held_back, window_ms)| {
            Rule { unit, window_ms, limit, ordinary: limit - limit * held_back / 100 }
        })
    };
    let all = (rule(Unit::Requests, 1..8), rule(Unit::InputTokens, 50..300), rule(Unit::OutputTokens, 50..300));
    let more = prop::option::of(rule(Unit::Tokens, 100..500));
    (all, more).prop_map(|((a, b, c), more)| [a, b, c].into_iter().chain(more).collect())
}

pub fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let client = || 0..3_u8;
    let amounts = || (0..40_u64, 0..40_u64).prop_map(|(input, output)| Amounts::call(input, output));
    let priority = select(vec![Priority::Critical, Priority::Normal, Priority::Normal, Priority::Low]);
    let used = (0..80_u64, 0..80_u64).prop_map(|(input, output)| Amounts::call(input, output));
    let by_ms = prop_oneof![4 => 0..300_u64, 4 => 0..SECOND_MS, 2 => 0..10 * SECOND_MS, 1 => 0..2 * MINUTE_MS];
    let deed = prop_oneof![
        8 => (client(), amounts(), priority, any::<bool>())
            .prop_map(|(client, amounts, priority, wait)| Deed::Acquire { client, amounts, priority, wait }),
        3 => (0..60_usize, used).prop_map(|(nth, used)| Deed::Settle { nth, used }),
        1 => (0..60_usize).prop_map(|nth| Deed::Cancel { nth }),
        3 => client().prop_map(|client| Deed::Poll { client }),
        8 => by_ms.prop_map(|by_ms| Deed::Forward { by_ms }),
    ];
    vec(deed, 1..120)
}

/// In no rolling window is more admitted than the limit; nothing is refused without need; a refusal consumes
/// nothing.
pub async fn the_bound_holds<H: Harness>(desk: Desk<H>, rules: Vec<Rule>, deeds: Vec<Deed>) {
    let desk = desk.rules(&rules);
    let (mut ledger, mut asked, mut settled) = (Ledger::default(), Vec::new(), Vec::new());
    for deed in deeds {
        let before = desk.view().await;
        let (client, operation) = match deed {
            Deed::Forward { by_ms } => {
                desk.advance(by_ms);
                continue;
            }
            Deed::Poll { client } => (client, Operation::Poll),
            Deed::Acquire { client, amounts, priority, wait } => {
                let call = call(&format!("p{}", asked.len()), amounts.input_tokens, amounts.output_tokens);
                asked.push((amounts, priority));
                let call = call.priority(priority);
                (client, if wait { call.waits() } else { call }.operation())
            }
            Deed::Settle { nth, used } => (0, settle(&format!("p{nth}"), used.input_tokens, used.output_tokens)),
            Deed::Cancel { nth } => (0, Operation::Cancel { id: format!("p{nth}").into() }),
        };
        let receipt = desk.by(&format!("client-{client}"), vec![operation.clone()]).await;
        let mut admitted: Vec<_> = receipt.granted.iter().map(|grant| grant.id.to_string()).collect();
        match (&operation, receipt.outcomes[0].as_ref().unwrap()) {
            (Operation::Acquire { .. }, Outcome::Granted(grant)) => admitted.insert(0, grant.id.to_string()),
            (Operation::Acquire { amounts, priority, .. }, Outcome::Refused(verdict)) => {
                if receipt.granted.is_empty() {
                    nothing_was_consumed(&before, &desk.view().await);
                }
                the_verdict_is_right(&ledger, &rules, *amounts, *priority, verdict, desk.now_ms());
            }
            (Operation::Settle { id, used, .. }, Outcome::Settled { known: true, .. }) => {
                ledger.settle(id, *used, desk.now_ms());
                settled.push(id.to_string());
            }
            (Operation::Cancel { id }, Outcome::Cancelled { known: true }) => ledger.cancel(id),
            _ => {}
        }
        for id in admitted {
            let (amounts, priority) = asked[id[1..].parse::<usize>().unwrap()];
            ledger.admit(&id, amounts, desk.now_ms());
            for rule in &rules {
                let used = ledger.in_window(rule, desk.now_ms());
                assert!(used <= cap(rule, priority), "{used} of {rule:?} at {}", desk.now_ms());
            }
        }
    }
    let under_way = desk.view().await.under_way;
    assert!(under_way.requests <= asked.len() as u64 - settled.len() as u64);
}

fn nothing_was_consumed(before: &View, after: &View) {
    assert_eq!((&before.windows, before.under_way), (&after.windows, after.under_way));
    assert_eq!((before.waiting, before.quotas), (after.waiting, after.quotas));
    assert_eq!(before.next_admission_us, after.next_admission_us);
}

fn the_verdict_is_right(
    ledger: &Ledger,
    rules: &[Rule],
    amounts: Amounts,
    priority: Priority,
    verdict: &Verdict,
    now_ms: u64,
) {
    match *verdict {
        Verdict::Wait { reason: Reason::Rule(index), wait_ms } => {
            let rule = &rules[index];
            let most = ledger.at_most_in_window(rule, now_ms) + amounts.of(rule.unit);
            assert!(most > cap(rule, priority), "refused without need: {most} of {rule:?}");
            assert!((1..=rule.window_ms + rule.window_ms / 60 + 1).contains(&wait_ms), "{wait_ms} for {rule:?}");
        }
        Verdict::Wait { reason, .. } => assert_eq!(reason, Reason::Line),
        Verdict::Never { reason: Reason::Rule(index), limit } => {
            assert_eq!(limit, cap(&rules[index], priority));
            assert!(amounts.of(rules[index].unit) > limit);
        }
        Verdict::Never { .. } | Verdict::Now => panic!("not of rules: {verdict:?}"),
    }
}

/// Everybody who waits is served, in order, within a time that is known: of calls that each need less than a limit
/// one goes at least in every window.
pub async fn nobody_starves<H: Harness>(desk: Desk<H>, rules: Vec<Rule>, calls: Vec<(u8, Amounts)>) {
    let desk = desk.rules(&rules);
    let longest_ms = rules.iter().map(|rule| rule.window_ms).max().unwrap_or(0);
    let fits = |amounts: &Amounts| rules.iter().all(|rule| amounts.of(rule.unit) <= rule.ordinary);
    let calls: Vec<_> = calls.into_iter().filter(|(_, amounts)| fits(amounts)).collect();
    let mut served: Vec<String> = Vec::new();
    for (index, (client, amounts)) in calls.iter().enumerate() {
        let asked = call(&format!("p{index}"), amounts.input_tokens, amounts.output_tokens).waits();
        let receipt = desk.by(&format!("client-{client}"), vec![asked.operation()]).await;
        if let Ok(Outcome::Granted(grant)) = &receipt.outcomes[0] {
            served.push(grant.id.to_string());
        }
    }
    let until_ms = desk.now_ms() + calls.len() as u64 * (longest_ms + longest_ms / 30 + 2);
    while served.len() < calls.len() {
        assert!(desk.now_ms() <= until_ms, "{} of {} were served", served.len(), calls.len());
        let mut poll_in_ms = u64::MAX;
        let mut turn_of = Some("client-0".to_owned());
        // A client polls when its time has come or it is told to.
        let mut clients = (0..3).map(|client| format!("client-{client}"));
        while let Some(client) = turn_of.take().or_else(|| clients.next()) {
            let receipt = desk.by(&client, vec![Operation::Poll]).await;
            served.extend(receipt.granted.iter().map(|grant| grant.id.to_string()));
            if receipt.places > 0 {
                poll_in_ms = poll_in_ms.min(receipt.poll_in_ms.unwrap_or(u64::MAX));
            }
            turn_of = receipt.turn_of.map(String::from);
        }
        if served.len() < calls.len() {
            desk.advance(poll_in_ms);
        }
    }
    let order: Vec<_> = (0..calls.len()).map(|index| format!("p{index}")).collect();
    assert_eq!(served, order);
}

/// Shares never add up to more than the whole. Agents that all want more than there is get each its own, no more,
/// and together no more than the limit.
pub async fn shares_are_kept<H: Harness>(desk: Desk<H>, limit: u64, wanted: Vec<u64>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, limit)]);
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for (index, share_ppm) in wanted.into_iter().enumerate() {
        let agent = format!("agent-{}", index % 4);
        let others: u64 = shares.iter().filter(|(name, _)| **name != agent).map(|(_, share)| share).sum();
        let done = desk.one(Operation::Allocate { agent: agent.as_str().into(), share_ppm }).await;
        assert_eq!(done, Outcome::Done(others + share_ppm <= 1_000_000 || share_ppm == 0));
        if done == Outcome::Done(true) {
            shares.insert(agent, share_ppm);
        }
        let agents = desk.view().await.agents;
        assert_eq!(
            agents.iter().map(|agent| agent.share_ppm).sum::<u64>(),
            if agents.is_empty() { 0 } else { 1_000_000 }
        );
    }
    shares.retain(|_, share_ppm| *share_ppm > 0);
    let whole: u64 = shares.values().sum();
    let mut admitted: Vec<(u64, String)> = Vec::new();
    for (index, agent) in (0..3 * limit).flat_map(|index| shares.keys().map(move |agent| (index, agent))) {
        desk.ask(call(&format!("{agent}-{index}"), 1, 1).agent(agent).waits()).await;
    }
    let begin_ms = desk.now_ms() + MINUTE_MS + 3 * SECOND_MS;
    while desk.now_ms() < begin_ms + 2 * MINUTE_MS {
        for id in desk.poll("a").await {
            let (agent, _) = id.rsplit_once('-').unwrap();
            admitted.push((desk.now_ms(), agent.to_owned()));
        }
        if desk.now_ms() >= begin_ms && desk.view().await.waiting > 0 {
            let in_window: Vec<_> = admitted.iter().filter(|(at_ms, _)| at_ms + MINUTE_MS > desk.now_ms()).collect();
            assert!(in_window.len() as u64 <= limit);
            let all_wait = desk.view().await.agents.iter().all(|agent| agent.waiting > 0 || agent.agent.is_empty());
            for (agent, share_ppm) in &shares {
                let used = in_window.iter().filter(|(_, name)| name == agent).count() as u64;
                assert!(!all_wait || used <= (limit * share_ppm / whole).max(1), "{agent} used {used} of {limit}");
            }
        }
        desk.advance(500);
    }
}

/// What dead processes held is free after their lease, and nothing of those that live is touched.
pub async fn what_the_dead_held_returns<H: Harness>(desk: Desk<H>, held: Vec<(u8, bool)>) {
    let desk = desk.concurrency(20);
    let lease_ms = 30 * SECOND_MS;
    desk.policy.borrow_mut().client_lease_ms = lease_ms;
    let mut living = 0;
    for (index, (client, is_alive)) in held.iter().enumerate() {
        let name = format!("{}-{client}", if *is_alive { "alive" } else { "dead" });
        let receipt = desk.by(&name, vec![call(&format!("p{index}"), 1, 1).operation()]).await;
        let is_granted = matches!(receipt.outcomes[0], Ok(Outcome::Granted(_)));
        assert_eq!(is_granted, index < 20);
        living += u64::from(is_granted && *is_alive);
    }
    for _ in 0..4 {
        desk.advance(lease_ms / 3);
        for client in 0..4 {
            desk.by(&format!("alive-{client}"), vec![Operation::Poll]).await;
        }
    }
    assert_eq!(desk.view().await.under_way.requests, living);
}

#[macro_export]
macro_rules! rate_limit_properties {
    ($harness:ty, $cases:expr) => {
        use proptest::prelude::*;
        use token_budget::domain::rate_limit::amounts::Amounts;
        use $crate::rate_limit::harness::run;
        use $crate::rate_limit::properties as held;

        proptest! {
            // What fails prints its play; nothing is written beside the sources.
            #![proptest_config(ProptestConfig { failure_persistence: None, cases: $cases, ..Default::default() })]

            #[test]
            fn in_no_rolling_window_is_more_than_the_limit(rules in held::rules(), deeds in held::deeds()) {
                run::<$harness, _>(|desk| held::the_bound_holds(desk, rules, deeds));
            }

            #[test]
            fn nobody_starves(
                rules in held::rules(),
                calls in prop::collection::vec((0..3_u8, (0..200_u64, 0..200_u64)), 1..40),
            ) {
                let call = |(client, (input, output))| (client, Amounts::call(input, output));
                let calls = calls.into_iter().map(call).collect();
                run::<$harness, _>(|desk| held::nobody_starves(desk, rules, calls));
            }

            #[test]
            fn shares_are_kept(limit in 5..25_u64, wanted in prop::collection::vec(0..500_000_u64, 1..9)) {
                run::<$harness, _>(|desk| held::shares_are_kept(desk, limit, wanted));
            }

            #[test]
            fn what_the_dead_held_returns(held in prop::collection::vec((0..4_u8, any::<bool>()), 1..30)) {
                run::<$harness, _>(|desk| $crate::rate_limit::properties::what_the_dead_held_returns(desk, held));
            }
        }
    };
}
