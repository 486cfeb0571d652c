//! A socket that speaks RESP: what is read is kept until it makes a reply.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

use super::pack::pack_words;
use super::resp::{Parser, Reply};
use super::socket::Socket;

const BUFFER_BYTES: usize = 64 * 1024;
/// A buffer that one huge reply blew up is given back once it is empty.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;

pub struct Wire {
    pub socket: Socket,
    parser: Parser,
    buffer: Vec<u8>,
    /// What was read and not yet understood is `buffer[start..end]`.
    start: usize,
    end: usize,
}

impl Wire {
    pub fn new(socket: Socket) -> Wire {
        Wire { socket, parser: Parser::default(), buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 }
    }

    /// A reply among the bytes that were read already.
    pub fn buffered_reply(&mut self) -> io::Result<Option<Reply>> {
        let (reply, taken) = self
            .parser
            .next(&self.buffer[self.start..self.end])
            .map_err(|_| io::Error::other("the server does not speak the Redis protocol"))?;
        self.start += taken;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        Ok(reply)
    }

    /// Reads what there is, in one call of the kernel. The end of the stream is an error.
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut room = ReadBuf::new(&mut self.buffer[self.end..]);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut room))?;
        let read_bytes = room.filled().len();
        self.end += read_bytes;
        match read_bytes {
            0 => Poll::Ready(Err(io::Error::other("the server closed the connection"))),
            _ => Poll::Ready(Ok(read_bytes)),
        }
    }

    fn make_room(&mut self) {
        if self.start == self.end && self.buffer.len() > KEPT_BUFFER_BYTES {
            self.buffer = vec![0; BUFFER_BYTES];
        }
        if self.buffer.len() - self.end >= BUFFER_BYTES / 4 {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() - self.end < BUFFER_BYTES / 4 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }

    /// Waits for one reply.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            if let Some(reply) = self.buffered_reply()? {
                return Ok(reply);
            }
            std::future::poll_fn(|context| self.poll_fill(context)).await?;
        }
    }

    pub async fn send(&mut self, commands: &[&[&[u8]]]) -> io::Result<()> {
        let mut out = Vec::new();
        for words in commands {
            pack_words(&mut out, words);
        }
        self.socket.write_all(&out).await?;
        self.socket.flush().await
    }

    /// Sends commands in one piece and waits for the reply to each.
    pub async fn ask(&mut self, commands: &[&[&[u8]]]) -> io::Result<Vec<Reply>> {
        self.send(commands).await?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.reply().await?);
        }
        Ok(replies)
    }
}
