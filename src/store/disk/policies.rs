//! Policies, which most entries share and which are written once.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::Serialize;

use super::kind::Kind;

/// What a policy must be to be written once.
pub(crate) trait Interning: Serialize + Clone + PartialEq + 'static {}

impl<P: Serialize + Clone + PartialEq + 'static> Interning for P {}

/// A policy as it is written; one per content and file.
pub(crate) struct Interned {
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

/// The policies of one file that somebody uses.
#[derive(Default)]
pub(crate) struct Policies {
    by_content: Mutex<HashMap<Content, Weak<Interned>>>,
}

type Content = (Kind, Vec<u8>);

/// Policies a thread remembers, so that most calls only compare.
const REMEMBERED: usize = 8;

/// A policy, the file it was interned for, and what it became.
type Known = (Weak<Policies>, Box<dyn Any>, Arc<Interned>);

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// The one of its content.
pub(crate) fn intern<P: Interning>(policies: &Arc<Policies>, kind: Kind, policy: &P) -> Arc<Interned> {
    KNOWN.with_borrow_mut(|known| {
        let is_it = |(of, remembered, interned): &Known| {
            interned.kind == kind
                && std::ptr::eq(of.as_ptr(), Arc::as_ptr(policies))
                && remembered.downcast_ref::<P>() == Some(policy)
        };
        if let Some(index) = known.iter().position(is_it) {
            known[..=index].rotate_right(1);
            return Arc::clone(&known[0].2);
        }
        let interned = policies.intern(kind, rmp_serde::to_vec_named(policy).unwrap_or_default());
        // A weak reference keeps the address from being used again.
        known.insert(0, (Arc::downgrade(policies), Box::new(policy.clone()), Arc::clone(&interned)));
        known.truncate(REMEMBERED);
        interned
    })
}

impl Policies {
    fn intern(&self, kind: Kind, bytes: Vec<u8>) -> Arc<Interned> {
        let mut by_content = self.by_content.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, bytes);
        if let Some(interned) = by_content.get(&key).and_then(Weak::upgrade) {
            return interned;
        }
        if by_content.len() >= 64 && by_content.len().is_power_of_two() {
            by_content.retain(|_, interned| interned.strong_count() > 0);
        }
        let interned = Arc::new(Interned { kind, bytes: key.1.clone() });
        by_content.insert(key, Arc::downgrade(&interned));
        interned
    }
}
