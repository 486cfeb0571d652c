//! What an error of the server means for the call that met it.

use crate::store::redis::config::Address;

#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The script is not loaded.
    NoScript,
    /// This server does not take calls now: a replica, still loading, or no longer trusting us.
    WrongServer,
    /// Nothing is wrong, only not now.
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
pub fn classify(message: &str) -> Meaning {
    let (code, rest) = message.split_once(' ').unwrap_or((message, ""));
    match code {
        "NOSCRIPT" => Meaning::NoScript,
        "READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH" => Meaning::WrongServer,
        "TRYAGAIN" | "BUSY" | "NOREPLICAS" => Meaning::NotNow,
        "CLUSTERDOWN" => Meaning::ClusterDown,
        "MOVED" => redirection(rest).map_or(Meaning::Final, Meaning::Moved),
        "ASK" => redirection(rest).map_or(Meaning::Final, Meaning::Ask),
        _ => Meaning::Final,
    }
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
        assert_eq!(classify("CLUSTERDOWN The cluster is down"), Meaning::ClusterDown);
        assert_eq!(classify("ERR READONLY"), Meaning::Final);
        assert_eq!(classify(""), Meaning::Final);
    }
}
