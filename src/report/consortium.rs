//! What a report must know of the charter, and of who asks.

use jiff::civil::Date;

use crate::charter::{Policy, Size};
use crate::model::{ConsortiumId, MemberId, Period};

/// The consortium as one charter version has it.
#[derive(Clone, Debug)]
pub struct Consortium {
    /// Its name.
    pub id: ConsortiumId,
    /// The charter's version.
    pub version: u32,
    /// The first period anybody is expected to report.
    pub since: Period,
    /// Tables, codes, floor and due days.
    pub policy: Policy,
    /// Everybody in it, in the charter's order; reports list members in this order.
    pub members: Vec<Member>,
}

impl Consortium {
    /// Returns the members that keep a log, in the charter's order.
    pub fn publishers(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.relay)
    }
}

/// One member of a consortium.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its identifier.
    pub id: MemberId,
    /// The name it goes by, such as `INPUD`.
    pub name: String,
    /// Its size class, which decides the tables it publishes.
    pub size: Size,
    /// The countries its card names, as alpha-2 codes.
    pub countries: Vec<String>,
    /// Whether it only passes on what others publish, and has no log.
    pub relay: bool,
    /// When it joined; unset for a founder.
    pub joined: Option<Date>,
    /// When it left.
    pub left: Option<Date>,
}

/// Who asks, and when.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The date of the answer where the query names none.
    pub today: Date,
    /// The member in whose name the question is asked: it is answered only from payloads whose
    /// audience includes it. Unset on a node's own socket, whose store holds nothing else.
    pub reader: Option<MemberId>,
}
