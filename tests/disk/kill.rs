//! kill -9, again and again: everything acknowledged before is there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use token_budget::domain::decide::Context;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::period::Period;
use token_budget::domain::policy::Limits;
use token_budget::domain::usage::Usage;
use token_budget::store::disk::DiskStore;

use super::{Folder, PATIENCE, budget_policy, key, open};

const PATH: &str = "TOKEN_BUDGET_TEST_STORAGE";
const ROUNDS: u64 = 20;
const NOW_MS: u64 = 1_700_000_000_000;

/// Not a test of its own: the process that is killed. Counts in four threads, and says how far it is on the disk.
#[test]
fn child_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = DiskStore::open_with(path.as_ref(), PATIENCE, 1_000).unwrap();
    let counters = 4;
    std::thread::scope(|scope| {
        for counter in 0..counters {
            let store = &store;
            scope.spawn(move || count_for_ever(store, &key(&format!("counter-{counter}")), counter));
        }
    });
}

fn count_for_ever(store: &DiskStore, orchestrator: &OrchestratorId, counter: u64) {
    let policy = budget_policy("UTC");
    let mut used = used(store, orchestrator);
    loop {
        for _ in 0..3 {
            let context = Context::new(orchestrator, &policy, Limits::UNLIMITED, NOW_MS);
            store.budgets().track(&context, &Usage { total: 1, ..Usage::default() }).answer.unwrap();
            used += 1;
        }
        assert!(store.wait_durable(store.written_seq(), PATIENCE));
        // Past the test harness, which keeps what is printed.
        let line = format!("{counter} {used}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }
}

fn used(store: &DiskStore, orchestrator: &OrchestratorId) -> u64 {
    let policy = budget_policy("UTC");
    let context = Context::new(orchestrator, &policy, Limits::UNLIMITED, NOW_MS);
    store.budgets().check(&context, Period::Monthly).used
}

fn start(path: &std::path::Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "disk::kill::child_that_is_killed", "--nocapture", "--test-threads=1"]);
    command.env(PATH, path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let mut acknowledged = [0; 4];
    for round in 0..ROUNDS {
        let mut child = start(&path);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for _ in 0..20 + round * 7 {
            note(&mut acknowledged, &lines.next().unwrap().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts, too.
        lines.map_while(Result::ok).for_each(|line| note(&mut acknowledged, &line));
        let store = open(&path);
        for (counter, acknowledged) in acknowledged.iter_mut().enumerate() {
            let used = used(&store, &key(&format!("counter-{counter}")));
            assert!(used >= *acknowledged, "round {round}: {used} of {acknowledged}");
            // No more than the three that were asked and not acknowledged.
            assert!(used <= *acknowledged + 3, "round {round}: {used} of {acknowledged}");
            *acknowledged = used;
        }
        if round % 2 == 0 {
            DiskStore::close(store, PATIENCE);
        }
    }
}

fn note(acknowledged: &mut [u64; 4], line: &str) {
    let mut numbers = line.split(' ').map_while(|number| number.parse::<u64>().ok());
    if let (Some(counter), Some(used)) = (numbers.next(), numbers.next()) {
        acknowledged[counter as usize] = acknowledged[counter as usize].max(used);
    }
}
