//! Who a summary is for, as its leaf writes it.

use std::fmt;
use std::str::FromStr;

use crate::model::MemberId;

/// Who may see a summary's payload: everybody (`*`), or named members (`anpud,inpud`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Audience(Option<Vec<MemberId>>);

/// An audience that is neither `*` nor members in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an audience is * or one member or more, in order, with commas between")]
pub struct BadAudience;

impl Audience {
    /// Every member, and whoever they show it to.
    pub const ALL: Self = Self(None);

    /// Returns the audience of these members, in order and each once.
    ///
    /// # Errors
    /// [`BadAudience`] for none.
    pub fn of(members: impl IntoIterator<Item = MemberId>) -> Result<Self, BadAudience> {
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort();
        members.dedup();
        (!members.is_empty())
            .then_some(Self(Some(members)))
            .ok_or(BadAudience)
    }

    /// Returns whether `member` is in it.
    pub fn includes(&self, member: &MemberId) -> bool {
        self.members()
            .is_none_or(|members| members.contains(member))
    }

    /// Returns its members in order; `None` for everybody.
    pub fn members(&self) -> Option<&[MemberId]> {
        self.0.as_deref()
    }
}

impl FromStr for Audience {
    type Err = BadAudience;

    fn from_str(given: &str) -> Result<Self, BadAudience> {
        if given == "*" {
            return Ok(Self::ALL);
        }
        let members: Result<Vec<_>, _> = given.split(',').map(MemberId::from_str).collect();
        let audience = Self::of(members.map_err(|_| BadAudience)?)?;
        // Out of order or twice is another spelling of the same.
        (audience.to_string() == given)
            .then_some(audience)
            .ok_or(BadAudience)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.members().and_then(<[_]>::split_first) else {
            return f.write_str("*");
        };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|member| write!(f, ",{member}"))
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Audience {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Audience {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_includes_its_members_alone() {
        let audience: Audience = "anpud,inpud".parse().expect("an audience");
        let member = |id: &str| id.parse::<MemberId>().expect("an id");
        assert!(audience.includes(&member("inpud")));
        assert!(!audience.includes(&member("other")));
        assert!(Audience::ALL.includes(&member("other")));
        assert_eq!(Audience::of([]), Err(BadAudience));
    }
}
