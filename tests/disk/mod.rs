//! What the tests of the store on disk share, and the tests.

mod claims;
mod compare;
mod failures;
mod folder;
mod kill;
mod load;
mod lossy_disk;
mod owners;
mod power_loss;
mod random;
mod random_coordination;
mod recovery;
mod replay;
mod speed;

pub use compare::assert_same;
pub use folder::{Folder, PATIENCE, copy_files, open};
pub use random::{Driver, budget_policy, key};
