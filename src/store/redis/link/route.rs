//! Which connection a call takes.

use std::rc::Rc;

use super::cluster::Cluster;
use super::connection::Connection;
use super::node::{Finder, Node};
use super::sentinel::Sentinels;
use super::shared::Shared;
use crate::store::redis::config::{Address, Topology};

pub enum Route {
    /// One server has everything.
    Single(Rc<Node>),
    Cluster(Rc<Cluster>),
}

impl Route {
    /// Begins to connect.
    pub fn start(shared: &Rc<Shared>) -> Route {
        let finder = match shared.config.topology.clone() {
            Topology::Cluster(seeds) => return Route::Cluster(Cluster::start(shared, seeds)),
            Topology::Standalone(address) => Finder::Fixed(address),
            Topology::Sentinel { primary_name, sentinels, credentials } => {
                Finder::Sentinel(Sentinels::new(primary_name, sentinels, credentials))
            }
        };
        let reporter = Rc::downgrade(shared);
        let on_change = move |address: &str, trouble: Option<&str>| {
            let Some(shared) = reporter.upgrade() else { return };
            match trouble {
                None => shared.report_connected(address.to_owned()),
                Some(reason) => shared.report_disconnected(address.to_owned(), reason),
            }
        };
        Route::Single(Node::start(shared, finder, Box::new(on_change)))
    }

    /// The node that serves the slot, when it is known.
    pub fn node(&self, slot: Option<u16>) -> Option<Rc<Node>> {
        match self {
            Route::Single(node) => Some(node.clone()),
            Route::Cluster(cluster) => cluster.node(slot),
        }
    }

    pub fn cluster(&self) -> Option<&Rc<Cluster>> {
        match self {
            Route::Single(_) => None,
            Route::Cluster(cluster) => Some(cluster),
        }
    }

    /// Where messages can be heard.
    pub fn listening_address(&self) -> Option<Address> {
        match self {
            Route::Single(node) => connected_address(node.connection()),
            Route::Cluster(cluster) => cluster.any_primary(),
        }
    }

    /// Whether messages may have moved away from an address: to another primary, or out of the
    /// cluster. A lost connection alone does not say so.
    pub fn left(&self, address: &Address) -> bool {
        match self {
            Route::Single(node) => connected_address(node.connection()).is_some_and(|current| current != *address),
            Route::Cluster(cluster) => !cluster.has_primary(address),
        }
    }
}

fn connected_address(connection: Option<Rc<Connection>>) -> Option<Address> {
    connection.map(|connection| connection.address.clone())
}
