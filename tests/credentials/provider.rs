//! A provider with one quota per account, whose answers arrive in any order.
//!
//! Once the first numbers of a window are known, no request may reach it that it has to refuse.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use token_budget::domain::credentials::operation::*;

use super::desk::{HOUR_MS, START_MS, served};
use super::harness::Harness;
use super::plays::{Act, Stage};

#[derive(Debug, Clone)]
pub enum Move {
    Pick {
        except: Vec<usize>,
    },
    /// The provider serves one of the requests that reached it.
    Serve(usize),
    /// One of its answers arrives.
    Arrive(usize),
    /// One of the requests is never sent.
    Return(usize),
    Forward(u64),
}

pub fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => vec(0..4_usize, 0..2).prop_map(|except| Move::Pick { except }),
        5 => (0..6_usize).prop_map(Move::Serve),
        5 => (0..6_usize).prop_map(Move::Arrive),
        1 => (0..6_usize).prop_map(Move::Return),
        2 => (0..3_u64).prop_map(Move::Forward),
    ];
    vec(one, 1..150)
}

const RESET_MS: u64 = START_MS + HOUR_MS;

/// A request under way: the token, its account, when it was picked.
type Sent = (Fingerprint, Account, u64);

struct Provider<H> {
    stage: Stage<H>,
    remaining: HashMap<Account, u64>,
    sent: Vec<Sent>,
    /// With what was left when it was served.
    answered: Vec<(Sent, u64)>,
}

/// Plays `moves` to a provider that grants `limit` requests to each account.
pub async fn never_has_to_refuse<H: Harness>(limit: u64, moves: &[Move]) {
    let mut provider = Provider::<H>::open(limit).await;
    for a_move in moves {
        provider.play(a_move).await;
    }
    while provider.serve(0) || provider.arrive(0).await {}
    // Everything has arrived, in whatever order: what is left is known exactly, and all of it can be used.
    provider.knows_what_is_left().await;
    while provider.pick(&[]).await.is_some() {
        assert!(provider.serve(0) && provider.arrive(0).await);
        provider.knows_what_is_left().await;
    }
    assert!(provider.remaining.values().all(|remaining| *remaining == 0), "{:?}", provider.remaining);
}

impl<H: Harness> Provider<H> {
    async fn open(limit: u64) -> Self {
        let mut stage = Stage::<H>::open().await;
        stage.policies[0].reserve = Reserve::Requests(0);
        stage.policies[0].request_ttl_ms = HOUR_MS;
        let credentials = stage.policies[0].credentials.clone();
        let mut remaining = HashMap::new();
        for Credential { fingerprint, account, .. } in credentials {
            remaining.insert(account, limit);
            stage.one(report(fingerprint, 0, served(limit, RESET_MS))).await;
        }
        stage.set_now(START_MS + 1);
        Self { stage, remaining, sent: Vec::new(), answered: Vec::new() }
    }

    async fn play(&mut self, a_move: &Move) {
        match a_move {
            Move::Pick { except } => drop(self.pick(except).await),
            Move::Serve(nth) => drop(self.serve(*nth)),
            Move::Arrive(nth) => drop(self.arrive(*nth).await),
            Move::Return(nth) if *nth < self.sent.len() => {
                let (fingerprint, _, picked_at_ms) = self.sent.remove(*nth);
                let operation = Operation::Return { fingerprint, resource: "core".into(), picked_at_ms };
                assert_eq!(self.stage.one(operation).await, Outcome::Done(true));
            }
            Move::Return(_) => {}
            Move::Forward(by_ms) => self.stage.set_now(self.stage.now_ms + by_ms),
        }
    }

    async fn pick(&mut self, except: &[usize]) -> Option<Sent> {
        let operation = self.stage.operation(0, &Act::Pick { resource: "core", except: except.into() });
        let Outcome::Picked { fingerprint, picked_at_ms, .. } = self.stage.one(operation).await else { return None };
        let credentials = &self.stage.policies[0].credentials;
        let credential = credentials.iter().find(|credential| credential.fingerprint == fingerprint);
        let sent = (fingerprint, credential.expect("it is configured").account.clone(), picked_at_ms);
        self.sent.push(sent.clone());
        Some(sent)
    }

    async fn knows_what_is_left(&mut self) {
        for view in self.stage.view().await {
            let core = &view.resources[0];
            assert_eq!((core.quota.left, core.under_way), (self.remaining[&view.account], 0));
        }
    }

    fn serve(&mut self, nth: usize) -> bool {
        if nth >= self.sent.len() {
            return false;
        }
        let sent = self.sent.remove(nth);
        let remaining = self.remaining.get_mut(&sent.1).expect("it is an account");
        assert!(*remaining > 0, "a request was sent on the spent account {}", sent.1);
        *remaining -= 1;
        self.answered.push((sent, *remaining));
        true
    }

    async fn arrive(&mut self, nth: usize) -> bool {
        if nth >= self.answered.len() {
            return false;
        }
        let ((fingerprint, _, picked_at_ms), remaining) = self.answered.remove(nth);
        self.stage.one(report(fingerprint, picked_at_ms, served(remaining, RESET_MS))).await;
        true
    }
}

fn report(fingerprint: Fingerprint, picked_at_ms: u64, result: Answered) -> Operation {
    Operation::Report { fingerprint, resource: "core".into(), picked_at_ms, result }
}
