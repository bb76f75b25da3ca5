//! A server of files that can be made to fail.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a request for a path gets.
#[derive(Debug, Clone)]
pub(crate) enum Gets {
    /// The file.
    All(Vec<u8>),
    /// The length of the file, and half of it.
    Half(Vec<u8>),
    /// A status, and a page that says so.
    Status(u16),
    /// Sent on to another address.
    Redirect(String),
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<String, Vec<Gets>>,
    asked: Vec<String>,
}

/// Serves until the test process ends.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    address: SocketAddr,
    known: Arc<Mutex<Known>>,
}

impl Files {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let known = Arc::new(Mutex::new(Known::default()));
        let shared = Arc::clone(&known);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever asks may go away at any time.
                answer(&stream.unwrap(), &shared).ok();
            }
        });
        Self { address, known }
    }

    /// `http://127.0.0.1:1234`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What requests for `path` get, one after the other; the last one again and
    /// again. Every other path is not found.
    pub(crate) fn serve(&self, path: &str, gets: impl Into<Vec<Gets>>) {
        let files = &mut self.known.lock().unwrap().files;
        files.insert(path.to_owned(), gets.into());
    }

    /// The paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.known.lock().unwrap().asked)
    }
}

fn answer(stream: &TcpStream, known: &Mutex<Known>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let gets = {
        let mut known = known.lock().unwrap();
        known.asked.push(path.clone());
        match known.files.get_mut(&path) {
            Some(gets) if gets.len() > 1 => gets.remove(0),
            Some(gets) => gets[0].clone(),
            None => Gets::Status(404),
        }
    };
    let (head, mut body) = match &gets {
        Gets::All(file) | Gets::Half(file) => ("200 OK".to_owned(), file.clone()),
        Gets::Status(status) => (format!("{status} No"), b"<html>no</html>".to_vec()),
        Gets::Redirect(to) => (format!("302 Found\r\nLocation: {to}"), Vec::new()),
    };
    let length = body.len();
    if matches!(gets, Gets::Half(_)) {
        body.truncate(length / 2);
    }
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}
