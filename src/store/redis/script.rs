//! The Lua scripts.

/// One Lua file, put together with its includes at build time.
#[derive(Debug)]
pub struct Script {
    pub name: &'static str,
    pub source: &'static str,
    /// Lower-case hex of the source's SHA-1, the argument of EVALSHA.
    pub sha1: &'static str,
    /// The server does not begin it when its memory is full. Whoever asked is told so at once.
    pub needs_memory: bool,
}

include!(concat!(env!("OUT_DIR"), "/scripts.rs"));
