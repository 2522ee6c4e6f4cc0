//! What another process sends over a socket of ours.

#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;

use libfuzzer_sys::fuzz_target;
use xproc_harness::analysis::{Answer, Question, receive};

fuzz_target!(|data: &[u8]| {
    let send = || {
        let (mut to, from) = UnixStream::pair().expect("a pair of sockets can be made");
        // More would fill the socket, and nobody reads while we write.
        to.write_all(&data[..data.len().min(64 << 10)]).expect("it can be written");
        from
    };
    let questions = send();
    while let Ok(Some((_, _))) = receive::<Question>(&questions) {}
    let answers = send();
    while let Ok(Some((_, _))) = receive::<Answer>(&answers) {}
});
