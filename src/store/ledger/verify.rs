//! The ledger audits itself: are the sums those of the records?

use rusqlite::{Connection, params};
use serde::Serialize;

use super::ids::Progress;
use super::rollup::{self, Additions, DAY_MS, Kind, Span};
use super::rows::{ROW_COLUMNS, RecordRow};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    pub records: u64,
    /// Rows of sums that were compared.
    pub sums: u64,
    /// Rows of sums that are not those of the records, missing or too many.
    pub wrong_sums: u64,
    /// Ids under which more than one record stands.
    pub repeated_ids: u64,
    /// Records that would not be found by their ids.
    pub unfound_ids: u64,
    /// What SQLite finds wrong with the file; empty: nothing.
    pub damage: String,
}

impl Findings {
    pub fn is_sound(&self) -> bool {
        self.wrong_sums == 0 && self.repeated_ids == 0 && self.unfound_ids == 0 && self.damage.is_empty()
    }
}

/// Day by day, so that memory stays flat.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Findings> {
    let damage: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let damage = if damage == "ok" { String::new() } else { damage };
    let (repeated_ids, unfound_ids) = (repeated_ids(connection)?, unfound_ids(connection)?);
    let mut findings = Findings { repeated_ids, unfound_ids, damage, ..Findings::default() };
    let mut from_ms = i64::MIN;
    while let Some(at_ms) = next_of_any(connection, from_ms)? {
        let day_ms = Span::Day.start_of(at_ms);
        verify_day(connection, day_ms, &mut findings)?;
        from_ms = day_ms + DAY_MS;
    }
    Ok(findings)
}

fn verify_day(connection: &Connection, day_ms: i64, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut expected = Additions::default();
    let sql = format!("SELECT {ROW_COLUMNS} FROM record WHERE at_ms >= ? AND at_ms < ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![day_ms, day_ms + DAY_MS])?;
    while let Some(row) = rows.next()? {
        expected.add(&RecordRow::of_row(row)?);
        findings.records += 1;
    }
    let mut expected = expected.with_days().into_sums();
    for span in [Span::Hour, Span::Day] {
        rollup::rows_of(connection, span, day_ms, day_ms + DAY_MS, |key, sums| {
            findings.sums += 1;
            findings.wrong_sums += u64::from(expected.remove(&key) != Some(sums));
        })?;
    }
    findings.wrong_sums += expected.len() as u64;
    Ok(())
}

/// The first instant from `from_ms` on of which there is a record or a sum.
fn next_of_any(connection: &Connection, from_ms: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT min(at_ms) FROM record WHERE at_ms >= ?";
    let mut next: Option<i64> = connection.prepare_cached(sql)?.query_row([from_ms], |row| row.get(0))?;
    let sql = "SELECT min(start) FROM rollup WHERE kind = ? AND span = ? AND start >= ?";
    let mut statement = connection.prepare_cached(sql)?;
    for kind in [Kind::Model, Kind::Tool, Kind::Session] {
        for span in [Span::Hour, Span::Day] {
            let bounds = params![kind as i64, span as i64, from_ms];
            let start: Option<i64> = statement.query_row(bounds, |row| row.get(0))?;
            next = next.into_iter().chain(start).min();
        }
    }
    Ok(next)
}

fn repeated_ids(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM record GROUP BY id_hash, id HAVING count(*) > 1)";
    count(connection, sql, [])
}

fn unfound_ids(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM record WHERE seq > ?2 OR (seq <= ?1 AND NOT EXISTS \
               (SELECT 1 FROM record_id WHERE record_id.id_hash = record.id_hash AND record_id.seq = record.seq))";
    let Progress { last_seq, indexed_seq } = Progress::read(connection)?;
    count(connection, sql, [indexed_seq, last_seq])
}

fn count(connection: &Connection, sql: &str, bounds: impl rusqlite::Params) -> rusqlite::Result<u64> {
    connection.query_row(sql, bounds, |row| row.get::<_, i64>(0)).map(|count| count as u64)
}
