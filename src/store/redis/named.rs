//! What the operations of a batch name, and the keys that it needs for that, in the order of `lua/budget_batch.lua`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::keys::OrchestratorKeys;
use crate::domain::identifier::ReservationId;
use crate::domain::operation::{Operation, Override, Request};
use crate::domain::period::Period;
use crate::domain::usage::Usage;
use crate::store::Batch;

/// Keys in front of those of reservations.
const FIXED_KEYS: usize = 9;

/// What the operations of a batch name, each once.
pub(super) struct Named<'a> {
    /// Reservations and the number of the first key of each.
    pub slots: HashMap<&'a str, usize>,
    reservations: Vec<&'a ReservationId>,
    pub reservation_keys: usize,
    /// Request ids and their numbers.
    pub request_numbers: HashMap<&'a str, usize>,
    pub request_ids: Vec<&'a str>,
    pub writes: bool,
    /// Whether anything costs money: each amount of tokens is followed by one of money then.
    pub costs: Costs,
}

impl<'a> Named<'a> {
    pub fn of(batch: &'a Batch) -> Self {
        let mut named = Self {
            slots: HashMap::new(),
            reservations: Vec::new(),
            reservation_keys: 0,
            request_numbers: HashMap::new(),
            request_ids: Vec::new(),
            writes: false,
            costs: Costs::Nothing,
        };
        for Request { operation, .. } in &batch.requests {
            named.writes |= operation.writes();
            named.costs = named.costs.max(costs(operation));
            match operation {
                Operation::Reserve { id, .. } => named.add_reservation(id),
                Operation::Settle { id, usage } => {
                    named.add_reservation(id);
                    usage.iter().for_each(|usage| named.add_request_id(usage));
                }
                Operation::SettleUnheld { id, usage } => {
                    named.add_name(id.mark());
                    usage.iter().for_each(|usage| named.add_request_id(usage));
                }
                Operation::Track(usage) => named.add_request_id(usage),
                _ => {}
            }
        }
        named
    }

    pub fn has_costs(&self) -> bool {
        self.costs > Costs::Nothing
    }

    fn add_reservation(&mut self, id: &'a ReservationId) {
        let next_slot = FIXED_KEYS + 1 + self.reservation_keys;
        if let Entry::Vacant(vacant) = self.slots.entry(id.as_str()) {
            vacant.insert(next_slot);
            self.reservations.push(id);
            self.reservation_keys += id.periods().iter().count();
        }
    }

    fn add_request_id(&mut self, usage: &'a Usage) {
        usage.request_id.iter().for_each(|request_id| self.add_name(request_id));
    }

    /// A request id, or a mark that stands among them.
    fn add_name(&mut self, request_id: &'a str) {
        let next_number = self.request_ids.len() + 1;
        if let Entry::Vacant(vacant) = self.request_numbers.entry(request_id) {
            vacant.insert(next_number);
            self.request_ids.push(request_id);
        }
    }
}

/// What is known of the money of a batch before the server has looked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Costs {
    Nothing,
    /// A reservation ends, and it may hold money.
    AsHeld,
    Something,
}

fn costs(operation: &Operation) -> Costs {
    let cost_micros = match operation {
        Operation::Settle { usage: Some(usage), .. } if usage.costs_as_held => return Costs::AsHeld,
        Operation::Reserve { cost_micros, .. } => *cost_micros,
        Operation::Settle { usage: Some(usage), .. }
        | Operation::SettleUnheld { usage: Some(usage), .. }
        | Operation::Track(usage) => usage.cost_micros,
        _ => 0,
    };
    if cost_micros > 0 { Costs::Something } else { Costs::Nothing }
}

pub(super) struct KeyList {
    pub all: Vec<Vec<u8>>,
    /// The number of the first key of money, 0 when nothing costs any.
    pub costs_from: usize,
    /// The number of the first key of an override.
    pub overrides_from: usize,
}

pub(super) fn key_list(keys: &OrchestratorKeys, batch: &Batch, named: &Named<'_>) -> KeyList {
    let mut list = Vec::with_capacity(FIXED_KEYS + 6 + named.reservation_keys);
    list.extend([keys.state(), keys.limits(), keys.overrides()]);
    list.extend(Period::ALL.map(|period| keys.usage(period)));
    list.extend(Period::ALL.map(|period| keys.reserved_total(period)));
    for id in &named.reservations {
        list.extend(id.periods().iter().map(|period| keys.reservation(period, id)));
    }
    list.push(keys.calls(&batch.ticket.client));
    list.push(keys.pending());
    list.extend(Period::ALL.map(|period| keys.history(period)));
    if !named.request_ids.is_empty() {
        list.extend(keys.requests());
    }
    let costs_from = if named.has_costs() { list.len() + 1 } else { 0 };
    if named.has_costs() {
        list.extend(Period::ALL.map(|period| keys.cost_usage(period)));
    }
    let overrides_from = list.len() + 1;
    for id in batch.requests.iter().filter_map(|request| override_id(&request.operation)) {
        list.extend(Period::ALL.map(|period| keys.override_document(period, id)));
    }
    KeyList { all: list, costs_from, overrides_from }
}

pub(super) fn override_id(operation: &Operation) -> Option<&str> {
    match operation {
        Operation::SetOverride(Override { id, .. }) | Operation::RemoveOverride { id } => Some(id),
        _ => None,
    }
}
