//! Where a node is reached, as its certificate names it.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::DnsName;

use super::CaError;

/// A host a node certificate is valid for besides `localhost` and 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl std::str::FromStr for Host {
    type Err = CaError;

    fn from_str(given: &str) -> Result<Self, CaError> {
        let bare = given.strip_prefix('[').and_then(|g| g.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(given).parse() {
            return Ok(Self::Address(address));
        }
        let name = given.to_ascii_lowercase();
        match DnsName::try_from(name.as_str()) {
            Ok(_) => Ok(Self::Name(name)),
            Err(_) => Err(CaError::BadHost {
                given: given.chars().take(253).collect(),
            }),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        let read = |text: &str| text.parse::<Host>().map(|host| host.to_string()).ok();
        assert_eq!(read("Node.Example").as_deref(), Some("node.example"));
        assert_eq!(read("[::1]").as_deref(), Some("::1"));
        assert_eq!(read("10.0.0.1").as_deref(), Some("10.0.0.1"));
        for bad in ["", "a b", "https://x", "x:1", "-x.example", "é.example"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
