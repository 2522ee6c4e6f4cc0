//! What to do about a test, in a sentence or two for each kind of difference and of outcome.

use xproc_harness::{Explanation, Lint, Outcome, StartMethod, TestReport, Verdict};

use crate::explain::defects;

/// Advice for a report, the most useful first; at most three.
pub fn of(report: &TestReport) -> Vec<&'static str> {
    let mut advice: Vec<&'static str> = Vec::new();
    if let Some(explanation) = report.explanation {
        let mut paragraphs = vec![defects::paragraph(explanation)];
        let inherited = report.causes.iter().any(|cause| cause.proven && cause.kind != "argument");
        if explanation == Explanation::ChangedArgument && inherited {
            // Two defects in one test: the argument, and what the parent had set up besides.
            paragraphs.push(defects::paragraph(Explanation::LostState));
        }
        return paragraphs;
    }
    match report.verdict {
        Verdict::Flaky => advice.push(
            "make the test repeatable first: look at times, ports, the order of threads, leftovers of an earlier run",
        ),
        Verdict::Unrepeatable => advice.push(
            "the parent's run leaves something outside its process behind: use a fresh directory, port or name each time",
        ),
        // One that ends well is not what its attributes say, of which the notes tell.
        Verdict::Fail if !outcomes(report).all(|outcome| matches!(outcome, Outcome::Returned { failed: false, .. })) => {
            advice.push("fails by every start method, so look at it with `cargo test`");
        }
        _ => {}
    }
    if report.verdict == Verdict::Fail && outcomes(report).any(|outcome| matches!(outcome, Outcome::Lost { .. })) {
        advice.clear();
    }
    advice.extend(outcomes(report).filter_map(|outcome| of_outcome(outcome, report)));
    advice.extend(report.differences.iter().filter_map(|difference| of_lint(difference.lint, report)));
    let mut seen: Vec<&'static str> = Vec::new();
    advice.retain(|sentence| {
        !seen.contains(sentence) && {
            seen.push(sentence);
            true
        }
    });
    advice.truncate(3);
    advice
}

/// What is to be explained first.
pub fn topic(report: &TestReport) -> Option<&'static str> {
    match report.verdict {
        _ if report.explanation.is_some() => report.explanation.map(Explanation::name),
        Verdict::Flaky | Verdict::Unrepeatable => Some(report.verdict.name()),
        _ => {
            let worst = report.differences.iter().max_by_key(|difference| difference.level);
            let level = worst?.level;
            report
                .differences
                .iter()
                .find(|difference| difference.level == level)
                .map(|difference| difference.lint.name())
        }
    }
}

fn outcomes(report: &TestReport) -> impl Iterator<Item = &Outcome> {
    let siblings = report.siblings.values().flatten();
    report.outcomes.values().chain(siblings).map(|run| &run.outcome)
}

fn of_outcome(outcome: &Outcome, report: &TestReport) -> Option<&'static str> {
    match outcome {
        Outcome::TimedOut { .. } if is_only_fork(report) => Some(
            "the forked child waits for something that its process does not have, most often a thread of the parent: \
             start threads in each process, not in a static of the parent",
        ),
        Outcome::TimedOut { .. } => Some("`--timeout` gives a slow test more time"),
        Outcome::Deadlocked { .. } => Some(
            "nobody is left to wake the waiting threads: do not hold a lock or rely on a thread across fork, or set \
             it up again in the child",
        ),
        Outcome::Exited { .. } => Some("the body ended its process, so nothing after that was run: return instead"),
        Outcome::Signaled { .. } => Some("a signal killed the process: run the test alone under a debugger"),
        Outcome::Lost { .. } => Some(
            "the result was lost with its process: look for what kills other processes, closes descriptors that it did \
             not open, or writes to them",
        ),
        Outcome::Returned { .. } | Outcome::Panicked { .. } => None,
    }
}

fn of_lint(lint: Lint, report: &TestReport) -> Option<&'static str> {
    let is_named = report.causes.iter().any(|cause| cause.proven && cause.kind != "argument");
    Some(match lint {
        Lint::Argument | Lint::Random | Lint::Once | Lint::Flaky | Lint::Unrepeatable => return of_kind(lint),
        // What is known of this test goes before what is true of most.
        _ if is_named => {
            "the cause that is named above was there in the parent, and each forked child has it: set it up in each \
             process, put it back in the child before it is used, or pass it as an argument"
        }
        Lint::Result if is_only_fork(report) => {
            "the forked child sees what the parent left in memory: look for statics, thread-locals, caches and handles \
             of threads, and set them up in the child"
        }
        Lint::Result => {
            "what differs comes from the parent's memory, which a fresh process does not have: pass it as an argument, \
             or set it up in the child"
        }
        Lint::Observed => "find out which inherited state the value depends on, and set it up in the child",
        Lint::Stdout => "flush stdout before a child is started; print what varies to stderr",
        Lint::Stderr => "look whether the message tells of inherited state; `-A stderr` silences it",
        Lint::Fd => "open with close-on-exec, close what the child does not need, open files again in the child",
        Lint::Env | Lint::Cwd | Lint::Umask | Lint::Rlimit | Lint::Identity => {
            "set it in each child: what a fork server starts has it from the fork server, and not from the parent"
        }
        Lint::Signal => "install handlers in each process that needs them, and reset them in the child",
        Lint::Static | Lint::ThreadLocal => "harmless if it is a cache; else pass it to the child or reset it there",
        Lint::Thread => "join threads before a child is started, or start them in each process",
        Lint::ChildProcess => "wait for every child process, also when the test fails",
    })
}

/// Of lints whose name says what is to be done, whatever the cause.
fn of_kind(lint: Lint) -> Option<&'static str> {
    match lint {
        Lint::Once => Some("the body can run only once in a process; nothing to do if that is meant"),
        Lint::Argument => Some(
            "the type does not serialise all that it holds: look at `#[serde(skip)]`, `default`, `with`, or set the \
             field again in the child",
        ),
        Lint::Random => Some("seed the generator again in the child, or draw ids from the system each time"),
        _ => None,
    }
}

/// Whether `fork` alone differs from fresh processes, as far as the outcomes tell.
fn is_only_fork(report: &TestReport) -> bool {
    let kind = |method: StartMethod| report.outcomes.get(method.name()).map(|run| run.outcome.clone());
    let (fork, spawn, forkserver) = (kind(StartMethod::Fork), kind(StartMethod::Spawn), kind(StartMethod::ForkServer));
    let fails = |outcome: &Option<Outcome>| {
        outcome.is_some() && !matches!(outcome, Some(Outcome::Returned { failed: false, .. }))
    };
    fails(&fork) && !fails(&spawn) && !fails(&forkserver)
}

#[cfg(test)]
mod tests {
    use xproc_harness::{Cause, Difference};

    use super::*;

    fn report(lint: Lint, proven: bool) -> TestReport {
        let level = lint.default_level();
        let difference = Difference {
            lint,
            level,
            path: String::new(),
            values: [].into(),
            note: None,
            accepted: false,
            file: None,
            line: None,
        };
        let cause = Cause { kind: "static".to_owned(), proven, ..Cause::default() };
        let (differences, causes) = (vec![difference], vec![cause]);
        TestReport { differences, causes, ..TestReport::new("it", Verdict::Diverge) }
    }

    #[test]
    fn a_proven_cause_goes_before_what_is_true_of_most() {
        assert!(of(&report(Lint::Fd, true))[0].contains("cause that is named"));
        assert!(of(&report(Lint::Fd, false))[0].contains("close-on-exec"));
        assert!(of(&report(Lint::Argument, true))[0].contains("serialise"));
    }

    #[test]
    fn a_test_that_fails_because_of_its_mark_does_not_fail_by_itself() {
        assert!(of(&TestReport::new("it", Verdict::Fail)).is_empty());
    }
}
