//! Stores that several trackers of this process share by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::MemoryStore;
use crate::clock::SystemClock;

/// Stores in use. Worker threads load the addon once more but live in the same process, and so
/// find each other here.
static STORES: Mutex<Option<HashMap<String, Weak<MemoryStore>>>> = Mutex::new(None);

impl MemoryStore {
    /// The store called `name`, which everyone in this process who asks for it shares. It lives as
    /// long as somebody holds it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use token_budget::store::memory::MemoryStore;
    ///
    /// let store = MemoryStore::shared("fleet");
    /// assert!(Arc::ptr_eq(&store, &MemoryStore::shared("fleet")));
    /// ```
    pub fn shared(name: &str) -> Arc<MemoryStore> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        let stores = stores.get_or_insert_default();
        if let Some(store) = stores.get(name).and_then(Weak::upgrade) {
            return store;
        }
        stores.retain(|_, store| store.strong_count() > 0);
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        stores.insert(name.to_owned(), Arc::downgrade(&store));
        store
    }
}
