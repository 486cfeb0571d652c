//! What a range of time is put together of: whole days, whole hours, and records at its edges.

use super::rollup::{DAY_MS, HOUR_MS, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Records,
    Rollup(Span),
}

/// `[from_ms, to_ms)`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub source: Source,
    pub from_ms: i64,
    pub to_ms: i64,
}

/// In order, without gaps.
pub(super) fn pieces(from_ms: i64, to_ms: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |source, from_ms, to_ms| {
        if from_ms < to_ms {
            pieces.push(Piece { source, from_ms, to_ms });
        }
    };
    let first_hour = next(from_ms, HOUR_MS).min(to_ms);
    let last_hour = Span::Hour.start_of(to_ms).max(first_hour);
    let first_day = next(first_hour, DAY_MS).min(last_hour);
    let last_day = Span::Day.start_of(last_hour).max(first_day);
    push(Source::Records, from_ms, first_hour);
    if last_hour > first_hour {
        push(Source::Rollup(Span::Hour), first_hour, first_day);
        push(Source::Rollup(Span::Day), first_day, last_day);
        push(Source::Rollup(Span::Hour), last_day, last_hour);
    }
    push(Source::Records, last_hour, to_ms);
    pieces
}

/// The first multiple that is not before `at_ms`.
fn next(at_ms: i64, length_ms: i64) -> i64 {
    -(-at_ms).div_euclid(length_ms) * length_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cover_the_range_once() {
        let edges = [-DAY_MS - 1, -HOUR_MS, -1, 0, 1, HOUR_MS - 1, HOUR_MS, 5 * HOUR_MS + 7, DAY_MS, 3 * DAY_MS + 1];
        for from_ms in edges {
            for to_ms in edges.into_iter().filter(|to_ms| *to_ms > from_ms) {
                let mut at_ms = from_ms;
                for piece in pieces(from_ms, to_ms) {
                    assert_eq!(piece.from_ms, at_ms);
                    assert!(piece.to_ms > at_ms);
                    at_ms = piece.to_ms;
                    let length_ms = match piece.source {
                        Source::Records => continue,
                        Source::Rollup(span) => span.length_ms(),
                    };
                    assert_eq!((piece.from_ms.rem_euclid(length_ms), piece.to_ms.rem_euclid(length_ms)), (0, 0));
                }
                assert_eq!(at_ms, to_ms);
            }
        }
        assert_eq!(pieces(0, 3 * DAY_MS), [Piece { source: Source::Rollup(Span::Day), from_ms: 0, to_ms: 3 * DAY_MS }]);
    }
}
