//! The clock scripts go by, and what is known of it here.

use std::cell::RefCell;
use std::sync::Arc;

use super::estimate::ClockEstimate;
use super::transport::Transport;
use crate::clock::{Clock, SystemClock};

/// The server's clock, or for tests a manual one that takes its place.
#[derive(Default)]
pub(super) struct ServerClock {
    estimate: RefCell<ClockEstimate>,
    system: SystemClock,
    manual: Option<Arc<dyn Clock>>,
}

impl ServerClock {
    pub fn manual(clock: Arc<dyn Clock>) -> Self {
        Self { manual: Some(clock), ..Self::default() }
    }

    pub fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    /// What scripts are told; 0 is the server's.
    pub fn script_ms(&self) -> u64 {
        self.manual.as_ref().map_or(0, |clock| clock.now_ms())
    }

    /// What it shows, as well as it is known here.
    pub fn now_ms(&self, transport: &impl Transport) -> u64 {
        match &self.manual {
            Some(clock) => clock.now_ms(),
            None => {
                let learned_ms = self.estimate.borrow().offset_ms();
                let offset_ms = learned_ms.unwrap_or_else(|| transport.clock_offset_ms());
                self.system.now_ms().saturating_add_signed(offset_ms)
            }
        }
    }

    /// The server said so, `round_trip_ms` after it was asked.
    pub fn learn(&self, server_ms: u64, round_trip_ms: u64) {
        self.estimate.borrow_mut().learn(server_ms, self.system.now_ms(), round_trip_ms);
    }
}
