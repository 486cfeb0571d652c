//! Names as numbers: each is written once.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::{Connection, OptionalExtension, params};

/// What a name is of. Numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum NameKind {
    Orchestrator = 0,
    Session = 1,
    /// With its provider as the detail.
    Model = 2,
    Tool = 3,
    Currency = 4,
}

const KINDS: usize = 5;

/// More are forgotten, and looked up again.
const KNOWN_MAX: usize = 100_000;

/// Numbers of names that were met lately.
#[derive(Default)]
pub(super) struct Names {
    known: [HashMap<String, i64>; KINDS],
    /// A model and its provider, put together.
    both: String,
    count: usize,
}

impl Names {
    /// What a transaction that was given up has written is not there.
    pub fn forget(&mut self) {
        self.known.iter_mut().for_each(HashMap::clear);
        self.count = 0;
    }

    pub fn id(&mut self, connection: &Connection, kind: NameKind, name: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.known[kind as usize].get(name) {
            return Ok(*id);
        }
        let id = find_or_write(connection, kind, name, "")?;
        self.learn(kind, name.to_owned(), id);
        Ok(id)
    }

    pub fn model(&mut self, connection: &Connection, model: &str, provider: &str) -> rusqlite::Result<i64> {
        self.both.clear();
        let _ = write!(self.both, "{}:", model.len());
        self.both.push_str(model);
        self.both.push_str(provider);
        if let Some(id) = self.known[NameKind::Model as usize].get(&self.both) {
            return Ok(*id);
        }
        let id = find_or_write(connection, NameKind::Model, model, provider)?;
        self.learn(NameKind::Model, self.both.clone(), id);
        Ok(id)
    }

    fn learn(&mut self, kind: NameKind, name: String, id: i64) {
        if self.count >= KNOWN_MAX {
            self.forget();
        }
        self.count += 1;
        self.known[kind as usize].insert(name, id);
    }
}

fn find_or_write(connection: &Connection, kind: NameKind, name: &str, detail: &str) -> rusqlite::Result<i64> {
    if let Some(id) = find(connection, kind, name, detail)? {
        return Ok(id);
    }
    let sql = "INSERT INTO name (kind, name, detail) VALUES (?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![kind as i64, name, detail])?;
    Ok(connection.last_insert_rowid())
}

/// `None`: nothing was recorded under it.
pub(super) fn find(connection: &Connection, kind: NameKind, name: &str, detail: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM name WHERE kind = ? AND name = ? AND detail = ?";
    connection.prepare_cached(sql)?.query_row(params![kind as i64, name, detail], |row| row.get(0)).optional()
}

/// A name and its detail.
pub(super) fn name_of(connection: &Connection, id: i64) -> rusqlite::Result<(String, String)> {
    let sql = "SELECT name, detail FROM name WHERE id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}
