//! Looks after a connection while it lives, beside the calls.

use std::rc::Rc;

use tokio::time::sleep;

use super::connection::{Answer, Connection, Ending};
use super::dial::{ClockQuestion, role};
use super::node::{Finder, WeakNode};
use super::pack::pack_words;
use super::resp::Reply;
use super::sentinel::Watch;
use super::shared::Shared;

/// Never ends of its own accord.
pub async fn keep(node: WeakNode, connection: Rc<Connection>, shared: Rc<Shared>) {
    tokio::join!(
        watch_silence(&connection, &shared),
        beat(&connection, &shared),
        watch_role(&node, &connection, &shared),
        watch_sentinels(&node, &connection, &shared),
    );
}

/// Cuts a connection on which replies are owed and not a byte comes.
async fn watch_silence(connection: &Connection, shared: &Shared) {
    let timing = &shared.timing;
    let mut silent = std::time::Duration::ZERO;
    let mut received_before = connection.received_bytes();
    let mut owed_before = false;
    loop {
        sleep(timing.watch_every).await;
        let received = connection.received_bytes();
        // Only whole intervals count in which replies were owed from the beginning.
        silent = match connection.owes_replies() && owed_before && received == received_before {
            true => silent + timing.watch_every,
            false => std::time::Duration::ZERO,
        };
        (received_before, owed_before) = (received, connection.owes_replies());
        if silent >= timing.dead_after {
            connection.end(Ending::Cut(format!("no answer for {} ms", timing.dead_after.as_millis())));
        }
    }
}

/// Asks for the time, now and then.
async fn beat(connection: &Connection, shared: &Shared) {
    loop {
        sleep(shared.timing.heartbeat_every).await;
        let asked = ClockQuestion::now();
        let answer = connection.send(|out| pack_words(out, &[b"TIME"])).await;
        if let Answer::Reply(reply) = answer
            && let Some(sample) = asked.answered(&reply)
        {
            shared.learn_clock(sample, false);
        }
    }
}

/// Notices a primary that was demoted and keeps its connections.
async fn watch_role(node: &WeakNode, connection: &Connection, shared: &Shared) {
    loop {
        sleep(shared.timing.role_every).await;
        let Some(node) = node.upgrade() else { return };
        if !matches!(node.finder, Finder::Sentinel(_)) {
            return;
        }
        let answer = connection.send(|out| pack_words(out, &[b"ROLE"])).await;
        if let Answer::Reply(reply @ Reply::Value(_)) = answer
            && let Some(role) = role(&reply)
            && role != "master"
        {
            node.discard(connection, &format!("its role became {role}"));
        }
    }
}

/// Notices that the sentinels follow another primary while this one still thinks it is the one.
async fn watch_sentinels(node: &WeakNode, connection: &Connection, shared: &Shared) {
    let mut watch = Watch::default();
    loop {
        sleep(shared.timing.sentinel_every).await;
        let Some(node) = node.upgrade() else { return };
        let Finder::Sentinel(sentinels) = &node.finder else { return };
        if let Some(primary) = watch.primary(sentinels, &shared.dialer).await
            && primary != connection.address
        {
            node.discard(connection, &format!("the sentinels follow {primary}"));
        }
    }
}
