//! Pools that several managers of this process share by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::MemoryPools;

/// Pools in use, also by worker threads, which live in the same process.
static POOLS: Mutex<Option<HashMap<String, Weak<MemoryPools>>>> = Mutex::new(None);

impl MemoryPools {
    /// The pools called `name`, which everyone in this process who asks for them shares. They live as long as
    /// somebody holds them.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use token_budget::store::memory::credentials::MemoryPools;
    ///
    /// let pools = MemoryPools::shared("fleet");
    /// assert!(Arc::ptr_eq(&pools, &MemoryPools::shared("fleet")));
    /// ```
    pub fn shared(name: &str) -> Arc<MemoryPools> {
        let mut named = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let named = named.get_or_insert_default();
        if let Some(pools) = named.get(name).and_then(Weak::upgrade) {
            return pools;
        }
        named.retain(|_, pools| pools.strong_count() > 0);
        let pools = Arc::new(MemoryPools::default());
        named.insert(name.to_owned(), Arc::downgrade(&pools));
        pools
    }
}
