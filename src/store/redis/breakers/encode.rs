//! Turns a batch into one script call. `lua/breaker_batch.lua` names every key and element.

use super::keys::BreakerKeys;
use crate::domain::breakers::operation::{FOREVER_MS, Mode, Operation, Policy, Request, State, View};
use crate::store::BreakerBatch;
use crate::store::redis::msgpack::Writer;
use crate::store::redis::script;
use crate::store::redis::transport::Call;

/// The script call that applies `batch`. `channel`: where news is published. `clock_ms`: a clock that takes the
/// server's place; 0 is the server's.
pub fn batch_call(keys: &BreakerKeys, channel: &str, batch: &BreakerBatch, clock_ms: u64) -> Call {
    let mut writer = Writer::with_capacity(192 + batch.requests.len() * 64);
    let array = writer.begin_array();
    let writes = batch.requests.iter().any(|request| request.operation.writes());
    writer.uint(batch.ticket.sequence);
    writer.uint(u64::from(batch.ticket.retry && writes));
    writer.uint(clock_ms);
    writer.uint(u64::from(writes));
    write_policy(&mut writer, &batch.policy);
    writer.text(channel);
    writer.text(batch.breaker.encoded());
    batch.requests.iter().for_each(|request| write_request(&mut writer, request));
    writer.end_array(array);
    let keys = vec![keys.state(), keys.calls(&batch.ticket.client)];
    Call { script: &script::BREAKER_BATCH, keys, args: vec![writer.into_bytes()] }
}

fn write_policy(writer: &mut Writer, policy: &Policy) {
    let mode = match policy.mode {
        Mode::Consecutive { threshold } => [0, threshold, 0, 0],
        Mode::Sampling { threshold_ppm, minimum, window_ms } => [1, threshold_ppm, minimum, window_ms],
    };
    let times = [policy.reset_after_ms, policy.reset_after_max_ms, policy.growth_permille];
    let probes = [policy.successes_to_close, policy.probe_ttl_ms];
    mode.into_iter().chain(times).chain(probes).for_each(|number| write(writer, number));
}

fn write_request(writer: &mut Writer, request: &Request) {
    let before = writer.elements();
    let Request { operation, deadline_ms } = request;
    writer.uint(match operation {
        Operation::View => 1,
        Operation::Record { .. } => 2,
        Operation::Probe { .. } => 3,
        Operation::Probed { .. } => 4,
        Operation::Force { .. } => 5,
        Operation::Restore { .. } => 6,
    });
    let size_at = writer.position();
    writer.uint(0);
    // A deadline of 0 has passed as surely as one of 1.
    writer.uint(deadline_ms.map_or(0, |deadline_ms| deadline_ms.clamp(1, FOREVER_MS)));
    match operation {
        Operation::View => {}
        Operation::Record { successes, failures, reset_in_ms } => {
            write(writer, *successes);
            write(writer, *failures);
            write_optional(writer, *reset_in_ms);
        }
        Operation::Probe { holder } => writer.text(holder),
        Operation::Probed { holder, succeeded, reset_in_ms } => {
            writer.text(holder);
            writer.optional(succeeded.map(u64::from));
            write_optional(writer, *reset_in_ms);
        }
        Operation::Force { state, for_ms } => {
            writer.uint(state_number(*state));
            write_optional(writer, *for_ms);
        }
        Operation::Restore { view } => write_view(writer, view),
    }
    writer.patch_small(size_at, (writer.elements() - before) as u8);
}

fn write_view(writer: &mut Writer, view: &View) {
    writer.uint(state_number(view.state));
    for number in [view.failures, view.successes, view.opened_at_ms, view.open_until_ms, view.openings] {
        write(writer, number);
    }
}

fn state_number(state: State) -> u64 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
    }
}

/// Scripts hold numbers up to 2^53 - 1.
fn write(writer: &mut Writer, number: u64) {
    writer.uint(number.min(FOREVER_MS));
}

fn write_optional(writer: &mut Writer, number: Option<u64>) {
    writer.optional(number.map(|number| number.min(FOREVER_MS)));
}
