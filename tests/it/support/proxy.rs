//! A connection that breaks, hangs or is slow.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::prometheus::RUNTIME;

/// Passes bytes on until it is told not to; serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    /// After this many bytes that way, once, the connection is cut.
    Cut(Way, usize),
    /// After this many bytes that way nothing more comes, and the connection stays.
    Hang(Way, usize),
    /// So many bytes at a time, with a pause after them.
    Slow(usize, Duration),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    passed: [usize; 2],
    happened: bool,
}

/// What becomes of one piece.
enum Verdict {
    Pass(Duration),
    Cut(usize),
    Hang(usize),
}

impl State {
    fn judge(&mut self, way: Way, bytes: usize) -> Verdict {
        let passed = &mut self.passed[way as usize];
        let before = *passed;
        *passed += bytes;
        let left = |after: usize| after.saturating_sub(before);
        match self.trouble {
            Some(Trouble::Cut(bad, after)) if bad == way && before + bytes > after => {
                self.happened = true;
                self.trouble = None;
                Verdict::Cut(left(after))
            }
            Some(Trouble::Hang(bad, after)) if bad == way && before + bytes > after => {
                self.happened = true;
                Verdict::Hang(left(after))
            }
            Some(Trouble::Slow(_, pause)) => Verdict::Pass(pause),
            _ => Verdict::Pass(Duration::ZERO),
        }
    }

    fn piece(&self) -> usize {
        match self.trouble {
            Some(Trouble::Slow(bytes, _)) => bytes,
            _ => 16_384,
        }
    }
}

impl Proxy {
    /// In front of `address`.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        RUNTIME.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(to).await else {
                    continue;
                };
                RUNTIME.spawn(connect(client, server, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// `http://127.0.0.1:1234`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub(crate) fn set(&self, trouble: Option<Trouble>) {
        *self.state.lock().unwrap() = State {
            trouble,
            ..State::default()
        };
    }

    /// Bytes to and from the server since the last time something was set.
    pub(crate) fn passed(&self) -> [usize; 2] {
        self.state.lock().unwrap().passed
    }

    /// Has the trouble come?
    pub(crate) fn happened(&self) -> bool {
        self.state.lock().unwrap().happened
    }
}

/// Both ways; the end of one is the end of the other.
async fn connect(client: TcpStream, server: TcpStream, state: Arc<Mutex<State>>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(Way::Up, from_client, to_server, &state) => {}
        () = pass(Way::Down, from_server, to_client, &state) => {}
    }
}

async fn pass(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &Mutex<State>) {
    let mut piece = vec![0; 16_384];
    loop {
        let size = state.lock().unwrap().piece();
        let Ok(count @ 1..) = from.read(&mut piece[..size]).await else {
            return;
        };
        let verdict = state.lock().unwrap().judge(way, count);
        let count = match verdict {
            Verdict::Pass(_) => count,
            Verdict::Cut(left) | Verdict::Hang(left) => left,
        };
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
        match verdict {
            Verdict::Pass(pause) if pause.is_zero() => {}
            Verdict::Pass(pause) => tokio::time::sleep(pause).await,
            Verdict::Cut(_) => return,
            Verdict::Hang(_) => std::future::pending().await,
        }
    }
}
