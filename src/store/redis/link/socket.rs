//! A TCP connection, with TLS where it is asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::stream::{EventLoop, Stream};
use crate::store::redis::config::Address;

/// The kernel's own watch over a peer that went away without a word. The link notices sooner
/// ([`super::timing::Timing::dead_after`]); this is for connections that only listen.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_FOR: Duration = Duration::from_secs(10);

pub enum Socket {
    Plain(Stream),
    Tls(Box<TlsStream<Stream>>),
}

impl Socket {
    pub async fn connect(
        address: &Address,
        tls: Option<&Arc<ClientConfig>>,
        event_loop: Option<&dyn EventLoop>,
    ) -> Result<Socket, String> {
        let stream =
            TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| error.to_string())?;
        tune(&stream).map_err(|error| error.to_string())?;
        let stream = Stream::new(stream, event_loop).map_err(|error| error.to_string())?;
        let Some(config) = tls else { return Ok(Socket::Plain(stream)) };
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| format!("TLS: {} is no name a certificate could be for", address.host))?;
        let stream =
            TlsConnector::from(config.clone()).connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
        Ok(Socket::Tls(Box::new(stream)))
    }
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_FOR))?;
    Ok(())
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(context),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
