//! One connection that many calls share: each is written at once and answered in turn.
//!
//! [`Connection`] is the handle, [`super::driver::Driver`] the task that owns the socket. A call
//! appends its bytes and wakes the driver, which runs after every task that is ready now: calls
//! made together leave in one write.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;

use tokio::sync::Notify;

use super::oneshot::{self, Receiver, Sender};
use super::resp::Reply;
use super::timing::{MAX_IN_FLIGHT, MAX_UNSENT_BYTES};
use crate::store::redis::config::Address;
use crate::store::redis::script::Script;

/// What becomes of a command.
#[derive(Debug)]
pub enum Answer {
    Reply(Reply),
    /// The connection went away. When not a last byte of the command had left (`written` is
    /// false), the server surely did not run it.
    Lost {
        written: bool,
        reason: String,
    },
}

/// A command whose reply is owed.
pub struct InFlight {
    /// Where its bytes end, counted from the connection's first.
    end: u64,
    /// `None` where nobody cares for the reply.
    sender: Option<Sender<Answer>>,
}

/// How a connection comes to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It takes no more commands, and ends once every reply that is owed has come.
    Drain(String),
    /// It ends now.
    Cut(String),
}

pub struct Connection {
    pub address: Address,
    /// Tells connections apart.
    pub id: u64,
    pub(super) out: RefCell<Vec<u8>>,
    pub(super) in_flight: RefCell<VecDeque<InFlight>>,
    /// Bytes appended to `out`, and bytes the kernel took, since the beginning.
    enqueued_bytes: Cell<u64>,
    pub(super) written_bytes: Cell<u64>,
    /// Bytes read since the beginning.
    pub(super) received_bytes: Cell<u64>,
    pub(super) ending: RefCell<Option<Ending>>,
    pub(super) driver: RefCell<Option<Waker>>,
    /// Told when a connection that was full has room again, or ends.
    pub(super) room: Notify,
    /// Where SCRIPT LOAD of a script was last appended.
    loads: RefCell<Vec<(&'static str, u64)>>,
}

impl Connection {
    pub fn new(address: Address) -> Connection {
        thread_local!(static NEXT_ID: Cell<u64> = const { Cell::new(0) });
        Connection {
            address,
            id: NEXT_ID.replace(NEXT_ID.get() + 1),
            out: RefCell::default(),
            in_flight: RefCell::default(),
            enqueued_bytes: Cell::new(0),
            written_bytes: Cell::new(0),
            received_bytes: Cell::new(0),
            ending: RefCell::new(None),
            driver: RefCell::new(None),
            room: Notify::new(),
            loads: RefCell::default(),
        }
    }

    /// Sends one command; `encode` appends its bytes. Dropping the receiver disturbs nobody: the
    /// reply is dropped when it comes.
    pub fn send(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        if let Some(Ending::Drain(reason) | Ending::Cut(reason)) = &*self.ending.borrow() {
            sender.send(Answer::Lost { written: false, reason: reason.clone() });
            return receiver;
        }
        self.append(encode, Some(sender));
        receiver
    }

    /// Sends one command whose reply tells nothing.
    pub fn send_unheard(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.ending.borrow().is_none() {
            self.append(encode, None);
        }
    }

    fn append(&self, encode: impl FnOnce(&mut Vec<u8>), sender: Option<Sender<Answer>>) {
        let mut out = self.out.borrow_mut();
        let before = out.len();
        encode(&mut out);
        let end = self.enqueued_bytes.get() + (out.len() - before) as u64;
        self.enqueued_bytes.set(end);
        self.in_flight.borrow_mut().push_back(InFlight { end, sender });
        if before == 0 {
            self.wake();
        }
    }

    /// Whether a further command should wait for [`Connection::has_room`].
    pub fn is_full(&self) -> bool {
        self.unsent_bytes() >= MAX_UNSENT_BYTES || self.in_flight.borrow().len() >= MAX_IN_FLIGHT
    }

    fn unsent_bytes(&self) -> usize {
        (self.enqueued_bytes.get() - self.written_bytes.get()) as usize
    }

    /// Waits until there may be room, or an end. To be called right after [`Connection::is_full`].
    pub async fn has_room(&self) {
        self.room.notified().await;
    }

    /// How much was sent so far: tells what was sent before a SCRIPT LOAD from what came after.
    pub fn position(&self) -> u64 {
        self.enqueued_bytes.get()
    }

    /// Makes sure that the script is loaded before a command that is sent now, given that one sent
    /// at `position` did not find it. Thousands of calls may miss a script at once; it is sent once.
    pub fn load(&self, script: &'static Script, position: u64) {
        let mut loads = self.loads.borrow_mut();
        if loads.iter().any(|(sha1, loaded)| *sha1 == script.sha1 && *loaded >= position) {
            return;
        }
        loads.retain(|(sha1, _)| *sha1 != script.sha1);
        loads.push((script.sha1, self.position()));
        let words: [&[u8]; 3] = [b"SCRIPT", b"LOAD", script.source.as_bytes()];
        self.send_unheard(|out| super::pack::pack_words(out, &words));
    }

    pub fn owes_replies(&self) -> bool {
        !self.in_flight.borrow().is_empty()
    }

    pub fn received_bytes(&self) -> u64 {
        self.received_bytes.get()
    }

    /// Begins the end. A drain that was begun can still be cut, nothing else can be changed.
    pub fn end(&self, ending: Ending) {
        let mut current = self.ending.borrow_mut();
        if current.is_none() || matches!((&*current, &ending), (Some(Ending::Drain(_)), Ending::Cut(_))) {
            *current = Some(ending);
        }
        drop(current);
        self.room.notify_waiters();
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.driver.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Gives a reply to the command that has waited longest. `false` when none waits.
    pub(super) fn deliver(&self, reply: Reply) -> bool {
        let Some(command) = self.in_flight.borrow_mut().pop_front() else { return false };
        if let Some(sender) = command.sender {
            sender.send(Answer::Reply(reply));
        }
        true
    }

    /// Tells every waiting command that no reply will come.
    pub(super) fn abandon(&self, reason: &str) {
        self.end(Ending::Cut(reason.to_owned()));
        let written_bytes = self.written_bytes.get();
        for command in std::mem::take(&mut *self.in_flight.borrow_mut()) {
            if let Some(sender) = command.sender {
                sender.send(Answer::Lost { written: command.end <= written_bytes, reason: reason.to_owned() });
            }
        }
    }
}
