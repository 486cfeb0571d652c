//! Rows of the file, and states that are read part by part.

/// A state, and the last entry that it contains.
pub(super) struct StateRow {
    pub kind: u8,
    pub key: String,
    pub seq: u64,
    pub state: Vec<u8>,
}

/// A state as it was when `seq` was the last entry.
pub(super) struct StateOf<'k> {
    pub kind: u8,
    pub key: &'k str,
    pub seq: u64,
}

/// Parts of states as they are read, the last state of each key first.
#[derive(Default)]
pub(super) struct Parts {
    begun: Option<(StateRow, u32)>,
    /// Of which there was a whole one.
    done: Option<(u8, String)>,
}

impl Parts {
    /// The state that is whole with this part.
    pub fn add(&mut self, row: StateRow, part: u32, parts: u32) -> Option<StateRow> {
        if self.done.as_ref().is_some_and(|(kind, key)| *kind == row.kind && *key == row.key) {
            return None;
        }
        let (state, next_part) = match self.begun.take() {
            Some((mut state, next_part)) if (state.kind, &state.key, state.seq) == (row.kind, &row.key, row.seq) => {
                state.state.extend_from_slice(&row.state);
                (state, next_part)
            }
            _ => (row, 0),
        };
        if part != next_part {
            // One is missing; those that follow are taken for the beginning of another and are not whole either.
            return None;
        }
        if part + 1 < parts {
            self.begun = Some((state, part + 1));
            return None;
        }
        self.done = Some((state.kind, state.key.clone()));
        Some(state)
    }
}

/// Entries that were committed together.
pub(super) struct LogRow {
    pub first_seq: u64,
    pub last_seq: u64,
    pub entries: Vec<u8>,
}

pub(super) struct PolicyRow {
    pub id: u32,
    pub kind: u8,
    pub policy: Vec<u8>,
}

/// What rows stand for, as their checksums have it.
pub(super) mod head {
    pub fn state(kind: u8, key: &str, seq: u64, part: u32, parts: u32) -> String {
        format!("state {kind} {key} {seq} {part}/{parts}")
    }

    pub fn log(first_seq: u64, last_seq: u64) -> String {
        format!("log {first_seq} {last_seq}")
    }

    pub fn policy(id: u32, kind: u8) -> String {
        format!("policy {id} {kind}")
    }
}
