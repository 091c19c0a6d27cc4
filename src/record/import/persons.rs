//! Columns that are likely to be about persons: known by their headers and by what they hold.

use unicode_normalization::UnicodeNormalization as _;

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
    "middle name",
    "family name",
    "given name",
    "your name",
    "sort name",
    "display name",
    "user name",
    "submitted by",
    "signature",
    // French, Spanish, Portuguese, Italian
    "nom",
    "noms",
    "nom et prénom",
    "nom et prenom",
    "nom complet",
    "nombre",
    "nombres",
    "nombre completo",
    "nombre y apellido",
    "nombre y apellidos",
    "nome",
    "nome completo",
    "nome e cognome",
    // Russian, Ukrainian, Serbian
    "имя",
    "полное имя",
    "имена",
    "імя",
    "повне імя",
    "име и презиме",
    "ime i prezime",
    // German, Polish, Turkish, Dutch, Swahili
    "imię",
    "imie",
    "ad",
    "adı",
    "isim",
    "naam",
    "jina",
    "jina kamili",
    // Indonesian, Vietnamese
    "nama",
    "nama lengkap",
    "nama peserta",
    "tên",
    "họ tên",
    "họ và tên",
    // Thai, Burmese, Khmer, Hindi, Nepali
    "ชื่อ",
    "ชื่อเล่น",
    "ชื่อ-สกุล",
    "ชื่อ สกุล",
    "အမည်",
    "ឈ្មោះ",
    "नाम",
    // Chinese, Japanese, Korean
    "名字",
    "名前",
    "お名前",
    "이름",
    "성명",
    // Arabic, Persian, Hebrew
    "اسم",
    "الاسم",
    "الإسم",
    "الاسم الكامل",
    "اسم المشارك",
    "نام",
    "نام و نام خانوادگی",
    "שם",
];

/// Words that make the name of a person out of any header they stand in.
const NAME_WORDS: &[&str] = &[
    "surname",
    "surnames",
    "firstname",
    "lastname",
    "fullname",
    "username",
    "nickname",
    "submittername",
    "prénom",
    "prénoms",
    "prenom",
    "prenoms",
    "apellido",
    "apellidos",
    "sobrenome",
    "apelido",
    "cognome",
    "фамилия",
    "фио",
    "отчество",
    "піб",
    "прізвище",
    "prezime",
    "vorname",
    "nachname",
    "familienname",
    "imiona",
    "nazwisko",
    "soyad",
    "soyadı",
    "soyisim",
    "achternaam",
    "voornaam",
];

/// What makes the name of a person out of a header in a script that puts no blanks.
const NAME_PARTS: &[&str] = &[
    "姓名",
    "氏名",
    "参加者",
    "參加者",
    "参与者",
    "นามสกุล",
    "ชื่อผู้",
    "ผู้เข้าร่วม",
    "참가자",
    "참석자",
];

/// Who is named by a header that says only this of somebody, or only this and `name`.
const WHO: &[&str] = &[
    "participant",
    "participants",
    "attendee",
    "attendees",
    "contact",
    "contacts",
    "person",
    "persons",
    "trainer",
    "trainers",
    "facilitator",
    "facilitators",
    "speaker",
    "speakers",
    "presenter",
    "presenters",
    "interpreter",
    "enumerator",
    "interviewer",
    "interviewee",
    "respondent",
    "submitter",
    "coordinator",
    "client",
    "clients",
    "patient",
    "beneficiary",
    "beneficiaries",
    "student",
    "students",
    "trainee",
    "trainees",
    "teacher",
    "instructor",
    "volunteer",
    "employee",
    "user",
    "peer",
    "individual",
    "responsible",
    "teilnehmer",
    "teilnehmerin",
    "teilnehmende",
    "teilnehmerinnen",
    "ansprechpartner",
    "kontakt",
    "kontaktperson",
    "trainerin",
    "referent",
    "referentin",
    "formateur",
    "formatrice",
    "animateur",
    "animatrice",
    "intervenant",
    "facilitateur",
    "facilitatrice",
    "participante",
    "participantes",
    "asistente",
    "asistentes",
    "contacto",
    "facilitador",
    "facilitadora",
    "capacitador",
    "capacitadora",
    "formador",
    "formadora",
    "contato",
    "участник",
    "участники",
    "участника",
    "участница",
    "тренер",
    "фасилитатор",
    "контакт",
    "учасник",
    "учасники",
    "учасника",
    "uczestnik",
    "uczestnicy",
    "katılımcı",
    "katılımcılar",
    "peserta",
    "pelatih",
    "fasilitator",
];

/// What else may stand in such a header.
const BESIDE: &[&str] = &[
    "name",
    "names",
    "full",
    "first",
    "last",
    "legal",
    "preferred",
    "lead",
    "main",
    "co",
    "local",
    "of",
    "the",
    "s",
    "and",
    "no",
    "nom",
    "du",
    "de",
    "la",
    "le",
    "des",
    "del",
    "nombre",
    "nome",
    "do",
    "da",
    "der",
    "des",
    "имя",
    "імя",
    "nama",
    "imię",
    "ad",
    "adı",
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
    // Two spellings of one letter are one, and an apostrophe is written in many ways.
    let composed = header
        .nfc()
        .filter(|c| !matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`'));
    let small = composed.collect::<String>().to_lowercase();
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
    } else if is_name(&words, &plain, question) {
        Some(Personal::Name)
    } else {
        None
    }
}

fn is_name(words: &[&str], plain: &str, question: &str) -> bool {
    let names = |word: &&str| matches!(*word, "name" | "names") || WHO.contains(word);
    let is_who = words.iter().any(names)
        && words
            .iter()
            .all(|word| names(word) || BESIDE.contains(word));
    is_who
        || NAMES.contains(&plain)
        || NAMES.contains(&question)
        || words.iter().any(|word| NAME_WORDS.contains(word))
        || NAME_PARTS.iter().any(|part| question.contains(part))
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
    if !text.contains(['@', '+', '0']) {
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
        let is_number = word.starts_with(['+', '0']) && is_phone(word);
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
/// as likely unless they begin with one 0 or two, and a date may have dashes or points, or none.
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
    if groups.len() == 1 && !text.starts_with('(') {
        return text.starts_with('0') && !text.starts_with("000") && !is_day(text);
    }
    let is_date = groups.len() == 3 && groups.contains(&4) && digits == 8;
    text.starts_with(['0', '(']) && groups.len() > 1 && !is_date
}

/// Returns whether eight digits are a day, a month and a year of these times: `01022018`.
fn is_day(digits: &str) -> bool {
    let part = |range| {
        digits
            .get(range)
            .and_then(|part: &str| part.parse::<u16>().ok())
    };
    digits.len() == 8
        && [part(0..2), part(2..4)]
            .iter()
            .all(|part| part.is_some_and(|n| (1..=31).contains(&n)))
        && part(4..8).is_some_and(|year| (1900..=2100).contains(&year))
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
            ("Number of participants", None),
            ("Participant role", None),
            ("Contact hours", None),
            ("Trainer organisation", None),
            ("ชื่อกิจกรรม", None),
            ("", None),
        ] {
            assert_eq!(by_header(header), personal, "{header}");
        }
    }

    #[test]
    fn names_of_persons_are_known_in_many_languages() {
        for header in [
            "ФИО",
            "ФИО участника",
            "ПІБ",
            "ім'я",
            "Ім\u{2019}я",
            "Vorname",
            "Nachname",
            "Teilnehmer",
            "Nama",
            "Họ và tên",
            "Ho\u{323} va\u{300} te\u{302}n",
            "Imię",
            "Imię i nazwisko",
            "Ad Soyad",
            "이름",
            "氏名",
            "姓名",
            "اسم",
            "Prenom",
            "Contact",
            "Trainer",
            "Facilitator",
            "Participants",
            "Participant Full Name",
            "Name of trainer",
            "Trainer's name",
            "Contact person",
            "Nom du participant",
            "ชื่อผู้เข้าร่วม",
        ] {
            assert_eq!(by_header(header), Some(Personal::Name), "{header}");
        }
    }

    #[test]
    fn cells_give_addresses_and_numbers_away() {
        for (cell, personal) in [
            ("mai@example.org", Some(Personal::Email)),
            ("+66 81 234 5678", Some(Personal::Phone)),
            ("(02) 123-4567 8", Some(Personal::Phone)),
            ("081-234-5678", Some(Personal::Phone)),
            ("0812345678", Some(Personal::Phone)),
            ("+66812345678", Some(Personal::Phone)),
            ("00000012", None),
            ("01022018", None),
            ("99297601", None),
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
