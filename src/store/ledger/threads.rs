//! The threads of a ledger: one writes, two read.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;

use super::file::{LedgerFile, Reader};
use super::ids::{Finder, Ids};
use super::names::Names;
use super::record::Outcome;
use super::retention;
use super::rollup::Additions;
use super::rows::Inserter;
use super::tasks::{Task, Tasks};
use super::{Answer, LedgerError, Record, Reply};

const READERS: usize = 2;

/// About what one record takes in SQLite's write-ahead log: pages of sums and indices, mostly.
const RECORD_LOG_BYTES: usize = 2 << 10;
const COMMIT_LOG_BYTES: usize = 32 << 10;

pub(super) fn start(path: Option<PathBuf>, tasks: &Arc<Tasks>) -> std::io::Result<()> {
    let opened: Arc<OnceLock<Reader>> = Arc::default();
    for _ in 0..READERS {
        let (opened, of_thread) = (Arc::clone(&opened), Arc::clone(tasks));
        let reader = thread::Builder::new().name("token-budget-read".into());
        tasks.reader_started();
        let started = reader.spawn(move || read(&opened, &of_thread));
        started.inspect_err(|_| tasks.reader_ended())?;
    }
    let tasks = Arc::clone(tasks);
    let writer = thread::Builder::new().name("token-budget-ledger".into());
    writer.spawn(move || write(path, &opened, &tasks)).map(drop)
}

fn read(opened: &OnceLock<Reader>, tasks: &Tasks) {
    let mut own = None;
    while let Some((read, answer)) = tasks.next_read() {
        match (answer, opened.get()) {
            (Err(error), _) => read(Err(error)),
            (Ok(()), Some(reader)) => reader.with_snapshot(&mut own, read),
            (Ok(()), None) => read(Err(LedgerError::Closed)),
        }
    }
    // Before the writer closes the file and carries everything over.
    drop(own);
    tasks.reader_ended();
}

fn write(path: Option<PathBuf>, opened: &OnceLock<Reader>, tasks: &Tasks) {
    match LedgerFile::open(path.as_deref()) {
        Ok(file) => {
            let _ = opened.set(file.reader());
            tasks.opened(&Ok(()));
            let mut writer = Writer { file, names: Names::default(), ids: Ids::default() };
            while let Some(group) = tasks.next_writes() {
                writer.write(group);
            }
            tasks.wait_for_readers();
            writer.file.close();
        }
        Err(error) => {
            tasks.opened(&Err(error.clone()));
            while let Some(group) = tasks.next_writes() {
                group.into_iter().for_each(|task| task.refuse(error.clone()));
            }
            tasks.wait_for_readers();
        }
    }
    tasks.ended();
}

struct Writer {
    file: LedgerFile,
    names: Names,
    ids: Ids,
}

/// Records that were asked for together, and who waits for them.
type Group = Vec<(Vec<Record>, Reply<Vec<Outcome>>)>;

impl Writer {
    fn write(&mut self, tasks: Vec<Task>) {
        let mut group = Group::new();
        for task in tasks {
            match task {
                Task::Record { records, reply } => group.push((records, reply)),
                Task::Delete { at_ms, max, reply } => {
                    // In the order that was asked for.
                    self.record(std::mem::take(&mut group));
                    let Self { file, ids, .. } = &mut *self;
                    let deleted = file.commit(|connection| retention::delete_before(connection, ids, at_ms, max));
                    if deleted.is_err() {
                        self.ids.forget();
                    }
                    let count = *deleted.as_ref().unwrap_or(&0);
                    reply(deleted);
                    self.file.carry_over(COMMIT_LOG_BYTES + count * RECORD_LOG_BYTES);
                }
            }
        }
        self.record(group);
    }

    fn record(&mut self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        match self.commit(&group) {
            Ok(outcomes) => {
                let count: usize = outcomes.iter().map(Vec::len).sum();
                group.into_iter().zip(outcomes).for_each(|((_, reply), outcomes)| reply(Ok(outcomes)));
                self.file.carry_over(COMMIT_LOG_BYTES + count * RECORD_LOG_BYTES);
            }
            // What one of them cannot do must not harm the others.
            Err(LedgerError::Invalid(_)) if group.len() > 1 => {
                group.drain(..).for_each(|one| self.record(vec![one]));
            }
            Err(error) => group.into_iter().for_each(|(_, reply)| reply(Err(error.clone()))),
        }
    }

    fn commit(&mut self, group: &Group) -> Answer<Vec<Vec<Outcome>>> {
        let Self { file, names, ids } = self;
        let committed = file.commit(|connection| {
            let mut additions = Additions::default();
            let (mut finder, mut inserter) = (Finder::new(connection)?, Inserter::new(connection)?);
            let mut added = 0;
            ids.begin(connection)?;
            let mut outcomes = Vec::with_capacity(group.len());
            for (records, _) in group {
                let mut outcomes_of_one = Vec::with_capacity(records.len());
                for record in records {
                    outcomes_of_one.push(match finder.find(ids, &record.id)? {
                        Some(known) if known.is_same_usage(record) => Outcome::Known,
                        Some(_) => Outcome::Conflict,
                        None => {
                            additions.add(&inserter.insert(names, ids, record)?);
                            added += 1;
                            Outcome::Recorded
                        }
                    });
                }
                outcomes.push(outcomes_of_one);
            }
            additions.with_days().write(connection)?;
            ids.end(connection, added)?;
            Ok(outcomes)
        });
        if committed.is_err() {
            self.names.forget();
            self.ids.forget();
        }
        committed
    }
}
