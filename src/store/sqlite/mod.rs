//! Files of SQLite: what [`disk`](super::disk) and [`ledger`](super::ledger) have in common.
//!
//! Both refuse a file rather than begin anew over what somebody may still want back.

pub(super) mod damage;
pub(super) mod log;
pub(super) mod place;
pub(super) mod wal;
