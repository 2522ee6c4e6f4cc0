//! Keeping the processes of one test on one cpu while they start and wait for each other: that costs a fraction of
//! waking another, idle cpu. A body always has the mask that it would have without us.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The mask that test code has, and the one cpu on which we wait.
#[derive(Clone, Copy)]
pub struct Affinity {
    own: CpuSet,
    one: CpuSet,
    waits: bool,
}

impl Affinity {
    /// For the n-th of the tests that run side by side. `None` where the system does not tell.
    pub fn of_worker(index: usize) -> Option<Affinity> {
        let own = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let cpus = numbers(&own);
        let mut one = CpuSet::new();
        one.set(*cpus.get(index % cpus.len().max(1))?).ok()?;
        Some(Affinity { own, one, waits: false })
    }

    /// The calling thread is about to wait for other processes of the test: it stays where it is until
    /// [`Affinity::run`]. What a body has set for itself meanwhile is kept.
    pub fn wait(&mut self) {
        if std::mem::replace(&mut self.waits, true) {
            return;
        }
        if let Ok(now) = sched_getaffinity(Pid::from_raw(0)) {
            self.own = now;
        }
        set(&self.one);
    }

    /// The calling thread is about to run test code.
    pub fn run(&mut self) {
        self.waits = false;
        set(&self.own);
    }

    /// The numbers of the cpus for test code, for a process made by exec.
    pub fn own_cpus(&self) -> Vec<usize> {
        numbers(&self.own)
    }
}

/// Sets what [`Affinity::own_cpus`] gave in the process that started this one.
pub fn set_cpus(cpus: &[usize]) {
    let mut mask = CpuSet::new();
    for cpu in cpus {
        // A number that was in a mask fits into one.
        let _ = mask.set(*cpu);
    }
    if !cpus.is_empty() {
        set(&mask);
    }
}

fn set(mask: &CpuSet) {
    // Where it is not allowed, a test is slower and nothing else.
    let _ = sched_setaffinity(Pid::from_raw(0), mask);
}

fn numbers(mask: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|cpu| mask.is_set(*cpu).unwrap_or(false)).collect()
}
