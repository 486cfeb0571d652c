//! Keeps one connection to one server, or to whichever server Sentinel names.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::backoff::Backoff;
use super::connection::{Connection, Ending};
use super::dial::{ask_introduction, ask_role};
use super::driver::Driver;
use super::keeper::keep;
use super::sentinel::Sentinels;
use super::shared::Shared;
use super::wire::Wire;
use crate::store::redis::config::Address;

/// A connection that lasted so long was a good one: the next attempt follows at once.
const LASTING: Duration = Duration::from_secs(1);

/// Where the server is.
pub enum Finder {
    Fixed(Address),
    Sentinel(Sentinels),
}

/// Hears of a node: its address, and the trouble or `None` when it is connected.
pub type OnChange = Box<dyn Fn(&str, Option<&str>)>;

pub struct Node {
    pub finder: Finder,
    connection: RefCell<Option<Rc<Connection>>>,
    on_change: OnChange,
    retired: Cell<bool>,
    task: RefCell<Option<AbortHandle>>,
    /// When a call was last sent here that the slot map would have sent elsewhere.
    pub last_asked: Cell<Option<Instant>>,
}

impl Node {
    /// Begins to connect.
    pub fn start(shared: &Rc<Shared>, finder: Finder, on_change: OnChange) -> Rc<Node> {
        let node = Rc::new(Node {
            finder,
            connection: RefCell::new(None),
            on_change,
            retired: Cell::new(false),
            task: RefCell::new(None),
            last_asked: Cell::new(None),
        });
        let task = shared.spawn(node.clone().run(shared.clone()));
        node.task.replace(Some(task));
        node
    }

    /// The connection that takes calls.
    pub fn connection(&self) -> Option<Rc<Connection>> {
        self.connection.borrow().clone()
    }

    /// Takes no more calls on this connection, waits for the replies it owes, and finds the
    /// server anew.
    pub fn discard(&self, connection: &Connection, reason: &str) {
        connection.end(Ending::Drain(reason.to_owned()));
        self.forget(connection, reason);
    }

    fn forget(&self, connection: &Connection, reason: &str) {
        let is_current = self.connection.borrow().as_ref().is_some_and(|current| current.id == connection.id);
        if is_current {
            self.connection.replace(None);
            (self.on_change)(&connection.address.to_string(), Some(reason));
        }
    }

    /// The server is of no more use. Replies that are owed still come.
    pub fn retire(&self) {
        self.retired.set(true);
        match self.connection.take() {
            Some(connection) => connection.end(Ending::Drain("the server left the cluster's map".to_owned())),
            None => {
                if let Some(task) = self.task.take() {
                    task.abort();
                }
            }
        }
    }

    async fn run(self: Rc<Node>, shared: Rc<Shared>) {
        let mut backoff = Backoff::new(&shared.timing);
        while !self.retired.get() {
            let lasted = match self.connect(&shared).await {
                Ok((address, wire)) => self.serve(&shared, address, wire).await,
                Err((address, reason)) => {
                    (self.on_change)(&address, Some(&reason));
                    Duration::ZERO
                }
            };
            match lasted >= LASTING {
                true => backoff.reset(),
                false => backoff.pause().await,
            }
        }
    }

    /// Lends the connection to calls until it is lost; answers how long it lasted.
    async fn serve(self: &Rc<Node>, shared: &Rc<Shared>, address: Address, wire: Wire) -> Duration {
        let began = Instant::now();
        let connection = Rc::new(Connection::new(address));
        let driver = Driver::new(connection.clone(), wire);
        self.connection.replace(Some(connection.clone()));
        (self.on_change)(&connection.address.to_string(), None);
        let keeper = AbortOnDrop(shared.spawn(keep(Rc::downgrade(self), connection.clone(), shared.clone())));
        let reason = driver.await;
        drop(keeper);
        self.forget(&connection, &reason);
        began.elapsed()
    }

    /// Finds the server and makes sure that it is the one. The error names whom it is about.
    async fn connect(&self, shared: &Shared) -> Result<(Address, Wire), (String, String)> {
        let address = match &self.finder {
            Finder::Fixed(address) => address.clone(),
            Finder::Sentinel(sentinels) => sentinels
                .find(&shared.dialer)
                .await
                .map_err(|reason| (format!("primary {}", sentinels.primary_name), reason))?,
        };
        let greeted = self.greet(shared, &address).await;
        match greeted {
            Ok(wire) => Ok((address, wire)),
            Err(reason) => {
                if let Finder::Sentinel(sentinels) = &self.finder {
                    sentinels.mistrust();
                }
                Err((address.to_string(), reason))
            }
        }
    }

    async fn greet(&self, shared: &Shared, address: &Address) -> Result<Wire, String> {
        let config = &shared.config;
        let mut wire = shared.dialer.dial(address, &config.credentials, config.db).await?;
        let questions = async {
            if matches!(self.finder, Finder::Sentinel(_))
                && let Some(role) = ask_role(&mut wire).await?
                && role != "master"
            {
                return Err(format!("its role is {role}, not master"));
            }
            ask_introduction(&mut wire).await
        };
        let introduction = tokio::time::timeout(config.connect_timeout, questions)
            .await
            .map_err(|_| "the server did not answer when connecting".to_owned())??;
        shared.learn(&introduction);
        Ok(wire)
    }
}

/// A node as its keeper sees it: the keeper must not keep it.
pub type WeakNode = Weak<Node>;

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
