//! A nats-server under test, and a small client that speaks its protocol.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::ports::own_address;
use crate::common::server::{send, wait_for};
use crate::common::wait::eventually;

/// A nats-server with JetStream on a folder of its own; killed when dropped.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    child: Option<Child>,
    further: Vec<String>,
    variables: Vec<(String, String)>,
    address: SocketAddr,
}

/// Where nats-server is: `NATS_SERVER`, `.tools/nats-server`, or the search path.
fn program() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/nats-server");
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    named
        .into_iter()
        .chain([tools])
        .chain(searched)
        .find(|program| program.is_file())
        .expect("nats-server is missing: scripts/setup installs it into .tools/, or name it with NATS_SERVER")
}

impl Nats {
    /// Starts a server.
    pub fn start() -> Self {
        let nats = Self::start_with(Vec::new());
        nats.wait_until_up();
        nats
    }

    /// Starts three servers as one cluster.
    pub fn start_cluster() -> [Self; 3] {
        // Each server must know all routes before the first one runs.
        let routes: [String; 3] = std::array::from_fn(|_| format!("nats://{}", own_address()));
        let all = std::array::from_fn(|number| {
            Self::start_with(vec![
                "--cluster_name".into(),
                "rig".into(),
                "--name".into(),
                format!("rig-{number}"),
                "--cluster".into(),
                routes[number].clone(),
                "--routes".into(),
                routes.join(","),
            ])
        });
        all.iter().for_each(Self::wait_until_up);
        all
    }

    /// Starts a server with this configuration, which may refuse connections without a user.
    /// `/data` in it stands for the folder of the store.
    pub fn start_configured(config: &str) -> Self {
        Self::start_with_environment(config, &[])
    }

    /// Starts a server with this configuration and these environment variables.
    pub fn start_with_environment(config: &str, variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_in(Vec::new(), Some(config), variables.collect())
    }

    fn start_with(further: Vec<String>) -> Self {
        Self::start_in(further, None, Vec::new())
    }

    fn start_in(
        mut further: Vec<String>,
        config: Option<&str>,
        variables: Vec<(String, String)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let store = store.to_str().unwrap();
        if let Some(config) = config {
            let file = folder.path().join("nats-server.conf");
            std::fs::write(&file, config.replace("/data", store)).unwrap();
            further.extend(["-c".to_owned(), file.to_str().unwrap().to_owned()]);
        }
        // nats-server accepts the folder of the store only once.
        if !config.is_some_and(|config| config.contains("store_dir")) {
            further.extend(["-js".into(), "-sd".into(), store.to_owned()]);
        }
        let mut nats = Self {
            folder,
            child: None,
            further,
            variables,
            address: own_address(),
        };
        nats.run();
        eventually("nats-server listens", || {
            TcpStream::connect(nats.address).is_ok()
        });
        nats
    }

    fn run(&mut self) {
        let folder = self.folder.path();
        let child = Command::new(program())
            .args(["-a", "127.0.0.1", "-p", &self.address.port().to_string()])
            .arg("-l")
            .arg(folder.join("log"))
            .args(&self.further)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits until JetStream answers.
    pub fn wait_until_up(&self) {
        eventually("JetStream answers", || {
            Client::connect(self.address).is_ok_and(|mut client| {
                client
                    .request(b"$JS.API.INFO", b"", b"")
                    .is_ok_and(|answer| answer.is_some())
            })
        });
    }

    /// The folder of the server's streams.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// Ends the server with a signal.
    pub fn end_with(&mut self, signal: &str) {
        let mut child = self.child.take().unwrap();
        send(signal, child.id());
        wait_for(&mut child);
    }

    /// Starts the server again with the same port and folder.
    pub fn start_again(&mut self) {
        self.run();
        self.wait_until_up();
    }

    /// Replaces the configuration of a server that was started with a configuration, and waits
    /// until the server has loaded the new one.
    pub fn reconfigure(&self, config: &str) {
        let file = self.folder.path().join("nats-server.conf");
        let store = self.store();
        std::fs::write(file, config.replace("/data", store.to_str().unwrap())).unwrap();
        let log = self.folder.path().join("log");
        let times = || {
            let text = std::fs::read_to_string(&log).unwrap();
            text.matches("Reloaded server configuration").count()
        };
        let before = times();
        self.signal("HUP");
        eventually("the configuration is taken over", || times() > before);
    }

    /// Sends a signal that does not end the process.
    pub fn signal(&self, signal: &str) {
        send(signal, self.child.as_ref().unwrap().id());
    }

    /// The description of a stream.
    pub fn stream(&self, name: &str) -> Value {
        self.client()
            .api(&format!("STREAM.INFO.{name}"), &json!({}))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[derive(Debug)]
struct Message {
    subject: String,
    reply: Option<String>,
    headers: bool,
    body: Vec<u8>,
}

/// A connection that sends exactly the given bytes.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
    /// The inbox, unique in the cluster: another client with the same inbox would get the answers,
    /// too.
    inbox: String,
    requests: u64,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_with(address, &json!({}))
    }

    pub fn connect_as(address: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        Self::connect_with(address, &json!({ "user": user, "pass": password }))
    }

    fn connect_with(address: SocketAddr, identity: &Value) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        static CLIENTS: AtomicU64 = AtomicU64::new(0);
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let inbox = format!("_INBOX.rig-{}-{number}", std::process::id());
        let mut options = identity.clone();
        for (name, value) in [
            ("verbose", false),
            ("pedantic", false),
            ("headers", true),
            ("no_responders", true),
        ] {
            options[name] = value.into();
        }
        let hello = format!("CONNECT {options}\r\nSUB {inbox}.* 1\r\nPING\r\n");
        let mut client = Self {
            reader: BufReader::new(stream),
            inbox,
            requests: 0,
        };
        client.line()?;
        client.say(hello.as_bytes())?;
        loop {
            match client.line()? {
                line if line == "PONG" => break,
                line if line.starts_with("-ERR") => return Err(io::Error::other(line)),
                _ => {}
            }
        }
        Ok(client)
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Publishes with this subject, header block and payload, and waits for an answer; `None` when
    /// there is no responder.
    pub fn request(
        &mut self,
        subject: &[u8],
        headers: &[u8],
        payload: &[u8],
    ) -> io::Result<Option<Vec<u8>>> {
        self.requests += 1;
        let inbox = format!("{}.{}", self.inbox, self.requests);
        let mut bytes = if headers.is_empty() {
            b"PUB ".to_vec()
        } else {
            b"HPUB ".to_vec()
        };
        bytes.extend_from_slice(subject);
        let length = headers.len() + payload.len();
        let lengths = if headers.is_empty() {
            format!(" {inbox} {length}\r\n")
        } else {
            format!(" {inbox} {} {length}\r\n", headers.len())
        };
        bytes.extend_from_slice(lengths.as_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.say(&bytes)?;
        loop {
            let message = self.message()?;
            if message.subject == inbox {
                // Only the status "no responders" has headers here.
                return Ok((!message.headers).then_some(message.body));
            }
        }
    }

    fn message(&mut self) -> io::Result<Message> {
        loop {
            let line = self.line()?;
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "PING" => self.say(b"PONG\r\n")?,
                "-ERR" => return Err(io::Error::other(line)),
                "MSG" | "HMSG" => {
                    let size: usize = words.last().unwrap().parse().unwrap();
                    let mut body = vec![0; size + 2];
                    self.reader.read_exact(&mut body)?;
                    body.truncate(size);
                    let headers = words[0] == "HMSG";
                    let bare = if headers { 5 } else { 4 };
                    return Ok(Message {
                        subject: words[1].to_owned(),
                        reply: (words.len() > bare).then(|| words[3].to_owned()),
                        headers,
                        body,
                    });
                }
                _ => {}
            }
        }
    }

    /// Whether a message arrives on this subject before the server answers a ping. No other message
    /// may be on its way.
    pub fn hears(&mut self, subject: &str, meanwhile: impl FnOnce()) -> bool {
        self.say(format!("SUB {subject} 2\r\nPING\r\n").as_bytes())
            .unwrap();
        while self.line().unwrap() != "PONG" {}
        meanwhile();
        self.say(b"PING\r\n").unwrap();
        self.line().unwrap() != "PONG"
    }

    /// Takes a backup of a stream as `nats stream backup` does: its description and the archive.
    pub fn backup(&mut self, stream: &str) -> (Value, Vec<u8>) {
        let target = format!("{}.backup", self.inbox);
        let request = json!({ "deliver_subject": target });
        let described = self.api(&format!("STREAM.SNAPSHOT.{stream}"), &request);
        assert!(described["error"].is_null(), "{described}");
        let mut archive = Vec::new();
        loop {
            let message = self.message().unwrap();
            assert_eq!(message.subject, target);
            // The last message is empty, or has headers only.
            if message.headers || message.body.is_empty() {
                return (described, archive);
            }
            archive.extend(message.body);
            // The server waits for the confirmation of pieces that ask for it.
            if let Some(reply) = message.reply {
                self.say(format!("PUB {reply} 0\r\n\r\n").as_bytes())
                    .unwrap();
            }
        }
    }

    /// Restores a backup as `nats stream restore` does.
    pub fn restore(&mut self, stream: &str, backup: &(Value, Vec<u8>)) {
        let (described, archive) = backup;
        let request = json!({ "config": described["config"], "state": described["state"] });
        let answer = self.api(&format!("STREAM.RESTORE.{stream}"), &request);
        let target = answer["deliver_subject"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"));
        // An empty piece ends the restore.
        for piece in archive.chunks(64 * 1024).chain([&[][..]]) {
            let said = self.request(target.as_bytes(), b"", piece).unwrap();
            let said = said.unwrap();
            let said = String::from_utf8_lossy(&said);
            assert!(!said.contains("\"error\""), "{said}");
        }
    }

    /// Asks the JetStream API.
    pub fn api(&mut self, what: &str, request: &Value) -> Value {
        let subject = format!("$JS.API.{what}");
        let answer = self.request(subject.as_bytes(), b"", request.to_string().as_bytes());
        serde_json::from_slice(&answer.unwrap().unwrap()).unwrap()
    }

    /// Publishes and returns the sequence, if it was acknowledged.
    pub fn publish(&mut self, subject: &[u8], payload: &[u8]) -> io::Result<Option<u64>> {
        self.publish_with(subject, b"", payload)
    }

    /// Publishes with a header block.
    pub fn publish_with(
        &mut self,
        subject: &[u8],
        headers: &[u8],
        payload: &[u8],
    ) -> io::Result<Option<u64>> {
        let Some(answer) = self.request(subject, headers, payload)? else {
            return Ok(None);
        };
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["seq"].as_u64())
    }
}
