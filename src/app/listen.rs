//! The limit on connections, and the sockets that accept them.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::error::AppError;
use crate::telemetry::whole;

/// Number of open files reserved for the journal, the views, NATS and metrics. If the process may
/// open fewer than twice this number, half of its open files are reserved.
const RESERVED_FILES: u64 = 512;

/// Maximum number of connections that wait to be accepted. It is large because all clients
/// reconnect at once after a restart.
const BACKLOG: u32 = 4096;

/// Binds the address of a setting.
pub(super) async fn bind(
    address: SocketAddr,
    setting: &'static str,
) -> Result<TcpListener, AppError> {
    let bound = async {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound.await.map_err(|source| AppError::Listen {
        address,
        setting,
        source,
    })
}

/// Raises the limit on open files to the maximum that the system allows, because every client takes
/// one. Returns the limit.
pub(super) fn allow_files() -> u64 {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    let files = raised.or_else(|error| {
        tracing::warn!(error = %whole(&error), "the limit of file handles could not be raised");
        rlimit::Resource::NOFILE.get_soft()
    });
    files.unwrap_or_else(|error| {
        tracing::warn!(error = %whole(&error), "the limit of file handles could not be read");
        u64::MAX
    })
}

/// The limit on connections when the process may have `files` open files. Some are reserved for the
/// journal, the views and NATS, so that clients cannot use up the last one.
pub(super) fn connections_within(connections: usize, files: u64) -> usize {
    let kept = RESERVED_FILES.min(files / 2);
    let allowed = usize::try_from(files.saturating_sub(kept)).unwrap_or(usize::MAX);
    if connections <= allowed {
        return connections;
    }
    tracing::warn!(
        setting = connections,
        used = allowed,
        files,
        kept,
        "http.connections is lowered, because the process may not open that many files; raise \
        the limit (ulimit -n, LimitNOFILE), or lower the setting"
    );
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_journal_and_the_views() {
        for (connections, files, left) in [
            (10_000, 1_048_576, 10_000),
            (10_000, u64::MAX, 10_000),
            (10_000, 10_512, 10_000),
            (10_000, 10_511, 9_999),
            (10_000, 1_024, 512),
            (10_000, 256, 128),
            (100, 256, 100),
        ] {
            assert_eq!(connections_within(connections, files), left, "{files}");
        }
    }
}
