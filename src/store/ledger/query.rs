//! Sums of the records that a query is about.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::names::{self, NameKind, name_of};
use super::pieces::{Source, pieces};
use super::rollup::{Kind, Span};
use super::rows::{ROW_COLUMNS, RecordRow};
use super::sums::{SUM_COLUMNS, Sums, SumsBy, add_to};

/// Slots of one query.
const BOUNDARIES_MAX: usize = 100_000;

/// Which records: both ends are included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    pub start_ms: i64,
    pub end_ms: i64,
    #[serde(default)]
    pub orchestrator_id: Option<String>,
    #[serde(default)]
    pub session_id: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    #[default]
    None,
    Orchestrator,
    Session,
    Model,
    Tool,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distinct {
    Orchestrator,
    Session,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SumsQuery {
    #[serde(flatten)]
    pub query: Query,
    pub group_by: GroupBy,
    /// Ascending: slot i is `[b(i), b(i+1))`, the last one ends with the query. What is before the first counts to it.
    #[serde(default)]
    pub boundaries_ms: Vec<i64>,
}

impl SumsQuery {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.boundaries_ms.len() > BOUNDARIES_MAX {
            return Err(format!("boundariesMs: expected up to {BOUNDARIES_MAX}"));
        }
        if !self.boundaries_ms.is_sorted_by(|one, next| one < next) {
            return Err("boundariesMs: expected ascending instants".to_owned());
        }
        Ok(())
    }
}

/// Sums of one key, currency and slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub key: String,
    /// Of models: the provider.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_ms: Option<i64>,
    pub currency: String,
    #[serde(flatten)]
    pub sums: Sums,
}

/// A query with what it names looked up.
struct Found {
    from_ms: i64,
    /// Not included.
    to_ms: i64,
    orchestrator: Option<i64>,
    session: Option<i64>,
}

impl Found {
    /// `None`: there are no such records.
    fn new(connection: &Connection, query: &Query) -> rusqlite::Result<Option<Self>> {
        let find = |kind, name: &Option<String>| match name {
            Some(name) => names::find(connection, kind, name, "").map(|id| id.map(Some)),
            None => Ok(Some(None)),
        };
        let orchestrator = find(NameKind::Orchestrator, &query.orchestrator_id)?;
        let session = find(NameKind::Session, &query.session_id)?;
        // Each looked up by itself, which takes one step of the index.
        let end = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0));
        let (first, last) = (end("SELECT min(at_ms) FROM record")?, end("SELECT max(at_ms) FROM record")?);
        let (Some(orchestrator), Some(session), Some(first), Some(last)) = (orchestrator, session, first, last) else {
            return Ok(None);
        };
        // Whole hours beyond the records keep the sums of hours and days in use.
        let (from_ms, to_ms) = (Span::Day.start_of(first), Span::Day.start_of(last) + Span::Day.length_ms());
        let (from_ms, to_ms) = (query.start_ms.max(from_ms), query.end_ms.saturating_add(1).min(to_ms));
        Ok((from_ms < to_ms).then_some(Self { from_ms, to_ms, orchestrator, session }))
    }

    /// Each slot that has a part in it, with its boundary.
    fn slots(&self, boundaries_ms: &[i64]) -> Vec<(Option<i64>, i64, i64)> {
        if boundaries_ms.is_empty() {
            return vec![(None, self.from_ms, self.to_ms)];
        }
        let ends = boundaries_ms.iter().skip(1).copied().chain([i64::MAX]);
        let slots = boundaries_ms.iter().zip(ends).enumerate().map(|(index, (&boundary_ms, end_ms))| {
            let from_ms = if index == 0 { self.from_ms } else { boundary_ms.max(self.from_ms) };
            (Some(boundary_ms), from_ms, end_ms.min(self.to_ms))
        });
        slots.filter(|(_, from_ms, to_ms)| from_ms < to_ms).collect()
    }

    /// Calls with the subject of each row, its currency and its sums.
    fn read(
        &self,
        connection: &Connection,
        group_by: GroupBy,
        (from_ms, to_ms): (i64, i64),
        each: &mut impl FnMut(i64, i64, &Sums),
    ) -> rusqlite::Result<()> {
        if self.session.is_some() {
            return self.read_records(connection, group_by, from_ms, to_ms, each);
        }
        for piece in pieces(from_ms, to_ms) {
            let (from_ms, to_ms) = (piece.from_ms, piece.to_ms);
            match piece.source {
                Source::Records => self.read_records(connection, group_by, from_ms, to_ms, each)?,
                Source::Rollup(span) => self.read_rollup(connection, group_by, span, (from_ms, to_ms), each)?,
            }
        }
        Ok(())
    }

    fn read_records(
        &self,
        connection: &Connection,
        group_by: GroupBy,
        from_ms: i64,
        to_ms: i64,
        each: &mut impl FnMut(i64, i64, &Sums),
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT {ROW_COLUMNS} FROM record WHERE at_ms >= ?1 AND at_ms < ?2");
        let (sql, only) = match (self.session, self.orchestrator) {
            (Some(session), _) => (format!("{sql} AND session = ?3"), Some(session)),
            (None, Some(orchestrator)) => (format!("{sql} AND orchestrator = ?3"), Some(orchestrator)),
            (None, None) => (sql, None),
        };
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = match only {
            Some(only) => statement.query(params![from_ms, to_ms, only])?,
            None => statement.query(params![from_ms, to_ms])?,
        };
        while let Some(row) = rows.next()? {
            let row = RecordRow::of_row(row)?;
            if self.orchestrator.is_none_or(|orchestrator| orchestrator == row.orchestrator) {
                let subject = match group_by {
                    GroupBy::None => 0,
                    GroupBy::Orchestrator => row.orchestrator,
                    GroupBy::Session => row.session,
                    GroupBy::Model => row.model,
                    GroupBy::Tool => row.tool,
                };
                each(subject, row.currency, &row.sums);
            }
        }
        Ok(())
    }

    fn read_rollup(
        &self,
        connection: &Connection,
        group_by: GroupBy,
        span: Span,
        (from_ms, to_ms): (i64, i64),
        each: &mut impl FnMut(i64, i64, &Sums),
    ) -> rusqlite::Result<()> {
        let (kind, column) = match group_by {
            // There are fewest of them.
            GroupBy::None => (Kind::Model, "0"),
            GroupBy::Orchestrator => (Kind::Model, "orchestrator"),
            GroupBy::Session => (Kind::Session, "subject"),
            GroupBy::Model => (Kind::Model, "subject"),
            GroupBy::Tool => (Kind::Tool, "subject"),
        };
        let sql = format!("SELECT {column}, currency, {SUM_COLUMNS} FROM rollup WHERE kind = ?1 AND span = ?2");
        let mut take = |rows: &mut rusqlite::Rows<'_>| {
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get(1)?, &Sums::of_row(row, 2)?);
            }
            rusqlite::Result::Ok(())
        };
        let Some(orchestrator) = self.orchestrator else {
            let mut statement = connection.prepare_cached(&format!("{sql} AND start >= ?3 AND start < ?4"))?;
            return take(&mut statement.query(params![kind as i64, span as i64, from_ms, to_ms])?);
        };
        // One step of the key for each hour or day, past the rows of all others.
        let mut statement = connection.prepare_cached(&format!("{sql} AND start = ?3 AND orchestrator = ?4"))?;
        let mut start_ms = from_ms;
        while start_ms < to_ms {
            take(&mut statement.query(params![kind as i64, span as i64, start_ms, orchestrator])?)?;
            start_ms += span.length_ms();
        }
        Ok(())
    }
}

pub(super) fn sums(connection: &Connection, asked: &SumsQuery) -> rusqlite::Result<Vec<Group>> {
    let Some(found) = Found::new(connection, &asked.query)? else { return Ok(Vec::new()) };
    let mut groups = Vec::new();
    let mut known: BTreeMap<i64, (String, String)> = BTreeMap::new();
    let mut named = |id: i64| -> rusqlite::Result<(String, String)> {
        if let Some(name) = known.get(&id) {
            return Ok(name.clone());
        }
        let name = name_of(connection, id)?;
        known.insert(id, name.clone());
        Ok(name)
    };
    for (bucket_ms, from_ms, to_ms) in found.slots(&asked.boundaries_ms) {
        let mut by: SumsBy<(i64, i64)> = SumsBy::default();
        let mut add = |subject, currency, sums: &Sums| add_to(&mut by, (subject, currency), sums);
        found.read(connection, asked.group_by, (from_ms, to_ms), &mut add)?;
        let first = groups.len();
        for ((subject, currency), sums) in by {
            let (key, detail) = if subject == 0 { Default::default() } else { named(subject)? };
            groups.push(Group { key, detail, bucket_ms, currency: named(currency)?.0, sums });
        }
        let order = |group: &Group| (group.key.clone(), group.detail.clone(), group.currency.clone());
        groups[first..].sort_by_cached_key(order);
    }
    Ok(groups)
}

pub(super) fn count_distinct(connection: &Connection, query: &Query, of: Distinct) -> rusqlite::Result<usize> {
    let Some(found) = Found::new(connection, query)? else { return Ok(0) };
    let group_by = match of {
        Distinct::Orchestrator => GroupBy::Orchestrator,
        Distinct::Session => GroupBy::Session,
    };
    let mut seen = HashSet::new();
    found.read(connection, group_by, (found.from_ms, found.to_ms), &mut |subject, _, _| {
        seen.insert(subject);
    })?;
    Ok(seen.len())
}
