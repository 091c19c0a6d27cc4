//! The finest codes under all splits by one dimension.

use std::collections::BTreeSet;

use crate::model::{Axis, Dimension, dimension};

/// The code that takes in whatever an axis does not name.
const OTHER: &str = "other";

/// Returns the dimension whose codes are the atoms of another, given all that are in use: genders
/// under groups of genders, bands under halves of ages.
pub(super) fn base(of: Dimension, in_use: &BTreeSet<Dimension>) -> Dimension {
    let finer = match of {
        Dimension::Gender3 => Dimension::Gender,
        Dimension::Age2 => Dimension::AgeBand,
        _ => of,
    };
    if in_use.contains(&finer) { finer } else { of }
}

/// Returns the atoms' codes along a base dimension: every code any axis over it names, in the
/// order they are met.
pub(super) fn refine<'a>(base: Dimension, axes: impl Iterator<Item = &'a Axis>) -> Axis {
    let mut codes: Vec<String> = Vec::new();
    for axis in axes.filter(|axis| axis.dimension == base) {
        for code in &axis.codes {
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
    }
    Axis {
        dimension: base,
        codes,
    }
}

/// Returns, for each atom's code, where along an axis it stands; `None` where in no cell.
pub(super) fn positions(axis: &Axis, atoms: &Axis) -> Vec<Option<usize>> {
    let position = |code: &str| axis.codes.iter().position(|other| other == code);
    atoms
        .codes
        .iter()
        .map(|code| {
            let level = level(axis.dimension, atoms.dimension, code);
            position(level).or_else(|| position(OTHER))
        })
        .collect()
}

fn level(of: Dimension, base: Dimension, code: &str) -> &str {
    match (of, base) {
        (Dimension::Gender3, Dimension::Gender) => dimension::gender3(code),
        (Dimension::Age2, Dimension::AgeBand) => dimension::age2(code),
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
        Axis {
            dimension,
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        }
    }

    #[test]
    fn a_country_named_later_was_another_before() {
        let before = axis(Dimension::Country, &["TH", "other"]);
        let after = axis(Dimension::Country, &["TH", "VN", "other"]);
        let atoms = refine(Dimension::Country, [&before, &after].into_iter());
        assert_eq!(atoms.codes, ["TH", "other", "VN"]);
        assert_eq!(positions(&before, &atoms), [Some(0), Some(1), Some(1)]);
        assert_eq!(positions(&after, &atoms), [Some(0), Some(2), Some(1)]);
    }

    #[test]
    fn genders_stand_under_their_groups() {
        let groups = axis(Dimension::Gender3, dimension::GENDERS3);
        let genders = axis(Dimension::Gender, dimension::GENDERS);
        let in_use = BTreeSet::from([Dimension::Gender, Dimension::Gender3]);
        assert_eq!(base(Dimension::Gender3, &in_use), Dimension::Gender);
        assert_eq!(positions(&groups, &genders)[2], Some(0));
        assert_eq!(
            base(Dimension::Gender3, &BTreeSet::from([Dimension::Gender3])),
            Dimension::Gender3
        );
    }
}
