//! What kinds of state one file keeps.

/// Tells the states of one file apart, together with their keys. The numbers stand in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Budgets = 1,
    Limiters = 2,
    Pools = 3,
    Timers = 4,
    Breakers = 5,
}

impl Kind {
    pub fn from_number(number: u8) -> Option<Self> {
        let kinds = [Kind::Budgets, Kind::Limiters, Kind::Pools, Kind::Timers, Kind::Breakers];
        kinds.into_iter().find(|kind| *kind as u8 == number)
    }
}
