//! Who is the primary? The sentinels know.

use std::cell::RefCell;
use std::time::Duration;

use redis::Value;
use tokio::time::timeout;

use super::dial::{Dialer, text};
use super::resp::Reply;
use super::wire::Wire;
use crate::store::redis::config::{Address, Credentials};

/// One sentinel that is away must not hold up the question to the others.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Sentinels {
    pub primary_name: String,
    credentials: Credentials,
    /// The one that answered last comes first.
    addresses: RefCell<Vec<Address>>,
}

impl Sentinels {
    pub fn new(primary_name: String, addresses: Vec<Address>, credentials: Credentials) -> Sentinels {
        Sentinels { primary_name, credentials, addresses: RefCell::new(addresses) }
    }

    /// Asks one after the other until one knows.
    pub async fn find(&self, dialer: &Dialer) -> Result<Address, String> {
        let addresses = self.addresses.borrow().clone();
        let mut troubles = Vec::new();
        for (position, sentinel) in addresses.iter().enumerate() {
            let asked = match self.dial(dialer, sentinel).await {
                Ok(mut wire) => self.ask(&mut wire).await,
                Err(reason) => Err(reason),
            };
            match asked {
                Ok(primary) => {
                    self.addresses.borrow_mut()[..=position].rotate_right(1);
                    return Ok(primary);
                }
                Err(reason) => troubles.push(format!("sentinel {sentinel}: {reason}")),
            }
        }
        match troubles.is_empty() {
            true => Err("no sentinel is configured".to_owned()),
            false => Err(troubles.join("; ")),
        }
    }

    /// What the first one said was of no use: ask another first.
    pub fn mistrust(&self) {
        let mut addresses = self.addresses.borrow_mut();
        if !addresses.is_empty() {
            addresses.rotate_left(1);
        }
    }

    async fn dial(&self, dialer: &Dialer, sentinel: &Address) -> Result<Wire, String> {
        dialer.dial_within(sentinel, &self.credentials, 0, PATIENCE).await
    }

    async fn ask(&self, wire: &mut Wire) -> Result<Address, String> {
        let question: [&[u8]; 3] = [b"SENTINEL", b"get-master-addr-by-name", self.primary_name.as_bytes()];
        let replies = timeout(PATIENCE, wire.ask(&[&question]))
            .await
            .map_err(|_| "no answer".to_owned())?
            .map_err(|error| error.to_string())?;
        match replies.first() {
            Some(Reply::Value(Value::Array(parts))) => address(parts).ok_or_else(|| "no address".to_owned()),
            Some(Reply::Error(message)) => Err(message.clone()),
            _ => Err(format!("does not know {}", self.primary_name)),
        }
    }
}

fn address(parts: &[Value]) -> Option<Address> {
    let (host, port) = (text(parts.first()?)?, text(parts.get(1)?)?);
    Some(Address { host, port: port.parse().ok()? })
}

/// A lasting connection to one sentinel, for asking again and again.
#[derive(Default)]
pub struct Watch {
    wire: Option<Wire>,
}

impl Watch {
    /// The primary, or `None` when the sentinel at hand cannot tell; the next time asks another.
    pub async fn primary(&mut self, sentinels: &Sentinels, dialer: &Dialer) -> Option<Address> {
        if self.wire.is_none() {
            let sentinel = sentinels.addresses.borrow().first()?.clone();
            self.wire = sentinels.dial(dialer, &sentinel).await.ok();
        }
        let answer = match &mut self.wire {
            Some(wire) => sentinels.ask(wire).await.ok(),
            None => None,
        };
        if answer.is_none() {
            self.wire = None;
            sentinels.mistrust();
        }
        answer
    }
}
