//! What the tests of the store on disk share, and the tests.

mod compare;
mod folder;
mod random;
mod replay;

pub use compare::{assert_same, differs};
pub use folder::{Folder, PATIENCE, copy_files, open};
pub use random::{Driver, budget_policy, key};
