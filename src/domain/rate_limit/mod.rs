//! Rate limits: several limits on one key of a provider, admitted together or not at all.

pub mod amounts;
pub mod decide;
pub mod fast_map;
pub mod operation;
pub mod terms;
