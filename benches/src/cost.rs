//! What a command took: time on the clock, and processor time of all processes that it started.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::Result;

/// Of one run, or the medians of several.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: Duration,
    /// User and system time of the process and of all its descendants that were waited for.
    pub cpu: Duration,
}

impl Cost {
    /// Runs the command, which must succeed.
    pub fn of(command: &mut Command) -> Result<Cost> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let before = used_by_children()?;
        let began = Instant::now();
        let output = command.output().map_err(|error| format!("error starting {command:?}: {error}"))?;
        let wall = began.elapsed();
        // Nothing else is started meanwhile, so that what children used is what this one and its children used.
        let cpu = used_by_children()?.saturating_sub(before);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{command:?} ended with {}\n{said}", output.status).into());
        }
        Ok(Cost { wall, cpu })
    }

    /// The medians of both, each for itself.
    pub fn median(costs: &[Cost]) -> Cost {
        Cost { wall: median(costs, |cost| cost.wall), cpu: median(costs, |cost| cost.cpu) }
    }
}

fn median(costs: &[Cost], of: fn(&Cost) -> Duration) -> Duration {
    let mut values: Vec<Duration> = costs.iter().map(of).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2 } else { values[middle] }
}

fn used_by_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    Duration::new(time.tv_sec().unsigned_abs(), 0) + Duration::from_micros(time.tv_usec().unsigned_abs())
}
