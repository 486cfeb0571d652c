//! Lists, page by page.

use super::ShardState;
use super::table::Key;
use super::timer::Kept;
use crate::domain::timers::operation::{LIST_LOOKS_MAX, Outcome, Policy, Status};

impl ShardState {
    #[expect(clippy::too_many_arguments, reason = "what a list is asked for")]
    pub(super) fn list(
        &self,
        now_ms: u64,
        policy: &Policy,
        status: Option<Status>,
        name: Option<&str>,
        owner: Option<&str>,
        after: &str,
        limit: u64,
    ) -> Outcome {
        let has_ended = matches!(status, Some(Status::Fired | Status::Cancelled));
        let listed: Box<dyn Iterator<Item = (&Key, &Kept)>> = match (owner, name) {
            (Some(owner), _) if !owner.is_empty() => Box::new(self.timers.of_owner(owner, after)),
            (_, Some(name)) => Box::new(self.timers.with_name(name, after)),
            _ if has_ended => Box::new(self.timers.table.over_after(after)),
            _ => Box::new(self.timers.table.after(after)),
        };
        let matches = |timer: &Kept| {
            status.is_none_or(|status| timer.status == status)
                && name.is_none_or(|name| &*timer.name == name)
                && owner.is_none_or(|owner| &*timer.owner == owner)
        };
        let mut present = listed.filter(|(_, timer)| timer.is_present(now_ms, policy.keep_ended_ms)).peekable();
        let mut timers = Vec::new();
        let mut next: &str = "";
        let mut looks = 0;
        while looks < LIST_LOOKS_MAX && (timers.len() as u64) < limit.max(1) {
            let Some((id, timer)) = present.next() else { break };
            looks += 1;
            if matches(timer) {
                timers.push(timer.view(id));
            }
            next = id;
        }
        let is_all = present.peek().is_none();
        Outcome::Timers { timers, next: if is_all { "" } else { next }.into() }
    }

    /// Up to [`LIST_LOOKS_MAX`] of a kind.
    pub(super) fn list_deliveries(&self, now_ms: u64, policy: &Policy, dead: bool, after: &str, limit: u64) -> Outcome {
        let of_kind = self
            .deliveries
            .after(after)
            .filter(|(_, delivery)| delivery.is_dead == dead && delivery.is_present(now_ms, policy.keep_dead_ms));
        let limit = limit.clamp(1, LIST_LOOKS_MAX) as usize;
        let mut deliveries: Vec<_> = of_kind
            .take(limit + 1)
            .map(|(id, delivery)| delivery.view(id, self.disabled.contains(&delivery.endpoint)))
            .collect();
        let is_all = deliveries.len() <= limit;
        deliveries.truncate(limit);
        let next = deliveries.last().filter(|_| !is_all).map(|delivery| delivery.id.clone()).unwrap_or_default();
        Outcome::Deliveries { deliveries, next }
    }
}
