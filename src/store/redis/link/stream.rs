//! A TCP stream whose readiness is told by tokio's runtime or by somebody else's event loop.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// An event loop that runs the thread of a link and can watch its sockets.
pub trait EventLoop {
    /// Watches a non-blocking socket until the answer is dropped, which is before the socket is closed.
    fn watch(&self, socket: &std::net::TcpStream) -> io::Result<Box<dyn Watch>>;
}

/// The watch over one socket. What it was asked for last counts.
pub trait Watch {
    /// Whether there may be something to read since the last time this was asked; else `waker` is
    /// woken when there is.
    fn poll_readable(&self, waker: &Waker) -> Poll<()>;
    /// Nothing is left to read for now: only what comes next makes the socket readable.
    fn clear_readable(&self);
    /// Wakes once the socket takes more bytes.
    fn wake_when_writable(&self, waker: &Waker);
}

pub enum Stream {
    Runtime(TcpStream),
    EventLoop(Watched),
}

pub struct Watched {
    // Dropped first: a closed socket cannot be watched.
    watch: Box<dyn Watch>,
    socket: std::net::TcpStream,
}

impl Stream {
    /// Takes a connected stream over to the event loop, where there is one.
    pub fn new(stream: TcpStream, event_loop: Option<&dyn EventLoop>) -> io::Result<Stream> {
        let Some(event_loop) = event_loop else { return Ok(Stream::Runtime(stream)) };
        let socket = stream.into_std()?;
        Ok(Stream::EventLoop(Watched { watch: event_loop.watch(&socket)?, socket }))
    }
}

impl Watched {
    fn poll_read(&self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.watch.poll_readable(context.waker()).is_pending() {
                return Poll::Pending;
            }
            let room = buffer.initialize_unfilled();
            let room_bytes = room.len();
            match (&self.socket).read(room) {
                Ok(read_bytes) => {
                    // A short read has emptied the socket: asking once more would cost a call of the kernel.
                    // The end of the stream stays readable.
                    if 0 < read_bytes && read_bytes < room_bytes {
                        self.watch.clear_readable();
                    }
                    buffer.advance(read_bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.watch.clear_readable(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match (&self.socket).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.watch.wake_when_writable(context.waker());
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Runtime(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::EventLoop(watched) => watched.poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Runtime(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::EventLoop(watched) => watched.poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Runtime(stream) => Pin::new(stream).poll_flush(context),
            Stream::EventLoop(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Runtime(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::EventLoop(watched) => Poll::Ready(watched.socket.shutdown(std::net::Shutdown::Write)),
        }
    }
}
