use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Reason};
use token_budget::domain::rate_limit::terms::MINUTE_MS;

use super::desk::*;
use super::harness::Harness;

fn share(agent: &str, share_ppm: u64) -> Operation {
    Operation::Allocate { agent: agent.into(), share_ppm }
}

/// How many single requests of an agent are admitted now.
async fn admitted<H: Harness>(desk: &Desk<H>, agent: &str, round: &str) -> u64 {
    for index in 0.. {
        if !desk.admits(call(&format!("{agent}-{round}-{index}"), 1, 1).agent(agent)).await {
            return index;
        }
    }
    unreachable!("there is a limit")
}

pub async fn idle_shares_are_lent_in_proportion_and_come_back<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 100)]);
    for (agent, share_ppm) in [("a", 600_000), ("b", 300_000), ("c", 100_000)] {
        assert_eq!(desk.one(share(agent, share_ppm)).await, Outcome::Done(true));
    }
    // Both are active: 600 and 300 of 900.
    desk.granted(call("b", 1, 1).agent("b")).await;
    assert_eq!(admitted(&desk, "a", "1").await, 66);
    assert_eq!(desk.refused(call("x", 1, 1).agent("a")).await.0, Reason::Share);
    assert_eq!(admitted(&desk, "b", "1").await, 32);
    // The third one comes: a window later each has its own.
    desk.advance(MINUTE_MS + 3 * SECOND_MS);
    for agent in ["a", "b", "c"] {
        desk.granted(call(&format!("{agent}-first"), 1, 1).agent(agent)).await;
    }
    assert_eq!(admitted(&desk, "c", "2").await, 9);
    assert_eq!(admitted(&desk, "a", "2").await, 59);
    assert_eq!(admitted(&desk, "b", "2").await, 29);
}

pub async fn shares_are_at_most_the_whole<H: Harness>(desk: Desk<H>) {
    let steps = [
        (share("a", 600_000), true),
        (share("b", 400_001), false),
        (share("b", 400_000), true),
        (share("a", 600_001), false),
        (share("c", 1), false),
        (share("a", 0), true),
        (share("never", 0), true),
        (share("c", 600_000), true),
        (share("", 1), false),
        (share("d", 1_000_001), false),
    ];
    for (operation, done) in steps {
        assert_eq!(desk.one(operation.clone()).await, Outcome::Done(done), "{operation:?}");
    }
    let agents = desk.view().await.agents;
    let shares: Vec<_> = agents.iter().map(|agent| (&*agent.agent, agent.share_ppm)).collect();
    assert_eq!(shares, [("", 0), ("b", 400_000), ("c", 600_000)]);
}

pub async fn who_has_used_its_share_holds_nobody_up<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 10)]);
    desk.one(share("a", 500_000)).await;
    desk.one(share("b", 500_000)).await;
    desk.granted(call("b", 1, 1).agent("b")).await;
    assert_eq!(admitted(&desk, "a", "1").await, 5);
    let waiting = desk.ask(call("waits", 1, 1).agent("a").waits()).await;
    assert!(matches!(waiting, Outcome::Waiting { reason: Reason::Share, ahead: 0, .. }), "{waiting:?}");
    assert_eq!(desk.refused(call("behind", 1, 1).agent("a")).await.0, Reason::Line);
    assert_eq!(admitted(&desk, "b", "1").await, 4);
}

pub async fn others_share_the_common_pool<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 10)]);
    desk.one(share("a", 700_000)).await;
    desk.granted(call("a", 1, 1).agent("a")).await;
    desk.granted(call("x", 1, 1).agent("x")).await;
    desk.granted(call("y", 1, 1)).await;
    assert_eq!(admitted(&desk, "z", "1").await, 1);
    assert_eq!(admitted(&desk, "a", "1").await, 6);
}

pub async fn a_call_larger_than_its_share_can_go<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::InputTokens, 100)]);
    desk.one(share("a", 100_000)).await;
    desk.one(share("b", 900_000)).await;
    desk.granted(call("b", 1, 0).agent("b")).await;
    desk.granted(call("large", 50, 0).agent("a")).await;
    assert_eq!(desk.refused(call("small", 1, 0).agent("a")).await.0, Reason::Share);
    desk.advance(FREE_MS + 2 * SECOND_MS);
    desk.granted(call("b2", 1, 0).agent("b")).await;
    desk.granted(call("small", 5, 0).agent("a")).await;
    let (reason, wait_ms) = desk.refused(call("large-2", 50, 0).agent("a")).await;
    assert_eq!((reason, wait_ms), (Reason::Share, MINUTE_MS + 3 * SECOND_MS));
}

pub async fn everything_of_one_agent_is_handed_to_another<H: Harness>(desk: Desk<H>) {
    let desk = desk.rules(&[per_minute(Unit::Requests, 10)]);
    let hand_off = |from: &str, to: &str| Operation::Handoff { from: from.into(), to: to.into() };
    desk.one(share("a", 400_000)).await;
    desk.one(share("b", 300_000)).await;
    desk.granted(call("b", 1, 1).agent("b")).await;
    assert_eq!(admitted(&desk, "a", "1").await, 5);
    desk.ask(call("waits", 1, 1).agent("a").waits()).await;
    assert_eq!(desk.one(hand_off("nobody", "a")).await, Outcome::Done(false));
    assert_eq!(desk.one(hand_off("a", "c")).await, Outcome::Done(true));
    let of = |view: &token_budget::domain::rate_limit::operation::View| -> Vec<(String, u64, u64, u64)> {
        let agents = view.agents.iter();
        agents.map(|agent| (agent.agent.to_string(), agent.share_ppm, agent.used.requests, agent.waiting)).collect()
    };
    let named = |name: &str, share, used, waiting| (name.to_owned(), share, used, waiting);
    let expected = [named("", 300_000, 0, 0), named("b", 300_000, 1, 0), named("c", 400_000, 5, 1)];
    assert_eq!(of(&desk.view().await), expected);
    assert_eq!(desk.refused(call("x", 1, 1).agent("c")).await.0, Reason::Line);
    // The receiver has something of its own already: it is added. Its larger share lets the place go.
    let receipt = desk.by("a", vec![hand_off("c", "b")]).await;
    assert_eq!(&*receipt.granted[0].id, "waits");
    assert_eq!(of(&desk.view().await), [named("", 300_000, 0, 0), named("b", 700_000, 7, 0)]);
    desk.one(settle("a-1-0", 1, 1)).await;
    assert_eq!(desk.one(hand_off("b", "")).await, Outcome::Done(true));
    assert!(desk.view().await.agents.is_empty());
}

pub async fn there_is_an_end_to_the_number_of_agents<H: Harness>(desk: Desk<H>) {
    for index in 0..64 {
        assert_eq!(desk.one(share(&format!("agent-{index}"), 10)).await, Outcome::Done(true));
    }
    assert_eq!(desk.one(share("one-more", 10)).await, Outcome::Done(false));
    assert_eq!(desk.one(share("agent-7", 0)).await, Outcome::Done(true));
    assert_eq!(desk.one(share("one-more", 10)).await, Outcome::Done(true));
    assert_eq!(desk.view().await.agents.len(), 65);
}
