//! [`ClientKey`]: tells which requests count as those of one client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::server::ClientAddress;

/// Identity of a client, for limits per client. It is the IPv4 address, or the first 64 bits of the
/// IPv6 address, because one client usually has all addresses of such a network. Clients behind a
/// reverse proxy count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey(IpAddr);

impl ClientKey {
    /// The client at an address. All requests without an address count as those of one client.
    pub fn at(address: Option<ClientAddress>) -> Self {
        Self(match address {
            Some(ClientAddress(IpAddr::V6(address))) => {
                let network = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(network))
            }
            Some(ClientAddress(address)) => address,
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientKey {
        ClientKey::at(Some(ClientAddress(text.parse().unwrap())))
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("10.0.0.1"), client("10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
    }
}
