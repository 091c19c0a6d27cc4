//! Spoken codes for joint activities, such as `K7-MANGO`: short enough for a telephone call.

use std::collections::BTreeSet;

use super::book::{self, Book};
use super::entry::Values;
use super::error::RecordError;
use super::schema::Field;
use crate::model::Kind;

/// What is written in place of a code to have one made.
pub(super) const NEW: &str = "new";

/// Letters and digits that are not mistaken for one another when read aloud or written by hand.
const LETTERS: &[u8; 16] = b"ABCDEFGHJKLMNPRT";
const DIGITS: &[u8; 8] = b"23456789";

/// Makes a code that no record of this node bears.
pub(super) fn unused_code(
    book: &dyn Book,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<String, RecordError> {
    let mut used = BTreeSet::new();
    for kind in Kind::ALL {
        book::each(book, *kind, &mut |record| {
            used.extend(record.code(Field::JointId).map(str::to_owned));
            Ok(())
        })?;
    }
    let mut code = String::new();
    // Half of the codes are taken only in a book of sixteen thousand joint activities; a code that
    // is used twice is still right, as the lead and the dates tell them apart.
    for _ in 0..TRIES {
        let mut bytes = [0; 3];
        random(&mut bytes);
        code = spell(bytes);
        if !used.contains(&code) {
            break;
        }
    }
    Ok(code)
}

const TRIES: usize = 64;

fn spell([letter, digit, word]: [u8; 3]) -> String {
    let letter = char::from(LETTERS[usize::from(letter) % LETTERS.len()]);
    let digit = char::from(DIGITS[usize::from(digit) % DIGITS.len()]);
    format!("{letter}{digit}-{}", WORDS[usize::from(word)])
}

/// Plain words of one spelling, none of them about persons, health or the law.
#[rustfmt::skip]
const WORDS: &[&str; 256] = &[
    "ACORN", "ALMOND", "AMBER", "ANCHOR", "ANVIL", "APPLE", "APRIL", "APRICOT",
    "ARCH", "ARROW", "ATLAS", "AUTUMN", "BAMBOO", "BANANA", "BANJO", "BARLEY",
    "BASIL", "BASKET", "BEACON", "BEAVER", "BELL", "BENCH", "BERRY", "BIRCH",
    "BISCUIT", "BLOSSOM", "BOAT", "BOTTLE", "BRANCH", "BREAD", "BRIDGE", "BRONZE",
    "BROOK", "BUCKET", "BUTTER", "BUTTON", "CABIN", "CACTUS", "CAMEL", "CANDLE",
    "CANOE", "CANYON", "CARAMEL", "CARPET", "CARROT", "CASTLE", "CEDAR", "CELLO",
    "CHALK", "CHERRY", "CHESS", "CIRCLE", "CLAY", "CLOUD", "CLOVER", "COBALT",
    "COCOA", "COMET", "COMPASS", "COPPER", "CORAL", "CORK", "COTTON", "CRANE",
    "CRAYON", "CRICKET", "CRYSTAL", "CUSHION", "CYPRESS", "DAHLIA", "DAISY", "DELTA",
    "DESERT", "DIAMOND", "DOLPHIN", "DOMINO", "DONKEY", "DRAGON", "DRUM", "EAGLE",
    "EBONY", "ECHO", "ELBOW", "ELEPHANT", "EMBER", "EMERALD", "ENGINE", "FALCON",
    "FEATHER", "FENNEL", "FERN", "FERRY", "FIDDLE", "FIG", "FINCH", "FLAME",
    "FLINT", "FLUTE", "FOREST", "FOSSIL", "FOUNTAIN", "FOX", "GALAXY", "GARDEN",
    "GARLIC", "GARNET", "GINGER", "GLACIER", "GLOBE", "GLOVE", "GOBLET", "GOLD",
    "GRANITE", "GRAPE", "GUAVA", "GUITAR", "HAMMER", "HARBOUR", "HARP", "HARVEST",
    "HAZEL", "HERON", "HILL", "HONEY", "HORIZON", "IRIS", "ISLAND", "IVORY",
    "JACKET", "JADE", "JASMINE", "JIGSAW", "JUNGLE", "JUNIPER", "KETTLE", "KITE",
    "KIWI", "LADDER", "LAGOON", "LAKE", "LANTERN", "LAUREL", "LAVENDER", "LEAF",
    "LEMON", "LENTIL", "LILAC", "LILY", "LIME", "LINEN", "LION", "LOTUS",
    "LYCHEE", "MAGNET", "MANGO", "MAPLE", "MARBLE", "MARIGOLD", "MEADOW", "MELON",
    "METEOR", "MINT", "MIRROR", "MONSOON", "MOON", "MOSAIC", "MOUNTAIN", "MUSTARD",
    "NECTAR", "NEST", "NUTMEG", "OAK", "OASIS", "OCEAN", "OLIVE", "ONION",
    "OPAL", "ORANGE", "ORBIT", "ORCHARD", "ORCHID", "OTTER", "OWL", "PADDLE",
    "PALM", "PANDA", "PAPAYA", "PAPER", "PARROT", "PEACH", "PEARL", "PEBBLE",
    "PELICAN", "PENCIL", "PEONY", "PEPPER", "PIANO", "PILLOW", "PINE", "PLANET",
    "PLUM", "POCKET", "POND", "POPLAR", "POTATO", "PRISM", "PUMPKIN", "QUARTZ",
    "QUILT", "RABBIT", "RADISH", "RAIN", "RAVEN", "RIBBON", "RICE", "RIVER",
    "ROBIN", "ROCKET", "ROSE", "RUBY", "SADDLE", "SAFFRON", "SAIL", "SALMON",
    "SAND", "SAPPHIRE", "SATIN", "SCARF", "SESAME", "SHELL", "SILK", "SILVER",
    "SNOW", "SPARROW", "SPOON", "SPRING", "SQUARE", "STAR", "STONE", "STREAM",
    "SUMMER", "SUNDAY", "SWALLOW", "TABLE", "TEAPOT", "THUNDER", "TIGER", "TULIP",
    "TUNNEL", "TURTLE", "VELVET", "VIOLET", "WALNUT", "WAVE", "WILLOW", "ZEBRA",
];

#[cfg(test)]
mod tests {
    use super::super::schema::Type;
    use super::*;

    #[test]
    fn every_code_is_one_that_is_read_back() {
        let words: BTreeSet<_> = WORDS.iter().collect();
        assert_eq!(words.len(), 256);
        for (number, word) in (0..=255u8).zip(WORDS) {
            let code = spell([number, number, number]);
            assert!(code.ends_with(word));
            assert!(Type::Joint.decode(&code).is_ok(), "{code}");
        }
    }
}
