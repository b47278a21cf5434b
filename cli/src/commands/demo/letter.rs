//! The one letter that is changed.

use crate::failure::Failure;

/// What a trust states, before and after one letter of the role's name in it became another one.
pub struct Swap {
    pub before: String,
    pub after: String,
    /// Where, in bytes; both letters are one byte long.
    pub at: usize,
}

impl Swap {
    /// The last letter there: as a role's name would be mistyped.
    pub fn in_text(stated: &str) -> Result<Self, Failure> {
        let before = stated.to_owned();
        let last = before.char_indices().rev().find(|(_, letter)| letter.is_ascii_lowercase());
        let Some((at, letter)) = last else {
            return Err(Failure::Other(format!("{before:?} has no letter to change")));
        };
        let other = if letter == 'l' { 'i' } else { 'l' };
        let mut after = before.clone();
        after.replace_range(at..at + 1, other.encode_utf8(&mut [0; 4]));
        Ok(Self { before, after, at })
    }

    pub fn letters(&self) -> (&str, &str) {
        (&self.before[self.at..=self.at], &self.after[self.at..=self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_letter_differs() {
        for stated in ["arn:aws:iam::1:role/demo-blob-api", "assertion.sub == 'arn:aws:iam::1:role/well-9'"] {
            let swap = Swap::in_text(stated).unwrap();
            let differ = swap.before.bytes().zip(swap.after.bytes()).filter(|(a, b)| a != b).count();
            assert_eq!((differ, swap.before.len()), (1, swap.after.len()));
        }
    }
}
