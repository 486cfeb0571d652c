//! Hears channels on a connection of their own, for as long as the link lives.

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

/// Told a channel and what was published there.
pub type OnMessage = Box<dyn Fn(&str, Vec<u8>)>;

/// Never ends of its own accord.
pub async fn listen(shared: Rc<Shared>, route: Rc<Route>, channels: Vec<String>, on_message: OnMessage) {
    let mut backoff = Backoff::new(&shared.timing);
    loop {
        let Some(address) = route.listening_address() else {
            shared.changed.notified().await;
            continue;
        };
        if let Ok(mut wire) = subscribe(&shared, &address, &channels).await {
            backoff.reset();
            tokio::select! {
                () = hear(&mut wire, &shared, &channels, &*on_message) => {}
                () = leaves(&shared, &route, &address) => {}
            }
        }
        backoff.pause().await;
    }
}

/// Subscriptions after the first are answered among the messages.
async fn subscribe(shared: &Shared, address: &Address, channels: &[String]) -> Result<Wire, ()> {
    let mut wire = shared.dialer.dial(address, &shared.config.credentials, NO_DB).await.map_err(|_| ())?;
    let mut question: Vec<&[u8]> = vec![b"SUBSCRIBE"];
    question.extend(channels.iter().map(|channel| channel.as_bytes()));
    let replies =
        timeout(shared.config.connect_timeout, wire.ask(&[&question])).await.map_err(|_| ())?.map_err(|_| ())?;
    match replies.into_iter().next() {
        Some(Reply::Value(_)) => Ok(wire),
        Some(Reply::Error(message)) => {
            shared.warn_once(format!("cannot hear {}: {message}", channels.join(", ")));
            Err(())
        }
        None => Err(()),
    }
}

/// Passes messages on until the connection is lost. A silent server is asked for a sign of life.
async fn hear(wire: &mut Wire, shared: &Shared, channels: &[String], on_message: &dyn Fn(&str, Vec<u8>)) {
    let mut is_asked = false;
    loop {
        let patience: Duration = match is_asked {
            true => shared.timing.dead_after,
            false => shared.timing.heartbeat_every,
        };
        match timeout(patience, wire.reply()).await {
            Ok(Ok(reply)) => {
                is_asked = false;
                if let Some((channel, payload)) = message(reply, channels) {
                    on_message(channel, payload);
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

/// Channel and payload of `["message", channel, payload]`.
fn message(reply: Reply, channels: &[String]) -> Option<(&str, Vec<u8>)> {
    let Reply::Value(Value::Array(parts)) = reply else { return None };
    match <[Value; 3]>::try_from(parts) {
        Ok([Value::BulkString(kind), Value::BulkString(name), Value::BulkString(payload)]) if kind == b"message" => {
            let channel = channels.iter().find(|channel| channel.as_bytes() == name)?;
            Some((channel, payload))
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
