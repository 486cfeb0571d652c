//! Exact token arithmetic.
//!
//! JavaScript numbers and Lua numbers are both doubles: integers are exact up to 2^53 - 1, and so
//! that is where every counter stops. A counter that would pass it stays at [`MAX_TOKENS`]; it
//! never wraps and never loses precision silently below it.

/// The largest number of tokens anything can hold: 2^53 - 1, `Number.MAX_SAFE_INTEGER`.
pub const MAX_TOKENS: u64 = (1 << 53) - 1;

/// `a + b`, held at [`MAX_TOKENS`].
pub fn add(a: u64, b: u64) -> u64 {
    a.saturating_add(b).min(MAX_TOKENS)
}

/// What `used` tokens cost of which `held` ones cost `held_micros`: `used * held_micros / held`, rounded up and at most
/// [`MAX_TOKENS`]. Where money alone was held, any use costs all of it.
///
/// ```
/// assert_eq!(token_budget::domain::tokens::micros_as_held(3, 100, 2), 67);
/// ```
pub fn micros_as_held(held: u64, held_micros: u64, used: u64) -> u64 {
    match (used, held) {
        (0, _) => 0,
        (_, 0) => held_micros,
        _ => {
            let micros = (u128::from(held_micros) * u128::from(used)).div_ceil(u128::from(held));
            micros.min(u128::from(MAX_TOKENS)) as u64
        }
    }
}

/// What is left of `limit`: `max(0, limit - used - reserved)`.
///
/// ```
/// assert_eq!(token_budget::domain::tokens::available(100, 70, 40), 0);
/// ```
pub fn available(limit: u64, used: u64, reserved: u64) -> u64 {
    limit.saturating_sub(used).saturating_sub(reserved)
}

/// The largest share of a limit that is told apart; above it a level stays where it is.
pub const MAX_LEVEL: f64 = 1e9;

/// How full a budget is: `(used + reserved) / limit`, as the fraction thresholds compare with.
///
/// A limit of 0 is empty (0.0) while nothing was spent and overfull ([`MAX_LEVEL`]) afterwards.
pub fn level(used: u64, reserved: u64, limit: u64) -> f64 {
    let spent = add(used, reserved);
    match (spent, limit) {
        (0, _) => 0.0,
        (_, 0) => MAX_LEVEL,
        _ => (spent as f64 / limit as f64).min(MAX_LEVEL),
    }
}
