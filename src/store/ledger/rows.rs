//! Rows of records.

use rusqlite::{CachedStatement, Connection, Row, params};

use super::ids::Ids;
use super::names::{NameKind, Names, name_of};
use super::record::{Pico, Record, hash_of};
use super::sums::Sums;

/// What is added up of a record.
pub(super) struct RecordRow {
    pub at_ms: i64,
    pub orchestrator: i64,
    pub session: i64,
    pub model: i64,
    pub tool: i64,
    pub currency: i64,
    pub sums: Sums,
}

/// The columns that [`RecordRow::of_row`] reads.
pub(super) const ROW_COLUMNS: &str = "at_ms, orchestrator, session, model, tool, currency, input, output, total, \
                                      input_high, input_low, output_high, output_low, priced";

impl RecordRow {
    pub fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let column = |index: usize| row.get::<_, i64>(index);
        let (at_ms, total) = (column(0)?, column(8)?);
        let sums = Sums {
            records: 1,
            input: i128::from(column(6)?),
            output: i128::from(column(7)?),
            total: i128::from(total),
            input_pico: Pico::of_parts(column(9)?, column(10)?).0,
            output_pico: Pico::of_parts(column(11)?, column(12)?).0,
            unpriced: i64::from(column(13)? == 0),
            peak: total,
            peak_at_ms: at_ms,
            first_at_ms: at_ms,
            last_at_ms: at_ms,
        };
        Ok(Self {
            at_ms,
            orchestrator: column(1)?,
            session: column(2)?,
            model: column(3)?,
            tool: column(4)?,
            currency: column(5)?,
            sums,
        })
    }
}

/// Writes records within one transaction.
pub(super) struct Inserter<'a> {
    connection: &'a Connection,
    insert: CachedStatement<'a>,
}

impl<'a> Inserter<'a> {
    pub fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        let insert = "INSERT INTO record (seq, id_hash, id, at_ms, orchestrator, session, model, tool, input, output, \
                      total, input_high, input_low, output_high, output_low, currency, priced, extra) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        Ok(Self { connection, insert: connection.prepare_cached(insert)? })
    }

    /// Writes a record that is not there yet.
    pub fn insert(&mut self, names: &mut Names, ids: &mut Ids, record: &Record) -> rusqlite::Result<RecordRow> {
        let connection = self.connection;
        let row = RecordRow {
            at_ms: record.at_ms,
            orchestrator: names.id(connection, NameKind::Orchestrator, &record.orchestrator_id)?,
            session: names.id(connection, NameKind::Session, &record.session_id)?,
            model: names.model(connection, &record.model_id, &record.provider)?,
            tool: names.id(connection, NameKind::Tool, &record.tool)?,
            currency: names.id(connection, NameKind::Currency, &record.currency)?,
            sums: Sums::of(record),
        };
        let (input_high, input_low) = record.input_pico.parts();
        let (output_high, output_low) = record.output_pico.parts();
        let id_hash = hash_of(&record.id);
        self.insert.execute(params![
            ids.add(id_hash),
            id_hash,
            record.id,
            row.at_ms,
            row.orchestrator,
            row.session,
            row.model,
            row.tool,
            record.input,
            record.output,
            record.total,
            input_high,
            input_low,
            output_high,
            output_low,
            row.currency,
            record.priced,
            record.extra
        ])?;
        Ok(row)
    }
}

/// The columns that [`record_of`] reads.
pub(super) const RECORD_COLUMNS: &str = "id, at_ms, orchestrator, session, model, tool, input, output, total, \
                                         input_high, input_low, output_high, output_low, currency, priced, extra, seq";

/// Where the number of a record stands among [`RECORD_COLUMNS`].
pub(super) const SEQ_COLUMN: usize = 16;

/// A whole record, with its names.
pub(super) fn record_of(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Record> {
    let name = |index: usize| row.get(index).and_then(|id| name_of(connection, id));
    let (model_id, provider) = name(4)?;
    Ok(Record {
        id: row.get(0)?,
        orchestrator_id: name(2)?.0,
        session_id: name(3)?.0,
        at_ms: row.get(1)?,
        model_id,
        provider,
        tool: name(5)?.0,
        input: row.get(6)?,
        output: row.get(7)?,
        total: row.get(8)?,
        input_pico: Pico::of_parts(row.get(9)?, row.get(10)?),
        output_pico: Pico::of_parts(row.get(11)?, row.get(12)?),
        currency: name(13)?.0,
        priced: row.get(14)?,
        extra: row.get(15)?,
    })
}
