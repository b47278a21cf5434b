//! A server on loopback that says what it is told to, and remembers what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

impl Asked {
    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: String,
    pub body: String,
}

pub fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: String::new(), body: body.to_owned() }
}

pub fn with_header(mut answer: Answer, header: &str) -> Answer {
    answer.headers.push_str(&format!("{header}\r\n"));
    answer
}

/// Gives the answers in their order, the last one for ever.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for (stream, n) in listener.incoming().zip(0..) {
                let (Ok(mut stream), at) = (stream, answers.len().min(n + 1) - 1) else { return };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let Some(request) = receive(&mut reader) else { continue };
                log.lock().unwrap().push(request);
                let Answer { status, headers, body } = &answers[at];
                let head =
                    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
                let _ = write!(stream, "{head}{headers}\r\n{body}");
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn receive(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, authorization, body: String::from_utf8(body).ok()? })
}
