//! A balancer in front of several servers: nginx with the configuration of `deploy/` where it is
//! installed, else a proxy that forwards connections to servers that accept them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::common::ports::own_address;
use crate::common::server::{send, wait_for};
use crate::common::wait::eventually;

/// A running balancer; it ends when dropped.
pub enum Balancer {
    Nginx {
        child: Child,
        address: SocketAddr,
        _folder: TempDir,
    },
    Plain {
        over: Arc<AtomicBool>,
        address: SocketAddr,
    },
}

impl Balancer {
    /// Starts a balancer over these servers.
    pub fn start(servers: &[SocketAddr; 2]) -> Self {
        match nginx() {
            Some(program) => Self::nginx(&program, servers),
            None => Self::plain(*servers),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Nginx { address, .. } | Self::Plain { address, .. } => *address,
        }
    }

    fn nginx(program: &Path, servers: &[SocketAddr; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = own_address();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx.conf");
        let mut config = std::fs::read_to_string(config).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.path().join(kind).display()))
            .concat();
        for (was, is) in [
            ("tidings-a:4820", servers[0].to_string()),
            ("tidings-b:4820", servers[1].to_string()),
            ("listen 8080;", format!("listen {address};")),
            ("worker_processes auto;", "worker_processes 1;".into()),
            ("access_log off;", format!("access_log off;\n{temporary}")),
        ] {
            assert!(config.contains(was), "deploy/nginx.conf has no {was:?}");
            config = config.replace(was, &is);
        }
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let pid = folder.path().join("pid");
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-e", "stderr", "-c"])
            .arg(&file)
            .args(["-g", &format!("daemon off; pid {};", pid.display())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        let balancer = Self::Nginx {
            child,
            address,
            _folder: folder,
        };
        eventually("nginx listens", || TcpStream::connect(address).is_ok());
        balancer
    }

    fn plain(servers: [SocketAddr; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let next = AtomicUsize::new(0);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let first = next.fetch_add(1, Ordering::Relaxed);
                let reached = (0..servers.len())
                    .find_map(|step| TcpStream::connect(servers[(first + step) % 2]).ok());
                if let (Ok(client), Some(server)) = (client, reached) {
                    join(&client, &server);
                }
            }
        });
        Self::Plain { over, address }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        match self {
            // SIGTERM also ends the worker of nginx; SIGKILL would leave the worker running.
            Self::Nginx { child, .. } => {
                send("TERM", child.id());
                wait_for(child);
            }
            Self::Plain { over, address } => {
                over.store(true, Ordering::Relaxed);
                let _ = TcpStream::connect(*address);
            }
        }
    }
}

fn nginx() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/nginx/usr/sbin/nginx");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&path).map(|folder| folder.join("nginx"));
    [tools, PathBuf::from("/usr/sbin/nginx")]
        .into_iter()
        .chain(searched)
        .find(|program| program.is_file())
}

/// Forwards bytes in both directions until one end is closed.
fn join(client: &TcpStream, server: &TcpStream) {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Both);
            let _ = from.shutdown(std::net::Shutdown::Both);
        });
    }
}
