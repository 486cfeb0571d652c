//! Looks at a pool before and after each operation, and says what must never be seen.

use std::collections::HashMap;

use token_budget::domain::credentials::operation::*;

use super::desk::{DAY_MS, WEEK_MS};
use super::harness::Harness;
use super::plays::{Stage, Step};

/// An account and a resource of it.
type Part = (Account, Resource);

/// A quota that is spent until an instant, as somebody told at another.
type Spent = (u64, u64);

/// Plays `steps` and watches.
pub async fn watch<H: Harness>(steps: &[Step]) {
    let mut stage = Stage::<H>::open().await;
    let mut spent = HashMap::new();
    let mut in_use = HashMap::new();
    for step in steps {
        let acts = match step {
            Step::Forward { by_ms } => {
                stage.set_now(stage.now_ms + by_ms);
                continue;
            }
            Step::Back { .. } => continue,
            Step::Batch { acts, .. } => acts,
        };
        for (act, _) in acts {
            let operation = stage.operation(0, act);
            let before = Snapshot::of(&mut stage).await;
            let outcome = stage.one(operation.clone()).await;
            let after = Snapshot::of(&mut stage).await;
            match (&operation, &outcome) {
                (Operation::Pick { resource, except }, Outcome::Picked { fingerprint, .. }) => {
                    before.may_be_picked(fingerprint, resource, except);
                    not_spent(&spent, &before.part(fingerprint, resource), before.now_ms);
                    // What was not used for a week is in use no more.
                    let last = in_use.insert(resource.clone(), (fingerprint.clone(), before.now_ms));
                    let last = last.filter(|(_, at_ms)| before.now_ms < at_ms + WEEK_MS);
                    before.had_reason_to_leave(last.map(|(last, _)| last), fingerprint, resource, except);
                }
                (Operation::Pick { resource, except }, Outcome::Exhausted { resets_at_ms, limited, invalid }) => {
                    before.nothing_could_be_picked(resource, except, *resets_at_ms, (*limited, *invalid));
                }
                (Operation::Report { fingerprint, resource, picked_at_ms, result }, _) => {
                    let part = before.part(fingerprint, resource);
                    let left_at_ms = left_at_ms(*picked_at_ms, result);
                    raised_by_newer_numbers_only(&before, &after, &part, left_at_ms);
                    note_spent(&mut spent, &before, part, left_at_ms, result);
                }
                (Operation::Return { fingerprint, resource, .. }, _) => {
                    let part = before.part(fingerprint, resource);
                    let (was, is) = (before.left(&part), after.left(&part));
                    assert!(is <= was.map(|left| left + 1), "{was:?} {is:?}");
                }
                _ => {}
            }
        }
    }
}

/// What a pool looks like at an instant.
struct Snapshot {
    now_ms: u64,
    policy: Policy,
    views: Vec<TokenView>,
}

impl Snapshot {
    async fn of<H: Harness>(stage: &mut Stage<H>) -> Self {
        Self { now_ms: stage.now_ms, policy: stage.policies[0].clone(), views: stage.view().await }
    }

    fn token(&self, fingerprint: &str) -> &TokenView {
        self.views.iter().find(|view| &*view.fingerprint == fingerprint).expect("it is configured")
    }

    fn part(&self, fingerprint: &str, resource: &str) -> Part {
        (self.token(fingerprint).account.clone(), resource.into())
    }

    fn resource(&self, (account, resource): &Part) -> Option<&ResourceView> {
        let view = self.views.iter().find(|view| view.account == *account)?;
        view.resources.iter().find(|view| view.resource == *resource)
    }

    fn left(&self, part: &Part) -> Option<u64> {
        self.resource(part)?.quota.left(self.now_ms)
    }

    /// When a token can be used, as far as the view tells: an account whose resource was never asked for may rest.
    /// `u64::MAX`: not now, for requests under way may use up the window that a pick would begin.
    fn free_at_ms(&self, view: &TokenView, resource: &str) -> Option<u64> {
        let Some(state) = self.resource(&(view.account.clone(), resource.into())) else {
            return view.resources.iter().all(|state| state.paused_until_ms == 0).then_some(self.now_ms);
        };
        let reserve = match self.policy.reserve {
            Reserve::Requests(requests) => requests,
            Reserve::SharePpm(ppm) => (u128::from(state.quota.limit) * u128::from(ppm) / 1_000_000) as u64,
        };
        let is_spent = state.quota.left(self.now_ms).is_some_and(|left| left <= reserve);
        let is_over = self.now_ms >= state.quota.resets_at_ms && state.quota.limit > 0;
        if is_over && state.quota.limit <= reserve + state.under_way {
            return Some(u64::MAX);
        }
        let spent_until_ms = if is_spent { state.quota.resets_at_ms } else { 0 };
        Some(self.now_ms.max(state.paused_until_ms).max(spent_until_ms))
    }

    fn may_be_picked(&self, fingerprint: &Fingerprint, resource: &str, except: &[Fingerprint]) {
        let view = self.token(fingerprint);
        assert!(view.is_valid && !except.contains(fingerprint));
        assert!(self.free_at_ms(view, resource).is_none_or(|at_ms| at_ms == self.now_ms), "{view:?}");
    }

    fn had_reason_to_leave(
        &self,
        in_use: Option<Fingerprint>,
        picked: &Fingerprint,
        resource: &str,
        except: &[Fingerprint],
    ) {
        let Some(in_use) = in_use.filter(|in_use| in_use != picked) else { return };
        let view = self.token(&in_use);
        let is_free = view.is_valid && self.free_at_ms(view, resource) == Some(self.now_ms);
        assert!(!is_free || except.contains(&in_use), "{in_use} was left for {picked}: {view:?}");
    }

    fn nothing_could_be_picked(
        &self,
        resource: &str,
        except: &[Fingerprint],
        resets_at_ms: u64,
        (limited, invalid): (u64, u64),
    ) {
        let valid: Vec<_> = self.views.iter().filter(|view| view.is_valid).collect();
        assert_eq!((limited, invalid), (valid.len() as u64, (self.views.len() - valid.len()) as u64));
        let free_at_ms: Vec<_> = valid.iter().map(|view| self.free_at_ms(view, resource)).collect();
        for (view, free_at_ms) in valid.iter().zip(&free_at_ms) {
            assert!(*free_at_ms != Some(self.now_ms) || except.contains(&view.fingerprint), "{view:?}");
        }
        if let Some(all) = free_at_ms.into_iter().collect::<Option<Vec<_>>>() {
            let (is_open, soonest_ms) = (all.contains(&u64::MAX), all.into_iter().min().unwrap_or(0));
            assert!(resets_at_ms == soonest_ms || is_open && (self.now_ms..soonest_ms).contains(&resets_at_ms));
        }
    }
}

/// A quota that somebody said is spent is not used before its reset, unless newer numbers were seen.
fn not_spent(spent: &HashMap<Part, Spent>, part: &Part, now_ms: u64) {
    if let Some((until_ms, told_at_ms)) = spent.get(part) {
        assert!(now_ms >= *until_ms, "{part:?} is spent until {until_ms}, told at {told_at_ms}, picked at {now_ms}");
    }
}

/// When a request left, as far as anybody says.
fn left_at_ms(picked_at_ms: u64, result: &Answered) -> u64 {
    match result.reading {
        Some(reading) if picked_at_ms == 0 => reading.sent_at_ms,
        _ => picked_at_ms,
    }
}

/// What is left rises by more than the request itself, which was taken off and is in the numbers now, only by those of
/// a request that was sent after the last ones were seen.
fn raised_by_newer_numbers_only(before: &Snapshot, after: &Snapshot, part: &Part, left_at_ms: u64) {
    let Some(state) = before.resource(part) else { return };
    if before.now_ms < state.quota.resets_at_ms && left_at_ms <= state.quota.seen_at_ms {
        let most = before.left(part).map(|left| left + 1);
        assert!(after.left(part) <= most, "{:?} {:?}", state.quota, after.left(part));
    }
}

fn note_spent(spent: &mut HashMap<Part, Spent>, before: &Snapshot, part: Part, left_at_ms: u64, result: &Answered) {
    let now_ms = before.now_ms;
    let Some(reading) = result.reading.filter(|reading| reading.resets_at_ms > now_ms) else { return };
    let is_spent = spent.get(&part).is_some_and(|(until_ms, _)| now_ms < *until_ms);
    let is_newer = match before.resource(&part) {
        Some(state) if now_ms < state.quota.resets_at_ms => left_at_ms > state.quota.seen_at_ms,
        _ => true,
    };
    if is_newer {
        spent.remove(&part);
    }
    let says_more = is_newer || !is_spent && before.left(&part).is_some_and(|left| left > 0);
    if says_more && reading.remaining == 0 {
        spent.insert(part, (reading.resets_at_ms.min(now_ms + 31 * DAY_MS), now_ms));
    }
}
