//! Turns a batch into one script call. `lua/credential_batch.lua` names every key and element.

use super::keys::PoolKeys;
use crate::domain::credentials::operation::{AnswerKind, Answered, Operation, Policy, Request, Reserve};
use crate::domain::tokens::MAX_TOKENS;
use crate::store::CredentialBatch;
use crate::store::redis::msgpack::Writer;
use crate::store::redis::script;
use crate::store::redis::transport::Call;

/// Numbers of operations in scripts.
mod kind {
    pub const PICK: u64 = 1;
    pub const REPORT: u64 = 2;
    pub const RETURN: u64 = 3;
    pub const SET_VALID: u64 = 4;
    pub const COUNT: u64 = 5;
    pub const VIEW: u64 = 6;
    pub const KEEP: u64 = 7;
    pub const KEPT: u64 = 8;
    pub const DROP: u64 = 9;
}

/// The script call that applies `batch`. `clock_ms`: a clock that takes the server's place; 0 is the server's.
pub fn batch_call(keys: &PoolKeys, batch: &CredentialBatch, clock_ms: u64) -> Call {
    let mut writer = Writer::with_capacity(256 + batch.policy.credentials.len() * 64 + batch.requests.len() * 64);
    let array = writer.begin_array();
    let writes = batch.requests.iter().any(|request| request.operation.writes());
    let looks_at_kept = batch.requests.iter().any(|request| kind_of(&request.operation) >= kind::KEEP);
    writer.uint(batch.ticket.sequence);
    writer.uint(u64::from(batch.ticket.retry && writes));
    writer.uint(clock_ms);
    writer.uint(u64::from(writes));
    write_policy(&mut writer, &batch.policy, looks_at_kept);
    batch.requests.iter().for_each(|request| write_request(&mut writer, request));
    writer.end_array(array);
    let keys = vec![keys.state(), keys.calls(&batch.ticket.client), keys.kept()];
    Call { script: &script::CREDENTIAL_BATCH, keys, args: vec![writer.into_bytes()] }
}

/// What a token is kept as: the account after its length, then the sealed text.
pub(super) fn kept_value(account: &str, sealed: &str) -> String {
    format!("{} {account}{sealed}", account.len())
}

fn write_policy(writer: &mut Writer, policy: &Policy, looks_at_kept: bool) {
    let (requests, ppm) = match policy.reserve {
        Reserve::Requests(requests) => (Some(requests.min(MAX_TOKENS)), 0),
        Reserve::SharePpm(ppm) => (None, ppm.min(1_000_000)),
    };
    writer.optional(requests);
    writer.uint(ppm);
    for duration_ms in [policy.cooldown_ms, policy.cooldown_max_ms, policy.request_ttl_ms] {
        writer.uint(duration_ms.min(MAX_TOKENS));
    }
    writer.uint(u64::from(looks_at_kept));
    let credentials = writer.begin_array();
    for credential in &policy.credentials {
        write_name(writer, &credential.fingerprint);
        write_name(writer, &credential.account);
        writer.uint(credential.weight.min(MAX_TOKENS));
    }
    writer.end_array(credentials);
}

fn write_request(writer: &mut Writer, request: &Request) {
    let before = writer.elements();
    let Request { operation, deadline_ms } = request;
    writer.uint(kind_of(operation));
    let size_at = writer.position();
    writer.uint(0);
    // A deadline of 0 has passed as surely as one of 1.
    writer.uint(deadline_ms.map_or(0, |deadline_ms| deadline_ms.max(1)));
    match operation {
        Operation::Pick { resource, except } => {
            write_name(writer, resource);
            let tried = writer.begin_array();
            except.iter().for_each(|fingerprint| write_name(writer, fingerprint));
            writer.end_array(tried);
        }
        Operation::Report { fingerprint, resource, picked_at_ms, result } => {
            write_name(writer, fingerprint);
            write_name(writer, resource);
            writer.uint(*picked_at_ms);
            write_answered(writer, result);
        }
        Operation::Return { fingerprint, resource, picked_at_ms } => {
            write_name(writer, fingerprint);
            write_name(writer, resource);
            writer.uint(*picked_at_ms);
        }
        Operation::SetValid { fingerprint, valid } => {
            write_name(writer, fingerprint);
            writer.uint(u64::from(*valid));
        }
        Operation::Count { resource } => write_name(writer, resource),
        Operation::View | Operation::Kept => {}
        Operation::Keep { fingerprint, account, sealed } => {
            writer.text(fingerprint);
            writer.text(&kept_value(account, sealed));
        }
        Operation::Drop { fingerprint } => writer.text(fingerprint),
    }
    writer.patch_small(size_at, (writer.elements() - before) as u8);
}

fn kind_of(operation: &Operation) -> u64 {
    match operation {
        Operation::Pick { .. } => kind::PICK,
        Operation::Report { .. } => kind::REPORT,
        Operation::Return { .. } => kind::RETURN,
        Operation::SetValid { .. } => kind::SET_VALID,
        Operation::Count { .. } => kind::COUNT,
        Operation::View => kind::VIEW,
        Operation::Keep { .. } => kind::KEEP,
        Operation::Kept => kind::KEPT,
        Operation::Drop { .. } => kind::DROP,
    }
}

fn write_answered(writer: &mut Writer, answered: &Answered) {
    writer.uint(match answered.kind {
        AnswerKind::Served => 0,
        AnswerKind::Spent => 1,
        AnswerKind::Secondary => 2,
        AnswerKind::Unauthorized => 3,
    });
    writer.optional(answered.retry_after_ms.map(|wait_ms| wait_ms.min(MAX_TOKENS)));
    writer.uint(answered.jitter);
    writer.optional(answered.reading.map(|reading| reading.remaining.min(MAX_TOKENS)));
    writer.optional(answered.reading.and_then(|reading| reading.limit).map(|limit| limit.min(MAX_TOKENS)));
    writer.uint(answered.reading.map_or(0, |reading| reading.resets_at_ms.min(MAX_TOKENS)));
    writer.uint(answered.reading.map_or(0, |reading| reading.sent_at_ms.min(MAX_TOKENS)));
}

/// Led by `=`: a table of the script whose only name is `1` would be packed as a list, and `1` found no more.
fn write_name(writer: &mut Writer, name: &str) {
    writer.text(&format!("={name}"));
}
