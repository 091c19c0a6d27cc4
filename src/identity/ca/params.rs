//! What stands in every certificate of ours: times that tell no time of day, names, a number.
//!
//! Source: RFC 5280 §4.1.2.

use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::DnsName;

use super::{CaError, DAY, Host, MAX_NOW};
use crate::identity::spiffe::SpiffeId;
use crate::model::MemberId;

/// From when until when, Unix seconds.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

impl Validity {
    pub(super) fn days(now: u64, days: u64) -> Result<Self, CaError> {
        let start = Self::until(now, now)?.not_before;
        Self::until(now, start + days * DAY)
    }

    /// Starts at midnight, at least an hour ago: no time of day leaves the node, and a reader
    /// whose clock is a little behind still accepts it.
    pub(super) fn until(now: u64, not_after: u64) -> Result<Self, CaError> {
        if now > MAX_NOW {
            return Err(CaError::BadClock { now });
        }
        let not_before = now.saturating_sub(3_600) / DAY * DAY;
        Ok(Self {
            not_before,
            not_after,
        })
    }
}

pub(super) fn blank_params(
    common_name: String,
    validity: Validity,
) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(validity.not_before);
    params.not_after = epoch + Duration::from_secs(validity.not_after);
    params.distinguished_name = rcgen::DistinguishedName::new();
    // The space keeps readers from taking it for a host name.
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.serial_number = Some(serial_number()?);
    Ok(params)
}

pub(super) fn ca_params(
    member: &MemberId,
    validity: Validity,
) -> Result<CertificateParams, CaError> {
    let mut params = blank_params(format!("{member} certificate authority"), validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    Ok(params)
}

/// Sixteen random bytes, positive as RFC 5280 §4.1.2.2 asks.
fn serial_number() -> Result<SerialNumber, CaError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(CaError::Entropy)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// The DNS names a node answers to. An id that ends in a dash makes no valid label and is left out.
pub(super) fn dns_names(id: &SpiffeId, hosts: &[Host]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let own = id.dns_name();
    if DnsName::try_from(own.as_str()).is_ok() {
        names.push(own);
    }
    for host in hosts {
        if let Host::Name(name) = host
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

pub(super) fn uri(id: &SpiffeId) -> Result<SanType, CaError> {
    Ok(SanType::URI(ia5(&id.to_string())?))
}

pub(super) fn ia5(text: &str) -> Result<Ia5String, CaError> {
    Ok(Ia5String::try_from(text)?)
}
