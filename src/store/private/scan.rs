//! Rows in the order of their real keys.

use std::ops::Bound;

use zeroize::Zeroizing;

use super::PrivateStore;
use crate::store::StoreError;

/// Keys with a common beginning and their values, in order; ends after the first error.
#[derive(Debug)]
pub struct Scan<'a> {
    pub(super) store: &'a PrivateStore,
    /// The real key returned last; `None` before the first.
    pub(super) last: Option<Box<[u8]>>,
    /// Space and prefix; empty once the scan is over.
    pub(super) prefix: Vec<u8>,
}

impl Iterator for Scan<'_> {
    type Item = Result<(Vec<u8>, Zeroizing<Vec<u8>>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.prefix.is_empty() {
            return None;
        }
        let index = self.store.read();
        let start = match &self.last {
            None => Bound::Included(self.prefix.as_slice()),
            Some(last) => Bound::Excluded(&**last),
        };
        let row = index
            .rows
            .range::<[u8], _>((start, Bound::Unbounded))
            .next();
        let Some((key, sequence)) = row.filter(|(key, _)| key.starts_with(&self.prefix)) else {
            self.prefix.clear();
            return None;
        };
        self.last = Some(key.clone());
        let value = self.store.value(*sequence);
        if value.is_err() {
            self.prefix.clear();
        }
        Some(value.map(|value| (key[1..].to_vec(), value)))
    }
}
