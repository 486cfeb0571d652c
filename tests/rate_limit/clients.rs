use token_budget::domain::rate_limit::amounts::Unit;
use token_budget::domain::rate_limit::operation::{Operation, Outcome, Reason};
use token_budget::domain::rate_limit::terms::MINUTE_MS;

use super::desk::*;
use super::harness::Harness;

const LEASE_MS: u64 = 30 * SECOND_MS;

fn short_lease<H: Harness>(desk: Desk<H>) -> Desk<H> {
    desk.policy.borrow_mut().client_lease_ms = LEASE_MS;
    desk
}

pub async fn permits_of_a_dead_client_return<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 9)]).concurrency(2);
    for id in ["x", "y"] {
        desk.by("dead", vec![call(id, 1, 1).operation()]).await;
    }
    desk.advance(LEASE_MS - 1);
    assert_eq!(desk.refused(call("a", 1, 1)).await.0, Reason::Concurrency);
    desk.advance(1);
    desk.granted(call("a", 1, 1)).await;
    let view = desk.view().await;
    assert_eq!((view.under_way.requests, view.windows[0].used.requests), (1, 3));
}

pub async fn places_of_a_dead_client_vanish<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 1)]);
    desk.granted(call("a", 1, 1)).await;
    desk.by("dead", vec![call("x", 1, 1).waits().operation()]).await;
    desk.advance(LEASE_MS / 2);
    desk.ask(call("b", 1, 1).waits()).await;
    desk.advance(LEASE_MS / 2);
    assert_eq!(desk.by("a", vec![Operation::Poll]).await.places, 1);
    assert_eq!(desk.view().await.waiting, 1);
    desk.advance(LEASE_MS - 1);
    desk.poll("a").await;
    desk.at(START_MS + FREE_MS);
    assert_eq!(desk.poll("a").await.len(), 1);
}

pub async fn any_call_is_a_sign_of_life<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).concurrency(1);
    let receipt = desk.by("a", vec![call("a", 1, 1).operation()]).await;
    assert_eq!((receipt.poll_in_ms, receipt.places), (Some(LEASE_MS / 3), 0));
    for _ in 0..5 {
        desk.advance(LEASE_MS / 3);
        assert_eq!(desk.by("a", vec![Operation::Poll]).await.poll_in_ms, Some(LEASE_MS / 3));
    }
    assert_eq!(desk.view().await.under_way.requests, 1);
    // To ask only is none, and does not put the next one off.
    desk.advance(1_000);
    assert_eq!(desk.by("a", vec![Operation::View]).await.poll_in_ms, Some(LEASE_MS / 3 - 1_000));
    let receipt = desk.by("a", vec![settle("a", 1, 1)]).await;
    assert_eq!(receipt.poll_in_ms, None);
}

pub async fn shares_of_a_dead_client_end<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    desk.by("dead", vec![share("x", 400_000), share("y", 100_000)]).await;
    desk.by("a", vec![share("y", 200_000), call("x1", 1, 1).agent("x").operation()]).await;
    desk.advance(LEASE_MS / 2);
    desk.poll("a").await;
    desk.advance(LEASE_MS / 2);
    let agents = desk.view().await.agents;
    let shares: Vec<_> = agents.iter().map(|agent| (&*agent.agent, agent.share_ppm, agent.used.requests)).collect();
    assert_eq!(shares, [("", 800_000, 1), ("y", 200_000, 0)]);
}

fn shares(list: &[(&str, u64)]) -> Vec<(Box<str>, u64)> {
    list.iter().map(|(agent, share_ppm)| ((*agent).into(), *share_ppm)).collect()
}

async fn keep<H: Harness>(desk: &Desk<H>, client: &str, said: &[(&str, u64)]) -> Outcome {
    let receipt = desk.by(client, vec![Operation::KeepShares(shares(said))]).await;
    receipt.outcomes[0].clone().expect("it has no deadline")
}

fn kept(lapsed: bool, list: &[(&str, u64)]) -> Outcome {
    Outcome::Kept { lapsed, shares: shares(list) }
}

pub async fn shares_of_a_client_that_was_taken_for_dead_are_given_again<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let said = [("x", 400_000), ("y", 100_000)];
    desk.by("a", vec![share("x", 400_000), share("y", 100_000)]).await;
    desk.advance(LEASE_MS - 1);
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &said));
    desk.advance(LEASE_MS);
    // It is heard of again by a call; what it holds since then does not hide that its shares have ended.
    desk.by("a", vec![call("call", 1, 1).operation()]).await;
    assert_eq!(desk.view().await.agents, []);
    assert_eq!(keep(&desk, "a", &said).await, kept(true, &said));
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &said));
    desk.advance(LEASE_MS / 2);
    keep(&desk, "a", &said).await;
    desk.advance(LEASE_MS / 2);
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &said), "they live with their client again");
}

pub async fn what_others_have_by_now_is_not_given_again<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    desk.by("a", vec![share("x", 400_000), share("y", 300_000), share("z", 200_000)]).await;
    desk.advance(LEASE_MS);
    desk.by("b", vec![share("x", 200_000), share("other", 500_000)]).await;
    let said = [("x", 400_000), ("y", 300_000), ("z", 200_000), ("", 100), ("too-much", 1_000_001)];
    assert_eq!(keep(&desk, "a", &said).await, kept(true, &[("y", 300_000)]));
    assert_eq!(keep(&desk, "b", &[]).await, kept(false, &[("other", 500_000), ("x", 200_000)]));
    assert_eq!(keep(&desk, "nobody", &[]).await, kept(true, &[]));
}

pub async fn shares_that_others_took_over_are_theirs<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let said = [("x", 400_000), ("y", 100_000), ("z", 100_000)];
    desk.by("a", vec![share("x", 400_000), share("y", 100_000), share("z", 100_000)]).await;
    let hand_off = Operation::Handoff { from: "x".into(), to: "new".into() };
    desk.by("b", vec![hand_off, share("y", 0), share("z", 200_000)]).await;
    // It gives none any more. That is no reason to give them again, also when the clock went back meanwhile.
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &[]));
    desk.at(START_MS - 60 * SECOND_MS);
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &[]));
    assert_eq!(keep(&desk, "b", &[]).await, kept(false, &[("new", 400_000), ("z", 200_000)]));
}

pub async fn what_was_taken_before_the_lease_ended_is_not_given_again<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let hand_off = |from: &str, to: &str| Operation::Handoff { from: from.into(), to: to.into() };
    let said = [("x", 300_000), ("y", 100_000), ("z", 100_000)];
    desk.by("a", vec![share("x", 300_000), share("y", 100_000), share("z", 100_000)]).await;
    desk.by("all", vec![share("w", 100_000)]).await;
    desk.advance(LEASE_MS - 1);
    desk.by("b", vec![hand_off("x", "middle"), hand_off("middle", "end"), share("y", 0), hand_off("w", "end")]).await;
    desk.advance(LEASE_MS - 1);
    desk.poll("b").await;
    // Of "a" the store knows what ended with its lease; a share that it gives before it says so does not hide the rest.
    let receipt = desk.by("a", vec![share("v", 100_000), Operation::KeepShares(shares(&said))]).await;
    assert_eq!(receipt.outcomes[1], Ok(kept(true, &[("v", 100_000), ("z", 100_000)])));
    assert_eq!(keep(&desk, "a", &said).await, kept(false, &[("v", 100_000), ("z", 100_000)]), "it is told once");
    assert_eq!(keep(&desk, "all", &[("w", 100_000)]).await, kept(true, &[]), "it had nothing left when it ended");
    assert_eq!(keep(&desk, "b", &[]).await, kept(false, &[("end", 400_000)]));
}

pub async fn what_ended_is_remembered_for_a_day_and_of_64_clients<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let client = |number: u64| format!("client-{number:02}");
    for number in 0..65 {
        desk.by(&client(number), vec![share("mine", 1_000), share("mine", 0)]).await;
    }
    desk.by("alive", vec![share("other", 1_000)]).await;
    desk.advance(LEASE_MS);
    desk.by("alive", vec![share("other", 1_000)]).await;
    // The first in the order of names is forgotten, and what it says is believed.
    assert_eq!(keep(&desk, &client(1), &[("mine", 1_000)]).await, kept(true, &[]));
    assert_eq!(keep(&desk, &client(0), &[("mine", 1_000)]).await, kept(true, &[("mine", 1_000)]));
    for _ in 0..24 * 60 {
        desk.advance(MINUTE_MS);
        desk.by("alive", vec![share("other", 1_000)]).await;
    }
    assert_eq!(keep(&desk, &client(2), &[("mine", 1_000)]).await, kept(true, &[("mine", 1_000)]));
}

pub async fn a_share_that_was_handed_on_lives_with_who_did_it<H: Harness>(desk: Desk<H>) {
    let desk = short_lease(desk).rules(&[per_minute(Unit::Requests, 10)]);
    let share = |agent: &str, share_ppm| Operation::Allocate { agent: agent.into(), share_ppm };
    let hand_off = |from: &str, to: &str| Operation::Handoff { from: from.into(), to: to.into() };
    desk.by("dead", vec![share("x", 400_000), share("y", 100_000), share("z", 200_000), share("v", 50_000)]).await;
    // To one that is new, to one that has a share, and to itself.
    desk.by("a", vec![hand_off("x", "new"), hand_off("z", "y"), hand_off("v", "v")]).await;
    desk.advance(LEASE_MS / 2);
    desk.poll("a").await;
    desk.advance(LEASE_MS / 2);
    let of = |view: token_budget::domain::rate_limit::operation::View| -> Vec<(Box<str>, u64)> {
        view.agents.into_iter().map(|agent| (agent.agent, agent.share_ppm)).collect()
    };
    let expected = [("", 250_000), ("new", 400_000), ("v", 50_000), ("y", 300_000)];
    assert_eq!(of(desk.view().await), expected.map(|(name, share_ppm)| (name.into(), share_ppm)));
    // They end with it.
    desk.advance(LEASE_MS / 2);
    assert_eq!(of(desk.view().await), []);
}
