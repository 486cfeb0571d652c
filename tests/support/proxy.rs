//! A TCP proxy that misbehaves on demand.
#![allow(dead_code)] // Each test file uses its own part.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Passes everything on.
    Honest,
    /// Passes requests on, and closes the connection instead of passing on a reply.
    DropReplies,
    /// Passes requests on and keeps replies to itself, without closing.
    KeepReplies,
    /// Takes everything and passes nothing on.
    BlackHole,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    mood: Rc<Cell<Mood>>,
    cut: Rc<Notify>,
    accepted: Rc<Cell<u32>>,
}

impl Proxy {
    /// In front of a port of this host. Lives on the `LocalSet` of the caller.
    pub async fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("binds");
        let proxy = Proxy {
            port: listener.local_addr().expect("an address").port(),
            mood: Rc::new(Cell::new(Mood::Honest)),
            cut: Rc::default(),
            accepted: Rc::default(),
        };
        let accepting = proxy.clone();
        spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepting.accepted.set(accepting.accepted.get() + 1);
                let proxy = accepting.clone();
                spawn_local(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await {
                        proxy.join(client, server).await;
                    }
                });
            }
        });
        proxy
    }

    pub fn set(&self, mood: Mood) {
        self.mood.set(mood);
    }

    /// Closes every connection there is.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    pub fn accepted(&self) -> u32 {
        self.accepted.get()
    }

    async fn join(&self, client: TcpStream, server: TcpStream) {
        let (client_in, client_out) = client.into_split();
        let (server_in, server_out) = server.into_split();
        tokio::select! {
            () = self.pass(client_in, server_out, false) => {}
            () = self.pass(server_in, client_out, true) => {}
            () = self.cut.notified() => {}
        }
    }

    async fn pass(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, replies: bool) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            match self.mood.get() {
                Mood::BlackHole => continue,
                Mood::KeepReplies if replies => continue,
                Mood::DropReplies if replies => return,
                _ => {}
            }
            if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }
}
