//! The Lua scripts.

/// One Lua file, put together with its includes at build time.
#[derive(Debug)]
pub struct Script {
    pub name: &'static str,
    pub source: &'static str,
    /// Lower-case hex of the source's SHA-1, the argument of EVALSHA.
    pub sha1: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/scripts.rs"));
