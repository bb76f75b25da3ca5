//! Traffic, and what came of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::backend::{SERVED_BY, TOOK, WANTED};

/// Connections that are kept open for one [`Traffic`].
const CLIENTS: usize = 8;

/// What one request got.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) began: Instant,
    pub(crate) status: u16,
    /// `None` when the proxy itself answered.
    pub(crate) by: Option<SocketAddr>,
    /// As the client saw it.
    pub(crate) took: Duration,
    /// As the server saw it: less, since nothing of the way is in it.
    pub(crate) inside: Duration,
}

/// What a client sends.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    pub(crate) to: SocketAddr,
    pub(crate) host: String,
    pub(crate) requests: usize,
    /// As gRPC, with the status that is wanted.
    pub(crate) grpc: Option<u8>,
}

impl Traffic {
    pub(crate) fn new(to: SocketAddr, host: &str, requests: usize) -> Self {
        Self {
            to,
            host: host.to_owned(),
            requests,
            grpc: None,
        }
    }

    pub(crate) fn wanting_grpc_status(mut self, status: u8) -> Self {
        self.grpc = Some(status);
        self
    }

    /// Sends all of it, and waits for all answers.
    pub(crate) async fn send(self) -> Vec<Exchange> {
        let clients = (0..CLIENTS).map(|index| {
            // The first take what does not divide.
            let requests = (self.requests + CLIENTS - 1 - index) / CLIENTS;
            tokio::spawn(client(self.clone(), requests))
        });
        let mut exchanges = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            exchanges.extend(client.await.unwrap());
        }
        assert_eq!(exchanges.len(), self.requests);
        exchanges
    }

    fn request(&self) -> String {
        let host = &self.host;
        match self.grpc {
            None => format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            Some(status) => format!(
                "POST /service/Method HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\
                 content-type: application/grpc\r\n{WANTED}: {status}\r\n\r\n"
            ),
        }
    }
}

async fn client(traffic: Traffic, requests: usize) -> Vec<Exchange> {
    if requests == 0 {
        return Vec::new();
    }
    let mut stream = TcpStream::connect(traffic.to).await.unwrap();
    let request = traffic.request();
    let mut exchanges = Vec::with_capacity(requests);
    for _ in 0..requests {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = answer(&mut stream).await;
        exchanges.push(exchange(&head, began));
    }
    exchanges
}

/// The head of the next answer; its body is read, too.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let length = header(&head, "content-length");
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            assert!(header(&head, "transfer-encoding").is_none(), "{head}");
            if read.len() >= end + 4 + length {
                return head;
            }
        }
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection was closed");
        read.extend_from_slice(&buffer[..count]);
    }
}

fn exchange(head: &str, began: Instant) -> Exchange {
    let took = began.elapsed();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let inside = header(head, TOOK.as_str()).map_or(0, |text| text.parse().unwrap());
    Exchange {
        began,
        status,
        by: header(head, SERVED_BY.as_str()).map(|text| text.parse().unwrap()),
        took,
        inside: Duration::from_micros(inside),
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
