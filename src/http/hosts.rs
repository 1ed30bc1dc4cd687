//! [`Hosts`]: checks the `Host` and the `Origin` of a request.
//!
//! The check keeps pages of other sites from using the server through the browser of a user. A
//! request is allowed when its `Host` is listed. If it has an `Origin`, that must also be a page of
//! a listed host on the same port. A missing port stands for the default port of the scheme. A
//! `Host` has no scheme, so a `Host` without a port stands for port 80 of `http` and for port 443
//! of `https`.

use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Version, header};

use super::problem::{Problem, shortened};

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// The host names that a request may address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    listed: Vec<Host>,
}

/// Why a list of hosts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostsError {
    /// An entry is not a host name.
    #[error(
        "{0:?} in http.hosts is not a host name; write \"example.org\" for any port, \
        \"example.org:8443\" for one"
    )]
    NotAHost(String),
    /// An entry has a wildcard.
    #[error(
        "{0:?} in http.hosts has a \"*\", but wildcards are not supported; list each host that \
        clients use, such as \"example.org\" for any port, or \"example.org:8443\" for one"
    )]
    Wildcard(String),
    /// The list is empty.
    #[error(
        "http.hosts is empty, so every request would be refused; list each host that clients use, \
        such as \"example.org\""
    )]
    Empty,
}

impl Default for Hosts {
    fn default() -> Self {
        let listed = ["localhost", "127.0.0.1", "[::1]"];
        Self {
            listed: listed.into_iter().filter_map(Host::parse).collect(),
        }
    }
}

impl Hosts {
    /// Reads names such as `example.org` (any port) and `example.org:8443`.
    ///
    /// # Errors
    /// [`HostsError`] names the entry that is wrong, and says what would be right.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, HostsError> {
        let listed = names
            .into_iter()
            .map(|name| {
                let name = name.as_ref();
                if name.contains('*') {
                    return Err(HostsError::Wildcard(name.to_owned()));
                }
                Host::parse(name).ok_or_else(|| HostsError::NotAHost(name.to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if listed.is_empty() {
            return Err(HostsError::Empty);
        }
        Ok(Self { listed })
    }

    /// Checks the host and the origins of a request.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] when the request does not name exactly one host,
    /// [`Problem::UnlistedHost`] when that host is not listed, and [`Problem::ForeignOrigin`] when
    /// an origin is another site's.
    pub fn check(&self, request: &Request) -> Result<(), Problem> {
        let asked = asked_host(request)?;
        let host = Host::parse(&asked).filter(|host| self.lists(host));
        for origin in request.headers().get_all(header::ORIGIN) {
            let text = lossy(origin);
            let is_ours = Origin::parse(&text)
                .is_some_and(|origin| host.as_ref().is_some_and(|host| self.is_own(&origin, host)));
            // The unlisted host is reported first, because the operator can list it.
            if host.is_some() && !is_ours {
                return Err(Problem::ForeignOrigin(shortened(&text)));
            }
        }
        match host {
            Some(_) => Ok(()),
            None => Err(Problem::UnlistedHost(shortened(&asked))),
        }
    }

    fn lists(&self, host: &Host) -> bool {
        self.listed.iter().any(|listed| listed.allows(host))
    }

    /// Whether a page is this server's own: its host is listed, and its port is the one that the
    /// request asks. One machine may have several names, but another port is another program.
    fn is_own(&self, origin: &Origin, host: &Host) -> bool {
        let is_same_port = origin.port == host.port.unwrap_or(origin.default_port);
        let named = Host {
            name: origin.name.clone(),
            port: Some(origin.port),
        };
        is_same_port && (origin.name == host.name || self.lists(&named))
    }
}

/// A host name or address, and the port if one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// Name in lower case without a final dot. An IPv6 address is in brackets and in its shortest
    /// form.
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Reads `name` or `name:port`. Returns `None` when the name is neither a host name nor an
    /// address.
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if text.contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = match text.get(authority.host().len()..)? {
            "" | ":" => None,
            port => Some(port.strip_prefix(':')?),
        };
        let port = match port {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None => None,
        };
        let name = authority.host().to_ascii_lowercase();
        let name = match name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
            None => name.strip_suffix('.').unwrap_or(&name).to_owned(),
        };
        (!name.is_empty()).then_some(Self { name, port })
    }

    /// Whether this entry of the list allows requests to `host`.
    fn allows(&self, host: &Self) -> bool {
        let is_port_allowed = match (self.port, host.port) {
            (None, _) => true,
            (Some(listed), Some(asked)) => listed == asked,
            (Some(listed), None) => matches!(listed, HTTP_PORT | HTTPS_PORT),
        };
        self.name == host.name && is_port_allowed
    }

    /// Whether host and port are the same. A missing port is the default port of `scheme`.
    fn is_same(&self, other: &Self, scheme: Option<&Scheme>) -> bool {
        let default_port = match scheme {
            Some(scheme) if *scheme == Scheme::HTTPS => HTTPS_PORT,
            _ => HTTP_PORT,
        };
        self.name == other.name
            && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

/// The origin of a page.
#[derive(Debug)]
struct Origin {
    name: String,
    port: u16,
    default_port: u16,
}

impl Origin {
    /// Reads an `Origin` header. Returns `None` when it names no host, such as `null`.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let default_port = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => HTTP_PORT,
            _ if scheme.eq_ignore_ascii_case("https") => HTTPS_PORT,
            _ => return None,
        };
        let Host { name, port } = Host::parse(authority)?;
        Some(Self {
            name,
            port: port.unwrap_or(default_port),
            default_port,
        })
    }
}

/// The host that a request names in its `Host` header. The request line may name it too, and must
/// then agree. A request in HTTP/1.0 may have no `Host`.
fn asked_host(request: &Request) -> Result<String, Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = request.uri().authority();
    let host = match (hosts.next(), hosts.next(), named) {
        (Some(host), None, _) => lossy(host),
        (None, _, Some(named)) if request.version() < Version::HTTP_11 => named.to_string(),
        (None, _, None) if request.version() < Version::HTTP_11 => String::new(),
        _ => {
            return Err(Problem::BadRequest(
                "a request names exactly one Host".to_owned(),
            ));
        }
    };
    let Some(named) = named else {
        return Ok(host);
    };
    let is_same = Host::parse(named.as_str())
        .zip(Host::parse(&host))
        .is_some_and(|(named, host)| named.is_same(&host, request.uri().scheme()));
    if is_same {
        Ok(host)
    } else {
        Err(Problem::BadRequest(format!(
            "the request line asks {:?}, but the Host header {:?}",
            shortened(named.as_str()),
            shortened(&host)
        )))
    }
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn check(hosts: &Hosts, uri: &str, headers: &[(&str, &str)]) -> Result<(), Problem> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        hosts.check(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn loopback_names_are_listed_on_any_port() {
        let hosts = Hosts::default();
        for host in [
            "localhost",
            "LOCALHOST:4820",
            "127.0.0.1:1",
            "[::1]:4820",
            "localhost.",
        ] {
            assert!(check(&hosts, "/", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.2",
            "a@localhost",
            "::1",
            "localhost:x",
            "",
        ] {
            assert!(
                matches!(
                    check(&hosts, "/", &[("host", host)]),
                    Err(Problem::UnlistedHost(_))
                ),
                "{host}"
            );
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let hosts = Hosts::default();
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[("host", "localhost"), ("host", "localhost")]),
            ("http://evil.example/", &[("host", "localhost")]),
            ("http://localhost:81/", &[("host", "localhost")]),
            ("http://a@localhost/", &[("host", "localhost")]),
        ] {
            assert!(
                matches!(check(&hosts, uri, headers), Err(Problem::BadRequest(_))),
                "{uri} {headers:?}"
            );
        }
        for (uri, host) in [
            ("http://localhost/", "localhost"),
            ("http://LocalHost:80/", "localhost"),
            ("http://localhost/", "localhost:80"),
            ("https://localhost/", "localhost:443"),
        ] {
            assert!(check(&hosts, uri, &[("host", host)]).is_ok(), "{uri}");
        }
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        let hosts = Hosts::new(["Tidings.Example.", "[0:0::1]:4820", "10.0.0.1"]).unwrap();
        for host in [
            "tidings.example",
            "TIDINGS.EXAMPLE.:8443",
            "tidings.example:",
            "[::1]:4820",
            "[0:0:0:0:0:0:0:1]:4820",
            "10.0.0.1:1",
        ] {
            assert!(check(&hosts, "/", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "tidings.example..",
            "[::1]:4821",
            "[::1]",
            "[::2]:4820",
            "::1:4820",
            "10.0.0.1.evil.example",
            "10.0.0.1:+1",
            "10.0.0.1:65536",
            "10.0.0.1 ",
            ".",
        ] {
            assert!(
                matches!(
                    check(&hosts, "/", &[("host", host)]),
                    Err(Problem::UnlistedHost(_))
                ),
                "{host}"
            );
        }
    }

    #[test]
    fn default_ports_are_filled_in_on_both_sides() {
        let hosts = Hosts::new(["a.example", "b.example:443", "c.example:8443"]).unwrap();
        let fits = |host: &str, origin: &str| {
            check(&hosts, "/", &[("host", host), ("origin", origin)]).is_ok()
        };
        for (host, origin) in [
            ("a.example", "https://a.example"),
            ("a.example", "http://a.example"),
            ("a.example:443", "https://a.example"),
            ("a.example:80", "http://a.example"),
            ("a.example", "https://a.example:443"),
            ("a.example", "http://a.example:80"),
            ("a.example:8443", "https://a.example:8443"),
            ("A.Example.:443", "HTTPS://a.example"),
            ("b.example", "https://b.example"),
            ("b.example:443", "https://b.example"),
            ("a.example", "https://b.example"),
            ("c.example:8443", "https://c.example:8443"),
        ] {
            assert!(fits(host, origin), "{host} {origin}");
        }
        for (host, origin) in [
            ("a.example:443", "http://a.example"),
            ("a.example:80", "https://a.example"),
            ("a.example", "https://a.example:80"),
            ("a.example", "http://a.example:443"),
            ("a.example", "https://a.example:8443"),
            ("a.example:8443", "https://a.example"),
            ("a.example:80", "http://b.example"),
            ("b.example:80", "http://b.example"),
            ("b.example:444", "https://b.example:444"),
            ("c.example", "https://c.example"),
            ("a.example", "https://user@a.example"),
            ("a.example", "//a.example"),
        ] {
            assert!(!fits(host, origin), "{host} {origin}");
        }
    }

    #[test]
    fn every_origin_of_a_request_is_checked() {
        let hosts = Hosts::default();
        let headers = |second| {
            [
                ("host", "localhost:4820"),
                ("origin", "http://localhost:4820"),
                ("origin", second),
            ]
        };
        assert!(check(&hosts, "/", &headers("http://localhost:4820")).is_ok());
        assert!(check(&hosts, "/", &headers("http://evil.example")).is_err());
    }

    #[test]
    fn list_that_refuses_every_request_is_an_error_that_says_what_to_write() {
        for entry in ["*", "*.example.org", "example.org:*", "a*b"] {
            let error = Hosts::new(["localhost", entry]).unwrap_err();
            assert_eq!(error, HostsError::Wildcard(entry.to_owned()));
            assert!(
                error.to_string().contains("\"example.org:8443\""),
                "{error}"
            );
        }
        let error = Hosts::new::<&str>([]).unwrap_err();
        assert!(error.to_string().contains("\"example.org\""), "{error}");
        for entry in ["", "http://x", "a b", "a/b", "user@a", "a:b", "[::1", "::1"] {
            assert_eq!(
                Hosts::new([entry]),
                Err(HostsError::NotAHost(entry.to_owned()))
            );
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let hosts = Hosts::default();
        let origin = |origin: &str| {
            check(
                &hosts,
                "/",
                &[("host", "127.0.0.1:4820"), ("origin", origin)],
            )
        };
        for ours in [
            "http://127.0.0.1:4820",
            "http://localhost:4820",
            "https://127.0.0.1:4820",
        ] {
            assert!(origin(ours).is_ok(), "{ours}");
        }
        for foreign in [
            "http://evil.example",
            "http://evil.example:4820",
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "null",
            "",
            "file://127.0.0.1:4820",
            "http://127.0.0.1:4820/",
        ] {
            assert!(
                matches!(origin(foreign), Err(Problem::ForeignOrigin(_))),
                "{foreign}"
            );
        }
    }

    #[test]
    fn host_listed_with_a_port_is_refused_on_other_ports() {
        let hosts = Hosts::new(["example.org:8443", "other.example"]).unwrap();
        assert!(check(&hosts, "/", &[("host", "example.org:8443")]).is_ok());
        assert!(check(&hosts, "/", &[("host", "example.org")]).is_err());
        assert!(check(&hosts, "/", &[("host", "Other.Example:1")]).is_ok());
        assert!(check(&hosts, "/", &[("host", "localhost")]).is_err());
    }
}
