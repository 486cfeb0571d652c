//! How long a link waits for what, and how much it holds.

use std::time::Duration;

/// At most so many calls of one link are under way, waiting for a connection or for a reply.
pub const MAX_CALLS: usize = 65_536;

/// While so many bytes wait for the kernel to take them, no further call is written.
pub const MAX_UNSENT_BYTES: usize = 1024 * 1024;

/// While so many replies are owed on one connection, no further call is written to it. Abandoned
/// calls count too: their replies still come.
pub const MAX_IN_FLIGHT: usize = 65_536;

/// The pace of a link. The defaults suit production; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// With replies owed and not a byte received for so long, the connection counts as lost.
    pub dead_after: Duration,
    /// How often the above is looked at.
    pub watch_every: Duration,
    /// How often the server is asked for its time. It keeps the clock offset fresh, and shows a
    /// loss that no call would notice.
    pub heartbeat_every: Duration,
    /// Behind Sentinel: how often the server is asked whether it is still the primary.
    pub role_every: Duration,
    /// Behind Sentinel: how often a sentinel is asked whether another server is the primary.
    pub sentinel_every: Duration,
    /// The first and the longest pause between attempts to connect.
    pub backoff_first: Duration,
    pub backoff_longest: Duration,
    /// The pause before a call is sent again that the server put off (`TRYAGAIN`, `CLUSTERDOWN`,
    /// `BUSY`).
    pub put_off: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            dead_after: Duration::from_secs(2),
            watch_every: Duration::from_millis(500),
            heartbeat_every: Duration::from_secs(5),
            role_every: Duration::from_secs(1),
            sentinel_every: Duration::from_secs(2),
            backoff_first: Duration::from_millis(50),
            backoff_longest: Duration::from_secs(1),
            put_off: Duration::from_millis(20),
        }
    }
}
