//! The analyser: names and shows the variables and the stacks of a test binary, see `xproc_harness::analysis`.
//!
//! It is a process of its own, started by the test binary that asks. What it reads may be broken or lie; then it says
//! less.

mod containers;
mod conversation;
mod debug_info;
pub mod image;
pub mod memory;
mod names;
mod order;
mod prologue;
mod reader;
mod sources;
pub mod stacks;
mod std_types;
mod text;
pub mod trees;
pub mod types;
mod unwind;
pub mod values;
pub mod variables;
pub mod watched;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use xproc_harness::analysis::{Answer, Question};

pub use watched::in_file as watched;

use crate::rules::Rules;

use conversation::Conversation;
use image::Image;
use memory::ProcessMemory;
use types::Types;

/// A larger executable is not read.
const MAX_FILE: u64 = 4 << 30;
/// Only what is used of it is taken.
const STACK: usize = 256 << 20;

/// Answers questions on stdin until there are no more.
pub fn serve() -> ExitCode {
    // Debug information may be nested deeply, and what is wrong with it is told in the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let served = ignore_interrupts().and_then(|()| {
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let run = move || answer_all(&Conversation::new(socket));
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(run)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("it has panicked")))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: the analyser of causes: {error}");
            crate::exit_code::ExitCode::Fault.into()
        }
    }
}

/// The runner ends this process, also when it is interrupted itself.
fn ignore_interrupts() -> io::Result<()> {
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default()).map(drop)
}

fn answer_all(conversation: &Conversation) -> io::Result<()> {
    let mut next = conversation.question()?;
    while let Some((question, descriptors)) = next {
        let read = match question {
            Question::Report { .. } | Question::Rules { .. } => {
                conversation.answer(&answer_without_image(question))?;
                next = conversation.question()?;
                continue;
            }
            Question::Image => {
                executable(descriptors).map_err(|error| format!("error reading the executable: {error}"))
            }
            // All others are about one.
            _ => Err("there is no executable yet".to_owned()),
        };
        // It is kept until there is another.
        next = match &read {
            Ok(data) => match Image::parse(data.as_slice()) {
                Ok(image) => answer_of(&image, conversation)?,
                Err(error) => refuse(conversation, error)?,
            },
            Err(error) => refuse(conversation, error.clone())?,
        };
    }
    Ok(())
}

/// Answers the questions on one executable; returns the first that is not on it.
fn answer_of(image: &Image, conversation: &Conversation) -> io::Result<Option<(Question, Vec<OwnedFd>)>> {
    conversation.answer(&Answer::Ready)?;
    let types = OnceCell::new();
    loop {
        let Some((question, descriptors)) = conversation.question()? else { return Ok(None) };
        if question == Question::Image {
            return Ok(Some((question, descriptors)));
        }
        // What reads broken executables may have faults of its own.
        let answer = catch_unwind(AssertUnwindSafe(|| answer_to(image, &types, question, descriptors)));
        conversation.answer(&answer.unwrap_or_else(|_| Answer::Failed("the executable is broken".to_owned())))?;
    }
}

/// The types of an executable are kept from question to question.
fn answer_to<'i, 'd>(
    image: &'i Image<'d>,
    types: &OnceCell<Option<Types<'i, 'd>>>,
    question: Question,
    descriptors: Vec<OwnedFd>,
) -> Answer {
    match question {
        Question::Image => Answer::Ready,
        Question::Report { .. } | Question::Rules { .. } => answer_without_image(question),
        Question::Variables(spans) => Answer::Variables(variables::within(image, &spans)),
        Question::Stacks { threads, mappings } => Answer::Stacks(stacks::frames(image, &threads, &mappings)),
        Question::Watched { statics, crates } => Answer::Watched(watched::spans(image, statics, &crates)),
        Question::Trees { variables, layout } => match descriptors.into_iter().next() {
            Some(memory) => {
                let types = types.get_or_init(|| image.debug_info().map(Types::new)).as_ref();
                Answer::Trees(trees::of(image, types, &variables, &ProcessMemory(File::from(memory)), &layout))
            }
            None => Answer::Failed("a memory must come with the question".to_owned()),
        },
        Question::Containing { variables, layout, address } => match descriptors.into_iter().next() {
            Some(memory) => {
                let types = types.get_or_init(|| image.debug_info().map(Types::new)).as_ref();
                let memory = ProcessMemory(File::from(memory));
                Answer::Containing(trees::containing(image, types, &variables, &memory, &layout, address))
            }
            None => Answer::Failed("a memory must come with the question".to_owned()),
        },
        Question::Values { variables, before, after } => {
            let memories = <[OwnedFd; 2]>::try_from(descriptors).map(|it| it.map(|it| ProcessMemory(File::from(it))));
            let Ok([memory_before, memory_after]) = memories else {
                return Answer::Failed("two memories must come with the question".to_owned());
            };
            let (before, after) = ((&memory_before as _, &before), (&memory_after as _, &after));
            Answer::Values(values::changes(image, &variables, before, after))
        }
    }
}

/// What has nothing to do with an executable.
fn answer_without_image(question: Question) -> Answer {
    match question {
        Question::Report { report, binary } => match serde_json::from_str(&report) {
            Ok(report) => Answer::Report(crate::report::block(report, binary.as_deref())),
            Err(error) => Answer::Failed(error.to_string()),
        },
        Question::Rules { path, binary, tests } => {
            let rules = Rules::load(&path).map(|rules| rules.of_binary(&binary, tests));
            rules.map_or_else(Answer::Failed, Answer::Rules)
        }
        _ => Answer::Failed("there is no executable yet".to_owned()),
    }
}

fn refuse(conversation: &Conversation, why: String) -> io::Result<Option<(Question, Vec<OwnedFd>)>> {
    conversation.answer(&Answer::Failed(why))?;
    conversation.question()
}

/// All of the executable. It is not mapped: one that is overwritten meanwhile would kill us.
fn executable(descriptors: Vec<OwnedFd>) -> io::Result<Vec<u8>> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "no descriptor came with the question");
    read_whole(&File::from(descriptors.into_iter().next().ok_or_else(missing)?))
}

/// All of a regular file, from its beginning.
fn read_whole(file: &File) -> io::Result<Vec<u8>> {
    use std::io::Seek;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file that we can read"));
    }
    let mut data = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let mut file = file;
    file.rewind()?;
    file.take(MAX_FILE).read_to_end(&mut data)?;
    Ok(data)
}
