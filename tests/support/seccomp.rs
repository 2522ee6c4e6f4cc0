//! A filter of system calls, as a container has one: some are refused with an error of ours.

use std::io;

/// System calls that are refused.
pub struct Filter(Vec<libc::sock_filter>);

/// Where the kernel puts what a filter looks at: the number of the call, and the lower half of its first argument.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

impl Filter {
    /// Refuses nothing yet.
    pub fn new() -> Filter {
        Filter(Vec::new())
    }

    /// Refuses these calls.
    pub fn refuse(mut self, calls: &[i64], errno: i32) -> Filter {
        for call in calls {
            self.push(LOAD, NUMBER, 0, 0);
            self.push(IF_EQUAL, number(*call), 0, 1);
            self.push(RETURN, refusal(errno), 0, 0);
        }
        self
    }

    /// Refuses one that has none of these flags in its first argument.
    pub fn refuse_without(mut self, call: i64, flags: i32, errno: i32) -> Filter {
        self.push(LOAD, NUMBER, 0, 0);
        self.push(IF_EQUAL, number(call), 0, 3);
        self.push(LOAD, FIRST_ARGUMENT, 0, 0);
        self.push(IF_ANY_BIT, flags.cast_unsigned(), 1, 0);
        self.push(RETURN, refusal(errno), 0, 0);
        self
    }

    /// What the calling process does before it becomes another program, which then cannot do what is refused.
    pub fn enter(mut self) -> impl FnMut() -> io::Result<()> {
        self.push(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
        move || {
            let length = u16::try_from(self.0.len()).map_err(io::Error::other)?;
            let program = libc::sock_fprog { len: length, filter: self.0.as_mut_ptr() };
            // SAFETY: The program and the list that it points to outlive the calls, which change neither.
            let refused = unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                    || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
            };
            if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
        }
    }

    fn push(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.0.push(libc::sock_filter { code, jt, jf, k });
    }
}

fn number(call: i64) -> u32 {
    u32::try_from(call).expect("numbers of calls are small")
}

fn refusal(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}
