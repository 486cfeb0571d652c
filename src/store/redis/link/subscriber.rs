//! Hears a channel on a connection of its own, for as long as the link lives.

use std::rc::Rc;
use std::time::Duration;

use redis::Value;
use tokio::time::timeout;

use super::backoff::Backoff;
use super::resp::Reply;
use super::route::Route;
use super::shared::Shared;
use super::wire::Wire;
use crate::store::redis::config::Address;

/// Channels know no databases.
const NO_DB: u32 = 0;

/// Never ends of its own accord.
pub async fn listen(shared: Rc<Shared>, route: Rc<Route>, channel: String, on_message: Box<dyn Fn(Vec<u8>)>) {
    let mut backoff = Backoff::new(&shared.timing);
    loop {
        let Some(address) = route.listening_address() else {
            shared.changed.notified().await;
            continue;
        };
        if let Ok(mut wire) = subscribe(&shared, &address, &channel).await {
            backoff.reset();
            tokio::select! {
                () = hear(&mut wire, &shared, &channel, &*on_message) => {}
                () = leaves(&shared, &route, &address) => {}
            }
        }
        backoff.pause().await;
    }
}

async fn subscribe(shared: &Shared, address: &Address, channel: &str) -> Result<Wire, ()> {
    let mut wire = shared.dialer.dial(address, &shared.config.credentials, NO_DB).await.map_err(|_| ())?;
    let question: [&[u8]; 2] = [b"SUBSCRIBE", channel.as_bytes()];
    let replies =
        timeout(shared.config.connect_timeout, wire.ask(&[&question])).await.map_err(|_| ())?.map_err(|_| ())?;
    match replies.into_iter().next() {
        Some(Reply::Value(_)) => Ok(wire),
        Some(Reply::Error(message)) => {
            shared.warn_once(format!("cannot hear {channel}: {message}"));
            Err(())
        }
        None => Err(()),
    }
}

/// Passes messages on until the connection is lost. A silent server is asked for a sign of life.
async fn hear(wire: &mut Wire, shared: &Shared, channel: &str, on_message: &dyn Fn(Vec<u8>)) {
    let mut is_asked = false;
    loop {
        let patience: Duration = match is_asked {
            true => shared.timing.dead_after,
            false => shared.timing.heartbeat_every,
        };
        match timeout(patience, wire.reply()).await {
            Ok(Ok(reply)) => {
                is_asked = false;
                if let Some(payload) = message(reply, channel) {
                    on_message(payload);
                }
            }
            Err(_) if !is_asked => {
                is_asked = true;
                if wire.send(&[&[b"PING"]]).await.is_err() {
                    return;
                }
            }
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// The payload of `["message", channel, payload]`.
fn message(reply: Reply, channel: &str) -> Option<Vec<u8>> {
    let Reply::Value(Value::Array(parts)) = reply else { return None };
    match <[Value; 3]>::try_from(parts) {
        Ok([Value::BulkString(kind), Value::BulkString(name), Value::BulkString(payload)])
            if kind == b"message" && name == channel.as_bytes() =>
        {
            Some(payload)
        }
        _ => None,
    }
}

/// Ends when messages may be elsewhere now.
async fn leaves(shared: &Shared, route: &Route, address: &Address) {
    while !route.left(address) {
        shared.changed.notified().await;
    }
}
