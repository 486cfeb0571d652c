//! The task behind a [`Connection`]: it writes, reads, and matches replies in order.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::connection::{Connection, Ending};
use super::wire::Wire;

/// Resolves to the reason when the connection has come to its end. Dropping it is an end, too.
pub struct Driver {
    connection: Rc<Connection>,
    wire: Wire,
    /// What is being written: the calls made meanwhile gather in `connection.out`.
    writing: Vec<u8>,
    written: usize,
    must_flush: bool,
    reason: String,
}

/// A batch of calls that was unusually large gives its memory back.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;

impl Driver {
    pub fn new(connection: Rc<Connection>, wire: Wire) -> Driver {
        let reason = "the link was closed".to_owned();
        Driver { connection, wire, writing: Vec::new(), written: 0, must_flush: false, reason }
    }

    /// Writes until the kernel takes no more or nothing is left.
    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.written == self.writing.len() && !self.take_next() {
                break;
            }
            match Pin::new(&mut self.wire.socket).poll_write(context, &self.writing[self.written..]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(outcome) => self.note_written(outcome?)?,
            }
        }
        if self.must_flush && Pin::new(&mut self.wire.socket).poll_flush(context)?.is_ready() {
            self.must_flush = false;
        }
        Ok(())
    }

    fn take_next(&mut self) -> bool {
        self.writing.clear();
        self.written = 0;
        if self.writing.capacity() > KEPT_BUFFER_BYTES {
            self.writing = Vec::new();
        }
        std::mem::swap(&mut self.writing, &mut *self.connection.out.borrow_mut());
        if self.writing.is_empty() {
            return false;
        }
        true
    }

    fn note_written(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += bytes;
        self.must_flush = true;
        let total = &self.connection.written_bytes;
        total.set(total.get() + bytes as u64);
        self.connection.room.notify_waiters();
        Ok(())
    }

    /// Reads until there is nothing more now.
    fn read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(read) = self.wire.poll_fill(context) {
            let received = &self.connection.received_bytes;
            received.set(received.get() + read? as u64);
            while let Some(reply) = self.wire.buffered_reply()? {
                if !self.connection.deliver(reply) {
                    return Err(io::Error::other("the server sent a reply nobody asked for"));
                }
            }
        }
        self.connection.room.notify_waiters();
        Ok(())
    }

    fn ended(&self) -> Option<String> {
        match &*self.connection.ending.borrow() {
            Some(Ending::Cut(reason)) => Some(reason.clone()),
            Some(Ending::Drain(reason)) if !self.connection.owes_replies() => Some(reason.clone()),
            _ => None,
        }
    }
}

impl Future for Driver {
    type Output = String;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
        let this = self.get_mut();
        {
            let mut waker = this.connection.driver.borrow_mut();
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *waker = Some(context.waker().clone());
            }
        }
        let written = this.write(context);
        // Even when writing fails: replies that came before the end are still good.
        let outcome = this.read(context).and(written);
        let reason = match outcome {
            Err(error) => Some(error.to_string()),
            Ok(()) => this.ended(),
        };
        match reason {
            None => Poll::Pending,
            Some(reason) => {
                this.reason.clone_from(&reason);
                Poll::Ready(reason)
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.connection.abandon(&self.reason);
    }
}
