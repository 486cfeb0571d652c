//! Records, page by page.

use rusqlite::{Connection, ToSql};
use serde::Serialize;

use super::names::{self, NameKind};
use super::query::Query;
use super::record::Record;
use super::rows::{RECORD_COLUMNS, SEQ_COLUMN, record_of};

/// Records of one page.
pub const PAGE_MAX: usize = 10_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    pub records: Vec<Record>,
    /// What to ask the next page with; `None`: there is no more.
    pub next: Option<String>,
}

pub(super) struct Asked {
    query: Query,
    /// Instant and number of the last record of the page before.
    after: (i64, i64),
    limit: usize,
}

impl Asked {
    pub fn new(query: Query, after: Option<&str>, limit: usize) -> Result<Self, String> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(format!("limit: expected an integer from 1 to {PAGE_MAX}"));
        }
        let read = |after: &str| {
            let (at_ms, seq) = after.split_once(':')?;
            Some((at_ms.parse().ok()?, seq.parse().ok()?))
        };
        let after = match after {
            None => (i64::MIN, i64::MIN),
            Some(after) => read(after).ok_or("after: expected what the page before ended with")?,
        };
        Ok(Self { query, after, limit })
    }
}

pub(super) fn read(connection: &Connection, asked: &Asked) -> rusqlite::Result<Page> {
    let Asked { query, after: (after_ms, after_seq), limit } = asked;
    let limit_and_one = (limit + 1) as i64;
    let mut sql =
        format!("SELECT {RECORD_COLUMNS} FROM record WHERE at_ms >= ? AND at_ms <= ? AND (at_ms, seq) > (?, ?)");
    let start_ms = query.start_ms.max(*after_ms);
    let mut values: Vec<i64> = vec![start_ms, query.end_ms, *after_ms, *after_seq];
    let filters = [
        (NameKind::Session, &query.session_id, " AND session = ?"),
        (NameKind::Orchestrator, &query.orchestrator_id, " AND orchestrator = ?"),
    ];
    for (kind, name, condition) in filters {
        let Some(name) = name else { continue };
        let Some(id) = names::find(connection, kind, name, "")? else { return Ok(Page::default()) };
        sql.push_str(condition);
        values.push(id);
    }
    sql.push_str(" ORDER BY at_ms, seq LIMIT ?");
    values.push(limit_and_one);
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*values)?;
    let (mut page, mut last) = (Page::default(), (0, 0));
    while let Some(row) = rows.next()? {
        if page.records.len() == *limit {
            page.next = Some(format!("{}:{}", last.0, last.1));
            break;
        }
        let record = record_of(connection, row)?;
        last = (record.at_ms, row.get::<_, i64>(SEQ_COLUMN)?);
        page.records.push(record);
    }
    Ok(page)
}
