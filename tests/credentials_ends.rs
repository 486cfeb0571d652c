//! No decision about credentials depends on the end of a key: the store agrees with memory while its keys end.

mod conformance;
#[path = "support/credential_link.rs"]
mod credential_link;
mod credentials;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;

use std::cell::{Cell, RefCell};

use credential_link::CredentialLink;
use credentials::desk::{DAY_MS, START_MS};
use credentials::harness::{Harness, on_one_thread};
use credentials::plays;
use link_harness::{Place, Standalone};
use proptest::prelude::*;
use token_budget::domain::credentials::operation::Receipt;
use token_budget::store::CredentialBatch;
use token_budget::store::redis::config::Topology;

/// A standalone Redis whose keys end when the manual clock says so, which is ahead of the server's.
struct MortalKeys {
    inner: CredentialLink<Standalone>,
    server: RefCell<redis::Connection>,
    ended: Cell<usize>,
}

impl Harness for MortalKeys {
    const START_MS: u64 = START_MS + 28 * 365 * DAY_MS;

    async fn open() -> Self {
        let Topology::Standalone(address) = Standalone::topology() else { unreachable!("it is standalone") };
        let client = redis::Client::open(format!("redis://{address}/")).expect("the address is one");
        let server = RefCell::new(client.get_connection().expect("the server is up"));
        Self { inner: CredentialLink::open().await, server, ended: Cell::new(0) }
    }

    async fn apply(&self, batch: &CredentialBatch) -> Receipt {
        self.inner.apply(batch).await
    }

    fn set_now_ms(&self, now_ms: u64) {
        self.inner.set_now_ms(now_ms);
        let mut server = self.server.borrow_mut();
        let state = format!("{}:credentials:pool%201:state", self.inner.prefix);
        let end_ms: i64 = redis::cmd("PEXPIRETIME").arg(&state).query(&mut *server).expect("the server answers");
        if (0..=now_ms as i64).contains(&end_ms) {
            redis::cmd("DEL").arg(&state).exec(&mut *server).expect("the server answers");
            self.ended.set(self.ended.get() + 1);
        }
    }

    fn remembers_replies(&self) -> bool {
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_store_in_memory_does(steps in plays::steps()) {
        on_one_thread(plays::agree::<MortalKeys>(&steps));
    }
}

#[test]
fn the_state_ends_with_the_last_thing_it_tells_of() {
    on_one_thread(async {
        let mut stage = plays::Stage::<MortalKeys>::open().await;
        let policy = stage.policies[0].clone();
        let reset_ms = stage.now_ms + 30 * DAY_MS;
        let spent =
            credentials::desk::report(&policy.credentials[0].fingerprint, 0, credentials::desk::spent(0, reset_ms));
        stage.one(spent).await;
        stage.one(credentials::desk::pick(&[])).await;
        for (at_ms, ended) in [(reset_ms + 7 * DAY_MS - 1, 0), (reset_ms + 7 * DAY_MS, 1)] {
            stage.set_now(at_ms);
            assert_eq!(stage.harness.ended.get(), ended);
        }
        assert!(stage.view().await.iter().all(|token| token.resources.is_empty()));
    });
}
