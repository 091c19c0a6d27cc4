//! What tests of the stores put into them.

use super::{Entry, Payload, SaltedPayload};
use crate::log::{Leaf, commitment};

/// Returns a leaf that is one, with its payload.
pub(super) fn entry(index: u64) -> Entry {
    let salted = SaltedPayload {
        salt: [index as u8; 32],
        payload: vec![index as u8; 1_024],
    };
    let commit = commitment(&salted.salt, &salted.payload);
    let text = format!(
        "counterfoil/leaf/v1\nsummary training/2018Q1 {}\ndate 2018-04-12\nreplaces -\naudience *\ncommit {commit}\n",
        index + 1
    );
    assert!(Leaf::parse(text.as_bytes()).is_ok());
    Entry {
        leaf: text.into_bytes(),
        payload: Payload::Here(salted),
    }
}
