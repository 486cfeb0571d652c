//! A tracker in the thread of JavaScript: its sockets are watched by the event loop that runs there.
//!
//! ```text
//! submit    -> Host -> turn of the tracker: calls are written to the socket; busy poll: their answers
//! libuv     -> watch -> turn of the tracker: replies are read -> JavaScript fetches the answers
//! I/O thread -> interrupt (timers) -> JavaScript -> take -> turn of the tracker
//! ```

mod busy_poll;
mod host;
mod uv;
mod watch;

pub(super) use host::Host;
