//! Dispositions of signals, the mask of the body's thread, and what is pending. Alternate stacks are a thread's own
//! affair.

use nix::libc;
use nix::sys::signal::Signal;

use crate::sys::dispositions::Disposition;
use crate::{Lint, sys};

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Signal, look, restore };

pub const MASK: &str = "mask";
const PENDING: &str = "pending";

fn look(seen: &mut Seen) {
    for number in sys::dispositions::numbers() {
        match sys::dispositions::of(number) {
            Disposition::Default => {}
            Disposition::Ignored => seen.add(name(number), "ignored"),
            // The address is another in each program start, so it is not told.
            Disposition::Handler { flags, mask } => {
                let mut value = vec!["handler".to_owned()];
                value.extend(FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| (*name).to_owned()));
                if mask != 0 {
                    value.push(format!("blocks {}", names(mask)));
                }
                seen.add(name(number), value.join(", "));
            }
        }
    }
    for (name, bits) in [(MASK, sys::dispositions::mask()), (PENDING, sys::dispositions::pending())] {
        if in_set(bits).next().is_some() {
            seen.add(name, names(bits));
        }
    }
}

fn restore(name: &str, clean: Option<&str>) -> bool {
    match name {
        MASK => {
            let mut numbers = clean.unwrap_or_default().split_whitespace().map(number);
            let bits = numbers.try_fold(0, |bits, number| Some(bits | 1 << (number? - 1)));
            bits.is_some_and(sys::dispositions::set_mask)
        }
        PENDING => false,
        // What the clean process did on a signal is remembered with the address of its handler.
        _ => number(name).is_some_and(sys::dispositions::restore),
    }
}

const FLAGS: &[(i32, &str)] = &[
    (libc::SA_NOCLDSTOP, "SA_NOCLDSTOP"),
    (libc::SA_NOCLDWAIT, "SA_NOCLDWAIT"),
    (libc::SA_NODEFER, "SA_NODEFER"),
    (libc::SA_ONSTACK, "SA_ONSTACK"),
    (libc::SA_RESETHAND, "SA_RESETHAND"),
    (libc::SA_RESTART, "SA_RESTART"),
    (libc::SA_SIGINFO, "SA_SIGINFO"),
];

fn in_set(bits: u64) -> impl Iterator<Item = i32> {
    sys::dispositions::numbers().filter(move |number| bits & (1 << (number - 1)) != 0)
}

fn names(bits: u64) -> String {
    in_set(bits).map(name).collect::<Vec<_>>().join(" ")
}

fn name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("SIGRTMIN+{}", number - libc::SIGRTMIN()),
    }
}

fn number(name: &str) -> Option<i32> {
    sys::dispositions::numbers().find(|number| self::name(*number) == name)
}
