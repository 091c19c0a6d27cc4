//! How many came, as one record says it in several places, and where these contradict each other.

use super::entry::{Record, Values};
use super::schema::{Field, List};

/// What the sessions of a record say of how many came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sessions {
    /// There are none, or nobody wrote down how many came to any of them.
    Silent,
    /// Of some it is known and of others not, so nobody knows the sum.
    Gaps {
        /// Sessions without a head count.
        empty: usize,
    },
    /// Of each it is known.
    Known {
        /// All of them together.
        sum: u32,
        /// The fullest one.
        largest: u32,
    },
}

impl Sessions {
    pub(super) fn of(record: &Record) -> Self {
        let rows = record.rows(List::Sessions);
        let known: Vec<u32> = rows
            .iter()
            .filter_map(|row| row.count(Field::Attended))
            .collect();
        match rows.len() - known.len() {
            _ if known.is_empty() => Self::Silent,
            0 => Self::Known {
                sum: known.iter().copied().fold(0, u32::saturating_add),
                largest: known.iter().copied().max().unwrap_or(0),
            },
            empty => Self::Gaps { empty },
        }
    }
}

/// Says where a record's sessions, its list of participants and its head counts contradict each
/// other, and which of them counts.
pub fn contradictions(record: &Record) -> Vec<String> {
    let listed = record.rows(List::Participants);
    let came = (!listed.is_empty()).then(|| record.present().count());
    let attended = record.count(Field::Attended);
    let sessions = Sessions::of(record);
    let mut said = Vec::new();
    match (sessions, came, attended) {
        (Sessions::Gaps { empty }, ..) => said.push(format!(
            "{empty} of the sessions have no head count, so nobody knows how many attendances \
             there were; they count as unknown"
        )),
        (Sessions::Known { sum, .. }, came, attended) => {
            if let Some(attended) = attended.filter(|attended| *attended != sum) {
                said.push(format!(
                    "attended says {attended} and the sessions add up to {sum}; the sessions count"
                ));
            }
            if let Some(came) = came.filter(|came| *came > sum as usize) {
                said.push(format!(
                    "the list of participants says that {came} came and the sessions add up to \
                     {sum}; the sessions count"
                ));
            }
        }
        (Sessions::Silent, Some(came), Some(attended)) if came != attended as usize => {
            said.push(format!(
                "attended says {attended} and the list of participants {came}; the list counts"
            ));
        }
        (Sessions::Silent, ..) => {}
    }
    said.extend(too_many_completed(record, sessions, came));
    said
}

/// Says where more completed than came, or others than the list says.
fn too_many_completed(record: &Record, sessions: Sessions, came: Option<usize>) -> Option<String> {
    let completed = record.count(Field::Completed)?;
    let rows = record
        .present()
        .filter_map(|row| row.yes(Field::Completed))
        .collect::<Vec<_>>();
    if !rows.is_empty() {
        let listed = rows.iter().filter(|yes| **yes).count();
        return (listed != completed as usize).then(|| {
            format!(
                "completed says {completed} and the list of participants {listed}; the list counts"
            )
        });
    }
    let came = match (sessions, came) {
        (Sessions::Known { sum, .. }, _) => sum,
        (Sessions::Gaps { .. }, _) => return None,
        (Sessions::Silent, Some(came)) => u32::try_from(came).unwrap_or(u32::MAX),
        (Sessions::Silent, None) => record.count(Field::Attended)?,
    };
    (completed > came).then(|| {
        format!("completed says {completed} and only {came} attended; each counts as it was given")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::record::RecordKeys;
    use crate::record::entry::{Fields, Row};
    use crate::record::schema::Shape;

    fn fields(shape: Shape, text: &str) -> Fields {
        let one = |setting: &str| {
            let (name, value) = setting.split_once('=').expect("field=value");
            let field = name.parse().expect("a field");
            let column = shape.column(field).expect("a field of the shape");
            (field, column.holds.decode(value).expect("a value"))
        };
        text.split_whitespace().map(one).collect()
    }

    fn check(text: &str, sessions: &[&str], participants: &[&str], said: &[&str]) {
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let rows = |list, rows: &[&str]| {
            let row = |text: &&str| Row {
                key: keys.source_key(&[text.as_bytes()]),
                fields: fields(Shape::List(list), text),
            };
            (list, rows.iter().map(row).collect::<Vec<_>>())
        };
        let lists = [
            rows(List::Sessions, sessions),
            rows(List::Participants, participants),
        ];
        let record = Record {
            id: uuid::Uuid::nil(),
            kind: Kind::Training,
            fields: fields(Shape::Kind(Kind::Training), text),
            lists: lists.into(),
            created: jiff::Timestamp::UNIX_EPOCH,
            updated: jiff::Timestamp::UNIX_EPOCH,
            let_go: 0,
            source: None,
        };
        let found = contradictions(&record);
        assert_eq!(found.len(), said.len(), "{found:?}");
        for (found, said) in found.iter().zip(said) {
            assert!(found.contains(said), "{found}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_said_with_what_counts() {
        let (one, two) = ("date=2018-01-09 attended=2", "date=2018-01-10 attended=3");
        let (yes, no, absent) = ("completed=yes", "completed=no", "role=absent");
        check("attended=5 completed=4", &[one, two], &[], &[]);
        check("attended=4", &[one, two], &[], &["add up to 5; the ses"]);
        check("attended=1", &[], &[yes, no, absent], &["2; the list"]);
        check("attended=2", &[one], &["role=staff"; 3], &["3 came"]);
        check("attended=2 completed=3", &[], &[], &["only 2 attended"]);
        check("completed=2", &[], &[yes, no], &["1; the list"]);
        check(
            "completed=9",
            &[one, "date=2018-01-11"],
            &[],
            &["1 of the sessions"],
        );
        check("", &["date=2018-01-11"], &[yes], &[]);
    }
}
