//! The conversation, as the test binary leads it.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use xproc_harness::analysis::{Answer, Layout, Question};
use xproc_harness::value::{from_tokens, to_tokens};

use super::super::answer_all;
use super::super::conversation::Conversation;
use super::everything;

fn ask(socket: &mut UnixStream, question: &Question, files: &[&File]) -> Answer {
    let tokens = to_tokens(question).unwrap();
    let descriptors: Vec<_> = files.iter().map(|file| file.as_raw_fd()).collect();
    let length = (tokens.len() as u64).to_le_bytes();
    let control = [ControlMessage::ScmRights(&descriptors)];
    let control = if files.is_empty() { &[][..] } else { &control[..] };
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&length)], control, MsgFlags::empty(), None).unwrap();
    socket.write_all(&tokens).unwrap();
    let mut length = [0; 8];
    socket.read_exact(&mut length).unwrap();
    let mut tokens = vec![0; usize::try_from(u64::from_le_bytes(length)).unwrap()];
    socket.read_exact(&mut tokens).unwrap();
    from_tokens(&tokens).unwrap()
}

#[test]
fn each_question_has_its_answer() {
    let (mut socket, theirs) = UnixStream::pair().unwrap();
    let analyser = std::thread::spawn(move || answer_all(&mut Conversation::new(theirs)));
    assert!(matches!(ask(&mut socket, &Question::Variables(Vec::new()), &[]), Answer::Failed(_)));
    assert!(matches!(ask(&mut socket, &Question::Image, &[]), Answer::Failed(_)));
    let no_executable = File::open("/dev/null").unwrap();
    assert!(matches!(ask(&mut socket, &Question::Image, &[&no_executable]), Answer::Failed(_)));
    let executable = File::open("/proc/self/exe").unwrap();
    assert_eq!(ask(&mut socket, &Question::Image, &[&executable]), Answer::Ready);
    let Answer::Variables(variables) = ask(&mut socket, &Question::Variables(everything().to_vec()), &[]) else {
        panic!("no variables")
    };
    assert!(variables.iter().any(|it| it.name == "std::panicking::HOOK"));
    let layout = Layout { bias: 0, thread_locals: 0 };
    let question = Question::Values { variables: vec![variables[0].span], before: layout, after: layout };
    assert!(matches!(ask(&mut socket, &question, &[&executable]), Answer::Failed(_)));
    let Answer::Values(changes) = ask(&mut socket, &question, &[&executable, &executable]) else { panic!("no values") };
    assert_eq!(changes.len(), 1);
    let question = Question::Stacks { threads: Vec::new(), mappings: Vec::new() };
    assert_eq!(ask(&mut socket, &question, &[]), Answer::Stacks(Vec::new()));
    drop(socket);
    analyser.join().unwrap().unwrap();
}

#[test]
fn what_is_no_question_ends_the_conversation() {
    for bytes in [&u64::MAX.to_le_bytes()[..], &[3, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]] {
        let (mut socket, theirs) = UnixStream::pair().unwrap();
        socket.write_all(bytes).unwrap();
        drop(socket);
        assert!(answer_all(&mut Conversation::new(theirs)).is_err());
    }
}
