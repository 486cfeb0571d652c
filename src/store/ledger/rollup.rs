//! Sums per hour and per day, kept in the transaction that writes the records.

use rusqlite::{Connection, params};

use super::record::Pico;
use super::rows::RecordRow;
use super::sums::{SUM_COLUMNS, Sums, SumsBy, add_to};

pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// How much time one row is about. In UTC: days of other zones are put together of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Span {
    Hour = 0,
    Day = 1,
}

impl Span {
    pub fn length_ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    pub fn start_of(self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.length_ms()) * self.length_ms()
    }
}

/// What is told apart beside the orchestrator. One at a time: all of them together would be as many rows as records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Model = 0,
    Tool = 1,
    Session = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub kind: Kind,
    pub span: Span,
    pub start_ms: i64,
    pub orchestrator: i64,
    pub subject: i64,
    pub currency: i64,
}

/// What one transaction adds.
#[derive(Default)]
pub(super) struct Additions(SumsBy<Key>);

impl Additions {
    /// To the sums of its hour.
    pub fn add(&mut self, row: &RecordRow) {
        let start_ms = Span::Hour.start_of(row.at_ms);
        for (kind, subject) in [(Kind::Model, row.model), (Kind::Tool, row.tool), (Kind::Session, row.session)] {
            let (orchestrator, currency) = (row.orchestrator, row.currency);
            let key = Key { kind, span: Span::Hour, start_ms, orchestrator, subject, currency };
            add_to(&mut self.0, key, &row.sums);
        }
    }

    /// The sums of hours, and of the days that they are part of.
    pub fn with_days(self) -> Self {
        let mut all = self.0.clone();
        for (key, sums) in &self.0 {
            let start_ms = Span::Day.start_of(key.start_ms);
            add_to(&mut all, Key { span: Span::Day, start_ms, ..*key }, sums);
        }
        Self(all)
    }

    pub fn add_sums(&mut self, key: Key, sums: &Sums) {
        add_to(&mut self.0, key, sums);
    }

    pub fn into_sums(self) -> SumsBy<Key> {
        self.0
    }

    pub fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO rollup (kind, span, start, orchestrator, subject, currency, {SUM_COLUMNS})
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET
               records = records + excluded.records, input = input + excluded.input,
               output = output + excluded.output, total = total + excluded.total,
               input_high = input_high + excluded.input_high, input_low = input_low + excluded.input_low,
               output_high = output_high + excluded.output_high, output_low = output_low + excluded.output_low,
               unpriced = unpriced + excluded.unpriced,
               peak_at = CASE WHEN excluded.peak > peak THEN excluded.peak_at
                 WHEN excluded.peak = peak THEN min(peak_at, excluded.peak_at) ELSE peak_at END,
               peak = max(peak, excluded.peak),
               first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        // In the order of the key, so that pages are touched once.
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_unstable_by_key(|(key, _)| {
            (key.kind as u8, key.span as u8, key.start_ms, key.orchestrator, key.subject, key.currency)
        });
        for (key, sums) in rows {
            let (input_high, input_low) = Pico(sums.input_pico).parts();
            let (output_high, output_low) = Pico(sums.output_pico).parts();
            statement.execute(params![
                key.kind as i64,
                key.span as i64,
                key.start_ms,
                key.orchestrator,
                key.subject,
                key.currency,
                sums.records,
                integer(sums.input)?,
                integer(sums.output)?,
                integer(sums.total)?,
                input_high,
                input_low,
                output_high,
                output_low,
                sums.unpriced,
                sums.peak,
                sums.peak_at_ms,
                sums.first_at_ms,
                sums.last_at_ms
            ])?;
        }
        Ok(())
    }
}

fn integer(sum: i128) -> rusqlite::Result<i64> {
    i64::try_from(sum).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The rows of one span of time, for verifying and for adding up hours to a day.
pub(super) fn rows_of(
    connection: &Connection,
    span: Span,
    from_ms: i64,
    to_ms: i64,
    mut each: impl FnMut(Key, Sums),
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT start, orchestrator, subject, currency, {SUM_COLUMNS} FROM rollup
         WHERE kind = ? AND span = ? AND start >= ? AND start < ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    for kind in [Kind::Model, Kind::Tool, Kind::Session] {
        let mut rows = statement.query(params![kind as i64, span as i64, from_ms, to_ms])?;
        while let Some(row) = rows.next()? {
            let (start_ms, orchestrator) = (row.get(0)?, row.get(1)?);
            let (subject, currency) = (row.get(2)?, row.get(3)?);
            each(Key { kind, span, start_ms, orchestrator, subject, currency }, Sums::of_row(row, 4)?);
        }
    }
    Ok(())
}

/// Deletes the rows of `[from, to)`.
pub(super) fn delete(connection: &Connection, span: Span, from_ms: i64, to_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM rollup WHERE kind = ? AND span = ? AND start >= ? AND start < ?";
    for kind in [Kind::Model, Kind::Tool, Kind::Session] {
        connection.prepare_cached(sql)?.execute(params![kind as i64, span as i64, from_ms, to_ms])?;
    }
    Ok(())
}
