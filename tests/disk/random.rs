//! Random operations on everything that a file keeps.

use std::sync::Arc;

use token_budget::domain::calendar::Calendar;
use token_budget::domain::credentials::decide::Picking;
use token_budget::domain::credentials::operation as credentials;
use token_budget::domain::decide::{Amount, Context, Reserving};
use token_budget::domain::identifier::{OrchestratorId, ReservationId};
use token_budget::domain::operation::{Operation, Override, Request};
use token_budget::domain::period::{Period, Periods};
use token_budget::domain::policy::{Limits, Policy};
use token_budget::domain::quota::Reading;
use token_budget::domain::rate_limit::amounts::{Amounts, Unit};
use token_budget::domain::rate_limit::decide::Ask;
use token_budget::domain::rate_limit::operation as rates;
use token_budget::domain::rate_limit::terms::{self, Rule, Terms};
use token_budget::domain::usage::{Parts, Usage};
use token_budget::store::disk::DiskStore;
use token_budget::store::{Batch, CredentialBatch, RateLimitBatch, Ticket};

const START_MS: u64 = 1_700_000_000_000;

pub fn key(name: &str) -> OrchestratorId {
    OrchestratorId::new(name).unwrap()
}

pub fn budget_policy(zone: &str) -> Policy {
    Policy {
        calendar: Calendar::parse(zone).unwrap(),
        thresholds: Arc::new([0.5, 0.8, 0.1 + 0.2, 1.0]),
        idempotency_ttl_ms: 600_000,
        late_settle_ttl_ms: 900_000,
        history_limit: 20,
        broadcast: false,
    }
}

/// Asks at random, from one seed always the same.
pub struct Driver {
    state: u64,
    pub now_ms: u64,
    pub keys: Vec<OrchestratorId>,
    reservations: Vec<ReservationId>,
    permits: Vec<String>,
    picks: Vec<(String, u64)>,
    budget_policies: [Policy; 2],
    terms: [terms::Policy; 2],
    pool_policies: [credentials::Policy; 2],
}

impl Driver {
    pub fn new(seed: u64) -> Self {
        Self::from(seed, START_MS)
    }

    pub fn from(seed: u64, now_ms: u64) -> Self {
        let rule = |unit, window_ms, limit| Rule { unit, window_ms, limit, ordinary: limit - limit / 10 };
        let terms = |limit, concurrency| terms::Policy {
            configured: Terms {
                rules: vec![rule(Unit::Requests, 60_000, limit), rule(Unit::Tokens, 3_600_000, 40_000)],
                concurrency,
                pause_us: 1_500,
            },
            cooldown_ms: 1_000,
            cooldown_max_ms: 60_000,
            permit_ttl_ms: 30_000,
            client_lease_ms: 20_000,
            line_max: 20,
        };
        let token = |name: &str, account: &str| credentials::Credential {
            fingerprint: name.into(),
            account: account.into(),
            weight: 1,
        };
        let pool = |tokens: Vec<credentials::Credential>| credentials::Policy {
            credentials: tokens,
            reserve: credentials::Reserve::SharePpm(20_000),
            cooldown_ms: 2_000,
            cooldown_max_ms: 60_000,
            request_ttl_ms: 60_000,
        };
        let concurrency = Some(terms::Concurrency { limit: 8, ordinary: 7 });
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now_ms,
            keys: ["a", "b:c", "d e"].map(key).into(),
            reservations: Vec::new(),
            permits: Vec::new(),
            picks: Vec::new(),
            budget_policies: [budget_policy("UTC"), budget_policy("Europe/Berlin")],
            terms: [terms(30, None), terms(12, concurrency)],
            pool_policies: [
                pool(vec![token("t1", "ann"), token("t2", "bob"), token("t3", "bob")]),
                pool(vec![token("t2", "bob"), token("t4", "cyd")]),
            ],
        }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        if list.is_empty() {
            return None;
        }
        let index = self.below(list.len() as u64) as usize;
        Some(list[index].clone())
    }

    /// One operation, and sometimes a step of the clock, also back.
    pub fn step(&mut self, store: &DiskStore) {
        match self.below(40) {
            0 => self.now_ms -= self.below(30_000),
            1 => self.now_ms += self.below(40 * 60_000),
            2 if self.below(8) == 0 => self.now_ms += self.below(3 * 86_400_000),
            _ => self.now_ms += self.below(2_000),
        }
        let index = self.below(3) as usize;
        let key = self.keys[index].clone();
        match self.below(5) {
            0 => self.ask_budget(store, &key),
            1 => self.ask_limiter(store, &key),
            2 => self.ask_timers(store, &key),
            3 => self.ask_breaker(store, &key),
            _ => self.ask_pool(store, &key),
        }
    }

    fn usage(&mut self) -> Usage {
        let (prompt, completion) = (self.below(100), self.below(50));
        let request_id = (self.below(3) == 0).then(|| format!("r{}", self.below(30)));
        let costs_as_held = self.below(3) == 0;
        Usage {
            total: prompt + completion + self.below(5),
            parts: Parts { prompt, completion, ..Parts::default() },
            model: format!("model-{}", self.below(4)),
            session_id: if self.below(2) == 0 { "s".into() } else { String::new() },
            request_id,
            metadata_json: (self.below(4) == 0).then(|| r#"{"a":"ä"}"#.to_owned()),
            reported_at_ms: self.now_ms,
            occurred_at_ms: (self.below(4) == 0).then(|| self.now_ms - self.below(7_200_000)),
            cost_micros: if !costs_as_held && self.below(2) == 0 { self.below(200) } else { 0 },
            costs_as_held,
        }
    }

    fn ask_budget(&mut self, store: &DiskStore, key: &OrchestratorId) {
        let index = self.below(2) as usize;
        let policy = self.budget_policies[index].clone();
        let tokens = [Some(3_000 + self.below(2) * 500), Some(20_000), None];
        let limits = Limits { tokens, cost: [None, (self.below(2) == 0).then_some(2_000), None] };
        let context = Context::new(key, &policy, limits, self.now_ms);
        match self.below(12) {
            0..=3 => {
                let id = ReservationId::generate(key, Periods::ALL);
                let (tokens, ttl_ms) = (self.below(400), 1_000 + self.below(120_000));
                let amount = Amount { tokens, cost_micros: self.below(2) * self.below(100) };
                if let Reserving::Granted(_) =
                    store.budgets().reserve(&context, &id, amount, Periods::ALL, ttl_ms).answer
                {
                    self.reservations.push(id);
                }
            }
            4..=6 => {
                let known = self.reservations.clone();
                if let Some(id) = self.pick(&known) {
                    let orchestrator = id.orchestrator();
                    let context = Context::new(&orchestrator, &policy, limits, self.now_ms);
                    let usage = self.usage();
                    let usage = (self.below(3) > 0).then_some(&usage);
                    let _ = store.budgets().settle(&context, &id, usage);
                }
            }
            7..=8 => {
                let usage = self.usage();
                let _ = store.budgets().track(&context, &usage);
            }
            9 => drop(store.budgets().sweep_due(self.now_ms)),
            10 => drop(store.budgets().check(&context, Period::Daily)),
            _ => {
                let operations = vec![self.budget_operation(key), self.budget_operation(key)];
                let request = |operation| Request { operation, deadline_ms: None };
                let batch = Batch {
                    orchestrator: key.clone(),
                    policy: Arc::new(policy),
                    configured: limits,
                    requests: operations.into_iter().map(request).collect(),
                    ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
                };
                store.budgets().apply_at(&batch, self.now_ms);
            }
        }
    }

    fn budget_operation(&mut self, key: &OrchestratorId) -> Operation {
        match self.below(10) {
            8 => Operation::Pause {
                until_ms: (self.below(2) == 0).then_some(self.now_ms + self.below(60_000)),
                document_json: "{}".into(),
            },
            9 => Operation::Resume,
            0 => {
                Operation::SetBudget((self.below(2) == 0).then_some(Limits::tokens([None, Some(9_000), Some(90_000)])))
            }
            1 => Operation::SetOverride(Override {
                id: format!("o{}", self.below(5)),
                period: Period::Daily,
                additional_tokens: self.below(1_000),
                additional_cost: 0,
                expires_at_ms: self.now_ms + self.below(3_600_000),
                document_json: r#"{"reason":"x"}"#.into(),
            }),
            2 => Operation::RemoveOverride { id: format!("o{}", self.below(5)) },
            3 => Operation::ClearThresholds { period: None },
            4 => Operation::Stats { period: Period::Hourly },
            5 => Operation::Sweep,
            6 => Operation::Track(self.usage()),
            _ => Operation::Reserve {
                id: ReservationId::generate(key, Periods::from(Period::Daily)),
                tokens: self.below(100),
                periods: Periods::from(Period::Daily),
                ttl_ms: 60_000,
                cost_micros: self.below(20),
            },
        }
    }

    fn signals(&mut self) -> rates::Signals {
        let reading = Reading {
            limit: Some(100),
            remaining: self.below(100),
            resets_at_ms: self.now_ms + self.below(60_000),
            sent_at_ms: self.now_ms - self.below(2_000),
        };
        let hit = rates::Hit {
            kind: rates::HitKind::Rate,
            retry_after_ms: Some(self.below(3_000)),
            jitter: self.below(1_000),
            least_ms: 0,
        };
        rates::Signals {
            sent_at_ms: 0,
            readings: if self.below(2) == 0 { vec![(Unit::Requests, reading)] } else { Vec::new() },
            hit: (self.below(6) == 0).then_some(hit),
            is_success: self.below(3) > 0,
        }
    }

    fn ask_limiter(&mut self, store: &DiskStore, key: &OrchestratorId) {
        let index = self.below(2) as usize;
        let (policy, client) = (self.terms[index].clone(), ["c1", "c2", "c3"][self.below(3) as usize]);
        let amounts = Amounts::call(self.below(300), self.below(100));
        let (limiters, now_ms) = (store.limiters(), self.now_ms);
        let mut limiter = Arc::clone(limiters).limiter(key.clone());
        let permits = self.permits.clone();
        let priority =
            [rates::Priority::Critical, rates::Priority::Normal, rates::Priority::Low][self.below(3) as usize];
        let agent = ["", "x", "y"][self.below(3) as usize];
        match self.below(12) {
            0..=4 => {
                let id = format!("p{}", self.below(100_000));
                let ask = Ask { id: &id, amounts, priority, agent, wait: self.below(2) == 0 };
                limiter.acquire(now_ms, client, &policy, &ask);
                self.permits.push(id);
            }
            5..=6 => {
                if let Some(id) = self.pick(&permits) {
                    let signals = self.signals();
                    let signals = (self.below(2) == 0).then_some(&signals);
                    limiter.settle(now_ms, client, &policy, &id, amounts, signals);
                }
            }
            7 => {
                if let Some(id) = self.pick(&permits) {
                    limiter.cancel(now_ms, client, &policy, &id);
                }
            }
            8 => drop(limiter.poll(now_ms, client, &policy)),
            9 => {
                let ask = Ask { id: "", amounts, priority, agent, wait: false };
                limiter.check(now_ms, client, &policy, &ask);
            }
            _ => {
                let operation = match self.below(8) {
                    0 => rates::Operation::View,
                    1 => rates::Operation::Allocate { agent: agent.into(), share_ppm: self.below(500_000) },
                    2 => rates::Operation::Handoff { from: "x".into(), to: "y".into() },
                    3 => rates::Operation::Pause { for_ms: self.below(2_000) },
                    4 => rates::Operation::Learn(vec![("n".into(), self.below(5))]),
                    5 => rates::Operation::Observe(self.signals()),
                    6 if self.below(4) == 0 => {
                        let terms = self.terms[0].configured.clone();
                        rates::Operation::SetTerms((self.below(2) == 0).then_some(terms))
                    }
                    _ => rates::Operation::Poll,
                };
                let batch = RateLimitBatch {
                    limiter: key.clone(),
                    policy: Arc::new(policy),
                    requests: vec![rates::Request { operation, deadline_ms: None }],
                    ticket: Ticket { client: client.into(), sequence: 1, retry: false },
                };
                limiters.apply_at(&batch, now_ms);
            }
        }
    }

    fn ask_pool(&mut self, store: &DiskStore, key: &OrchestratorId) {
        use credentials::{AnswerKind, Answered, Operation};
        let index = self.below(2) as usize;
        let policy = self.pool_policies[index].clone();
        let (pools, now_ms) = (store.pools(), self.now_ms);
        let resource = ["core", "search"][self.below(2) as usize];
        let picks = self.picks.clone();
        match self.below(8) {
            0..=2 => {
                if let Picking::Picked { credential, picked_at_ms, .. } =
                    pools.pick(key, now_ms, &policy, resource, &[])
                {
                    self.picks.push((credential.fingerprint.to_string(), picked_at_ms));
                }
            }
            3..=4 => {
                if let Some((token, at_ms)) = self.pick(&picks) {
                    let kind = [AnswerKind::Served, AnswerKind::Spent][self.below(2) as usize];
                    let reading = Reading {
                        limit: Some(50),
                        remaining: self.below(50),
                        resets_at_ms: now_ms + 60_000,
                        sent_at_ms: 0,
                    };
                    let answered =
                        Answered { kind, reading: Some(reading), retry_after_ms: None, jitter: self.below(1_000) };
                    pools.report(key, now_ms, &policy, &token, resource, at_ms, &answered);
                }
            }
            5 => {
                if let Some((token, at_ms)) = self.pick(&picks) {
                    pools.give_back(key, now_ms, &policy, &token, resource, at_ms);
                }
            }
            6 if self.below(2) == 0 => drop(pools.count(key, now_ms, &policy, resource)),
            6 => drop(pools.set_valid(key, now_ms, &policy, "t2", self.below(2) == 0)),
            _ => {
                let operation = match self.below(3) {
                    0 => Operation::Keep { fingerprint: "t9".into(), account: "eve".into(), sealed: "…".into() },
                    1 => Operation::Drop { fingerprint: "t9".into() },
                    _ => Operation::Kept,
                };
                let batch = CredentialBatch {
                    pool: key.clone(),
                    policy: Arc::new(policy),
                    requests: vec![credentials::Request { operation, deadline_ms: None }],
                    ticket: Ticket { client: "c".into(), sequence: 1, retry: false },
                };
                pools.apply_at(&batch, now_ms);
            }
        }
    }
}
