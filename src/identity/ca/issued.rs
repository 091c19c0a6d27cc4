//! A certificate that was just made, with its key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A certificate and its key, just made.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, DER.
    pub cert: Vec<u8>,
    /// The private key, PKCS #8 DER.
    pub key: Zeroizing<Vec<u8>>,
    /// The last second it is valid, Unix seconds.
    pub not_after: u64,
    /// What a revocation names it by.
    pub spki_sha256: [u8; 32],
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Issued {
    /// Returns certificate, key and `ca` as one PEM text, for any gRPC client.
    pub fn pem_bundle(&self, ca: &[u8]) -> Zeroizing<String> {
        let mut text = Zeroizing::new(pem("CERTIFICATE", &self.cert));
        text.push_str(&Zeroizing::new(pem("PRIVATE KEY", &self.key)));
        text.push_str(&pem("CERTIFICATE", ca));
        text
    }
}

/// Returns `der` in the textual encoding of RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Three lines of label and one newline per 64 characters: no reallocation leaves a copy.
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
