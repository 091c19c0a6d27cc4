//! Numbers that look random and are the same for one seed.

/// Steele and others' `SplitMix64`.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns the next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Returns a number from 0 up to, but not, 1.
    pub(crate) fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number below another.
    pub(crate) fn below(&mut self, many: usize) -> usize {
        ((self.part() * many as f64) as usize).min(many.saturating_sub(1))
    }

    /// Returns whether something happens that does so in this part of all cases.
    pub(crate) fn happens(&mut self, part: f64) -> bool {
        self.part() < part
    }

    /// Returns one of some things, each as often as its weight says.
    pub(crate) fn one_of<T: Copy>(&mut self, weighted: &[(T, u32)]) -> T {
        let all: u32 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut at = self.below(all as usize) as u32;
        for (thing, weight) in weighted {
            if at < *weight {
                return *thing;
            }
            at -= weight;
        }
        weighted[0].0
    }

    /// Returns a count, as many on average, small ones more often.
    pub(crate) fn count(&mut self, mean: f64) -> i64 {
        (-(1.0 - self.part()).ln() * mean) as i64
    }

    /// Returns a number around 0, its standard deviation 1: Box and Muller's way.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.part()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.part()).cos()
    }
}
