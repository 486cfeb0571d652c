//! Real traffic through limits per minute: every request is admitted, none too early, and hardly any too late.
//!
//! The traces are kept beside the project; the synthetic sample is always there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::Arc;

use token_budget::domain::identifier::OrchestratorId;
use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::decide::{Admission, Ask, Turns};
use token_budget::domain::rate_limit::operation::Priority;
use token_budget::domain::rate_limit::terms::{MINUTE_MS, Policy, Rule, Terms};
use token_budget::store::memory::rate_limit::{MemoryLimiter, MemoryLimiters};

/// Requests per minute, input and output tokens per minute.
const UNITS: [Unit; 3] = [Unit::Requests, Unit::InputTokens, Unit::OutputTokens];

/// One request of a trace: when it arrives (ms from the first), and what it uses.
#[derive(Debug, Clone, Copy)]
struct Call {
    arrives_at_ms: u64,
    used: Amounts,
}

/// An admission, as the limiter told it.
type Admitted = (u64, Amounts);

fn trace(path: &str) -> Option<Vec<Call>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()?;
    let row = |line: &str| {
        let mut fields = line.split(',');
        let instant = chrono::NaiveDateTime::parse_from_str(fields.next()?, "%Y-%m-%d %H:%M:%S%.f").ok()?;
        let mut number = || fields.next()?.trim().parse().ok();
        let used = Amounts::call(number()?, number()?);
        Some(Call { arrives_at_ms: instant.and_utc().timestamp_millis() as u64, used })
    };
    let mut calls: Vec<_> = text.lines().skip(1).map(|line| row(line).expect("a row of a trace")).collect();
    calls.sort_by_key(|call| call.arrives_at_ms);
    let first_ms = calls[0].arrives_at_ms;
    calls.iter_mut().for_each(|call| call.arrives_at_ms -= first_ms);
    Some(calls)
}

/// Every trace there is, by name.
fn traces() -> Vec<(&'static str, Vec<Call>)> {
    let paths = [
        "samples/llm-trace-synthetic.csv",
        "../shared/data/azure-llm-code-2023.csv",
        "../shared/data/azure-llm-conv-2023.csv",
    ];
    let found: Vec<_> = paths.into_iter().filter_map(|path| Some((path, trace(path)?))).collect();
    assert!(!found.is_empty(), "the sample is there");
    found
}

/// Limits of six tenths of what the trace asks for in a mean minute, so that a line forms; every call fits.
fn limits_of(calls: &[Call]) -> [u64; 3] {
    let minutes = calls[calls.len() - 1].arrives_at_ms.div_ceil(MINUTE_MS);
    UNITS.map(|unit| {
        let amounts = || calls.iter().map(|call| call.used.of(unit));
        (amounts().sum::<u64>() * 6 / 10 / minutes).max(amounts().max().unwrap_or(0))
    })
}

fn policy(limits: [u64; 3]) -> Policy {
    let rules = UNITS.iter().zip(limits);
    let rules = rules.map(|(unit, limit)| Rule { unit: *unit, window_ms: MINUTE_MS, limit, ordinary: limit });
    Policy {
        configured: Terms { rules: rules.collect(), ..Terms::default() },
        cooldown_ms: MINUTE_MS,
        cooldown_max_ms: MINUTE_MS,
        permit_ttl_ms: 60 * MINUTE_MS,
        client_lease_ms: 10 * MINUTE_MS,
        line_max: 100_000,
    }
}

/// How long a call takes: two tenths of a second and ten milliseconds for each token of the answer.
fn duration_ms(used: Amounts) -> u64 {
    200 + 10 * used.output_tokens
}

/// A limiter that is asked by one client, and the time that goes by.
struct Replay<'a> {
    calls: &'a [Call],
    policy: Policy,
    limiter: MemoryLimiter,
    admitted: Vec<Admitted>,
    /// Calls under way by their end.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    poll_at_ms: u64,
}

/// Admits `calls` as a client would: asks when each arrives, polls when told to, settles when each is over.
/// `estimate`: the output tokens that are asked for.
fn replay(calls: &[Call], limits: [u64; 3], estimate: impl Fn(u64) -> u64) -> Vec<Admitted> {
    let limiter = OrchestratorId::new("replay").expect("it is a name");
    let mut replay = Replay {
        calls,
        policy: policy(limits),
        limiter: Arc::new(MemoryLimiters::default()).limiter(limiter),
        admitted: Vec::new(),
        ends: BinaryHeap::new(),
        poll_at_ms: u64::MAX,
    };
    let mut arrivals = calls.iter().enumerate().peekable();
    while replay.admitted.len() < calls.len() {
        let arrives_at_ms = arrivals.peek().map_or(u64::MAX, |(_, call)| call.arrives_at_ms);
        let ends_at_ms = replay.ends.peek().map_or(u64::MAX, |Reverse((at_ms, _))| *at_ms);
        if ends_at_ms <= arrives_at_ms.min(replay.poll_at_ms) {
            replay.settle();
        } else if arrives_at_ms <= replay.poll_at_ms {
            let (number, call) = arrivals.next().expect("one arrives");
            let estimated = Amounts::call(call.used.input_tokens, estimate(call.used.output_tokens));
            replay.ask(number, call.arrives_at_ms, estimated);
        } else {
            assert!(replay.poll_at_ms < u64::MAX, "something waits, and nobody is told to poll");
            replay.poll();
        }
    }
    replay.admitted
}

impl Replay<'_> {
    fn ask(&mut self, number: usize, now_ms: u64, amounts: Amounts) {
        let id = number.to_string();
        let ask = Ask { id: &id, amounts, priority: Priority::Normal, agent: "", wait: true };
        let acquired = self.limiter.acquire(now_ms, "client", &self.policy, &ask);
        match acquired.answer {
            Admission::Granted { admitted_at_ms, .. } => self.admit(number, admitted_at_ms),
            Admission::Waiting { .. } => {}
            other => panic!("{other:?}"),
        }
        self.take(now_ms, acquired.turns);
    }

    fn settle(&mut self) {
        let Some(Reverse((now_ms, number))) = self.ends.pop() else { return };
        let (id, used) = (number.to_string(), self.calls[number].used);
        let settled = self.limiter.settle(now_ms, "client", &self.policy, &id, used, None);
        assert!(settled.answer.known && !settled.answer.late);
        self.take(now_ms, settled.turns);
    }

    fn poll(&mut self) {
        let now_ms = self.poll_at_ms;
        let turns = self.limiter.poll(now_ms, "client", &self.policy).turns;
        self.take(now_ms, turns);
    }

    fn take(&mut self, now_ms: u64, turns: Turns) {
        for grant in turns.granted {
            self.admit(grant.id.parse().expect("a number"), grant.admitted_at_ms);
        }
        self.poll_at_ms = turns.poll_in_ms.map_or(u64::MAX, |in_ms| now_ms + in_ms.max(1));
    }

    fn admit(&mut self, number: usize, admitted_at_ms: u64) {
        let used = self.calls[number].used;
        assert!(admitted_at_ms >= self.calls[number].arrives_at_ms);
        self.admitted.push((admitted_at_ms, used));
        self.ends.push(Reverse((admitted_at_ms + duration_ms(used), number)));
    }
}

/// The most that was admitted in any sixty seconds, per unit.
fn rolling_maximum(admitted: &[Admitted]) -> [u64; 3] {
    let mut admitted = admitted.to_vec();
    admitted.sort_by_key(|(at_ms, _)| *at_ms);
    UNITS.map(|unit| {
        let (mut sum, mut most, mut oldest) = (0, 0, 0);
        for (at_ms, used) in &admitted {
            sum += used.of(unit);
            while admitted[oldest].0 + MINUTE_MS <= *at_ms {
                sum -= admitted[oldest].1.of(unit);
                oldest += 1;
            }
            most = most.max(sum);
        }
        most
    })
}

/// When the last call is admitted by whoever knows every number beforehand, keeps every admission to the
/// millisecond, and lets them go in their order.
fn best_possible_end_ms(calls: &[Call], limits: [u64; 3]) -> u64 {
    let (mut sums, mut oldest, mut now_ms) = ([0; 3], 0, 0);
    let mut admitted: Vec<Admitted> = Vec::with_capacity(calls.len());
    for call in calls {
        now_ms = call.arrives_at_ms.max(now_ms);
        loop {
            while oldest < admitted.len() && admitted[oldest].0 + MINUTE_MS <= now_ms {
                UNITS.iter().zip(&mut sums).for_each(|(unit, sum)| *sum -= admitted[oldest].1.of(*unit));
                oldest += 1;
            }
            let mut rules = UNITS.iter().zip(sums).zip(limits);
            if rules.all(|((unit, sum), limit)| sum + call.used.of(*unit) <= limit) {
                break;
            }
            now_ms = admitted[oldest].0 + MINUTE_MS;
        }
        UNITS.iter().zip(&mut sums).for_each(|(unit, sum)| *sum += call.used.of(*unit));
        admitted.push((now_ms, call.used));
    }
    now_ms
}

#[test]
fn no_minute_holds_more_than_the_limits_and_hardly_any_room_lies_idle() {
    for (name, calls) in traces() {
        let limits = limits_of(&calls);
        let admitted = replay(&calls, limits, |output_tokens| output_tokens);
        let most = rolling_maximum(&admitted);
        assert!(most.iter().zip(limits).all(|(most, limit)| *most <= limit), "{name}: {most:?} of {limits:?}");
        let end_ms = admitted.iter().map(|(at_ms, _)| *at_ms).max().unwrap_or(0);
        let throughput = best_possible_end_ms(&calls, limits) as f64 / end_ms as f64;
        println!(
            "{name}: {} calls, {most:?} of {limits:?}, {:.2} % of what is possible",
            calls.len(),
            throughput * 100.0
        );
        assert!(throughput >= 0.95, "{name}: {throughput}");
    }
}

#[test]
fn with_estimates_that_are_too_high_no_minute_holds_more_either() {
    for (name, calls) in traces() {
        let limits = limits_of(&calls);
        let most_output = limits[2];
        let admitted = replay(&calls, limits, |output_tokens| (2 * output_tokens + 50).min(most_output));
        assert_eq!(admitted.len(), calls.len());
        let most = rolling_maximum(&admitted);
        assert!(most.iter().zip(limits).all(|(most, limit)| *most <= limit), "{name}: {most:?} of {limits:?}");
    }
}
