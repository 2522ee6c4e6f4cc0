//! The conversation, as the test binary leads it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use xproc_harness::analysis::{Answer, Layout, Question, receive, send};

use super::super::answer_all;
use super::super::conversation::Conversation;
use super::everything;

fn ask(socket: &UnixStream, question: &Question, files: &[&File]) -> Answer {
    let descriptors: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
    send(socket, question, &descriptors).unwrap();
    receive(socket).unwrap().expect("each question is answered").0
}

#[test]
fn each_question_has_its_answer() {
    let (socket, theirs) = UnixStream::pair().unwrap();
    let analyser = std::thread::spawn(move || answer_all(&Conversation::new(theirs)));
    assert!(matches!(ask(&socket, &Question::Variables(Vec::new()), &[]), Answer::Failed(_)));
    let report = serde_json::to_string(&crate::report::example::diverging()).unwrap();
    assert!(matches!(ask(&socket, &Question::Report { report, binary: None }, &[]), Answer::Report(_)));
    assert!(matches!(ask(&socket, &Question::Image, &[]), Answer::Failed(_)));
    let no_executable = File::open("/dev/null").unwrap();
    assert!(matches!(ask(&socket, &Question::Image, &[&no_executable]), Answer::Failed(_)));
    let executable = File::open("/proc/self/exe").unwrap();
    assert_eq!(ask(&socket, &Question::Image, &[&executable]), Answer::Ready);
    let Answer::Variables(variables) = ask(&socket, &Question::Variables(everything().to_vec()), &[]) else {
        panic!("no variables")
    };
    assert!(variables.iter().any(|it| it.name == "std::panicking::HOOK"));
    let layout = Layout { bias: 0, thread_locals: 0 };
    let question = Question::Values { variables: vec![variables[0].span], before: layout, after: layout };
    assert!(matches!(ask(&socket, &question, &[&executable]), Answer::Failed(_)));
    let Answer::Values(changes) = ask(&socket, &question, &[&executable, &executable]) else { panic!("no values") };
    assert_eq!(changes.len(), 1);
    let question = Question::Stacks { threads: Vec::new(), mappings: Vec::new() };
    assert_eq!(ask(&socket, &question, &[]), Answer::Stacks(Vec::new()));
    drop(socket);
    analyser.join().unwrap().unwrap();
}

#[test]
fn what_is_no_question_ends_the_conversation() {
    for bytes in [&u64::MAX.to_le_bytes()[..], &[3, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]] {
        let (mut socket, theirs) = UnixStream::pair().unwrap();
        socket.write_all(bytes).unwrap();
        drop(socket);
        assert!(answer_all(&Conversation::new(theirs)).is_err());
    }
}
