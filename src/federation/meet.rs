//! The first words of a sync: who each side is, and how far it has followed the other.

use std::collections::{HashMap, HashSet};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use uuid::Uuid;

use super::error::SyncError;
use super::frames::{self, MOST_WANTS, PROTOCOL, frame};
use super::give::Tidings;
use super::session::{Session, ours};
use crate::store::Cursor;
use crate::wire::sync_frame::Frame;
use crate::wire::{SyncFrame, SyncHello, SyncWant};

/// What is known when both have said hello.
#[derive(Debug)]
pub(super) struct Met {
    /// The peer's store, and how far we hold it.
    pub(super) cursor: Cursor,
    /// The payloads we asked for, by log.
    pub(super) wanted: HashMap<String, HashSet<u64>>,
    /// What to tell the peer.
    pub(super) tidings: Tidings,
}

impl Session {
    /// Says hello and reads the other's.
    pub(super) async fn meet<I>(
        &self,
        incoming: &mut I,
        outgoing: &mpsc::Sender<SyncFrame>,
    ) -> Result<Met, SyncError>
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        let session = self.clone();
        let hello = self.blocking(move |_| session.hello()).await?;
        let said = outgoing.send(frame(Frame::Hello(hello.clone()))).await;
        said.map_err(|_| self.broken("it is closed"))?;
        let theirs = match self.next(incoming).await? {
            Some(Frame::Hello(hello)) => hello,
            Some(Frame::Refused(refused)) => return Err(self.refused(&refused)),
            Some(other) => {
                let problem = format!("{} before SyncHello", frames::name(&other));
                return Err(self.breach(problem));
            }
            None => return Err(self.broken("it ended before a word was said")),
        };
        let store_id = self.check(&theirs)?;
        let ours = Uuid::from_slice(&hello.store_id).ok();
        let follows_us = ours.is_some() && Uuid::from_slice(&theirs.cursor_store_id).ok() == ours;
        // Who holds more arrivals than there are remembers some of a store that fell back.
        let last = self.node.store.last_arrival();
        let followed = if follows_us && theirs.cursor_arrival <= last {
            theirs.cursor_arrival
        } else {
            0
        };
        self.node.follows(&self.peer, followed);
        let same_store = hello.cursor_store_id == theirs.store_id;
        let arrival = if same_store { hello.cursor_arrival } else { 0 };
        let wanted = hello.wants.into_iter();
        Ok(Met {
            cursor: Cursor { store_id, arrival },
            wanted: wanted
                .map(|w| (w.origin, w.indices.into_iter().collect()))
                .collect(),
            tidings: Tidings::new(
                self.peer.clone(),
                followed,
                theirs.charter_version,
                theirs.wants,
            ),
        })
    }

    fn hello(&self) -> Result<SyncHello, SyncError> {
        let store = &self.node.store;
        // In doubt about our own log, we ask for all there is.
        let cursor = match self.node.sense.is_marked() {
            true => None,
            false => store.cursor(self.peer.as_str()).map_err(ours)?,
        };
        let mut wants: Vec<SyncWant> = Vec::new();
        for missing in store.missing_payloads().take(MOST_WANTS) {
            let missing = missing.map_err(ours)?;
            match wants
                .last_mut()
                .filter(|want| want.origin == missing.origin)
            {
                Some(want) => want.indices.push(missing.index),
                None => wants.push(SyncWant {
                    origin: missing.origin,
                    indices: vec![missing.index],
                }),
            }
        }
        Ok(SyncHello {
            protocol: PROTOCOL,
            consortium: self.roll.consortium().to_string(),
            member: self.roll.own().to_string(),
            store_id: store.store_id().map_err(ours)?.as_bytes().to_vec(),
            cursor_store_id: cursor.map_or_else(Vec::new, |c| c.store_id.as_bytes().to_vec()),
            cursor_arrival: cursor.map_or(0, |c| c.arrival),
            charter_version: self.roll.version(),
            wants,
        })
    }

    /// Checks the other's hello; returns its store's id.
    fn check(&self, hello: &SyncHello) -> Result<Uuid, SyncError> {
        if hello.protocol != PROTOCOL {
            let theirs = hello.protocol;
            return Err(self.breach(format!(
                "it speaks version {theirs} of the protocol and we speak {PROTOCOL}"
            )));
        }
        if hello.consortium != self.roll.consortium().as_str() {
            return Err(self.breach(format!(
                "it belongs to the consortium {} and we belong to {}",
                frames::plain(&hello.consortium),
                self.roll.consortium()
            )));
        }
        if hello.member != self.peer.as_str() {
            let says = frames::plain(&hello.member);
            return Err(self.breach(format!(
                "it says it is {says}, but its certificate does not"
            )));
        }
        let wants = hello
            .wants
            .iter()
            .map(|want| want.indices.len().max(1))
            .sum::<usize>();
        if wants > MOST_WANTS {
            return Err(self.breach(format!("it wants more than {MOST_WANTS} payloads")));
        }
        Uuid::from_slice(&hello.store_id)
            .map_err(|_| self.breach("the id of its store does not have 16 bytes".to_owned()))
    }
}
