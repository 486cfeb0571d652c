//! Many at once, states written meanwhile, and many openings.

use std::path::Path;
use std::sync::Arc;

use token_budget::domain::decide::Context;
use token_budget::domain::period::Period;
use token_budget::domain::policy::Limits;
use token_budget::domain::rate_limit::amounts::Amounts;
use token_budget::domain::rate_limit::decide::Ask;
use token_budget::domain::rate_limit::operation::Priority;
use token_budget::domain::rate_limit::terms::Policy;
use token_budget::domain::usage::Usage;
use token_budget::store::disk::DiskStore;

use super::{Driver, Folder, PATIENCE, assert_same, budget_policy, key, open};

const NOW_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;

/// So short that states are written all the time.
const SHORT_LOG: usize = 20_000;

/// A copy made while the file is in use.
fn back_up(path: &Path, copy: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
}

fn log_bytes(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT coalesce(sum(length(entries)), 0) FROM log", [], |row| row.get(0)).unwrap()
}

fn count(store: &DiskStore, name: &str) {
    let (policy, orchestrator) = (budget_policy("UTC"), key(name));
    let context = Context::new(&orchestrator, &policy, Limits::UNLIMITED, NOW_MS);
    store.budgets().track(&context, &Usage { total: 1, ..Usage::default() }).answer.unwrap();
}

fn used(store: &DiskStore, name: &str) -> u64 {
    let (policy, orchestrator) = (budget_policy("UTC"), key(name));
    store.budgets().check(&Context::new(&orchestrator, &policy, Limits::UNLIMITED, NOW_MS), Period::Monthly).used
}

#[test]
fn states_are_written_while_threads_ask() {
    let folder = Folder::new();
    let (path, copy) = (folder.file("state.db"), folder.file("copy.db"));
    let store = DiskStore::open_with(&path, PATIENCE, SHORT_LOG).unwrap();
    let drivers: Vec<Driver> = std::thread::scope(|scope| {
        let threads = (0..4).map(|thread| {
            let store = &store;
            scope.spawn(move || {
                let mut driver = Driver::new(900 + thread);
                for step in 0..1_500 {
                    driver.step(store);
                    count(store, &format!("counter-{}", step % 100));
                }
                driver
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    back_up(&path, &copy);
    let copied = open(&copy);
    let mut keys = drivers[0].keys.clone();
    keys.extend((0..100).map(|counter| key(&format!("counter-{counter}"))));
    assert_same(&store, &copied, &keys);
    assert_eq!((0..100).map(|counter| used(&copied, &format!("counter-{counter}"))).sum::<u64>(), 6_000);
    DiskStore::close(store, PATIENCE);
    assert_eq!(log_bytes(&path), 0);
}

/// One by one, so that the log is cut off in the middle of everything.
#[test]
fn states_written_in_between_change_nothing() {
    for seed in 200..206 {
        let folder = Folder::new();
        let (path, copy) = (folder.file("state.db"), folder.file("copy.db"));
        let store = DiskStore::open_with(&path, PATIENCE, 2_000).unwrap();
        let mut driver = Driver::new(seed);
        for step in 0..600 {
            driver.step(&store);
            if step % 150 == 149 {
                assert!(store.wait_durable(store.written_seq(), PATIENCE));
                let _ = std::fs::remove_file(&copy);
                back_up(&path, &copy);
                let copied = open(&copy);
                assert_same(&store, &copied, &driver.keys);
                DiskStore::close(copied, PATIENCE);
            }
        }
    }
}

/// Entries of what was forgotten may stay in the log, in a row with others that are needed: then so must their policies.
#[test]
fn what_was_forgotten_leaves_a_file_that_can_be_opened() {
    let folder = Folder::new();
    let (path, copy) = (folder.file("state.db"), folder.file("copy.db"));
    let store = DiskStore::open_with(&path, PATIENCE, 2_000).unwrap();
    for round in 0..40 {
        std::thread::scope(|scope| {
            scope.spawn(|| (0..200).for_each(|_| count(&store, "team")));
            scope.spawn(|| (0..50).for_each(|number| forgotten(&store, round * 50 + number)));
        });
        assert!(store.wait_durable(store.written_seq(), PATIENCE));
        let _ = std::fs::remove_file(&copy);
        back_up(&path, &copy);
        DiskStore::close(open(&copy), PATIENCE);
    }
    DiskStore::close(store, PATIENCE);
}

/// A limiter that nobody else has, with a policy of its own, and long after the one before it.
fn forgotten(store: &DiskStore, number: u64) {
    let policy = Policy { permit_ttl_ms: 1_000 + number, client_lease_ms: 1_000, ..Policy::default() };
    let amounts = Amounts::call(1, 1);
    let ask = Ask { id: "permit", amounts, priority: Priority::Normal, agent: "", wait: false };
    let limiter = key(&format!("forgotten-{number}"));
    Arc::clone(store.limiters()).limiter(limiter).acquire(number * DAY_MS, "client", &policy, &ask);
}

#[test]
fn opened_a_hundred_times() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    for opening in 0..100 {
        let store = open(&path);
        assert_eq!(used(&store, "team"), opening);
        count(&store, "team");
        // Closed or let go of, nothing is lost.
        match opening % 2 {
            0 => assert_eq!(DiskStore::close(store, PATIENCE), 0),
            _ => drop(store),
        }
    }
}

/// What nobody asks for any more leaves the file.
#[test]
fn what_is_forgotten_leaves_the_file() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = open(&path);
    let policy = budget_policy("UTC");
    for index in 0..200 {
        count(&store, &format!("once-{index}"));
    }
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    let store = open(&path);
    for _ in 0..300 {
        let team = key("busy");
        let context = Context::new(&team, &policy, Limits::UNLIMITED, NOW_MS + 90 * 86_400_000);
        store.budgets().track(&context, &Usage { total: 1, ..Usage::default() }).answer.unwrap();
    }
    assert_eq!(store.budgets().footprint().orchestrators, 1);
    DiskStore::close(store, PATIENCE);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let rows = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(rows("SELECT count(*) FROM state"), 1);
    assert_eq!(rows("SELECT count(*) FROM log"), 0);
    assert_eq!(rows("SELECT count(*) FROM policy"), 0);
}

/// A state that no row of SQLite should hold as a whole.
#[test]
fn a_large_state_is_kept_in_parts() {
    let folder = Folder::new();
    let path = folder.file("state.db");
    let store = open(&path);
    let (policy, team) = (budget_policy("UTC"), key("team"));
    let track = |store: &DiskStore, now_ms: u64, metadata_bytes: usize| {
        let metadata_json = Some(format!("\"{}\"", "m".repeat(metadata_bytes)));
        let context = Context::new(&team, &policy, Limits::UNLIMITED, now_ms);
        store.budgets().track(&context, &Usage { total: 1, metadata_json, ..Usage::default() }).answer.unwrap();
    };
    for _ in 0..20 {
        track(&store, NOW_MS, 900_000);
    }
    assert!(store.wait_durable(store.written_seq(), PATIENCE));
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    let parts = || {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("SELECT count(*) FROM state", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert!(parts() > 10);
    let store = open(&path);
    assert_eq!(used(&store, "team"), 20);
    track(&store, NOW_MS + 40 * 86_400_000, 1);
    assert_eq!(DiskStore::close(store, PATIENCE), 0);
    assert_eq!(parts(), 1);
}
