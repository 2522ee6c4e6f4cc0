//! All runs of one test, by where they ran and in which attempt.

use crate::StartMethod;
use crate::case::ShouldPanic;

use super::facets::Facets;
use super::messages::{End, RunRecord, SetupRecord, Step};
use super::patience::STALL_FACTOR;
use super::variables::Variables;

/// What has been seen of a test so far.
#[derive(Default)]
pub struct History {
    /// Each with a fresh parent.
    pub attempts: Vec<Attempt>,
    /// The body twice in one process, where that was tried.
    pub twice: Option<Attempt>,
    /// Forked children with arguments that went through the codec, where that was tried.
    pub decoded: Option<Attempt>,
    /// The attempt alone passed, one with other tests beside it did not.
    pub differed_beside_others: bool,
    /// What was left in variables, where that had to be read by type.
    pub variables: Option<Variables>,
}

/// The runs of one parent and of its children, in the order in which they were run.
#[derive(Default)]
pub struct Attempt {
    /// What the setup gave.
    pub setup: Option<SetupRecord>,
    /// As the supervisors told them.
    pub runs: Vec<RunRecord>,
    /// What of them is compared, in the same order.
    pub facets: Vec<Facets>,
    /// Processes that had to be killed.
    pub strays: u32,
}

/// Where a body ran: the parent, or the n-th child of a start method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `None` in the parent.
    pub method: Option<StartMethod>,
    /// Counts the runs of the same step within an attempt.
    pub index: usize,
}

impl Place {
    /// `parent` or the start method's name.
    pub fn label(self) -> &'static str {
        self.method.map_or("parent", StartMethod::name)
    }
}

impl Attempt {
    /// Whether a run was ended because it stood still.
    pub fn stalled(&self) -> bool {
        self.runs.iter().any(|run| matches!(run.end, End::TimedOut { stalled: true, .. }))
    }

    /// Whether a run was ended because it stood still, and nothing shows that it would not have gone on: the body takes
    /// its time elsewhere too.
    pub fn stalled_for_nothing(&self) -> bool {
        let slowest = |stalled: bool| {
            let of = |run: &&RunRecord| matches!(run.end, End::TimedOut { stalled: true, .. }) == stalled;
            self.runs.iter().filter(of).map(|run| run.duration_us).max()
        };
        let passed = self.facets.iter().any(|facets| facets.passed);
        match (slowest(true), slowest(false)) {
            (Some(stalled), Some(others)) => !passed || others > stalled / u64::from(STALL_FACTOR),
            (stalled, None) => stalled.is_some(),
            (None, _) => false,
        }
    }

    /// Why a run could not be started, if one could not.
    pub fn not_started(&self) -> Option<&str> {
        self.runs.iter().find_map(|run| match &run.end {
            End::NotStarted(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// Prepares the runs for comparison.
    pub fn compare(&mut self, should_panic: &ShouldPanic) {
        let ids: Vec<i32> = self.runs.iter().flat_map(|run| run.ids.iter().copied()).collect();
        self.facets = self.runs.iter().map(|run| Facets::of(run, should_panic, &ids)).collect();
    }

    /// The place of each run.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for run in &self.runs {
            let method = match run.step {
                Step::Parent => None,
                Step::ForkDecoded | Step::PutBack(_) => Some(StartMethod::Fork),
                Step::Child(method) => Some(method),
            };
            let index = places.iter().filter(|place| place.method == method).count();
            places.push(Place { method, index });
        }
        places
    }

    /// The run at a place.
    pub fn at(&self, place: Place) -> Option<(&RunRecord, &Facets)> {
        let position = self.places().iter().position(|other| *other == place)?;
        Some((&self.runs[position], &self.facets[position]))
    }
}

impl History {
    /// All places at which a body ran, in the order parent, fork, spawn, forkserver.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.attempts.iter().flat_map(Attempt::places).collect();
        places.sort();
        places.dedup();
        places
    }

    /// What was seen at a place, one for each attempt that has it.
    pub fn series(&self, place: Place) -> Vec<&Facets> {
        self.attempts.iter().filter_map(|attempt| Some(attempt.at(place)?.1)).collect()
    }

    /// Leaves out attempts of which a run could not be started: they show nothing of the test. Gives the reason where the
    /// others are not enough to say that something differs.
    pub fn leave_out_not_started(&mut self) -> Option<String> {
        let reason = self.attempts.iter().find_map(Attempt::not_started).map(str::to_owned);
        let was_run = |attempt: &Attempt| attempt.not_started().is_none();
        self.twice = self.twice.take().filter(was_run);
        self.decoded = self.decoded.take().filter(was_run);
        if self.attempts.iter().filter(|attempt| was_run(attempt)).count() > 1 {
            self.attempts.retain(was_run);
            return None;
        }
        reason
    }

    /// The first attempt.
    pub fn first(&self) -> &Attempt {
        &self.attempts[0]
    }
}
