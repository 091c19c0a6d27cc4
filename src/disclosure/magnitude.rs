//! Amounts of which most belongs to few.

/// Returns whether most of a sum belongs to few of those behind it: to fewer than three of them,
/// or to one by four fifths, or so that the second could reckon the largest to within a tenth.
pub fn is_dominated(total: i64, contributors: u64, largest: i64, second: i64) -> bool {
    let (total, largest, second) = (i128::from(total), i128::from(largest), i128::from(second));
    contributors < 3 || 5 * largest > 4 * total || 10 * (total - largest - second) < largest
}
