//! What is known, for whoever looks.

use super::PoolState;
use super::account::AccountState;
use crate::domain::credentials::operation::{Policy, ResourceView, TokenView};

impl PoolState {
    /// Every token of the policy with what is known of its account, in the policy's order.
    pub fn view(&mut self, clock_ms: u64, policy: &Policy) -> Vec<TokenView> {
        let now_ms = self.instant(clock_ms, policy);
        let views = policy.credentials.iter().map(|credential| {
            let account = self.accounts.get(&credential.account);
            TokenView {
                fingerprint: credential.fingerprint.clone(),
                account: credential.account.clone(),
                is_valid: self.is_valid(&credential.fingerprint, now_ms),
                resources: account.map_or(Vec::new(), |account| resources(account, now_ms)),
            }
        });
        views.collect()
    }
}

fn resources(account: &AccountState, now_ms: u64) -> Vec<ResourceView> {
    let known = account.resources.iter().filter(|(_, state)| state.ends_at_ms > now_ms);
    let views = known.map(|(resource, state)| {
        let paused_until_ms = account.pause.until_ms.max(state.pause.until_ms);
        ResourceView {
            resource: resource.clone(),
            quota: state.quota.quota(),
            paused_until_ms: if paused_until_ms > now_ms { paused_until_ms } else { 0 },
            under_way: state.under_way.total(now_ms),
        }
    });
    views.collect()
}
