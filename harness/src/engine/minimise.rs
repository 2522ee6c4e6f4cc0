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

/// What a set of items does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is enough.
    Enough,
    /// Nothing, so no part of it does anything either.
    Nothing,
    /// Something else, which may hide what a part of it does: some items break a process.
    Other,
}

/// Items that are enough together, none of which may be left out, by their positions in order. An experiment tells the
/// `effect` of a set; its `None` ends the search.
pub fn minimise(count: usize, mut effect: impl FnMut(&[usize]) -> Option<Effect>) -> Result<Vec<usize>, NotFound> {
    let needed = least(count, &mut effect)?;
    if needed.len() < 2 {
        return Ok(needed);
    }
    // One item is better than two: behind the prefix there may be one that is enough.
    Ok(single(&others(count, &needed), &mut effect)?.map_or(needed, |single| vec![single]))
}

/// One of these items that is enough alone.
pub fn single(items: &[usize], mut effect: impl FnMut(&[usize]) -> Option<Effect>) -> Result<Option<usize>, NotFound> {
    if items.is_empty() {
        return Ok(None);
    }
    match effect(items).ok_or(NotFound::GivenUp)? {
        Effect::Nothing => return Ok(None),
        Effect::Enough => {
            let named = |positions: &[usize]| positions.iter().map(|at| items[*at]).collect::<Vec<_>>();
            match least(items.len(), &mut |positions| effect(&named(positions))) {
                Ok(found) if found.len() == 1 => return Ok(Some(items[found[0]])),
                Err(NotFound::GivenUp) => return Err(NotFound::GivenUp),
                _ => {}
            }
        }
        Effect::Other => {}
    }
    for item in items.iter().take(SINGLES) {
        if effect(&[*item]).ok_or(NotFound::GivenUp)? == Effect::Enough {
            return Ok(Some(*item));
        }
    }
    Ok(None)
}

/// All but some.
pub fn others(count: usize, but: &[usize]) -> Vec<usize> {
    (0..count).filter(|item| !but.contains(item)).collect()
}

fn least(count: usize, effect: &mut impl FnMut(&[usize]) -> Option<Effect>) -> Result<Vec<usize>, NotFound> {
    let mut enough = |set: &[usize]| effect(set).map(|effect| effect == Effect::Enough);
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
    let mut least = needed.clone();
    for item in needed {
        let without: Vec<usize> = least.iter().copied().filter(|other| *other != item).collect();
        if !without.is_empty() && enough(&without).ok_or(NotFound::GivenUp)? {
            least = without;
        }
    }
    Ok(least)
}

/// Single items that are tried where all together tell nothing.
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

    fn effect(enough: bool) -> Option<Effect> {
        Some(if enough { Effect::Enough } else { Effect::Nothing })
    }

    /// Searches for `guilty` among `count`; the answer, and how many experiments it took.
    fn search(count: usize, guilty: &[usize]) -> (Result<Vec<usize>, NotFound>, usize) {
        let mut experiments = 0;
        let found = minimise(count, |set| {
            experiments += 1;
            effect(guilty.iter().all(|item| set.contains(item)))
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
            assert!(experiments < 40, "{experiments}");
        }
    }

    #[test]
    fn a_single_item_is_looked_for_one_by_one_where_all_together_break_the_process() {
        let breaks = |set: &[usize]| set.contains(&7) && set.len() > 1;
        let enough = |set: &[usize]| match set {
            _ if breaks(set) => Some(Effect::Other),
            _ => effect(set.contains(&5)),
        };
        assert_eq!(single(&[1, 5, 7], enough), Ok(Some(5)));
        assert_eq!(single(&[1, 7], enough), Ok(None));
    }

    #[test]
    fn where_all_together_do_nothing_no_part_is_tried() {
        let mut experiments = 0;
        let found = single(&[1, 5, 7], |_| {
            experiments += 1;
            effect(false)
        });
        assert_eq!((found, experiments), (Ok(None), 1));
    }

    #[test]
    fn one_that_is_enough_by_itself_is_preferred_to_two_likelier_ones() {
        let enough = |set: &[usize]| effect(set.contains(&9) || (set.contains(&0) && set.contains(&2)));
        assert_eq!(minimise(12, enough), Ok(vec![9]));
    }

    #[test]
    fn an_item_that_breaks_the_process_is_avoided() {
        let enough = |set: &[usize]| effect(set.contains(&4) && !set.contains(&30));
        assert_eq!(minimise(40, enough), Ok(vec![4]));
    }

    #[test]
    fn what_is_not_among_them_is_not_found() {
        assert_eq!(minimise(0, |_| effect(true)), Err(NotFound::NotAmongThem));
        assert_eq!(minimise(33, |_| effect(false)), Err(NotFound::NotAmongThem));
        assert_eq!(minimise(33, |_| None), Err(NotFound::GivenUp));
    }
}
