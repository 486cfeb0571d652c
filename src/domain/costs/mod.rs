//! What tokens cost, in exact integers.
//!
//! Prices are micro-units of currency per million tokens, which is the same as pico-units (10^-12) per token. So the
//! cost of any usage is a whole number of pico-units, and nothing is rounded before it is shown or compared.
//!
//! A [`table::PriceTable`] knows prices from three places, looked at in this order: the caller's own, those of the
//! published module (where its results are wanted), and the [`snapshot::Snapshot`] that is shipped with the package.

pub mod cost;
pub mod currency;
mod family;
pub mod price;
pub mod rule;
pub mod snapshot;
mod spelling;
pub mod table;
