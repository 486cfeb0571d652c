//! What is written in one transaction.

use rusqlite::{Transaction, params};

use super::checksum::crc32;
use super::rows::{StateOf, head};

/// A transaction that is being written.
pub(super) struct Written<'t>(pub &'t Transaction<'t>);

impl Written<'_> {
    /// Something that is seldom done.
    pub fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.0.execute(sql, []).map(drop)
    }

    pub fn put_part(&self, of: &StateOf<'_>, part: usize, parts: usize, bytes: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO state (kind, key, seq, part, parts, crc, state) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let head = head::state(of.kind, of.key, of.seq, part as u32, parts as u32);
        let row = params![of.kind, of.key, of.seq as i64, part as i64, parts as i64, crc32(&head, bytes), bytes];
        self.0.prepare_cached(sql)?.execute(row).map(drop)
    }

    /// Deletes up to `count` parts of the state as it was before. Answers whether there may be more.
    pub fn delete_states_before(&self, of: &StateOf<'_>, count: usize) -> rusqlite::Result<bool> {
        let stale = "SELECT rowid FROM state WHERE kind = ?1 AND key = ?2 AND seq < ?3 LIMIT ?4";
        let sql = format!("DELETE FROM state WHERE rowid IN ({stale})");
        let bounds = params![of.kind, of.key, of.seq as i64, count as i64];
        Ok(self.0.prepare_cached(&sql)?.execute(bounds)? == count)
    }

    /// Replaces: a commit that is tried again may have been there already.
    pub fn put_log(&self, first_seq: u64, last_seq: u64, entries: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO log (first_seq, last_seq, crc, entries) VALUES (?, ?, ?, ?)";
        let row = params![first_seq as i64, last_seq as i64, crc32(&head::log(first_seq, last_seq), entries), entries];
        self.0.prepare_cached(sql)?.execute(row).map(drop)
    }

    /// Deletes up to `count` of the rows whose entries are all older than `seq`. Answers the bytes of their
    /// entries; `None`: there was none.
    pub fn delete_log(&self, before_seq: u64, count: usize) -> rusqlite::Result<Option<usize>> {
        let oldest = "SELECT first_seq FROM log WHERE last_seq < ?1 ORDER BY first_seq LIMIT ?2";
        let sum = format!("SELECT sum(length(entries)) FROM log WHERE first_seq IN ({oldest})");
        let bounds = params![before_seq as i64, count as i64];
        let bytes: Option<i64> = self.0.prepare_cached(&sum)?.query_row(bounds, |row| row.get(0))?;
        if bytes.is_some() {
            self.0.prepare_cached(&format!("DELETE FROM log WHERE first_seq IN ({oldest})"))?.execute(bounds)?;
        }
        Ok(bytes.map(|bytes| bytes as usize))
    }

    /// The first entry that is still there, needed or not.
    pub fn first_logged_seq(&self) -> rusqlite::Result<Option<u64>> {
        let first: Option<i64> =
            self.0.prepare_cached("SELECT min(first_seq) FROM log")?.query_row([], |row| row.get(0))?;
        Ok(first.map(|seq| seq as u64))
    }

    pub fn put_policy(&self, id: u32, kind: u8, policy: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO policy (id, kind, crc, policy) VALUES (?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![id, kind, crc32(&head::policy(id, kind), policy), policy]).map(drop)
    }

    pub fn delete_policy(&self, id: u32) -> rusqlite::Result<()> {
        self.0.prepare_cached("DELETE FROM policy WHERE id = ?")?.execute(params![id]).map(drop)
    }
}
