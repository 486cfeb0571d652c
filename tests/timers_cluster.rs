//! Timers on a cluster are decided as in memory, over the real link.

mod conformance;
#[path = "support/link_harness.rs"]
mod link_harness;
#[path = "support/servers.rs"]
mod servers;
#[path = "support/timer_link.rs"]
mod timer_link;
mod timer_plays;

use link_harness::Cluster;
use timer_link::TimerLink;

timer_plays!(TimerLink<Cluster>, 32);
