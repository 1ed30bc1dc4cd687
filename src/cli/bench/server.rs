//! The server under load. It is either a child process, so that its cost can be told apart from the
//! cost of the clients, or a server that runs already.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Time limit for a server to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server under load.
#[derive(Debug)]
pub(super) struct BenchServer {
    address: SocketAddr,
    own: Option<Own>,
    /// The ids of the server's processes; more than one when several servers share the address.
    pids: Vec<u32>,
}

#[derive(Debug)]
struct Own {
    child: Child,
    /// The scratch folder, removed when this is dropped; `None` when a data folder was given.
    _scratch: Option<tempfile::TempDir>,
    start: Start,
}

/// How a server is started.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// Runs the server on the first processor only.
    pub(super) pinned: bool,
    /// Settings such as `live.flush_ms=5`.
    pub(super) settings: Vec<String>,
    /// The program; default: this program.
    pub(super) program: Option<PathBuf>,
    /// The data folder; default: a scratch folder.
    pub(super) data: Option<PathBuf>,
}

impl BenchServer {
    /// Starts a server as a child process.
    pub(super) async fn start(mut start: Start) -> anyhow::Result<Self> {
        let mut scratch = None;
        if start.data.is_none() {
            let made = tempfile::tempdir().context("no scratch folder can be created")?;
            start.data = Some(made.path().to_owned());
            scratch = Some(made);
        }
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, address) = spawn(&start, any).await?;
        let pids = child.id().into_iter().collect();
        Ok(Self {
            address,
            own: Some(Own {
                child,
                _scratch: scratch,
                start,
            }),
            pids,
        })
    }

    /// Connects to a running server; `pids` are its processes on this machine.
    pub(super) async fn running(url: &str, pids: Vec<u32>) -> anyhow::Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .context("--server must be an address such as http://127.0.0.1:4820")?
            .trim_end_matches('/');
        let address = tokio::net::lookup_host(authority)
            .await
            .with_context(|| format!("{authority} is no host and port"))?
            .next()
            .with_context(|| format!("{authority} has no address"))?;
        Ok(Self {
            address,
            own: None,
            pids,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server (with SIGKILL if `kill`), then starts it again on the same address and
    /// data.
    pub(super) async fn restart(&mut self, kill: bool) -> anyhow::Result<()> {
        let Some(own) = &mut self.own else {
            bail!("only a server that this command started can be restarted; leave --server out");
        };
        if kill {
            own.child.kill().await?;
        } else {
            terminate(&mut own.child).await?;
        }
        let (child, address) = spawn(&own.start, self.address).await?;
        self.pids = child.id().into_iter().collect();
        own.child = child;
        self.address = address;
        Ok(())
    }

    /// True while the server's process runs; always true for a server that was started elsewhere.
    pub(super) fn is_running(&mut self) -> bool {
        let Some(own) = &mut self.own else {
            return true;
        };
        matches!(own.child.try_wait(), Ok(None))
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self.own {
            Some(mut own) => terminate(&mut own.child).await,
            None => Ok(()),
        }
    }

    /// Processor time used so far and present resident memory, summed over the processes; `None`
    /// when no process is known or `/proc` has no entry.
    pub(super) fn usage(&self) -> Option<ServerUsage> {
        let mut sum: Option<ServerUsage> = None;
        for pid in &self.pids {
            let cpu = cpu_of(&pid.to_string())?;
            let resident_kib = resident_kib(*pid)?;
            let before = sum.unwrap_or_default();
            sum = Some(ServerUsage {
                cpu: before.cpu.saturating_add(cpu),
                resident_kib: before.resident_kib.saturating_add(resident_kib),
            });
        }
        sum
    }

    /// The id of the server's first process, if known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pids.first().copied()
    }

    /// Number of live clients that the server has closed as too slow.
    pub(super) async fn sent_away(&self) -> anyhow::Result<u64> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.get(format!("{}/metrics", self.url()));
        let text = request.send().await?.error_for_status()?.text().await?;
        let name = "tidings_live_closed_total{reason=\"too_slow\"} ";
        let count = text.lines().find_map(|line| line.strip_prefix(name));
        count.map_or(Ok(0), |count| Ok(count.trim().parse()?))
    }
}

/// Resident memory of a process, in KiB.
pub(super) fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| {
        let kib = line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?;
        kib.trim().parse().ok()
    })
}

/// Processor time that this process has used.
pub(super) fn own_cpu() -> Option<Duration> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Fields 14 and 15. They are counted from the end of the name, which may contain spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    // A tick is 10 ms on Linux.
    Some(Duration::from_millis(ticks.saturating_mul(10)))
}

/// Processor time and memory used by a server.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerUsage {
    pub(super) cpu: Duration,
    pub(super) resident_kib: u64,
}

async fn spawn(start: &Start, address: SocketAddr) -> anyhow::Result<(Child, SocketAddr)> {
    let program = match &start.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("this program's own path is not known")?,
    };
    let data = start.data.as_deref().context("no data folder is named")?;
    let mut command = if start.pinned {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .arg("--data")
        .arg(data)
        .args(["--listen", &address.to_string(), "--output", "json"])
        .args(["--set", "log.level=warn"]);
    for setting in &start.settings {
        command.args(["--set", setting]);
    }
    command
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context(if start.pinned {
        "the server cannot be started on one processor; is taskset installed?"
    } else {
        "the server cannot be started"
    })?;
    let out = child.stdout.take().context("the server has no output")?;
    let mut lines = BufReader::new(out).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line())
        .await
        .context("the server did not say where it listens")??
        .context("the server ended before it listened; its log above says why")?;
    let said: Value = serde_json::from_str(&first)?;
    let address = said
        .get("listening")
        .and_then(Value::as_str)
        .and_then(|url| url.strip_prefix("http://")?.parse().ok())
        .with_context(|| format!("{first} does not say where the server listens"))?;
    Ok((child, address))
}

/// Sends a process SIGTERM and waits until it has ended.
async fn terminate(child: &mut Child) -> anyhow::Result<()> {
    let pid = child.id().context("the server has ended already")?;
    let asked = Command::new("kill")
        .args(["-TERM", &pid.to_string()])
        .status()
        .await?;
    if !asked.success() {
        bail!("the server could not be asked to stop");
    }
    tokio::time::timeout(PATIENCE, child.wait())
        .await
        .context("the server did not stop")??;
    Ok(())
}
