//! The nodes of a cluster and the slots they serve.
//!
//! The map is asked of any node that answers: at first, after MOVED, and again and again while a
//! primary cannot be reached.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::connection::{Answer, Connection};
use super::node::{Finder, Node};
use super::pack::pack_words;
use super::resp::Reply;
use super::shared::Shared;
use super::slot::SLOTS;
use super::topology::{Range, known_host, ranges};
use crate::store::redis::config::Address;

const CLUSTER_SLOTS: &[&[u8]] = &[b"CLUSTER", b"SLOTS"];
/// For a node that is connected to tell the map.
const PATIENCE: Duration = Duration::from_secs(1);
/// A migration moves slot after slot: the map is not asked for after each.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_millis(50);
/// A node outside the map is kept so long after it was asked: it may be importing slots.
const KEEP_IMPORTING: Duration = Duration::from_secs(30);

pub struct Cluster {
    shared: Rc<Shared>,
    this: Weak<Cluster>,
    seeds: Vec<Address>,
    nodes: RefCell<HashMap<Address, Rc<Node>>>,
    slots: RefCell<Vec<Option<Rc<Node>>>>,
    primaries: RefCell<Vec<Rc<Node>>>,
    wanted: Notify,
    /// Who surely knows better than the map: the node a MOVED pointed to.
    hint: RefCell<Option<Address>>,
    turn: Cell<usize>,
}

impl Cluster {
    /// Begins to look for the nodes.
    pub fn start(shared: &Rc<Shared>, seeds: Vec<Address>) -> Rc<Cluster> {
        let cluster = Rc::new_cyclic(|this| Cluster {
            shared: shared.clone(),
            this: this.clone(),
            seeds,
            nodes: RefCell::default(),
            slots: RefCell::new(vec![None; SLOTS]),
            primaries: RefCell::default(),
            wanted: Notify::new(),
            hint: RefCell::new(None),
            turn: Cell::new(0),
        });
        shared.spawn(cluster.clone().run());
        cluster
    }

    /// The node that serves the slot; any primary for a call without keys.
    pub fn node(&self, slot: Option<u16>) -> Option<Rc<Node>> {
        match slot {
            Some(slot) => self.slots.borrow().get(usize::from(slot))?.clone(),
            None => self.primaries.borrow().iter().find(|node| node.connection().is_some()).cloned(),
        }
    }

    /// The node at an address, which is connected to if it was not.
    pub fn node_at(&self, address: &Address) -> Rc<Node> {
        if let Some(node) = self.nodes.borrow().get(address) {
            return node.clone();
        }
        let this = self.this.clone();
        let on_change = move |address: &str, trouble: Option<&str>| {
            if let Some(cluster) = this.upgrade() {
                cluster.node_changed(address, trouble);
            }
        };
        let node = Node::start(&self.shared, Finder::Fixed(address.clone()), Box::new(on_change));
        self.nodes.borrow_mut().insert(address.clone(), node.clone());
        node
    }

    /// The server at `asked` said that the slot lives at `address`.
    pub fn moved(&self, slot: Option<u16>, address: Address, asked: &Address) {
        let address = Address { host: known_host(address.host, asked), port: address.port };
        let node = self.node_at(&address);
        node.last_asked.set(Some(Instant::now()));
        if let Some(slot) = slot {
            self.slots.borrow_mut()[usize::from(slot)] = Some(node);
        }
        self.hint.replace(Some(address));
        self.want_refresh();
    }

    /// The server at `asked` said: this once, ask `address`.
    pub fn asked_elsewhere(&self, address: Address, asked: &Address) -> Rc<Node> {
        let node = self.node_at(&Address { host: known_host(address.host, asked), port: address.port });
        node.last_asked.set(Some(Instant::now()));
        node
    }

    pub fn want_refresh(&self) {
        self.wanted.notify_one();
    }

    /// Any node to hear messages from: PUBLISH reaches them all.
    pub fn any_primary(&self) -> Option<Address> {
        let connection = self.primaries.borrow().iter().find_map(|node| node.connection());
        connection.map(|connection| connection.address.clone())
    }

    pub fn has_primary(&self, address: &Address) -> bool {
        self.primaries.borrow().iter().any(|node| matches!(&node.finder, Finder::Fixed(at) if at == address))
    }

    fn node_changed(&self, address: &str, trouble: Option<&str>) {
        let serves = self.primaries.borrow().iter().any(|node| match &node.finder {
            Finder::Fixed(at) => at.to_string() == address,
            Finder::Sentinel(_) => false,
        });
        match trouble {
            Some(reason) if serves => {
                self.want_refresh();
                self.shared.report_disconnected(address.to_owned(), reason);
            }
            None if self.is_connected() => self.shared.report_connected(address.to_owned()),
            _ => self.shared.changed.notify_waiters(),
        }
    }

    /// Every primary that is known can be reached.
    fn is_connected(&self) -> bool {
        let primaries = self.primaries.borrow();
        !primaries.is_empty() && primaries.iter().all(|node| node.connection().is_some())
    }

    async fn run(self: Rc<Cluster>) {
        let mut backoff = Backoff::new(&self.shared.timing);
        loop {
            match self.refresh().await {
                Ok(()) if self.is_connected() => {
                    backoff.reset();
                    sleep(REFRESH_AT_MOST_EVERY).await;
                    self.wanted.notified().await;
                }
                Ok(()) => {
                    // New nodes are connected in the meantime, and tell so.
                    let _ = timeout(backoff.next_pause(), self.shared.changed.notified()).await;
                    sleep(REFRESH_AT_MOST_EVERY).await;
                }
                Err((address, reason)) => {
                    self.shared.report_disconnected(address, &reason);
                    backoff.pause().await;
                }
            }
        }
    }

    /// Takes in the map of the first node that tells one.
    async fn refresh(&self) -> Result<(), (String, String)> {
        let mut trouble = ("cluster".to_owned(), "no seed is configured".to_owned());
        for address in self.candidates() {
            let connection = self.nodes.borrow().get(&address).and_then(|node| node.connection());
            let told = match connection {
                Some(connection) => ask_connected(&connection).await,
                None => self.ask_anew(&address).await,
            };
            let map = told.and_then(|reply| understand(&reply, &address));
            match map {
                Ok(map) => {
                    self.apply(&map);
                    return Ok(());
                }
                Err(reason) => trouble = (address.to_string(), reason),
            }
        }
        Err(trouble)
    }

    /// Whom to ask: the hint, those that are connected in turn, and the others in turn.
    fn candidates(&self) -> Vec<Address> {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let nodes = self.nodes.borrow();
        let mut connected: Vec<Address> = Vec::new();
        let mut others: Vec<Address> = self.seeds.clone();
        for (address, node) in nodes.iter() {
            match node.connection() {
                Some(_) => connected.push(address.clone()),
                None => others.push(address.clone()),
            }
        }
        connected.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        for list in [&mut connected, &mut others] {
            if !list.is_empty() {
                let start = turn % list.len();
                list.rotate_left(start);
            }
        }
        let mut candidates: Vec<Address> = Vec::new();
        for address in self.hint.take().into_iter().chain(connected).chain(others) {
            if !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates
    }

    async fn ask_anew(&self, address: &Address) -> Result<Reply, String> {
        let shared = &self.shared;
        let mut wire = shared.dialer.dial(address, &shared.config.credentials, 0).await?;
        let replies = timeout(PATIENCE, wire.ask(&[CLUSTER_SLOTS]))
            .await
            .map_err(|_| "no answer".to_owned())?
            .map_err(|error| error.to_string())?;
        replies.into_iter().next().ok_or_else(|| "no answer".to_owned())
    }

    fn apply(&self, map: &[Range]) {
        let mut slots = vec![None; SLOTS];
        let mut primaries: Vec<Rc<Node>> = Vec::new();
        for range in map {
            let node = self.node_at(&range.primary);
            slots[usize::from(range.first)..=usize::from(range.last)].fill(Some(node.clone()));
            if !primaries.iter().any(|known| Rc::ptr_eq(known, &node)) {
                primaries.push(node);
            }
        }
        let is_needed = |node: &Rc<Node>| {
            primaries.iter().any(|primary| Rc::ptr_eq(primary, node))
                || node.last_asked.get().is_some_and(|asked| asked.elapsed() < KEEP_IMPORTING)
        };
        let mut gone = Vec::new();
        self.nodes.borrow_mut().retain(|_, node| {
            let needed = is_needed(node);
            if !needed {
                gone.push(node.clone());
            }
            needed
        });
        self.slots.replace(slots);
        self.primaries.replace(primaries);
        gone.iter().for_each(|node| node.retire());
        match self.any_primary() {
            Some(address) if self.is_connected() => self.shared.report_connected(address.to_string()),
            _ => self.shared.changed.notify_waiters(),
        }
    }
}

fn understand(reply: &Reply, asked: &Address) -> Result<Vec<Range>, String> {
    match reply {
        Reply::Error(message) => Err(message.clone()),
        Reply::Value(value) => match ranges(value, asked) {
            Some(map) if !map.is_empty() => Ok(map),
            Some(_) => Err("it knows of no slots".to_owned()),
            None => Err("it sent no map of slots".to_owned()),
        },
    }
}

async fn ask_connected(connection: &Connection) -> Result<Reply, String> {
    let asking = connection.send(|out| pack_words(out, CLUSTER_SLOTS));
    match timeout(PATIENCE, asking).await {
        Ok(Answer::Reply(reply)) => Ok(reply),
        Ok(Answer::Lost { reason, .. }) => Err(reason),
        Err(_) => Err("no answer".to_owned()),
    }
}
