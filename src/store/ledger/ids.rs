//! Finds records by their ids.
//!
//! Ids come in no order: an index of all of them would change one page for almost each record. So the ids of the last
//! records are kept in memory, and are written to the index later, many for each page. A record that stands in no index
//! yet is found by its number, when the ledger is opened or another process has written it.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::record::{Record, hash_of};
use super::rows::{RECORD_COLUMNS, record_of};

/// So many ids stay in memory: a share of all, so that several are written to each page of the index.
const KEPT_SHARE: i64 = 32;
const KEPT_MIN: i64 = 1 << 13;
const KEPT_MAX: i64 = 1 << 17;

/// At least so many are written at once.
const WRITTEN_MIN: usize = 1 << 10;

/// And not many more than that, so that nobody waits for long, where others add more than this one writes.
const WRITTEN_MAX: usize = 1 << 14;

/// Hash of an id and number of its record.
type Entry = (i64, i64);

/// Ids that the index may not have yet.
pub(super) struct Ids {
    recent: BTreeSet<Entry>,
    /// All records up to this number were taken in; `None`: none were.
    seen_seq: Option<i64>,
    progress: Progress,
    /// The last one that was written. Entries are written in their order, round by round.
    written: Entry,
    /// When this round has ended, all records up to this number are in the index.
    round_seq: i64,
}

/// Numbers that stand in the file. None is given twice, also when the record is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub last_seq: i64,
    /// All records up to this are in the index.
    pub indexed_seq: i64,
}

impl Progress {
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT last_seq, indexed_seq FROM progress WHERE id = 1")?
            .query_row([], |row| Ok(Self { last_seq: row.get(0)?, indexed_seq: row.get(1)? }))
    }

    fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "UPDATE progress SET last_seq = ?, indexed_seq = ? WHERE id = 1";
        connection.prepare_cached(sql)?.execute(params![self.last_seq, self.indexed_seq]).map(drop)
    }
}

const FIRST: Entry = (i64::MIN, i64::MIN);

impl Default for Ids {
    fn default() -> Self {
        let progress = Progress::default();
        Self { recent: BTreeSet::new(), seen_seq: None, progress, written: FIRST, round_seq: 0 }
    }
}

impl Ids {
    /// What a transaction that was given up has written is not there.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes in what was recorded before this transaction, by others as well.
    pub fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let progress = Progress::read(connection)?;
        if self.seen_seq.is_none() {
            self.round_seq = progress.last_seq;
        } else if progress.indexed_seq > self.progress.indexed_seq {
            self.recent.retain(|(_, seq)| *seq > progress.indexed_seq);
        }
        let from_seq = self.seen_seq.map_or(progress.indexed_seq, |seen| seen.max(progress.indexed_seq));
        if from_seq < progress.last_seq {
            let sql = "SELECT id_hash, seq FROM record WHERE seq > ?";
            let mut statement = connection.prepare_cached(sql)?;
            let entries = statement.query_map([from_seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for entry in entries {
                self.recent.insert(entry?);
            }
        }
        self.seen_seq = Some(progress.last_seq);
        self.progress = progress;
        Ok(())
    }

    /// The number of a new record.
    pub fn add(&mut self, hash: i64) -> i64 {
        self.progress.last_seq += 1;
        let seq = self.progress.last_seq;
        self.seen_seq = Some(seq);
        self.recent.insert((hash, seq));
        seq
    }

    /// After some records were added: writes a part of what is kept, when that is much.
    pub fn end(&mut self, connection: &Connection, added: usize) -> rusqlite::Result<()> {
        if added == 0 {
            return Ok(());
        }
        let kept_max = (self.progress.last_seq / KEPT_SHARE).clamp(KEPT_MIN, KEPT_MAX);
        let beyond = self.recent.len().saturating_sub(kept_max as usize);
        if beyond > 0 {
            self.write(connection, beyond.min(WRITTEN_MAX).max(added).max(WRITTEN_MIN))?;
        }
        self.progress.write(connection)
    }

    fn write(&mut self, connection: &Connection, count: usize) -> rusqlite::Result<()> {
        let range = (Excluded(self.written), Unbounded);
        let entries: Vec<Entry> = self.recent.range(range).take(count).copied().collect();
        // Another process, or this one before it was ended, may have written some of them.
        let sql = "INSERT OR IGNORE INTO record_id (id_hash, seq) VALUES (?, ?)";
        let mut statement = connection.prepare_cached(sql)?;
        for entry in &entries {
            statement.execute(params![entry.0, entry.1])?;
            self.recent.remove(entry);
        }
        match entries.last() {
            Some(last) if entries.len() == count => self.written = *last,
            _ => {
                self.progress.indexed_seq = self.progress.indexed_seq.max(self.round_seq);
                (self.written, self.round_seq) = (FIRST, self.progress.last_seq);
            }
        }
        Ok(())
    }

    /// Before records are deleted. Those that another process keeps in its memory it will write all the same: nothing
    /// is found under them.
    pub fn delete(&mut self, connection: &Connection, mut entries: Vec<Entry>) -> rusqlite::Result<()> {
        // In the order of the index, so that pages are touched once.
        entries.sort_unstable();
        let mut statement = connection.prepare_cached("DELETE FROM record_id WHERE id_hash = ? AND seq = ?")?;
        for entry in entries {
            statement.execute(params![entry.0, entry.1])?;
            self.recent.remove(&entry);
        }
        Ok(())
    }
}

/// Looks for ids within one transaction.
pub(super) struct Finder<'a> {
    connection: &'a Connection,
    recent: CachedStatement<'a>,
    indexed: CachedStatement<'a>,
}

impl<'a> Finder<'a> {
    pub fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        let recent = format!("SELECT {RECORD_COLUMNS} FROM record WHERE seq = ?1 AND id = ?2");
        // The index leads: without `CROSS` it would be a guess.
        let indexed = format!(
            "SELECT {RECORD_COLUMNS} FROM (SELECT seq AS found FROM record_id WHERE id_hash = ?1) CROSS JOIN record \
             ON record.seq = found WHERE id = ?2"
        );
        let recent = connection.prepare_cached(&recent)?;
        Ok(Self { connection, recent, indexed: connection.prepare_cached(&indexed)? })
    }

    /// The record that stands under an id.
    pub fn find(&mut self, ids: &Ids, id: &str) -> rusqlite::Result<Option<Record>> {
        let (connection, hash) = (self.connection, hash_of(id));
        for (_, seq) in ids.recent.range((hash, i64::MIN)..=(hash, i64::MAX)) {
            let found = self.recent.query_row(params![seq, id], |row| record_of(connection, row)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        self.indexed.query_row(params![hash, id], |row| record_of(connection, row)).optional()
    }
}
