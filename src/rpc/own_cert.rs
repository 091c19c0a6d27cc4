//! The node's own certificate and key, in a file only its owner can read, so that a locked node
//! can still be reached.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

use crate::identity::ca::needs_renewal;
use crate::identity::{Host, canon, cert};
use crate::model::ConsortiumId;
use crate::store::{StoreError, file};

const MAX_BYTES: usize = 64 << 10;

/// The file: two lines, certificate and key, each DER in base64.
#[derive(Clone, Debug)]
pub struct NodeCertFile {
    path: PathBuf,
}

/// A certificate and its key, DER.
pub type Pair = (Vec<u8>, Zeroizing<Vec<u8>>);

impl NodeCertFile {
    /// Names the file.
    pub const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads certificate and key; `None` where none was issued yet.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn read(&self) -> Result<Option<Pair>, StoreError> {
        let Some(bytes) = file::read_small(&self.path, MAX_BYTES)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let damaged = || {
            StoreError::damaged(
                &self.path,
                "remove it and unlock the node, which issues a new one",
            )
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let mut parts = text.lines().map(canon::from_base64);
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(cert), Some(key)) => Ok(Some((cert, Zeroizing::new(key)))),
            _ => Err(damaged()),
        }
    }

    /// Writes certificate and key.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, cert: &[u8], key: &[u8]) -> Result<(), StoreError> {
        let key = Zeroizing::new(canon::to_base64(key));
        let text = Zeroizing::new(format!("{}\n{}\n", canon::to_base64(cert), *key));
        file::write_atomic(&self.path, text.as_bytes())
    }

    /// Returns when the certificate ends, Unix seconds.
    pub fn not_after(&self) -> Option<u64> {
        let (cert, _) = self.read().ok().flatten()?;
        not_after(&cert)
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file's mode if others on this machine can read the key in it.
    pub fn open_to_others(&self) -> Option<u32> {
        let mode = self.path.metadata().ok()?.permissions().mode() & 0o7777;
        (mode & 0o077 != 0).then_some(mode)
    }

    /// Returns whether one should be issued: there is none, it is for another consortium or lacks
    /// a host, little time is left on it, or it was issued by a clock that was ahead.
    pub fn is_due(&self, consortium: &ConsortiumId, hosts: &[Host], now: u64) -> bool {
        let Ok(Some((cert, _))) = self.read() else {
            return true;
        };
        let ours = cert::claimed_id(&cert).is_ok_and(|id| id.consortium == *consortium);
        !ours
            || !names_all(&cert, hosts)
            || is_early(&cert, now)
            || not_after(&cert).is_none_or(|not_after| needs_renewal(not_after, now))
    }
}

/// Returns whether a certificate (DER) begins so late that peers refuse it now.
pub fn is_early(cert: &[u8], now: u64) -> bool {
    let begins = X509Certificate::from_der(cert)
        .ok()
        .and_then(|(_, parsed)| u64::try_from(parsed.validity().not_before.timestamp()).ok());
    begins.is_some_and(|begins| begins > now.saturating_add(cert::NOT_BEFORE_SKEW))
}

/// Returns when a certificate (DER) ends, Unix seconds.
pub fn not_after(cert: &[u8]) -> Option<u64> {
    let (_, parsed) = X509Certificate::from_der(cert).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}

fn names_all(cert: &[u8], hosts: &[Host]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(cert) else {
        return false;
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return false;
    };
    hosts.iter().all(|host| match host {
        Host::Name(name) => names
            .value
            .general_names
            .iter()
            .any(|san| matches!(san, GeneralName::DNSName(dns) if dns.eq_ignore_ascii_case(name.as_ref()))),
        Host::Address(address) => names
            .value
            .general_names
            .iter()
            .any(|san| matches!(san, GeneralName::IPAddress(ip) if *ip == octets(*address))),
    })
}

fn octets(address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
