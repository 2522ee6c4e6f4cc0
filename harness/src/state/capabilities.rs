//! Capabilities: the parts of a superuser's privileges.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// What a process gave up of it cannot be taken back.
pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    let effective = sys::attributes::capabilities();
    if effective != 0 {
        seen.add("capabilities", text(effective));
    }
}

/// Those that there are, or that are missing: whichever are fewer.
fn text(bits: u64) -> String {
    let all = NAMES.len();
    let (had, missing): (Vec<usize>, Vec<usize>) = (0..all).partition(|number| bits & 1 << number != 0);
    let names = |numbers: &[usize]| {
        numbers.iter().map(|number| format!("CAP_{}", NAMES[*number])).collect::<Vec<_>>().join(" ")
    };
    match missing.len() {
        0 => "all".to_owned(),
        few if few <= all / 2 => format!("all but {}", names(&missing)),
        _ => names(&had),
    }
}

/// By their numbers, see capabilities(7).
const NAMES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_are_named() {
        assert_eq!(text(0x1ff_ffff_ffff), "all");
        assert_eq!(text(0x1ff_feff_ffff), "all but CAP_SYS_RESOURCE");
        assert_eq!(text(1 << 13 | 1), "CAP_CHOWN CAP_NET_RAW");
    }
}
