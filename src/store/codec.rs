//! Packed values: fixed-width integers, big-endian, and byte strings with their length before them.

/// Builds a packed value.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Starts a value of about `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Appends bytes whose length the reader knows.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends bytes and, before them, how many there are.
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        // Every caller bounds what it stores far below 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.u32(length).raw(bytes)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a packed value apart; `None` wherever it ends too soon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.raw(1).map(|bytes| bytes[0])
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N).and_then(|bytes| bytes.try_into().ok())
    }

    pub(super) fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.raw(usize::try_from(length).ok()?)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        self.bytes()
            .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    }

    /// Returns what has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Returns `value` if nothing is left over.
    pub(super) fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_packed_can_be_unpacked(a: u8, b: u32, c: u64, d: Vec<u8>, e: String) {
            let packed = Writer::default().u8(a).u32(b).u64(c).bytes(&d).bytes(e.as_bytes()).finish();
            let mut reader = Reader::new(&packed);
            assert_eq!(reader.u8(), Some(a));
            assert_eq!(reader.u32(), Some(b));
            assert_eq!(reader.u64(), Some(c));
            assert_eq!(reader.bytes(), Some(&d[..]));
            assert_eq!(reader.text(), Some(e));
            assert_eq!(reader.end(()), Some(()));
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.bytes().is_some() {}
            assert!(reader.rest().len() <= bytes.len());
        }
    }
}
