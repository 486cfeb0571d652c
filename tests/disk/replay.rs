//! What was asked, decided once more, gives the same states to the bit.

use super::{Driver, Folder, PATIENCE, assert_same, copy_files, open};
use token_budget::store::disk::DiskStore;

/// Random operations; then the files as they lie there are opened as if the power had failed.
#[test]
fn replay_gives_the_state() {
    for seed in 0..40 {
        let folder = Folder::new();
        let (path, copy) = (folder.file("state.db"), folder.file("copy.db"));
        let mut driver = Driver::new(seed);
        let store = open(&path);
        for _ in 0..600 {
            driver.step(&store);
        }
        assert!(store.wait_durable(store.written_seq(), PATIENCE));
        copy_files(&path, &copy);
        let replayed = open(&copy);
        assert_same(&store, &replayed, &driver.keys);
        assert_eq!(replayed.written_seq(), store.written_seq());

        // Tidied up by a clean close and read back, it is still the same, and goes on in the same way.
        assert_eq!(DiskStore::close(store, PATIENCE), 0);
        let store = open(&path);
        assert_same(&store, &replayed, &driver.keys);
        drop(store);
        drop(replayed);
    }
}

/// Closing and opening between the operations changes nothing.
#[test]
fn goes_on_where_it_was() {
    for seed in 100..110 {
        let folder = Folder::new();
        let (path, other_path) = (folder.file("state.db"), folder.file("other.db"));
        let (mut driver, mut other_driver) = (Driver::new(seed), Driver::new(seed));
        let other = open(&other_path);
        for _ in 0..20 {
            let store = open(&path);
            for _ in 0..25 {
                driver.step(&store);
                other_driver.step(&other);
            }
            assert_eq!(DiskStore::close(store, PATIENCE), 0);
        }
        let store = open(&path);
        // Ids of reservations are random: budgets are compared by their numbers.
        for key in &driver.keys {
            let same = |one: &DiskStore, other: &DiskStore| {
                one.limiters().inspect(key, |a| other.limiters().inspect(key, |b| assert_eq!(a, b)));
                one.pools().inspect(key, |a| other.pools().inspect(key, |b| assert_eq!(a, b)));
                one.timers().inspect(key, |a| other.timers().inspect(key, |b| assert_eq!(a, b)));
                // When a breaker is forgotten that is as good as never heard of does not matter.
                let known =
                    |store: &DiskStore| store.breakers().inspect(key, |state| state.cloned().unwrap_or_default());
                assert_eq!(known(one), known(other));
            };
            same(&store, &other);
        }
        DiskStore::close(store, PATIENCE);
        DiskStore::close(other, PATIENCE);
    }
}
