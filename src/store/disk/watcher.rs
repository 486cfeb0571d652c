//! Who wants to hear that more is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Somebody to be woken when what is durable, or why nothing becomes durable, has changed. Wakes once until
/// [`Self::taken`] says that it was heard, so that nobody is called for every commit of a busy store.
#[derive(Clone)]
pub struct Watcher(Arc<Inner>);

struct Inner {
    wake: Box<dyn Fn() + Send + Sync>,
    is_pending: AtomicBool,
    has_ended: AtomicBool,
}

impl Watcher {
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (is_pending, has_ended) = Default::default();
        Self(Arc::new(Inner { wake: Box::new(wake), is_pending, has_ended }))
    }

    /// Calls, unless a call was made already that nobody has taken.
    pub fn wake(&self) {
        if !self.has_ended() && !self.0.is_pending.swap(true, Ordering::AcqRel) {
            (self.0.wake)();
        }
    }

    /// Whoever was called looks now: what changes from here on needs another call.
    pub fn taken(&self) {
        self.0.is_pending.store(false, Ordering::Release);
    }

    /// Is called no more.
    pub fn end(&self) {
        self.0.has_ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.has_ended.load(Ordering::Acquire)
    }
}
