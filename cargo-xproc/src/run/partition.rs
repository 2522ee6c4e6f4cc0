//! A machine's share of a run, chosen by a hash that does not change between versions and machines.

use std::str::FromStr;

use crate::hash::Hash;

/// The `share`-th of `shares`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    share: u64,
    shares: u64,
}

impl Partition {
    /// Whether the test belongs to this share.
    pub fn contains(self, package: &str, kind: &str, binary: &str, test: &str) -> bool {
        let mut hash = Hash::default();
        for part in [package, kind, binary, test] {
            hash.add(part.as_bytes());
        }
        hash.finish() % self.shares == self.share - 1
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.strip_prefix("hash:").and_then(|rest| rest.split_once('/')).and_then(|(share, shares)| {
            let partition = Partition { share: share.parse().ok()?, shares: shares.parse().ok()? };
            (1..=partition.shares).contains(&partition.share).then_some(partition)
        });
        parsed.ok_or_else(|| format!("`{text}` is no share of a run, write `hash:1/2` for the first of two"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_in_exactly_one_share() {
        let shares: Vec<Partition> = (1..=3).map(|share| Partition { share, shares: 3 }).collect();
        let mut sizes = [0; 3];
        for test in 0..300 {
            let holders: Vec<usize> =
                (0..3).filter(|share| shares[*share].contains("p", "lib", "p", &format!("test_{test}"))).collect();
            assert_eq!(holders.len(), 1);
            sizes[holders[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (70..=130).contains(size)), "{sizes:?}");
    }

    #[test]
    fn shares_never_change_since_ci_machines_rely_on_it() {
        let first = Partition { share: 1, shares: 2 };
        let held: Vec<bool> =
            ["a", "b", "c", "d", "e", "f"].iter().map(|test| first.contains("p", "lib", "p", test)).collect();
        assert_eq!(held, [true, true, false, false, true, false]);
    }

    #[test]
    fn only_shares_that_exist_are_read() {
        assert_eq!("hash:2/3".parse(), Ok(Partition { share: 2, shares: 3 }));
        for wrong in ["", "hash:", "hash:0/2", "hash:3/2", "hash:1/0", "count:1/2", "1/2", "hash:a/b"] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }
}
