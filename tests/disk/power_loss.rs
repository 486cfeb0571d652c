//! The power fails at any moment: what was acknowledged before is there.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use token_budget::domain::decide::Context;
use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::period::Period;
use token_budget::domain::policy::Limits;
use token_budget::domain::usage::Usage;
use token_budget::store::disk::DiskStore;

use super::lossy_disk::{self, Image};
use super::{Driver, Folder, PATIENCE, budget_policy, key};

const COUNTERS: usize = 3;
const NOW_MS: u64 = 1_700_000_000_000;
const IMAGES_MAX: usize = 150;

/// What was acknowledged before the power failed, and what it left.
type Loss = ([u64; COUNTERS], Image);

fn counter(index: usize) -> OrchestratorId {
    key(&format!("counter-{index}"))
}

fn used(store: &DiskStore, index: usize) -> u64 {
    let (policy, orchestrator) = (budget_policy("UTC"), counter(index));
    let context = Context::new(&orchestrator, &policy, Limits::UNLIMITED, NOW_MS);
    store.budgets().check(&context, Period::Monthly).used
}

/// Counts in several threads while the power fails again and again, before syncs.
fn lose_power(folder: &Path, path: &Path, lies: bool, counts: u64) -> Vec<Loss> {
    let acknowledged: Arc<[AtomicU64; COUNTERS]> = Arc::default();
    let losses: Arc<Mutex<Vec<Loss>>> = Arc::default();
    let chance = Mutex::new(Driver::new(if lies { 1 } else { 2 }));
    let hook = {
        let (acknowledged, losses) = (Arc::clone(&acknowledged), Arc::clone(&losses));
        move || {
            let (mut chance, mut losses) = (chance.lock().unwrap(), losses.lock().unwrap());
            if losses.len() < IMAGES_MAX && chance.below(3) == 0 {
                // Read before the image is made: it contains at least that.
                let before = std::array::from_fn(|index| acknowledged[index].load(Ordering::SeqCst));
                let image = lossy_disk::image(|length| match chance.below(4) {
                    0 => length,
                    1 => chance.below(length as u64 + 1) as usize,
                    _ => 0,
                });
                losses.push((before, image));
            }
        }
    };
    let _tracking = lossy_disk::track(folder, lies, hook);
    for _ in 0..3 {
        // So short that states are written all the time, each in several parts.
        let store = DiskStore::open_with(path, PATIENCE, 400).unwrap();
        std::thread::scope(|scope| {
            for index in 0..COUNTERS {
                let (store, acknowledged) = (&store, &acknowledged);
                scope.spawn(move || {
                    let (policy, orchestrator) = (budget_policy("UTC"), counter(index));
                    let mut counted = used(store, index);
                    for _ in 0..counts {
                        let context = Context::new(&orchestrator, &policy, Limits::UNLIMITED, NOW_MS);
                        store.budgets().track(&context, &Usage { total: 1, ..Usage::default() }).answer.unwrap();
                        counted += 1;
                        assert!(store.wait_durable(store.written_seq(), PATIENCE));
                        acknowledged[index].store(counted, Ordering::SeqCst);
                    }
                });
            }
        });
        DiskStore::close(store, PATIENCE);
    }
    std::mem::take(&mut *losses.lock().unwrap())
}

/// How many of the losses lost something that was acknowledged.
fn count_lost(losses: &[Loss], asked: u64) -> usize {
    let mut lost = 0;
    for (acknowledged, image) in losses {
        let folder = Folder::in_memory();
        for (path, bytes) in image.iter().filter(|(path, _)| !path.to_string_lossy().ends_with("-shm")) {
            std::fs::write(folder.file(path.file_name().unwrap().to_str().unwrap()), bytes).unwrap();
        }
        let store = match DiskStore::open(&folder.file("state.db"), PATIENCE) {
            Ok(store) => store,
            Err(error) => {
                lost += 1;
                println!("{error}");
                continue;
            }
        };
        let found: [u64; COUNTERS] = std::array::from_fn(|index| used(&store, index));
        assert!(found.iter().all(|used| *used <= asked), "more than was ever asked: {found:?}");
        lost += usize::from((0..COUNTERS).any(|index| found[index] < acknowledged[index]));
        DiskStore::close(store, PATIENCE);
    }
    lost
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let counts = 60;
    let folder = Folder::in_memory();
    let losses = lose_power(folder.path(), &folder.file("state.db"), false, counts);
    assert!(losses.len() > 50, "{}", losses.len());
    assert!(losses.last().unwrap().0.iter().all(|count| *count > 0));
    assert_eq!(count_lost(&losses, 3 * counts), 0);

    // The same on a disk that only says it has synced: were nothing lost there, nothing would have been shown.
    let folder = Folder::in_memory();
    let losses = lose_power(folder.path(), &folder.file("state.db"), true, counts);
    assert!(count_lost(&losses, 3 * counts) > losses.len() / 2);
}
