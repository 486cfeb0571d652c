//! The index of next expiries: who may take an entry out, and when.

#[path = "support/redis_rig.rs"]
mod redis_rig;
#[path = "support/redis_server.rs"]
mod redis_server;
#[path = "support/redis_transport.rs"]
mod redis_transport;

use std::time::{Duration, Instant};

use redis_rig::{Rig, block_on};
use token_budget::domain::identifier::OrchestratorId;
use token_budget::store::redis::expiry_index::EndedClaim;

/// How long an entry stays that seems to hold nothing, and how long a claim lasts.
const GRACE_MS: u64 = 3_000;
const LEASE_MS: u64 = 2_000;
const FAR_MS: u64 = 900_000;

type Claim = (OrchestratorId, u64);

fn id(name: &str) -> OrchestratorId {
    OrchestratorId::new(name).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Notes for `name` an expiry in `in_ms` from now, or that nothing is held.
async fn note(rig: &Rig, name: &str, in_ms: Option<u64>) {
    let noted = (id(name), in_ms.map(|in_ms| rig.clock_ms() + in_ms));
    rig.store.note_expiries(&[noted], soon()).await.unwrap();
}

async fn claims(rig: &Rig) -> Vec<Claim> {
    rig.store.claim_due(10, soon()).await.unwrap()
}

async fn claimed_names(rig: &Rig) -> Vec<String> {
    claims(rig).await.into_iter().map(|(orchestrator, _)| orchestrator.encoded().to_owned()).collect()
}

/// Ends a claim after a sweep that found the next expiry; whether it was ended.
async fn end(rig: &Rig, (orchestrator, claimed_score): &Claim, next_expiry_ms: Option<u64>) -> bool {
    let claim = EndedClaim { orchestrator: orchestrator.clone(), claimed_score: *claimed_score, next_expiry_ms };
    rig.store.end_claims(&[claim], soon()).await.unwrap() == 1
}

fn size(rig: &Rig) -> u64 {
    redis::cmd("ZCARD").arg("test:budget:expiring").query(&mut rig.server.connection()).unwrap()
}

#[test]
fn an_expiry_is_claimed_by_one() {
    block_on(async {
        let rig = Rig::new().await;
        let now_ms = rig.clock_ms();
        note(&rig, "a", Some(10)).await;
        note(&rig, "b", Some(20)).await;
        note(&rig, "a", Some(15)).await;
        assert_eq!(claims(&rig).await, []);
        rig.advance(10);
        let claimed = claims(&rig).await;
        assert_eq!(claimed, [(id("a"), now_ms + 10 + LEASE_MS)]);
        assert_eq!(claims(&rig).await, [], "it was handed out already");
        assert!(end(&rig, &claimed[0], None).await);
        assert!(!end(&rig, &claimed[0], None).await);
        rig.advance(10);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.len(), 1);
        // Somebody reserves while b is swept: b must stay.
        note(&rig, "b", Some(FAR_MS)).await;
        assert!(!end(&rig, &claimed[0], None).await);
        rig.advance(LEASE_MS);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.len(), 1, "a claim that was not ended is handed out again");
        assert!(end(&rig, &claimed[0], Some(rig.clock_ms() + FAR_MS)).await);
        rig.advance(10_000);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.iter().map(|(orchestrator, _)| orchestrator.encoded()).collect::<Vec<_>>(), ["a"]);
        assert!(end(&rig, &claimed[0], None).await, "its time of grace is over");
        rig.advance(FAR_MS);
        assert_eq!(claimed_names(&rig).await, ["b"]);
    });
}

#[test]
fn several_claims_are_ended_together() {
    block_on(async {
        let rig = Rig::new().await;
        for name in ["a", "b", "c"] {
            note(&rig, name, Some(10)).await;
        }
        rig.advance(10);
        let claimed = claims(&rig).await;
        note(&rig, "b", Some(FAR_MS)).await;
        let next = [None, None, Some(rig.clock_ms() + FAR_MS)];
        let ended: Vec<EndedClaim> = claimed
            .into_iter()
            .zip(next)
            .map(|((orchestrator, claimed_score), next_expiry_ms)| EndedClaim {
                orchestrator,
                claimed_score,
                next_expiry_ms,
            })
            .collect();
        assert_eq!(rig.store.end_claims(&ended, soon()).await.unwrap(), 2);
        assert_eq!(size(&rig), 3, "what holds nothing is given a time of grace");
        rig.advance(GRACE_MS + 1);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.iter().map(|(orchestrator, _)| orchestrator.encoded()).collect::<Vec<_>>(), ["b", "a"]);
        assert!(end(&rig, &claimed[1], None).await);
        assert_eq!(size(&rig), 2, "what was noted meanwhile stays");
    });
}

#[test]
fn an_entry_stays_while_another_process_may_rely_on_its_note() {
    block_on(async {
        let rig = Rig::new().await;
        note(&rig, "a", Some(10)).await;
        // Later than what is known: the entry stays as it is, and this process relies on it for two seconds.
        note(&rig, "a", Some(FAR_MS)).await;
        rig.advance(10);
        let claimed = claims(&rig).await;
        assert!(end(&rig, &claimed[0], None).await, "swept, and nothing was held");
        // Now it reserves without a note, and is killed. The sweep after the time of grace finds what is held.
        assert_eq!(size(&rig), 1);
        rig.advance(GRACE_MS + 1);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.len(), 1);
        assert!(end(&rig, &claimed[0], Some(rig.clock_ms() + FAR_MS)).await);
        rig.advance(FAR_MS);
        assert_eq!(claimed_names(&rig).await, ["a"]);
    });
}

#[test]
fn what_holds_nothing_any_more_is_swept_soon() {
    block_on(async {
        let rig = Rig::new().await;
        note(&rig, "a", Some(FAR_MS)).await;
        note(&rig, "held", Some(FAR_MS)).await;
        note(&rig, "a", None).await;
        note(&rig, "never noted", None).await;
        assert_eq!(size(&rig), 2);
        rig.advance(GRACE_MS - 1);
        assert_eq!(claims(&rig).await, [], "another process may rely on the entry");
        rig.advance(2);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.iter().map(|(orchestrator, _)| orchestrator.encoded()).collect::<Vec<_>>(), ["a"]);
        note(&rig, "a", None).await;
        assert!(end(&rig, &claimed[0], None).await, "which says nothing new of it");
        assert_eq!(size(&rig), 1);
    });
}

#[test]
fn saying_so_again_does_not_put_off_the_sweep() {
    block_on(async {
        let rig = Rig::new().await;
        note(&rig, "a", Some(FAR_MS)).await;
        for _ in 0..4 {
            note(&rig, "a", None).await;
            rig.advance(GRACE_MS / 4);
        }
        rig.advance(1);
        assert_eq!(claimed_names(&rig).await, ["a"]);
    });
}

#[test]
fn an_expiry_that_is_noted_meanwhile_is_not_lost() {
    block_on(async {
        let rig = Rig::new().await;
        note(&rig, "a", Some(FAR_MS)).await;
        note(&rig, "a", None).await;
        // Another process reserves at the last moment, and relies on its note from here on.
        rig.advance(GRACE_MS - 1);
        note(&rig, "a", Some(FAR_MS)).await;
        rig.advance(GRACE_MS - 1);
        assert_eq!(claims(&rig).await, []);
        rig.advance(2);
        let claimed = claims(&rig).await;
        assert_eq!(claimed.len(), 1, "swept all the same: nobody knows who else holds something");
        assert!(end(&rig, &claimed[0], Some(rig.clock_ms() + FAR_MS)).await);
        rig.advance(FAR_MS);
        assert_eq!(claimed_names(&rig).await, ["a"]);
    });
}

#[test]
fn an_expiry_sooner_than_the_sweep_comes_first() {
    block_on(async {
        let rig = Rig::new().await;
        note(&rig, "a", Some(FAR_MS)).await;
        note(&rig, "a", None).await;
        note(&rig, "a", Some(100)).await;
        rig.advance(100);
        assert_eq!(claimed_names(&rig).await, ["a"]);
    });
}
