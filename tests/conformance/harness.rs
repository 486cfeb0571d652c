//! How the suite handles a store.

use std::future::Future;

use token_budget::store::Store;

use super::desk::Desk;

/// An empty store whose clock the test moves.
pub trait Harness: Sized {
    type Store: Store;

    /// Opens an empty store. Ends it when dropped.
    fn open() -> impl Future<Output = Self>;

    fn store(&self) -> &Self::Store;

    /// Sets the store's clock.
    fn set_now_ms(&self, now_ms: u64);

    /// Whether the store remembers its answers for batches that are sent again. One whose answers
    /// cannot get lost need not.
    fn remembers_replies(&self) -> bool;

    /// Whether what ended long ago may be gone: an expiry that nobody looked for within the late settle TTL
    /// need not be told.
    fn forgets_old_expiries(&self) -> bool {
        false
    }
}

/// Runs one case on a fresh store.
pub fn run<H: Harness, F: Future<Output = ()>>(case: impl FnOnce(Desk<H>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { case(Desk::new(H::open().await)).await });
}
