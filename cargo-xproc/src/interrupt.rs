//! SIGINT and SIGTERM: counted, told to whoever waits for events, and passed on to cargo while it runs. SIGTSTP stops all
//! that we have started with us.

use std::fmt;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::error::{Context, Result};
use crate::pause;

/// Watches for signals until the process ends.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU32,
    cargo: Mutex<Option<Pid>>,
    waiting: Mutex<Waiting>,
}

/// Who is told of a signal.
#[derive(Default)]
struct Waiting(Option<Box<dyn Fn() + Send>>);

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiting").field(&self.0.is_some()).finish()
    }
}

impl Interrupts {
    /// By handlers, which end at exec: what we start finds the signals as we did. One that was ignored stays so.
    pub fn watch() -> Result<Interrupts> {
        let ignored = ignored();
        let signals =
            [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(signals).context(|| "error handling signals".to_owned())?;
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        let watch = move || {
            for signal in signals.forever() {
                if signal == SIGTSTP {
                    pause::stop();
                    continue;
                }
                watched.count.fetch_add(1, Ordering::SeqCst);
                // A terminal sends SIGINT to cargo as well; the others reach only us.
                if signal != SIGINT
                    && let Some(cargo) = *lock(&watched.cargo)
                {
                    _ = kill(cargo, Signal::SIGTERM);
                }
                if let Some(tell) = &lock(&watched.waiting).0 {
                    tell();
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
        thread.context(|| "error starting a thread".to_owned())?;
        Ok(Interrupts(shared))
    }

    /// How many signals came.
    pub fn count(&self) -> u32 {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Calls `tell` at every signal from now on.
    pub fn tell(&self, tell: impl Fn() + Send + 'static) {
        lock(&self.0.waiting).0 = Some(Box::new(tell));
    }

    /// Does something while cargo runs, and until it has ended; it is not reaped.
    pub fn while_running<T>(&self, cargo: &mut Child, act: impl FnOnce(&mut Child) -> T) -> T {
        let pid = pid_of(cargo);
        *lock(&self.0.cargo) = Some(pid);
        let done = act(cargo);
        // It stays a zombie, so that no signal can reach a process that has its number by then.
        _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        *lock(&self.0.cargo) = None;
        done
    }
}

/// The number of a child as system calls take it.
pub fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("numbers of processes are small"))
}

/// The signals that this process ignores, a bit for each; none where `/proc` does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    field.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
