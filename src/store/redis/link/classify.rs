//! What an error of the server means for the call that met it.

use crate::store::redis::config::Address;

#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The script is not loaded.
    NoScript,
    /// This server does not take calls now: a replica, still loading, or no longer trusting us.
    WrongServer,
    /// Nothing is wrong with the call, only not now: the server cannot save, has too few replicas, no memory.
    NotNow,
    /// The cluster does not serve the slot at the moment.
    ClusterDown,
    /// The slot lives elsewhere. An empty host means the host that was asked.
    Moved(Address),
    /// This once, ask there.
    Ask(Address),
    /// The answer would be the same again.
    Final,
}

/// In every case but the last the call was not run.
///
/// The states a server refuses to begin a script in are those of `scriptPrepareForRun` in `script.c`
/// and of `processCommand` in `server.c` of Redis 7; Valkey has the same.
pub fn classify(message: &str) -> Meaning {
    let (code, rest) = message.split_once(' ').unwrap_or((message, ""));
    match code {
        "NOSCRIPT" => Meaning::NoScript,
        "READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH" => Meaning::WrongServer,
        "TRYAGAIN" | "BUSY" => Meaning::NotNow,
        "NOREPLICAS" | "MISCONF" | "OOM" if !is_from_inside(rest) => Meaning::NotNow,
        "CLUSTERDOWN" => Meaning::ClusterDown,
        "MOVED" => redirection(rest).map_or(Meaning::Final, Meaning::Moved),
        "ASK" => redirection(rest).map_or(Meaning::Final, Meaning::Ask),
        _ => Meaning::Final,
    }
}

/// Whether a command of a script that was running met the error: commands before it may have written. The
/// server appends ` script: <sha1>, on @user_script:<line>.` then.
pub fn is_from_inside(message: &str) -> bool {
    message.rsplit_once(" script: ").is_some_and(|(_, place)| place.contains("@user_script"))
}

/// `<slot> <host>:<port>`; an IPv6 host stands without brackets.
fn redirection(rest: &str) -> Option<Address> {
    let (host, port) = rest.split_once(' ')?.1.rsplit_once(':')?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn understands_redirections() {
        assert_eq!(classify("MOVED 3999 127.0.0.1:6381"), Meaning::Moved(address("127.0.0.1", 6381)));
        assert_eq!(classify("MOVED 3999 :6381"), Meaning::Moved(address("", 6381)));
        assert_eq!(classify("ASK 3999 ::1:6381"), Meaning::Ask(address("::1", 6381)));
        assert_eq!(classify("MOVED nonsense"), Meaning::Final);
        assert_eq!(classify("MOVED 1 host:99999"), Meaning::Final);
    }

    #[test]
    fn knows_who_may_try_again() {
        assert_eq!(classify("NOSCRIPT No matching script."), Meaning::NoScript);
        assert_eq!(classify("READONLY You can't write against a read only replica."), Meaning::WrongServer);
        assert_eq!(classify("TRYAGAIN Multiple keys request during rehashing of slot"), Meaning::NotNow);
        assert_eq!(classify("NOREPLICAS Not enough good replicas to write."), Meaning::NotNow);
        assert_eq!(classify("MISCONF Redis is configured to save RDB snapshots, but it's unable"), Meaning::NotNow);
        assert_eq!(classify("OOM allow-oom flag is not set on the script"), Meaning::NotNow);
        assert_eq!(classify("CLUSTERDOWN The cluster is down"), Meaning::ClusterDown);
        assert_eq!(classify("ERR READONLY"), Meaning::Final);
        let inside = "OOM command not allowed when used memory > 'maxmemory'. script: 5b1f, on @user_script:9.";
        assert_eq!(classify(inside), Meaning::Final, "what stood before it in the script may have been done");
        assert_eq!(classify(""), Meaning::Final);
    }
}
