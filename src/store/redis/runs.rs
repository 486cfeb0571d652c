//! Usages that travel as one sum.
//!
//! Tracks of one batch that follow each other, count now and name the same model differ in their
//! numbers only. Their sum is one operation for the script, which costs the server a tenth of
//! looking at each; where a threshold lies on the way the script takes the sum apart again.

use crate::domain::operation::{Operation, Request};
use crate::domain::tokens::MAX_TOKENS;
use crate::domain::usage::Usage;

/// What the script is asked with one operation.
pub(super) enum Run<'a> {
    One(&'a Request),
    /// At least two, all of them [`Operation::Track`].
    Tracks(&'a [Request]),
}

/// The requests of a batch as runs, in order. The same batch gives the same runs.
pub(super) fn runs(requests: &[Request]) -> impl Iterator<Item = Run<'_>> {
    let mut rest = requests;
    std::iter::from_fn(move || {
        let length = run_length(rest);
        let (run, left) = rest.split_at_checked(length)?;
        rest = left;
        match run {
            [] => None,
            [one] => Some(Run::One(one)),
            several => Some(Run::Tracks(several)),
        }
    })
}

/// The usage of a request that may be added to others.
pub(super) fn plain_usage(request: &Request) -> Option<&Usage> {
    match &request.operation {
        Operation::Track(usage) => {
            let plain = usage.request_id.is_none() && usage.occurred_at_ms.is_none() && usage.cost_micros == 0;
            (plain && usage.total > 0 && request.deadline_ms.is_none()).then_some(usage)
        }
        _ => None,
    }
}

fn run_length(requests: &[Request]) -> usize {
    let Some(first) = requests.first().and_then(plain_usage) else { return requests.len().min(1) };
    let mut sums = [0; 6];
    let joins = |request: &&Request| {
        plain_usage(request).is_some_and(|usage| usage.model == first.model && add(&mut sums, usage))
    };
    requests.iter().take_while(joins).count().max(1)
}

/// Adds the numbers of a usage. `false` when a sum is no exact number for Lua any more.
fn add(sums: &mut [u64; 6], usage: &Usage) -> bool {
    let parts = &usage.parts;
    let numbers = [usage.total, parts.prompt, parts.completion, parts.cache_read, parts.cache_write, parts.reasoning];
    sums.iter_mut().zip(numbers).all(|(sum, number)| {
        *sum += number;
        *sum <= MAX_TOKENS
    })
}
