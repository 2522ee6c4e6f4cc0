//! Reads the variables whose digests differ by their types: attempts that leave copies of their processes behind, which
//! the analyser reads before they are ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::analysis::{Origin, Span, Variable};
use crate::case::TestCase;

use super::analyser::Analyser;
use super::history::{Attempt, History, Place};
use super::judge::{Serve, Terms};
use super::messages::{Reply, Request, RunRecord, Session, Step};
use super::patience::Patience;
use super::variables::{Read, Variables, differences, differing};
use super::watch::{self, Inspect};

/// The test whose variables are read.
pub struct Subject<'a> {
    /// Its place in the list.
    pub index: usize,
    /// The test.
    pub case: &'a TestCase,
    /// What is in force for it.
    pub terms: &'a Terms,
    /// For each run of the body.
    pub patience: Patience,
}

impl Subject<'_> {
    /// Reads what differs in the first attempt of `history`, twice more if it still differs then. `alone` is called
    /// before these.
    pub fn read_variables<G>(
        &self,
        history: &mut History,
        server: &mut impl Serve,
        analyser: &Mutex<Analyser>,
        alone: impl FnOnce() -> G,
    ) {
        let spans = differing(history.first(), watch::spans(), &self.terms.levels);
        let Some(variables) = named(&spans, &mut lock(analyser)) else { return };
        let places: Vec<Place> = history.places().into_iter().filter(|place| place.method.is_some()).collect();
        let parent_is_fresh = self.terms.warm && !self.case.has_setup();
        let mut read = Variables { variables, attempts: Vec::new(), parent_is_fresh, twice: None };
        let mut run = |steps, variables: &[Variable]| self.run(steps, variables, server, analyser);
        read.attempts.push(run(self.terms.steps(false), &read.variables));
        let mut _alone = None;
        if !differences(&read, &places).is_empty() {
            _alone = Some(alone());
            for reversed in [true, false] {
                read.attempts.push(run(self.terms.steps(reversed), &read.variables));
            }
            // The control: what a second run in one process changes in the same way is no matter of start methods.
            if self.terms.warm && !differences(&read, &places).is_empty() {
                read.twice = Some(run(vec![Step::Parent, Step::Parent], &read.variables));
            }
        }
        // The copies have served their purpose.
        _ = server.serve(&Request { session: Session::Close, ..Request::default() });
        history.variables = Some(read);
    }

    /// One fresh parent.
    fn run(
        &self,
        steps: Vec<Step>,
        variables: &[Variable],
        server: &mut impl Serve,
        analyser: &Mutex<Analyser>,
    ) -> Vec<Read> {
        let spans: Vec<Span> = variables.iter().map(|variable| variable.span).collect();
        let request = self.terms.request(self.index, self.case, self.patience);
        let request = Request { steps, session: Session::Open, inspect: Inspect::Copies, ..request };
        // Without a parent that waits, the copies are gone.
        let Ok(Reply { runs, waiting: Some(_), .. }) = server.serve(&request) else { return Vec::new() };
        let attempt = Attempt { runs, ..Attempt::default() };
        let read = |(run, place): (&RunRecord, Place)| {
            let copies = run.variables.as_ref()?.copies?;
            let [entry, exit] = copies.map(|kept| lock(analyser).trees(spans.clone(), &kept).ok());
            Some(Read { place, entry: entry?, exit: exit? })
        };
        attempt.runs.iter().zip(attempt.places()).filter_map(read).collect()
    }
}

/// The variables of these spans that a source declares.
fn named(spans: &[Span], analyser: &mut Analyser) -> Option<Vec<Variable>> {
    let all = analyser.variables(spans).ok()?;
    Some(all.into_iter().filter(|it| it.origin != Origin::Harness && spans.contains(&it.span)).collect())
}

fn lock(analyser: &Mutex<Analyser>) -> MutexGuard<'_, Analyser> {
    analyser.lock().unwrap_or_else(PoisonError::into_inner)
}
