use std::fs::File;
use std::os::fd::IntoRawFd;

use nix::unistd::Pid;

use super::*;
use crate::sys::fork::{Fork, fork};
use crate::sys::tree::{Status, reap};

/// In a forked child: changes something, and puts back all that changed.
fn is_seen_and_put_back(lint: Lint, name: &str, change: impl Fn()) {
    sys::dispositions::remember();
    let child: Pid = match fork().unwrap() {
        Fork::Parent { child } => child,
        Fork::Child => {
            let clean = look(Looks::all()).unwrap();
            change();
            let changes = look(Looks::all()).unwrap().changes(&clean);
            let seen = changes.iter().any(|change| change.lint == lint && change.name == name) && changes.len() == 1;
            let done = changes.iter().all(|change| restore(change.lint, &change.name, change.clean.as_deref()));
            let is_clean = look(Looks::all()).unwrap().changes(&clean).is_empty();
            sys::end::silently(if !seen {
                1
            } else if !done {
                2
            } else {
                i32::from(!is_clean) * 3
            })
        }
    };
    assert_eq!(reap(child), Some(Status::Exited(0)), "1: not seen, 2: not put back, 3: not as it was");
}

#[test]
fn a_descriptor_is_closed() {
    is_seen_and_put_back(Lint::Fd, "200", || {
        let file = File::open("/").unwrap().into_raw_fd();
        sys::stdio::copy(file, 200).unwrap();
        sys::descriptors::close(file);
    });
}

#[test]
fn variables_are_set_and_removed() {
    is_seen_and_put_back(Lint::Env, "XPROC_TEST_OF_STATE", || sys::environment::set("XPROC_TEST_OF_STATE", "1"));
    is_seen_and_put_back(Lint::Env, "PATH", || sys::environment::set("PATH", "1"));
    is_seen_and_put_back(Lint::Env, "PATH", || sys::environment::remove("PATH"));
}

#[test]
fn the_directory_and_the_umask_are_put_back() {
    is_seen_and_put_back(Lint::Cwd, "", || std::env::set_current_dir("/").unwrap());
    is_seen_and_put_back(Lint::Umask, "", || {
        nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXU);
    });
}

#[test]
fn signals_are_put_back() {
    is_seen_and_put_back(Lint::Signal, "mask", || {
        sys::dispositions::set_mask(1 << 9 | 1 << 40);
    });
    is_seen_and_put_back(Lint::Signal, "SIGPIPE", || {
        sys::dispositions::set_default(nix::libc::SIGPIPE);
    });
    // std's own handler, which a fork inherits and the test replaces.
    is_seen_and_put_back(Lint::Signal, "SIGSEGV", || {
        sys::dispositions::set_default(nix::libc::SIGSEGV);
    });
}

#[test]
fn a_limit_is_put_back() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    is_seen_and_put_back(Lint::Rlimit, "RLIMIT_NOFILE", || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 30, hard).unwrap();
    });
}

#[test]
fn what_cannot_be_put_back_says_so() {
    assert!(!restore(Lint::Identity, "user", Some("1")));
    assert!(!restore(Lint::Static, "a::B", None));
    assert!(!restore(Lint::Rlimit, "RLIMIT_NOFILE", Some("many")));
    assert!(!restore(Lint::Env, "a=b", Some("1")));
    assert!(!restore(Lint::Fd, "-1", None));
    assert!(!restore(Lint::Signal, "SIGNOTHING", None));
}

#[test]
fn a_state_is_what_was_sent() {
    let state = look(Looks::all()).unwrap();
    assert!(state.items.len() > 20);
    let tokens = crate::value::to_message(&state).unwrap();
    assert_eq!(crate::value::from_message::<State>(&tokens).unwrap(), state);
}

#[test]
#[ignore = "prints what a look costs"]
fn cost_of_a_look() {
    let time = |name: &str, function: &dyn Fn()| {
        let mut times: Vec<u128> = (0..500)
            .map(|_| {
                let since = std::time::Instant::now();
                function();
                since.elapsed().as_nanos()
            })
            .collect();
        times.sort();
        println!("{name:20} p10 {:7.1} us, median {:7.1} us", times[50] as f64 / 1e3, times[250] as f64 / 1e3);
    };
    for (index, kind) in KINDS.iter().enumerate() {
        time(&format!("{index} {}", kind.lint), &|| {
            let mut seen = Seen { lint: kind.lint, has_other_threads: has_other_threads(), state: State::default() };
            (kind.look)(&mut seen);
        });
    }
    time("all", &|| drop(look(Looks::all())));
    let state = look(Looks::all()).unwrap();
    time("encode", &|| drop(crate::value::to_message(&state)));
    println!("{} items, {} bytes", state.items.len(), crate::value::to_message(&state).unwrap().len());
}
