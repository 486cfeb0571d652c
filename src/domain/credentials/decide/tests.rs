use super::*;
use crate::domain::credentials::operation::*;
use crate::domain::quota::Reading;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const START_MS: u64 = 1_715_768_100_000;

fn token(fingerprint: &str, account: &str, weight: u64) -> Credential {
    Credential { fingerprint: fingerprint.into(), account: account.into(), weight }
}

fn policy(credentials: Vec<Credential>) -> Policy {
    Policy {
        credentials,
        reserve: Reserve::Requests(0),
        cooldown_ms: MINUTE_MS,
        cooldown_max_ms: HOUR_MS,
        request_ttl_ms: 10 * MINUTE_MS,
    }
}

fn answered(kind: AnswerKind) -> Answered {
    Answered { kind, reading: None, retry_after_ms: None, jitter: 0 }
}

fn reading(remaining: u64, resets_at_ms: u64) -> Answered {
    let reading = Some(Reading { limit: Some(5_000), remaining, resets_at_ms, sent_at_ms: 0 });
    Answered { reading, ..answered(AnswerKind::Served) }
}

/// A pool under a clock.
struct Bench {
    pool: PoolState,
    policy: Policy,
    now_ms: u64,
}

impl Bench {
    /// Each token an account of its own.
    fn of(names: &[&str]) -> Self {
        Self::with(names.iter().map(|name| token(name, name, 1)).collect())
    }

    fn with(credentials: Vec<Credential>) -> Self {
        Self { pool: PoolState::default(), policy: policy(credentials), now_ms: START_MS }
    }

    fn pick(&mut self, except: &[&str]) -> Option<String> {
        self.now_ms += 1;
        let except: Vec<Fingerprint> = except.iter().map(|name| (*name).into()).collect();
        match self.pool.pick(self.now_ms, &self.policy, "core", &except) {
            Picking::Picked { credential, picked_at_ms, .. } => {
                assert_eq!(picked_at_ms, self.now_ms);
                Some(credential.fingerprint.to_string())
            }
            Picking::Exhausted { .. } => None,
        }
    }

    /// When the first token can be used, how many are limited and invalid.
    fn exhausted(&mut self) -> (u64, u64, u64) {
        match self.pool.pick(self.now_ms, &self.policy, "core", &[]) {
            Picking::Exhausted { resets_at_ms, limited, invalid } => (resets_at_ms, limited, invalid),
            picked => panic!("{picked:?}"),
        }
    }

    /// How the request went that was picked last.
    fn report(&mut self, name: &str, answered: &Answered) {
        let picked_at_ms = self.now_ms;
        self.now_ms += 10;
        self.report_of(name, picked_at_ms, answered);
    }

    fn report_of(&mut self, name: &str, picked_at_ms: u64, answered: &Answered) {
        assert!(self.pool.report(self.now_ms, &self.policy, name, "core", picked_at_ms, answered));
    }

    fn core(&mut self, at: usize) -> ResourceView {
        self.pool.view(self.now_ms, &self.policy)[at].resources[0].clone()
    }

    fn left(&mut self, at: usize) -> Option<u64> {
        self.core(at).quota.left(self.now_ms)
    }
}

#[test]
fn it_stays_with_a_token_until_that_is_spent() {
    let mut bench = Bench::of(&["a", "b", "c"]);
    let reset_ms = START_MS + HOUR_MS;
    for left in (0..3).rev() {
        assert_eq!(bench.pick(&[]).as_deref(), Some("a"));
        bench.report("a", &reading(left, reset_ms));
    }
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"));
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"));
    bench.report("b", &reading(4_000, reset_ms));
    bench.now_ms = reset_ms;
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"), "what is whole again is no reason to change");
}

#[test]
fn what_lapses_first_is_used_first_then_the_heavier_then_the_first() {
    let mut bench = Bench::with(vec![token("a", "a", 1), token("b", "b", 5), token("c", "c", 5), token("d", "d", 1)]);
    assert_eq!(bench.pick(&["d"]).as_deref(), Some("b"), "nothing is known: the heavier, the first of them");
    bench.report_of("a", 0, &reading(10, START_MS + 2 * HOUR_MS));
    bench.report_of("d", 0, &reading(10, START_MS + HOUR_MS));
    assert_eq!(bench.pick(&["b"]).as_deref(), Some("d"));
    assert_eq!(bench.pick(&["d"]).as_deref(), Some("a"));
    assert_eq!(bench.pick(&["a", "d"]).as_deref(), Some("b"));
    assert_eq!(bench.pick(&["a", "b", "d"]).as_deref(), Some("c"));
    assert_eq!(bench.pick(&["a", "b", "c", "d"]), None);
}

#[test]
fn a_token_of_a_spent_account_is_no_help() {
    let mut bench = Bench::with(vec![token("a1", "ada", 1), token("a2", "ada", 1), token("b", "bob", 1)]);
    let reset_ms = START_MS + HOUR_MS;
    bench.pick(&[]);
    bench.report("a1", &reading(1, reset_ms));
    assert_eq!(bench.pick(&["a1"]).as_deref(), Some("a2"), "the account has one left");
    assert_eq!(bench.pick(&["b"]), None);
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"));
}

#[test]
fn resources_have_quotas_of_their_own() {
    let mut bench = Bench::of(&["a", "b"]);
    bench.pick(&[]);
    bench.report("a", &reading(0, START_MS + HOUR_MS));
    let search = bench.pool.pick(bench.now_ms, &bench.policy, "search", &[]);
    assert!(matches!(search, Picking::Picked { position: 0, left: None, resets_at_ms: 0, .. }));
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"));
}

#[test]
fn a_reserve_is_not_taken() {
    let mut bench = Bench::of(&["a"]);
    bench.policy.reserve = Reserve::SharePpm(10_000);
    bench.pick(&[]);
    bench.report("a", &reading(52, START_MS + HOUR_MS));
    let picking = bench.pool.pick(bench.now_ms, &bench.policy, "core", &[]);
    assert!(matches!(picking, Picking::Picked { left: Some(1), .. }), "{picking:?}");
    assert!(bench.pick(&[]).is_some());
    assert_eq!(bench.exhausted(), (START_MS + HOUR_MS, 1, 0));
    bench.policy.reserve = Reserve::Requests(49);
    assert!(bench.pick(&[]).is_some());
    assert_eq!(bench.pick(&[]), None);
}

#[test]
fn answers_that_overtake_each_other_never_raise_what_is_left() {
    let mut bench = Bench::of(&["a"]);
    let reset_ms = START_MS + HOUR_MS;
    bench.pick(&[]);
    let first_ms = bench.now_ms;
    bench.pick(&[]);
    bench.report("a", &reading(10, reset_ms));
    assert_eq!(bench.left(0), Some(9), "one is still under way");
    bench.report_of("a", first_ms, &reading(4_000, reset_ms));
    assert_eq!(bench.left(0), Some(10), "it is in the lower number");
    // Picked in the millisecond of the last reading: nobody knows which was answered first.
    let same_ms = bench.now_ms;
    bench.pool.pick(same_ms, &bench.policy, "core", &[]);
    bench.report_of("a", same_ms, &reading(4_000, reset_ms));
    assert_eq!(bench.left(0), Some(10));
    bench.pick(&[]);
    bench.report("a", &reading(4_000, reset_ms));
    assert_eq!(bench.left(0), Some(4_000));
    bench.report_of("a", 0, &reading(4_999, reset_ms));
    assert_eq!(bench.left(0), Some(4_000), "what nothing was picked for can be old");
}

#[test]
fn what_was_never_sent_is_given_back_once() {
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    bench.report("a", &reading(10, START_MS + HOUR_MS));
    bench.pick(&[]);
    let picked_at_ms = bench.now_ms;
    assert_eq!((bench.left(0), bench.core(0).under_way), (Some(9), 1));
    for was_known in [true, false] {
        let answer = bench.pool.give_back(bench.now_ms, &bench.policy, "a", "core", picked_at_ms);
        assert_eq!(answer, was_known);
        assert_eq!((bench.left(0), bench.core(0).under_way), (Some(10), 0));
    }
}

#[test]
fn a_spent_quota_without_numbers_rests_longer_each_time() {
    let mut bench = Bench::of(&["a"]);
    let spent = answered(AnswerKind::Spent);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert!(bench.pick(&[]).is_some());
        bench.report("a", &spent);
        assert_eq!(bench.exhausted(), (bench.now_ms + minutes * MINUTE_MS, 1, 0));
        bench.now_ms += minutes * MINUTE_MS;
    }
    bench.pick(&[]);
    bench.report("a", &answered(AnswerKind::Served));
    bench.pick(&[]);
    bench.report("a", &Answered { jitter: 500, ..spent });
    assert_eq!(bench.exhausted().0, bench.now_ms + MINUTE_MS * 21 / 20, "the first is lengthened");
}

#[test]
fn hits_of_one_burst_count_once() {
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    bench.pick(&[]);
    let picked_at_ms = bench.now_ms;
    let secondary = answered(AnswerKind::Secondary);
    bench.report("a", &secondary);
    bench.report_of("a", picked_at_ms - 1, &secondary);
    assert_eq!(bench.exhausted().0, bench.now_ms + MINUTE_MS);
    bench.report_of("a", picked_at_ms - 1, &Answered { retry_after_ms: Some(5 * MINUTE_MS), ..secondary });
    assert_eq!(bench.exhausted().0, bench.now_ms + 5 * MINUTE_MS, "a longer wait is granted all the same");
    // Served, but picked before the hit: that tells nothing.
    bench.report_of("a", picked_at_ms - 1, &answered(AnswerKind::Served));
    bench.now_ms += 5 * MINUTE_MS;
    bench.pick(&[]);
    bench.report("a", &secondary);
    assert_eq!(bench.exhausted().0, bench.now_ms + 2 * MINUTE_MS);
}

#[test]
fn a_secondary_limit_rests_the_account_at_least_a_cooldown() {
    let mut bench = Bench::with(vec![token("a1", "ada", 1), token("a2", "ada", 1)]);
    bench.pick(&[]);
    bench.report("a1", &Answered { jitter: 1_000, ..answered(AnswerKind::Secondary) });
    assert_eq!(bench.exhausted(), (bench.now_ms + MINUTE_MS * 11 / 10, 2, 0));
    let search = bench.pool.pick(bench.now_ms, &bench.policy, "search", &[]);
    assert!(matches!(search, Picking::Exhausted { .. }), "the whole account rests");
}

#[test]
fn a_wait_is_honoured_as_told_but_not_for_ever() {
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    let told = |retry_after_ms| Answered { retry_after_ms: Some(retry_after_ms), ..answered(AnswerKind::Spent) };
    bench.report("a", &told(20 * HOUR_MS));
    assert_eq!(bench.exhausted().0, bench.now_ms + 20 * HOUR_MS);
    bench.report_of("a", 0, &told(1_000 * HOUR_MS));
    assert_eq!(bench.exhausted().0, bench.now_ms + 25 * HOUR_MS);
}

#[test]
fn a_reset_without_a_spent_number_is_waited_for() {
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    bench.report("a", &Answered { kind: AnswerKind::Spent, ..reading(7, START_MS + HOUR_MS) });
    assert_eq!(bench.exhausted().0, START_MS + HOUR_MS);
    // A reset that has passed tells nothing: a cooldown.
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    bench.report("a", &Answered { kind: AnswerKind::Spent, ..reading(0, START_MS) });
    assert_eq!(bench.exhausted().0, bench.now_ms + MINUTE_MS);
}

#[test]
fn a_token_that_is_not_accepted_is_left_alone_until_it_is() {
    let mut bench = Bench::of(&["a", "b"]);
    bench.pick(&[]);
    bench.report("a", &answered(AnswerKind::Unauthorized));
    assert_eq!(bench.pick(&[]).as_deref(), Some("b"));
    assert!(!bench.pool.set_valid(bench.now_ms, &bench.policy, "a", false));
    assert!(bench.pool.set_valid(bench.now_ms, &bench.policy, "b", false));
    assert_eq!(bench.exhausted(), (0, 0, 2));
    assert!(!bench.pool.set_valid(bench.now_ms, &bench.policy, "unknown", false));
    for _ in 0..30 {
        bench.now_ms += DAY_MS;
        assert_eq!(bench.pick(&[]), None);
        bench.pool.review(bench.now_ms);
    }
    assert!(bench.pool.set_valid(bench.now_ms, &bench.policy, "a", true));
    assert_eq!(bench.pick(&[]).as_deref(), Some("a"));
    bench.now_ms += UNUSED_TTL_MS;
    assert_eq!(bench.pick(&["a"]).as_deref(), Some("b"), "nobody named it for a week");
}

#[test]
fn what_nobody_uses_is_forgotten() {
    let mut bench = Bench::of(&["a", "b"]);
    let reset_ms = START_MS + 30 * DAY_MS;
    bench.pick(&[]);
    bench.report("a", &reading(0, reset_ms));
    bench.pick(&[]);
    bench.now_ms += UNUSED_TTL_MS + HOUR_MS;
    bench.pool.review(bench.now_ms);
    assert_eq!(bench.pool.accounts.len(), 1, "a quota that is spent for a month is known for a month");
    bench.policy = policy(vec![token("c", "c", 1)]);
    bench.now_ms = reset_ms + UNUSED_TTL_MS;
    bench.pool.review(bench.now_ms);
    assert!(bench.pool.is_blank());
}

#[test]
fn hits_are_forgotten_whether_or_not_somebody_tidied_up() {
    let mut tidied = Bench::of(&["a"]);
    tidied.pick(&[]);
    tidied.report("a", &answered(AnswerKind::Secondary));
    tidied.now_ms += UNUSED_TTL_MS + HOUR_MS;
    let mut untidied = Bench { pool: tidied.pool.clone(), policy: tidied.policy.clone(), now_ms: tidied.now_ms };
    tidied.pool.review(tidied.now_ms);
    assert!(tidied.pool.is_blank());
    for bench in [&mut tidied, &mut untidied] {
        bench.pick(&[]);
        bench.report("a", &answered(AnswerKind::Secondary));
        assert_eq!(bench.exhausted().0, bench.now_ms + MINUTE_MS);
    }
}

#[test]
fn resources_beyond_the_limit_are_served_and_not_remembered() {
    let mut bench = Bench::of(&["a"]);
    for number in 0..1_000 {
        let picking = bench.pool.pick(bench.now_ms, &bench.policy, &format!("r{number}"), &[]);
        assert!(matches!(picking, Picking::Picked { .. }));
    }
    assert_eq!(bench.pool.accounts["a"].resources.len(), RESOURCES_MAX);
    assert_eq!(bench.pool.current.len(), RESOURCES_MAX);
    bench.now_ms += UNUSED_TTL_MS + HOUR_MS;
    bench.pick(&[]);
    assert_eq!(bench.core(0).under_way, 1);
}

#[test]
fn deadlines_are_compared_with_the_clock_as_it_stands() {
    let mut bench = Bench::of(&["a"]);
    bench.pick(&[]);
    bench.report("a", &reading(0, START_MS + HOUR_MS));
    let latest_ms = bench.now_ms;
    let request =
        Request { operation: Operation::Count { resource: "core".into() }, deadline_ms: Some(latest_ms - 5_000) };
    let receipt = bench.pool.apply(latest_ms - CLOCK_BACK_MAX_MS, &bench.policy, std::slice::from_ref(&request));
    assert_eq!((receipt.now_ms, receipt.outcomes), (latest_ms, vec![Ok(Outcome::Count(0))]));
    let receipt = bench.pool.apply(latest_ms - 5_000, &bench.policy, std::slice::from_ref(&request));
    assert_eq!(receipt.outcomes, [Err(crate::domain::error::OperationError::DeadlinePassed)]);
    // Further behind, it was wrong before, and is followed.
    let receipt = bench.pool.apply(latest_ms - CLOCK_BACK_MAX_MS - 1, &bench.policy, &[request]);
    assert_eq!(receipt.now_ms, latest_ms - CLOCK_BACK_MAX_MS - 1);
    assert_eq!(receipt.outcomes, [Ok(Outcome::Count(0))]);
}

#[test]
fn kept_tokens_have_an_end_in_number() {
    let mut pool = PoolState::default();
    let keep = |number: usize| Operation::Keep {
        fingerprint: format!("{number:032x}").into(),
        account: "ada".into(),
        sealed: "sealed".into(),
    };
    let mut apply = |operation| {
        let request = Request { operation, deadline_ms: None };
        pool.apply(START_MS, &policy(vec![]), &[request]).outcomes.remove(0).unwrap()
    };
    for number in 0..KEPT_MAX {
        assert_eq!(apply(keep(number)), Outcome::Done(true));
    }
    assert_eq!(apply(keep(KEPT_MAX)), Outcome::Done(false));
    assert_eq!(apply(keep(5)), Outcome::Done(true));
    let fingerprint: Fingerprint = format!("{:032x}", 5).into();
    assert_eq!(apply(Operation::Drop { fingerprint: fingerprint.clone() }), Outcome::Done(true));
    assert_eq!(apply(Operation::Drop { fingerprint }), Outcome::Done(false));
    assert!(matches!(apply(Operation::Kept), Outcome::Kept(kept) if kept.len() == KEPT_MAX - 1));
}
