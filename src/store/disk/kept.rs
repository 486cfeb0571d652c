//! What the file must know of the states it keeps.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::journal::encoded;
use crate::domain::identifier::OrchestratorId;

/// A state that can be made anew from what was asked of it.
pub(crate) trait Kept: Default + Serialize + DeserializeOwned {
    type Policy: DeserializeOwned;
    /// What was asked, as the journal has it.
    type Asked: DeserializeOwned;

    /// Decides once more what was decided then.
    fn replay(&mut self, key: &OrchestratorId, policy: Option<&Self::Policy>, asked: Self::Asked) -> Replayed;
}

/// What became of an entry.
pub(crate) enum Replayed {
    Done,
    /// The state was forgotten.
    Forgotten,
    /// It needs a policy.
    Unruled,
}

/// A store in memory whose states are written from time to time.
pub(crate) trait Keeper: Send + Sync {
    /// The state as it stands in files, and what `seq` says while nobody can change it. `None`: there is none.
    fn dump(&self, key: &OrchestratorId, seq: &dyn Fn() -> u64) -> (u64, Option<Vec<u8>>);
}

/// A state as [`Keeper::dump`] gives it.
pub(crate) fn dumped(state: &impl Serialize) -> Vec<u8> {
    encoded(state)
}

/// States of one kind as they were.
pub(crate) type Restored<S> = HashMap<OrchestratorId, S>;
