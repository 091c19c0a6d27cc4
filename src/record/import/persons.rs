//! Columns that are likely to be about persons: known by their headers and by what they hold.

/// What a column or a cell gives away about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Personal {
    Name,
    Email,
    Phone,
    Birth,
}

impl Personal {
    /// Returns it in words, for messages.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Name => "names of persons",
            Self::Email => "e-mail addresses",
            Self::Phone => "telephone numbers",
            Self::Birth => "birth dates",
        }
    }
}

/// Headers that mean the name of a person and nothing else, in the languages of the forms these
/// networks use. A header that says whose name it is, such as `organisation name`, is not here.
const NAMES: &[&str] = &[
    "name",
    "names",
    "full name",
    "first name",
    "last name",
    "middle name",
    "family name",
    "given name",
    "surname",
    "nickname",
    "your name",
    "sort name",
    "display name",
    "participant",
    "participant name",
    "name of participant",
    "attendee",
    "attendee name",
    "contact person",
    "contact name",
    "user name",
    "username",
    "submitter name",
    "submittername",
    "submitted by",
    "enumerator",
    "signature",
    "nom",
    "prénom",
    "nom et prénom",
    "nombre",
    "nombre y apellido",
    "apellido",
    "apellidos",
    "nome",
    "sobrenome",
    "имя",
    "фамилия",
    "ชื่อ",
    "นามสกุล",
    "ชื่อ-นามสกุล",
    "姓名",
];

const EMAIL_WORDS: &[&str] = &["email", "mail", "courriel", "correo", "อีเมล"];
const PHONE_WORDS: &[&str] = &[
    "phone",
    "phones",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "whatsapp",
    "téléphone",
    "teléfono",
    "telefono",
    "móvil",
    "portable",
    "โทรศัพท์",
];
const BIRTH_WORDS: &[&str] = &[
    "birth",
    "birthday",
    "birthdate",
    "dob",
    "naissance",
    "nacimiento",
];

/// Returns what the header of a column gives away, or `None` where it does not.
pub(super) fn by_header(header: &str) -> Option<Personal> {
    let small = header.to_lowercase();
    // Groups of a form stand before the question: `group/first_name`, `group-first_name`.
    let question = small.rsplit('/').next().unwrap_or(&small).trim();
    let words: Vec<&str> = question
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .flat_map(|word| word.split('-'))
        .filter(|word| !word.is_empty())
        .collect();
    let plain = words.join(" ");
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if has(EMAIL_WORDS) {
        Some(Personal::Email)
    } else if has(PHONE_WORDS) {
        Some(Personal::Phone)
    } else if has(BIRTH_WORDS) {
        Some(Personal::Birth)
    } else if NAMES.contains(&plain.as_str()) || NAMES.contains(&question) {
        Some(Personal::Name)
    } else {
        None
    }
}

/// Returns what a whole cell is, where it is an e-mail address or a telephone number.
pub(super) fn by_cell(text: &str) -> Option<Personal> {
    if is_email(text) {
        return Some(Personal::Email);
    }
    is_phone(text).then_some(Personal::Phone)
}

/// Returns whether a text holds an e-mail address or a telephone number somewhere.
pub(super) fn is_within(text: &str) -> bool {
    if !text.contains(['@', '+']) {
        return false;
    }
    let edge = |c: char| {
        matches!(
            c,
            ',' | ';' | ':' | '.' | '<' | '>' | '(' | ')' | '"' | '\''
        )
    };
    let mut words = text.split_whitespace().map(|word| word.trim_matches(edge));
    words.any(|word| {
        let is_number = word.starts_with('+') && is_phone(word);
        is_email(word) || is_number
    })
}

fn is_email(text: &str) -> bool {
    let Some((who, host)) = text.split_once('@') else {
        return false;
    };
    let fits = |part: &str| !part.is_empty() && !part.contains([' ', '@', '/', '\n', '\t']);
    let ends = host.rsplit_once('.').is_some_and(|(name, end)| {
        !name.is_empty() && end.len() >= 2 && end.chars().all(char::is_alphabetic)
    });
    fits(who) && fits(host) && ends
}

/// Returns whether a text is written as telephone numbers are. Digits alone are some other number
/// as likely, and a date may have dashes or points.
fn is_phone(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '+');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if !text.chars().all(is_part) || !(8..=15).contains(&digits) {
        return false;
    }
    if text.starts_with('+') {
        return true;
    }
    let groups: Vec<usize> = text
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .filter(|len| *len > 0)
        .collect();
    let is_date = groups.len() == 3 && groups.contains(&4) && digits == 8;
    text.starts_with(['0', '(']) && groups.len() > 1 && !is_date
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_give_persons_away_and_organisations_not() {
        for (header, personal) in [
            ("Full  Name", Some(Personal::Name)),
            ("group_a/first_name", Some(Personal::Name)),
            ("E-mail Address", Some(Personal::Email)),
            ("Phone (WhatsApp)", Some(Personal::Phone)),
            ("date_of_birth", Some(Personal::Birth)),
            ("_submitted_by", Some(Personal::Name)),
            ("Birth Date", Some(Personal::Birth)),
            ("Organization_Name", None),
            ("partner.name", None),
            ("Event name", None),
            ("country", None),
            ("mailing list size", None),
            ("", None),
        ] {
            assert_eq!(by_header(header), personal, "{header}");
        }
    }

    #[test]
    fn cells_give_addresses_and_numbers_away() {
        for (cell, personal) in [
            ("mai@example.org", Some(Personal::Email)),
            ("+66 81 234 5678", Some(Personal::Phone)),
            ("(02) 123-4567 8", Some(Personal::Phone)),
            ("081-234-5678", Some(Personal::Phone)),
            ("0812345678", None),
            ("09929760", None),
            ("01.02.2018", None),
            ("2018-03-31", None),
            ("@handle", None),
            ("12345678", None),
        ] {
            assert_eq!(by_cell(cell), personal, "{cell}");
        }
        assert!(is_within("call Mai, +66812345678."));
        assert!(is_within("write to <mai@example.org>"));
        assert!(!is_within("2 + 2 @ noon"));
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in ".{0,40}") {
            let _any = (by_header(&text), by_cell(&text), is_within(&text));
        }
    }
}
