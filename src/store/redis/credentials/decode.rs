//! Turns the reply of `lua/credential_batch.lua` into a receipt. An odd reply is an error, never a panic.

use redis::Value;

use crate::domain::credentials::operation::{
    Account, Fingerprint, Operation, Outcome, Receipt, ResourceView, TokenView,
};
use crate::domain::error::{OperationError, StoreError};
use crate::domain::quota::Quota;
use crate::store::CredentialBatch;
use crate::store::redis::decode::unexpected;
use crate::store::redis::msgpack::Reader;

/// What the script answered.
#[derive(Debug)]
pub struct Reply {
    /// What the server's clock showed; the receipt's instant never goes back, this one may.
    pub clock_ms: u64,
    pub receipt: Receipt,
}

type Decoded<T> = Result<T, &'static str>;

/// The reply to `batch`.
///
/// # Errors
///
/// [`StoreError`] for an error of the server, and for a reply of another form than expected.
pub fn batch_reply(batch: &CredentialBatch, value: Value) -> Result<Reply, StoreError> {
    let bytes = match value {
        Value::BulkString(bytes) => bytes,
        other => return Err(unexpected(&other)),
    };
    read_reply(batch, &bytes).map_err(|expected| StoreError::Refused {
        message: format!("the reply to a batch is not understood: expected {expected}"),
    })
}

fn read_reply(batch: &CredentialBatch, bytes: &[u8]) -> Decoded<Reply> {
    let mut reader = Reader::of_array(bytes)?;
    let _sequence = reader.uint()?;
    let clock_ms = reader.uint()?;
    let now_ms = reader.uint()?;
    let outcomes = batch.requests.iter().map(|request| read_outcome(&mut reader, batch, &request.operation));
    let outcomes = outcomes.collect::<Decoded<Vec<_>>>()?;
    Ok(Reply { clock_ms, receipt: Receipt { now_ms, outcomes } })
}

fn read_outcome(
    reader: &mut Reader<'_>,
    batch: &CredentialBatch,
    operation: &Operation,
) -> Decoded<Result<Outcome, OperationError>> {
    let outcome = match (reader.uint()?, operation) {
        (1, _) => return Ok(Err(OperationError::DeadlinePassed)),
        (2, Operation::Pick { .. }) => {
            Outcome::Exhausted { resets_at_ms: reader.uint()?, limited: reader.uint()?, invalid: reader.uint()? }
        }
        (0, Operation::Pick { .. }) => Outcome::Picked {
            fingerprint: read_picked(reader, batch)?,
            picked_at_ms: reader.uint()?,
            left: reader.optional()?,
            resets_at_ms: reader.uint()?,
        },
        (0, Operation::Count { .. }) => Outcome::Count(reader.uint()?),
        (0, Operation::View) => Outcome::View(read_view(reader, batch)?),
        (0, Operation::Kept) => Outcome::Kept(read_kept(reader)?),
        (0, _) => Outcome::Done(reader.uint()? == 1),
        _ => return Err("a known outcome"),
    };
    Ok(Ok(outcome))
}

/// A token by its number in the policy, from 1.
fn read_picked(reader: &mut Reader<'_>, batch: &CredentialBatch) -> Decoded<Fingerprint> {
    let number = reader.uint()? as usize;
    let credential = number.checked_sub(1).and_then(|position| batch.policy.credentials.get(position));
    Ok(credential.ok_or("a token of the policy")?.fingerprint.clone())
}

fn read_view(reader: &mut Reader<'_>, batch: &CredentialBatch) -> Decoded<Vec<TokenView>> {
    let views = batch.policy.credentials.iter().map(|credential| {
        let is_valid = reader.uint()? == 1;
        let mut resources = list(reader, read_resource)?;
        resources.sort_by(|a, b| a.resource.cmp(&b.resource));
        let (fingerprint, account) = (credential.fingerprint.clone(), credential.account.clone());
        Ok(TokenView { fingerprint, account, is_valid, resources })
    });
    views.collect()
}

fn read_resource(reader: &mut Reader<'_>) -> Decoded<ResourceView> {
    Ok(ResourceView {
        resource: reader.text()?.strip_prefix('=').ok_or("the name of a resource")?.into(),
        quota: Quota {
            limit: reader.uint()?,
            left: reader.uint()?,
            resets_at_ms: reader.uint()?,
            seen_at_ms: reader.uint()?,
        },
        paused_until_ms: reader.uint()?,
        under_way: reader.uint()?,
    })
}

fn read_kept(reader: &mut Reader<'_>) -> Decoded<Vec<(Fingerprint, Account, Box<str>)>> {
    let mut kept = list(reader, |reader| {
        let fingerprint = reader.text()?.into();
        let (account, sealed) = split_kept(reader.text()?).ok_or("a kept token")?;
        Ok((fingerprint, account.into(), sealed.into()))
    })?;
    kept.sort();
    Ok(kept)
}

/// The account and the sealed text, see [`kept_value`](super::encode::kept_value).
fn split_kept(value: &str) -> Option<(&str, &str)> {
    let (length, rest) = value.split_once(' ')?;
    rest.split_at_checked(length.parse().ok()?)
}

/// A count and that many items.
fn list<'a, T>(reader: &mut Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.uint()?;
    // The count is not trusted with memory: each item has to be there.
    let mut items = Vec::with_capacity(count.min(1_000) as usize);
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::super::encode::kept_value;
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        for (account, sealed) in [("ada", "v1.aaaa"), ("", ""), ("7 of 9", "x"), ("müller", "4 x")] {
            assert_eq!(split_kept(&kept_value(account, sealed)), Some((account, sealed)));
        }
        for odd in ["", "3", "x ada", "4 ada", "2 mü", "-1 a"] {
            assert_eq!(split_kept(odd), None, "{odd}");
        }
    }
}
