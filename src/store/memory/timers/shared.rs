//! Timers that several coordinators of this process share by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::MemoryTimers;

/// Timers in use, also by worker threads, which live in the same process.
static TIMERS: Mutex<Option<HashMap<String, Weak<MemoryTimers>>>> = Mutex::new(None);

impl MemoryTimers {
    /// The timers called `name`, which everyone in this process who asks for them shares. They live as long as
    /// somebody holds them.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use token_budget::store::memory::timers::MemoryTimers;
    ///
    /// let timers = MemoryTimers::shared("fleet");
    /// assert!(Arc::ptr_eq(&timers, &MemoryTimers::shared("fleet")));
    /// ```
    pub fn shared(name: &str) -> Arc<MemoryTimers> {
        let mut named = TIMERS.lock().unwrap_or_else(PoisonError::into_inner);
        let named = named.get_or_insert_default();
        if let Some(timers) = named.get(name).and_then(Weak::upgrade) {
            return timers;
        }
        named.retain(|_, timers| timers.strong_count() > 0);
        let timers = Arc::new(MemoryTimers::default());
        named.insert(name.to_owned(), Arc::downgrade(&timers));
        timers
    }
}
