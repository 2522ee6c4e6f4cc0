//! The least set of items that makes a difference, in few experiments. Pure: knows nothing of processes.
//!
//! It is delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) for sets in
//! an order: the items are sorted by how likely they are, so the shortest prefix that is enough is looked for, whose
//! last item is then needed. A prefix is tried before all items, because putting back some of them may break a process.

/// Why no set was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// All items together are not enough, nor is any part of them that was tried.
    NotAmongThem,
    /// An experiment could not be made.
    GivenUp,
}

/// Items that are `enough` together, none of which may be left out, by their positions in order. `None` of an
/// experiment ends the search.
pub fn minimise(count: usize, mut enough: impl FnMut(&[usize]) -> Option<bool>) -> Result<Vec<usize>, NotFound> {
    let mut needed: Vec<usize> = Vec::new();
    let mut rest = count;
    loop {
        // The shortest prefix among those that double in length.
        let mut failing = 0;
        let mut size = 1.min(rest);
        loop {
            if size == 0 {
                return Err(NotFound::NotAmongThem);
            }
            if enough(&with_prefix(&needed, size)).ok_or(NotFound::GivenUp)? {
                break;
            }
            if size == rest {
                return Err(NotFound::NotAmongThem);
            }
            failing = size;
            size = (2 * size).min(rest);
        }
        while size - failing > 1 {
            let middle = failing + (size - failing) / 2;
            if enough(&with_prefix(&needed, middle)).ok_or(NotFound::GivenUp)? {
                size = middle;
            } else {
                failing = middle;
            }
        }
        needed.push(size - 1);
        if size == 1 || enough(&sorted(&needed)).ok_or(NotFound::GivenUp)? {
            break;
        }
        rest = size - 1;
    }
    let needed = sorted(&needed);
    if needed.len() < 2 {
        return Ok(needed);
    }
    // One item is better than two: behind the prefix there may be one that is enough.
    for single in 0..count {
        if !needed.contains(&single) && single < SINGLES && enough(&[single]).ok_or(NotFound::GivenUp)? {
            return Ok(vec![single]);
        }
    }
    let mut least = needed.clone();
    for item in needed {
        let without: Vec<usize> = least.iter().copied().filter(|other| *other != item).collect();
        if !without.is_empty() && enough(&without).ok_or(NotFound::GivenUp)? {
            least = without;
        }
    }
    Ok(least)
}

/// Single items that are tried where several were found.
const SINGLES: usize = 16;

fn with_prefix(needed: &[usize], size: usize) -> Vec<usize> {
    let mut set: Vec<usize> = (0..size).collect();
    set.extend(needed.iter().filter(|item| **item >= size));
    sorted(&set)
}

fn sorted(set: &[usize]) -> Vec<usize> {
    let mut set = set.to_vec();
    set.sort_unstable();
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches for `guilty` among `count`; the answer, and how many experiments it took.
    fn search(count: usize, guilty: &[usize]) -> (Result<Vec<usize>, NotFound>, usize) {
        let mut experiments = 0;
        let found = minimise(count, |set| {
            experiments += 1;
            Some(guilty.iter().all(|item| set.contains(item)))
        });
        (found, experiments)
    }

    #[test]
    fn every_single_culprit_is_found_in_few_experiments() {
        for count in 1..200 {
            for guilty in 0..count {
                let (found, experiments) = search(count, &[guilty]);
                assert_eq!(found, Ok(vec![guilty]), "{guilty} of {count}");
                assert!(experiments <= 18, "{experiments} experiments for {guilty} of {count}");
            }
        }
    }

    #[test]
    fn two_and_three_culprits_are_found_together() {
        for guilty in [&[0, 1][..], &[0, 39], &[17, 18], &[3, 20, 39]] {
            let (found, experiments) = search(40, guilty);
            assert_eq!(found, Ok(guilty.to_vec()));
            assert!(experiments < 60, "{experiments}");
        }
    }

    #[test]
    fn one_that_is_enough_by_itself_is_preferred_to_two_likelier_ones() {
        let enough = |set: &[usize]| Some(set.contains(&9) || (set.contains(&0) && set.contains(&2)));
        assert_eq!(minimise(12, enough), Ok(vec![9]));
    }

    #[test]
    fn an_item_that_breaks_the_process_is_avoided() {
        let enough = |set: &[usize]| Some(set.contains(&4) && !set.contains(&30));
        assert_eq!(minimise(40, enough), Ok(vec![4]));
    }

    #[test]
    fn what_is_not_among_them_is_not_found() {
        assert_eq!(minimise(0, |_| Some(true)), Err(NotFound::NotAmongThem));
        assert_eq!(minimise(33, |_| Some(false)), Err(NotFound::NotAmongThem));
        assert_eq!(minimise(33, |_| None), Err(NotFound::GivenUp));
    }
}
