//! Whether two stores know the same, to the bit.

use token_budget::domain::identifier::OrchestratorId;
use token_budget::store::disk::DiskStore;

/// What differs first; `None`: nothing.
fn differs(one: &DiskStore, other: &DiskStore, keys: &[OrchestratorId]) -> Option<String> {
    for key in keys {
        let name = key.encoded();
        let differs = one.budgets().inspect(key, |a| other.budgets().inspect(key, |b| different("budget", name, a, b)));
        let differs = differs.or_else(|| {
            one.limiters().inspect(key, |a| other.limiters().inspect(key, |b| different("limiter", name, a, b)))
        });
        let differs = differs
            .or_else(|| one.pools().inspect(key, |a| other.pools().inspect(key, |b| different("pool", name, a, b))));
        let differs = differs
            .or_else(|| one.timers().inspect(key, |a| other.timers().inspect(key, |b| different("shard", name, a, b))));
        let differs = differs.or_else(|| {
            one.breakers().inspect(key, |a| other.breakers().inspect(key, |b| different("breaker", name, a, b)))
        });
        if differs.is_some() {
            return differs;
        }
    }
    None
}

fn different<S: PartialEq + std::fmt::Debug>(
    kind: &str,
    name: &str,
    one: Option<&S>,
    other: Option<&S>,
) -> Option<String> {
    (one != other).then(|| format!("{kind} {name}:\n{one:?}\n{other:?}"))
}

pub fn assert_same(one: &DiskStore, other: &DiskStore, keys: &[OrchestratorId]) {
    if let Some(difference) = differs(one, other, keys) {
        panic!("{difference}");
    }
}
