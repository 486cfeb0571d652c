//! Remembers the windows that were asked for last.
//!
//! A memo, not state: the answer for an instant is the same with and without it. Per thread, so
//! that nobody waits for it.

use std::cell::Cell;

use chrono_tz::Tz;

use super::Windows;

/// Zones kept apart; a process seldom budgets in more than one.
const SLOT_COUNT: usize = 4;

type Slot = Cell<Option<(Tz, Windows)>>;

thread_local! {
    static SLOTS: [Slot; SLOT_COUNT] = const { [const { Cell::new(None) }; SLOT_COUNT] };
}

/// The windows of `instant_ms`: those asked for last when they contain it, else `compute`'s.
pub fn windows(zone: Tz, instant_ms: u64, compute: impl FnOnce() -> Windows) -> Windows {
    SLOTS.with(|slots| {
        let slot = &slots[zone as usize % SLOT_COUNT];
        match slot.get() {
            Some((known, windows)) if known == zone && contain(&windows, instant_ms) => windows,
            _ => {
                let windows = compute();
                slot.set(Some((zone, windows)));
                windows
            }
        }
    })
}

fn contain(windows: &Windows, instant_ms: u64) -> bool {
    windows.iter().all(|window| window.contains(instant_ms))
}
