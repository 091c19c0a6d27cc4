//! Rules for cells that add up amounts: who could work out whose.
//!
//! Amounts are whole numbers in one unit, such as hundredths; one for each contributor.

/// What a sum of amounts must satisfy to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MagnitudeRules {
    /// Fewest contributors behind it. Raising it hides more.
    pub min_contributors: usize,
    /// The dominance rule: how many of the largest contributors together may hold how many percent
    /// of it at most. More contributors, or fewer percent, hide more.
    pub dominance: Option<(usize, u8)>,
    /// The p% rule: to within how many percent the second largest contributor may not estimate the
    /// largest. Raising it hides more.
    pub p_percent: Option<u8>,
}

impl Default for MagnitudeRules {
    fn default() -> Self {
        Self {
            min_contributors: 3,
            dominance: Some((1, 80)),
            p_percent: Some(10),
        }
    }
}

/// Returns whether a cell is sensitive under any of the rules.
///
/// Nobody's cell is not. One with a negative amount is: neither rule is meant for it.
///
/// Source: *Statistical Disclosure Control* (Hundepool et al., 2012), ch. 4.
pub fn is_sensitive(contributions: &[i64], rules: &MagnitudeRules) -> bool {
    !contributions.is_empty() && protection(contributions, rules).is_some()
}

/// Returns by how much a sensitive cell must look larger, and as much smaller, to a reader: at
/// least 1; `None` where it is not sensitive.
pub fn protection(contributions: &[i64], rules: &MagnitudeRules) -> Option<i64> {
    let mut amounts: Vec<i128> = contributions
        .iter()
        .map(|amount| i128::from(*amount))
        .collect();
    amounts.sort_unstable_by_key(|amount| -amount);
    let total: i128 = amounts.iter().sum();
    let is_negative = amounts.last().is_some_and(|amount| *amount < 0);
    let contributors = amounts.iter().filter(|amount| **amount > 0).count();
    let too_few = contributors > 0 && contributors < rules.min_contributors;
    let needs = [
        (is_negative || too_few).then_some(1),
        rules
            .dominance
            .and_then(|rule| against_dominance(&amounts, total, rule)),
        rules
            .p_percent
            .and_then(|p| against_estimates(&amounts, total, p)),
    ];
    let need = needs.into_iter().flatten().max()?;
    Some(i64::try_from(need).unwrap_or(i64::MAX))
}

/// Returns how much must be added to a total until the largest no longer dominate it.
fn against_dominance(
    amounts: &[i128],
    total: i128,
    (largest, percent): (usize, u8),
) -> Option<i128> {
    let held: i128 = amounts.iter().take(largest).sum();
    let percent = i128::from(percent.max(1));
    (held * 100 > total * percent).then(|| divided_up(held * 100 - total * percent, percent))
}

/// Returns how much must be added to a total until the second largest contributor, who takes
/// their own from it, no longer has the largest to within `percent`.
fn against_estimates(amounts: &[i128], total: i128, percent: u8) -> Option<i128> {
    let largest = *amounts.first()?;
    let second = amounts.get(1).copied().unwrap_or(0);
    let others = total - largest - second;
    let missing = largest * i128::from(percent) - others * 100;
    (missing > 0).then(|| divided_up(missing, 100))
}

fn divided_up(amount: i128, by: i128) -> i128 {
    (amount + by - 1).div_euclid(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: MagnitudeRules = MagnitudeRules {
        min_contributors: 0,
        dominance: None,
        p_percent: None,
    };

    #[test]
    fn few_contributors_are_sensitive() {
        let rules = MagnitudeRules {
            min_contributors: 3,
            ..NONE
        };
        assert_eq!(protection(&[5, 5], &rules), Some(1));
        assert_eq!(protection(&[5, 5, 0], &rules), Some(1));
        assert_eq!(protection(&[5, 5, 1], &rules), None);
        assert_eq!(protection(&[], &rules), None);
    }

    #[test]
    fn one_who_holds_most_is_sensitive() {
        let rules = MagnitudeRules {
            dominance: Some((1, 80)),
            ..NONE
        };
        assert_eq!(protection(&[80, 15, 5], &rules), None);
        // 81 of 101.25 is 80 %.
        assert_eq!(protection(&[81, 15, 4], &rules), Some(2));
    }

    #[test]
    fn the_second_largest_does_not_estimate_the_largest() {
        let rules = MagnitudeRules {
            p_percent: Some(10),
            ..NONE
        };
        assert_eq!(protection(&[100, 50, 10], &rules), None);
        assert_eq!(protection(&[100, 50, 4, 3], &rules), Some(3));
        // A cell of 19 and 1: the 1 reads the 19.
        assert_eq!(protection(&[19, 1], &rules), Some(2));
        assert_eq!(
            protection(&[i64::MAX, i64::MAX], &rules),
            Some(i64::MAX / 10 + 1)
        );
    }

    #[test]
    fn what_the_rules_are_not_made_for_is_sensitive() {
        assert!(is_sensitive(&[10, 10, 10, -1], &NONE));
        assert!(!is_sensitive(&[], &MagnitudeRules::default()));
    }
}
