//! Amounts in another currency.

/// Units of a currency for one US dollar, in billionths.
pub type NanoRate = u64;

pub const ONE: NanoRate = 1_000_000_000;

/// Nine million units for a dollar: no currency is worth less, and JavaScript's numbers are exact so far.
pub const RATE_MAX: NanoRate = ONE * 9_000_000;

/// `pico` of a currency in another one, rounded half up; `None` when it is beyond all measure.
///
/// ```
/// use token_budget::domain::costs::currency::{ONE, convert};
/// let euro = 920_000_000;
/// assert_eq!(convert(1_000, ONE, euro), Some(920));
/// assert_eq!(convert(920, euro, ONE), Some(1_000));
/// ```
pub fn convert(pico: u128, from: NanoRate, to: NanoRate) -> Option<u128> {
    if from == to {
        return Some(pico);
    }
    let (from, to) = (u128::from(from), u128::from(to));
    // In two parts: the product may need more bits than there are.
    let whole = pico.checked_div(from)?.checked_mul(to)?;
    let rest = (pico % from) * to;
    whole.checked_add((rest + from / 2) / from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_rounds_half_up_and_never_overflows_unseen() {
        assert_eq!(convert(1, 2, 1), Some(1));
        assert_eq!(convert(1, 3, 1), Some(0));
        assert_eq!(convert(5, ONE, ONE), Some(5));
        assert_eq!(convert(1, 0, ONE), None);
        assert_eq!(convert(u128::MAX, 1, RATE_MAX), None);
        let largest = u128::from(crate::domain::tokens::MAX_TOKENS) * 2_000_000_000_000_000;
        assert_eq!(convert(largest, ONE, 920_000_000), Some(largest / 100 * 92 + (largest % 100) * 92 / 100));
    }
}
