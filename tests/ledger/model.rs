//! Random operations, compared with a plain list.

use std::collections::{BTreeMap, BTreeSet};

use token_budget::store::ledger::{Distinct, GroupBy, Ledger, Outcome, Pico, Query, Record, Sums, SumsQuery, wait};

use super::{Folder, close, everything, open, paged, record, verified};

const HOUR_MS: i64 = 3_600_000;
const FIRST_MS: i64 = 1_700_000_000_000;
const SPAN_MS: i64 = 5 * 24 * HOUR_MS;

/// xorshift64*: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    fn instant(&mut self) -> i64 {
        let at_ms = FIRST_MS + self.below(SPAN_MS as u64) as i64;
        // Often at an edge.
        if self.below(3) == 0 { at_ms / HOUR_MS * HOUR_MS } else { at_ms }
    }

    fn record(&mut self) -> Record {
        let (input, output) = (self.below(9) as i64, self.below(9) as i64);
        Record {
            id: format!("r{}", self.below(3_000)),
            orchestrator_id: format!("o{}", self.below(4)),
            session_id: format!("s{}", self.below(12)),
            at_ms: self.instant(),
            model_id: format!("m{}", self.below(3)),
            provider: format!("p{}", self.below(2)),
            tool: ["", "search", "shell"][self.below(3) as usize].into(),
            input,
            output,
            total: input + output,
            input_pico: Pico(i128::from(input) * 3_000_000_000_001),
            output_pico: Pico(i128::from(output) * 7),
            currency: ["USD", "EUR"][self.below(2) as usize].into(),
            priced: self.below(5) > 0,
            extra: if self.below(4) == 0 { "{\"a\":1}".into() } else { String::new() },
        }
    }

    fn query(&mut self) -> Query {
        let (one, other) = (self.instant(), self.instant());
        let name = |named: bool, name: String| named.then_some(name);
        Query {
            start_ms: one.min(other),
            end_ms: one.max(other),
            orchestrator_id: name(self.below(3) == 0, format!("o{}", self.below(5))),
            session_id: name(self.below(4) == 0, format!("s{}", self.below(13))),
        }
    }
}

/// Key, detail, slot and currency.
type GroupKey = (String, String, Option<i64>, String);

#[derive(Default)]
struct Model(Vec<Record>);

impl Model {
    fn record(&mut self, record: &Record) -> Outcome {
        let usage = |record: &Record| Record {
            input_pico: Pico(0),
            output_pico: Pico(0),
            currency: String::new(),
            priced: false,
            ..record.clone()
        };
        match self.0.iter().find(|known| known.id == record.id) {
            Some(known) if usage(known) == usage(record) => Outcome::Known,
            Some(_) => Outcome::Conflict,
            None => {
                self.0.push(record.clone());
                Outcome::Recorded
            }
        }
    }

    fn sort(&mut self) {
        self.0.sort_by_key(|record| record.at_ms);
    }

    fn of(&self, query: &Query) -> Vec<Record> {
        let is_of = |record: &&Record| {
            (query.start_ms..=query.end_ms).contains(&record.at_ms)
                && query.orchestrator_id.as_ref().is_none_or(|id| *id == record.orchestrator_id)
                && query.session_id.as_ref().is_none_or(|id| *id == record.session_id)
        };
        self.0.iter().filter(is_of).cloned().collect()
    }

    fn sums(&self, asked: &SumsQuery) -> BTreeMap<GroupKey, Sums> {
        let mut groups = BTreeMap::new();
        for record in self.of(&asked.query) {
            let (key, detail) = match asked.group_by {
                GroupBy::None => Default::default(),
                GroupBy::Orchestrator => (record.orchestrator_id.clone(), String::new()),
                GroupBy::Session => (record.session_id.clone(), String::new()),
                GroupBy::Model => (record.model_id.clone(), record.provider.clone()),
                GroupBy::Tool => (record.tool.clone(), String::new()),
            };
            let first = asked.boundaries_ms.first().copied();
            let slot = asked.boundaries_ms.iter().copied().rfind(|boundary_ms| *boundary_ms <= record.at_ms).or(first);
            add(groups.entry((key, detail, slot, record.currency.clone())).or_default(), &record);
        }
        groups
    }
}

fn add(sums: &mut Sums, record: &Record) {
    sums.records += 1;
    sums.input += i128::from(record.input);
    sums.output += i128::from(record.output);
    sums.total += i128::from(record.total);
    sums.input_pico += record.input_pico.0;
    sums.output_pico += record.output_pico.0;
    sums.unpriced += i64::from(!record.priced);
    if record.total > sums.peak || (record.total == sums.peak && record.at_ms < sums.peak_at_ms) {
        (sums.peak, sums.peak_at_ms) = (record.total, record.at_ms);
    }
    sums.first_at_ms = sums.first_at_ms.min(record.at_ms);
    sums.last_at_ms = sums.last_at_ms.max(record.at_ms);
}

fn compare(ledger: &Ledger, model: &mut Model, random: &mut Random) {
    let groups = [GroupBy::None, GroupBy::Orchestrator, GroupBy::Session, GroupBy::Model, GroupBy::Tool];
    let query = random.query();
    let boundaries: BTreeSet<i64> = (0..random.below(6)).map(|_| random.instant()).collect();
    let group_by = groups[random.below(5) as usize];
    let asked = SumsQuery { query: query.clone(), group_by, boundaries_ms: boundaries.into_iter().collect() };
    let answered = wait(|reply| ledger.sums(asked.clone(), reply)).unwrap();
    let count = answered.len();
    let answered: BTreeMap<GroupKey, Sums> = answered
        .into_iter()
        .map(|group| ((group.key, group.detail, group.bucket_ms, group.currency), group.sums))
        .collect();
    assert_eq!(answered.len(), count);
    assert_eq!(answered, model.sums(&asked), "{asked:?}");

    model.sort();
    let expected = model.of(&query);
    assert_eq!(paged(ledger, &query, 1 + random.below(50) as usize), expected);
    for (of, field) in [
        (Distinct::Orchestrator, (|record| &record.orchestrator_id) as fn(&Record) -> &String),
        (Distinct::Session, |record| &record.session_id),
    ] {
        let distinct: BTreeSet<_> = expected.iter().map(field).collect();
        assert_eq!(wait(|reply| ledger.count_distinct(query.clone(), of, reply)).unwrap(), distinct.len());
    }
}

fn play(seed: u64, path: Option<&std::path::Path>) {
    println!("seed {seed}");
    let (mut ledger, mut model, mut random) = (open(path), Model::default(), Random(seed));
    for _ in 0..150 {
        match random.below(10) {
            0..=4 => {
                let mut records: Vec<_> = (0..random.below(40)).map(|_| random.record()).collect();
                if !model.0.is_empty() {
                    records.push(model.0[random.below(model.0.len() as u64) as usize].clone());
                }
                let expected: Vec<_> = records.iter().map(|record| model.record(record)).collect();
                assert_eq!(record(&ledger, records), expected);
            }
            5 => {
                let (at_ms, max) = (FIRST_MS + random.below(SPAN_MS as u64 / 3) as i64, 1 + random.below(30) as usize);
                model.sort();
                let old = model.0.iter().take_while(|record| record.at_ms < at_ms).count().min(max);
                assert_eq!(wait(|reply| ledger.delete_before(at_ms, max, reply)).unwrap(), old);
                model.0.drain(..old);
            }
            6 if path.is_some() => {
                close(&ledger);
                ledger = open(path);
            }
            _ => compare(&ledger, &mut model, &mut random),
        }
    }
    assert_eq!(verified(&ledger).records, model.0.len() as u64);
    model.sort();
    assert_eq!(paged(&ledger, &everything(), 1_000), model.0);
    close(&ledger);
}

/// The seed that `TOKEN_BUDGET_SEED` names, so that a run can be repeated or another one be played; without it these.
fn seeds(fixed: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    match std::env::var("TOKEN_BUDGET_SEED") {
        Ok(seed) if !seed.is_empty() => {
            let seed: u64 = seed.parse().expect("TOKEN_BUDGET_SEED: a whole number");
            // Of 0 nothing random comes.
            vec![seed.max(1)]
        }
        _ => fixed.collect(),
    }
}

#[test]
fn in_memory_as_a_list() {
    seeds(1..=3).into_iter().for_each(|seed| play(seed, None));
}

#[test]
fn on_disk_as_a_list() {
    let folder = Folder::new();
    seeds(11..=12).into_iter().for_each(|seed| play(seed, Some(&folder.file(&format!("{seed}.db")))));
}
