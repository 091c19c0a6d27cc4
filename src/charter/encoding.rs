//! How dates and certificates are written in TOML: one spelling each.

/// A date, `2018-04-12`.
pub(super) mod date {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::charter) fn serialize<S: Serializer>(
        date: &Date,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(date)
    }

    pub(in crate::charter) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Date, D::Error> {
        let given = String::deserialize(from)?;
        let date = given.parse::<Date>().ok();
        date.filter(|date| date.year() >= 1000 && date.to_string() == given)
            .ok_or_else(|| {
                let given: String = given.chars().take(40).collect();
                D::Error::custom(format!("{given:?} is not a date such as \"2018-04-12\""))
            })
    }
}

/// A date that may be missing.
pub(super) mod optional_date {
    use jiff::civil::Date;
    use serde::{Deserializer, Serializer};

    pub(in crate::charter) fn serialize<S: Serializer>(
        date: &Option<Date>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => super::date::serialize(date, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::charter) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Date>, D::Error> {
        super::date::deserialize(from).map(Some)
    }
}

/// 32 bytes in base64 that may be missing.
pub(super) mod optional_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::identity::canon;

    pub(in crate::charter) fn serialize<S: Serializer>(
        hash: &Option<[u8; 32]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => to.serialize_str(&canon::to_base64(hash)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::charter) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        let given = String::deserialize(from)?;
        canon::from_base64_32(&given)
            .map(Some)
            .ok_or_else(|| D::Error::custom("a SHA-256 is 32 bytes in base64 with padding"))
    }
}

/// A list of byte strings in base64.
pub(super) mod base64_list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::identity::canon;

    pub(in crate::charter) fn serialize<S: Serializer>(
        list: &[Vec<u8>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = list.iter().map(|bytes| canon::to_base64(bytes)).collect();
        texts.serialize(to)
    }

    pub(in crate::charter) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| canon::from_base64(text))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                D::Error::custom("a certificate is its DER bytes in base64 with padding")
            })
    }
}
