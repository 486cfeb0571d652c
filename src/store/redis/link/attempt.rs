//! Carries one call through as many attempts as it takes, until its deadline.
//!
//! A call is sent again only when the server surely did not run it: it said so, or the bytes never
//! left.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::time::sleep;

use super::Call;
use super::classify::{Meaning, classify};
use super::connection::{Answer, Connection};
use super::node::Node;
use super::pack::{pack_script, pack_words};
use super::patience::passed;
use super::resp::Reply;
use super::route::Route;
use super::shared::Shared;
use super::slot::slot;
use crate::domain::error::{Applied, StoreError};
use crate::store::redis::server_error::explained;

/// So many redirections in a row are followed at once; a map that goes in circles is given time.
const QUICK_REDIRECTIONS: u32 = 4;
const LONGEST_PUT_OFF: Duration = Duration::from_millis(200);

pub async fn carry(shared: &Rc<Shared>, route: &Route, call: &Call, deadline: Instant) -> Result<Value, StoreError> {
    let _admission = shared.admit()?;
    let is_sent = Cell::new(false);
    let journey = Journey::new(shared, route, call, &is_sent);
    let outcome = tokio::select! {
        biased;
        outcome = journey.run() => Some(outcome),
        _ = passed(deadline) => None,
    };
    match outcome {
        Some(outcome) => outcome,
        None if is_sent.get() => {
            let message = "the server did not answer before the deadline".to_owned();
            Err(StoreError::Unavailable { message, applied: Applied::Unknown })
        }
        None if shared.is_connected() => {
            let message = "the server did not take the call before the deadline".to_owned();
            Err(StoreError::Unavailable { message, applied: Applied::No })
        }
        None => Err(shared.not_sent()),
    }
}

struct Journey<'a> {
    shared: &'a Rc<Shared>,
    route: &'a Route,
    call: &'a Call,
    /// Whether bytes are on their way whose reply is owed.
    is_sent: &'a Cell<bool>,
    slot: Option<u16>,
    /// Where the next attempt goes, instead of where the slot lives, behind ASKING.
    ask: Option<Rc<Node>>,
    /// The connection that missed the script, and where on it.
    missed: Option<(u64, u64)>,
    misses: u32,
    redirections: u32,
    put_off: Duration,
}

impl<'a> Journey<'a> {
    fn new(shared: &'a Rc<Shared>, route: &'a Route, call: &'a Call, is_sent: &'a Cell<bool>) -> Journey<'a> {
        let slot = match route {
            Route::Single(_) => None,
            Route::Cluster(_) => call.keys.first().map(|key| slot(key)),
        };
        let put_off = shared.timing.put_off;
        Journey { shared, route, call, is_sent, slot, ask: None, missed: None, misses: 0, redirections: 0, put_off }
    }

    async fn run(mut self) -> Result<Value, StoreError> {
        loop {
            let (node, connection, asking) = self.board().await?;
            let position = connection.position();
            let sending = self.send(&connection, asking);
            self.is_sent.set(true);
            let answer = sending.await;
            self.is_sent.set(false);
            match answer {
                Answer::Reply(Reply::Value(value)) => return Ok(value),
                Answer::Reply(Reply::Error(message)) => {
                    self.heed(message, &node, &connection, position, asking).await?;
                }
                Answer::Lost { written: true, reason } => {
                    let message = format!("the connection to {} was lost: {reason}", connection.address);
                    return Err(StoreError::Unavailable { message, applied: Applied::Unknown });
                }
                Answer::Lost { written: false, .. } => {}
            }
        }
    }

    /// Waits for a connection that takes the call, and tells whether ASKING must go first.
    async fn board(&mut self) -> Result<(Rc<Node>, Rc<Connection>, bool), StoreError> {
        loop {
            if self.shared.is_closed() {
                return Err(self.shared.not_sent());
            }
            let asking = self.ask.is_some();
            let node = self.ask.clone().or_else(|| self.route.node(self.slot));
            let connection = node.as_ref().and_then(|node| node.connection());
            match (node, connection) {
                (Some(node), Some(connection)) if !connection.is_full() => {
                    self.ask = None;
                    return Ok((node, connection, asking));
                }
                (_, Some(connection)) => connection.has_room().await,
                (node, None) => {
                    if let (None, Some(cluster)) = (node, self.route.cluster()) {
                        cluster.want_refresh();
                    }
                    self.shared.changed.notified().await;
                    // If the node to ask is still away, its owner may know better by now.
                    if self.ask.as_ref().is_some_and(|node| node.connection().is_none()) {
                        self.ask = None;
                    }
                }
            }
        }
    }

    fn send(&mut self, connection: &Connection, asking: bool) -> super::oneshot::Receiver<Answer> {
        let Call { script, keys, args } = self.call;
        if let Some((_, position)) = self.missed.take().filter(|(id, _)| *id == connection.id) {
            connection.load(script, position);
        }
        if asking {
            connection.send_unheard(|out| pack_words(out, &[b"ASKING"]));
        }
        // Someone may empty the script cache between our SCRIPT LOAD and our EVALSHA, again and
        // again. EVAL cannot miss.
        let (verb, text) = match self.misses {
            0 | 1 => ("EVALSHA", script.sha1),
            _ => ("EVAL", script.source),
        };
        connection.send(|out| pack_script(out, verb, text, keys, args))
    }

    /// What to do about an error. In each case where there is a next attempt, the server did not
    /// run the call.
    async fn heed(
        &mut self,
        message: String,
        node: &Node,
        connection: &Connection,
        position: u64,
        asking: bool,
    ) -> Result<(), StoreError> {
        match classify(&message) {
            Meaning::NoScript => {
                self.misses += 1;
                self.missed = Some((connection.id, position));
                if asking {
                    // Still the same place to ask.
                    self.ask = self.route.cluster().map(|cluster| cluster.node_at(&connection.address));
                }
            }
            Meaning::WrongServer => node.discard(connection, &message),
            Meaning::NotNow if self.call.script.needs_memory && message.starts_with("OOM ") => {
                return Err(StoreError::Unavailable { message, applied: Applied::No });
            }
            Meaning::NotNow => self.wait().await,
            Meaning::ClusterDown => {
                if let Some(cluster) = self.route.cluster() {
                    cluster.want_refresh();
                }
                self.wait().await;
            }
            Meaning::Moved(address) => {
                let Some(cluster) = self.route.cluster() else { return Err(StoreError::Refused { message }) };
                cluster.moved(self.slot, address, &connection.address);
                self.redirected().await;
            }
            Meaning::Ask(address) => {
                let Some(cluster) = self.route.cluster() else { return Err(StoreError::Refused { message }) };
                self.ask = Some(cluster.asked_elsewhere(address, &connection.address));
                self.redirected().await;
            }
            Meaning::Final => return Err(StoreError::Refused { message: explained(message) }),
        }
        Ok(())
    }

    async fn redirected(&mut self) {
        self.redirections += 1;
        if self.redirections > QUICK_REDIRECTIONS {
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        sleep(self.put_off).await;
        self.put_off = (self.put_off * 2).min(LONGEST_PUT_OFF);
    }
}
