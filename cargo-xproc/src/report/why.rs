//! Causes and deadlocks as text.

use xproc_harness::{Cause, Deadlock, MissingThread, StartMethod, TestReport, enumerated};

use crate::report::human::{FAILED, WIDTH, count};
use crate::report::text::{cut_line, escape, wrap};

/// Frames of the workspace's own code that are shown of a thread's stack, the innermost ones.
const OWN: usize = 4;

/// Where the threads of a deadlocked process stand.
pub fn waiting(deadlock: &Deadlock) -> String {
    let method = deadlock.method.map_or("parent", StartMethod::name);
    let on = deadlock.waiting_on.as_ref().map(|on| {
        // A function that it waits in, else a static that it waits on.
        let is_function = deadlock.threads.iter().flat_map(|thread| &thread.stack).any(|frame| function(frame) == on);
        format!(", {} {}", if is_function { "in" } else { "on" }, cut_line(on, 200))
    });
    let on = on.unwrap_or_default();
    let mut text = wrap(&format!("deadlock: every thread of {method} waits for ever{on}"), 2, WIDTH);
    text = text.replacen("deadlock", &format!("{FAILED}deadlock{FAILED:#}"), 1);
    for thread in &deadlock.threads {
        text += &format!("    thread `{}`, from its own code inwards\n", cut_line(&thread.name, 40));
        text += &stack(&thread.stack);
        text += &format!("      waits for {:#x}\n", thread.address);
    }
    if let Some(holder) = &deadlock.held_by {
        text += &wrap(&format!("the lock is held by {}", cut_line(holder, 200)), 4, WIDTH);
    }
    if let Some(holder) = &deadlock.may_be_held_by {
        let told = format!(
            "the lock may be held by {}: of the threads that the child lacks, it alone has the lock's address on its stack",
            cut_line(holder, 300)
        );
        text += &wrap(&told, 4, WIDTH);
    }
    if !deadlock.missing_threads.is_empty() {
        let (threads, do_not) = match deadlock.missing_threads.len() {
            1 => ("a thread", "does not"),
            _ => ("threads", "do not"),
        };
        let names = cut_line(&enumerated(&deadlock.missing_threads), 1000);
        text += &wrap(&format!("{threads} of the parent that {do_not} exist in the child: {names}"), 4, WIDTH);
        let mut told: Vec<String> = deadlock.missing_stacks.iter().filter_map(stands).collect();
        told.dedup();
        text += &told.iter().take(OWN).map(|line| wrap(line, 6, WIDTH)).collect::<String>();
    }
    text
}

/// Where a thread stood that the child lacks, if that was in the workspace's own code.
fn stands(thread: &MissingThread) -> Option<String> {
    let own = thread.stack.iter().find(|frame| is_own(frame))?;
    Some(format!("`{}` stood in {}", cut_line(&thread.name, 40), cut_line(own, 300)))
}

fn function(frame: &str) -> &str {
    frame.split_once(" at ").or_else(|| frame.split_once(" in ")).map_or(frame, |(function, _)| function)
}

/// The workspace's own code first: what it has called, and what that waits in.
fn stack(frames: &[String]) -> String {
    let told: Vec<&String> = frames.iter().filter(|frame| !is_std(frame)).collect();
    let innermost_own = told.iter().position(|frame| is_own(frame)).unwrap_or(told.len());
    let (others, own) = told.split_at(innermost_own);
    let mut shown: Vec<&str> =
        own.iter().copied().filter(|frame| is_own(frame)).take(OWN).map(String::as_str).collect();
    shown.reverse();
    let mut text: String = shown.into_iter().map(frame_lines).collect();
    // Outermost first.
    let mut others = others.iter().rev();
    text += &others.next().map(|frame| frame_lines(frame)).unwrap_or_default();
    let innermost = others.next_back();
    if others.len() > 0 {
        text += &format!("      [... {} ...]\n", count(others.len(), "frame"));
    }
    text + &innermost.map(|frame| frame_lines(frame)).unwrap_or_default()
}

/// Files of the workspace have paths relative to it; those of other packages begin with the package's name and version.
fn is_own(frame: &str) -> bool {
    let Some((_, place)) = frame.rsplit_once(" at ") else { return false };
    let first = place.split('/').next().unwrap_or_default();
    let has_version = first
        .rsplit_once('-')
        .is_some_and(|(_, version)| version.contains('.') && version.starts_with(|c: char| c.is_ascii_digit()));
    !(has_version || first.is_empty() || place.starts_with("library/"))
}

/// A wait of the system's, or the standard library's own.
fn is_std(frame: &str) -> bool {
    let function = frame.trim_start_matches(['<', '&']);
    let is_std = ["std::", "core::", "alloc::"].iter().any(|prefix| function.starts_with(prefix));
    is_std || !self::function(frame).contains("::")
}

/// `function at file:line`, with the place on a line of its own where both do not fit.
fn frame_lines(frame: &str) -> String {
    let frame = cut_line(frame, 300);
    match frame.rsplit_once(" at ") {
        Some((function, place)) if frame.chars().count() > WIDTH - 6 => {
            format!("      {}\n          at {place}\n", cut_line(function, WIDTH - 6))
        }
        _ => format!("      {frame}\n"),
    }
}

/// What fits on three lines or so: all of a value that is an object of a library is in the JSON output.
fn beginning(value: &str) -> String {
    match value.char_indices().nth(VALUE) {
        None => escape(value),
        Some((end, _)) => format!("{} ...", escape(value[..end].trim_end())),
    }
}

/// Characters of a value.
const VALUE: usize = 210;

/// What makes the start methods differ, and how that is known.
pub fn causes(report: &TestReport) -> String {
    let mut text = String::new();
    for cause in &report.causes {
        let title = if cause.proven { "cause" } else { "suspect" };
        text += &format!("  {FAILED}{title}{FAILED:#}: {} `{}`\n", escape(&cause.kind), cut_line(&cause.name, 200));
        let place = place(cause);
        if !place.is_empty() {
            text += &format!("      at {}\n", cut_line(&place, 200));
        }
        let value = |title: &str, value: &Option<String>| match value {
            Some(value) => wrap(&format!("{title} {}", beginning(value)), 6, WIDTH),
            None => String::new(),
        };
        text += &value("in a clean process:", &cause.before);
        text += &value("in the parent:", &cause.after);
        if cause.kind == "argument" && cause.proven {
            let proof = "proven: a forked child that gets it through the codec differs in the same way, twice";
            text += &wrap(proof, 6, WIDTH);
        }
    }
    let inherited = report.causes.iter().filter(|cause| cause.proven && cause.kind != "argument").count();
    if inherited > 0 {
        let it_is = if inherited == 1 { "it is" } else { "they are" };
        let proof = format!(
            "proven: when {it_is} put back as in a clean process, a forked child does what a fresh one does; without \
             that it does not, twice"
        );
        text += &wrap(&proof, 6, WIDTH);
    }
    for cause in report.causes.iter().flat_map(|cause| &cause.alternatives) {
        text += &format!("  or {} `{}`\n", escape(&cause.kind), cut_line(&cause.name, 200));
        let place = place(cause);
        if !place.is_empty() {
            text += &format!("      at {}\n", cut_line(&place, 200));
        }
        text += &wrap("proven: putting it back alone does the same, twice", 6, WIDTH);
    }
    text
}

/// Where its definition is.
fn place(cause: &Cause) -> String {
    let place = match (&cause.file, cause.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        _ => String::new(),
    };
    cause.package.iter().fold(place, |place, package| match place.is_empty() {
        true => package.clone(),
        false => format!("{place} ({package})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn who_may_hold_a_lock_is_told_with_where_the_missing_threads_stood() {
        let mut deadlock = example::deadlocked().deadlock.expect("there is one");
        let thread = |name: &str, frame: &str| MissingThread { name: name.into(), stack: vec![frame.into()] };
        deadlock.may_be_held_by = Some("the thread `holder` of the parent".into());
        deadlock.missing_threads = vec!["holder".into(), "idle".into()];
        deadlock.missing_stacks =
            vec![thread("holder", "own::hold at src/lib.rs:9"), thread("idle", "pool::run at pool-1.2.3/src/lib.rs:4")];
        let text = plain(&waiting(&deadlock));
        assert!(text.contains("the lock may be held by the thread `holder` of the parent: of the"), "{text}");
        assert!(text.contains("      `holder` stood in own::hold at src/lib.rs:9\n"), "{text}");
        assert!(!text.contains("`idle` stood"), "it is in no code of the workspace\n{text}");
    }

    #[test]
    fn another_that_does_the_same_comes_after_the_proof() {
        let mut report = example::deadlocked();
        let other = Cause { kind: "static".into(), name: "own::OTHER".into(), proven: true, ..Cause::default() };
        report.causes[0].alternatives = vec![other];
        let text = plain(&causes(&report));
        let (before, after) = text.split_once("  or static `own::OTHER`\n").expect("it is named");
        assert!(before.contains("proven: when it is put back"), "{text}");
        assert!(after.contains("putting it back alone does the same, twice"), "{text}");
    }
}
