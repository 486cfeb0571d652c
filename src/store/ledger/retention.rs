//! Deletes what is old, in steps.

use rusqlite::{Connection, params};

use super::ids::Ids;
use super::rollup::{self, Additions, Key, Span};
use super::rows::{ROW_COLUMNS, RecordRow};

/// Records of one step: who records meanwhile waits for it.
pub const STEP_MAX: usize = 100_000;

/// Deletes up to `max` records before `at_ms`, the oldest first, and what they were summed up in. The hour in which
/// the step ends is added up anew from what is left of it, its day from its hours.
pub(super) fn delete_before(connection: &Connection, ids: &mut Ids, at_ms: i64, max: usize) -> rusqlite::Result<usize> {
    let oldest = "FROM record WHERE at_ms < ?1 ORDER BY at_ms, seq LIMIT ?2";
    let bounds = params![at_ms, max as i64];
    let sql = format!("SELECT min(at_ms), max(at_ms) FROM (SELECT at_ms {oldest})");
    let (first_ms, last_ms): (Option<i64>, Option<i64>) =
        connection.prepare_cached(&sql)?.query_row(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first_ms), Some(last_ms)) = (first_ms, last_ms) else { return Ok(0) };
    let sql = format!("SELECT id_hash, seq {oldest}");
    let mut statement = connection.prepare_cached(&sql)?;
    let entries = statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
    ids.delete(connection, entries.collect::<rusqlite::Result<_>>()?)?;
    let sql = format!("DELETE FROM record WHERE seq IN (SELECT seq {oldest})");
    let deleted = connection.prepare_cached(&sql)?.execute(bounds)?;

    let ends =
        |span: Span| (span.start_of(first_ms), span.start_of(last_ms), span.start_of(last_ms) + span.length_ms());
    let (first_hour_ms, hour_ms, hour_end_ms) = ends(Span::Hour);
    rollup::delete(connection, Span::Hour, first_hour_ms, hour_end_ms)?;
    let mut hour = Additions::default();
    let sql = format!("SELECT {ROW_COLUMNS} FROM record WHERE at_ms >= ? AND at_ms < ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![hour_ms, hour_end_ms])?;
    while let Some(row) = rows.next()? {
        hour.add(&RecordRow::of_row(row)?);
    }
    hour.write(connection)?;

    let (first_day_ms, day_ms, day_end_ms) = ends(Span::Day);
    rollup::delete(connection, Span::Day, first_day_ms, day_end_ms)?;
    let mut day = Additions::default();
    rollup::rows_of(connection, Span::Hour, day_ms, day_end_ms, |key, sums| {
        day.add_sums(Key { span: Span::Day, start_ms: day_ms, ..key }, &sums);
    })?;
    day.write(connection)?;
    Ok(deleted)
}
