//! The rustc wrapper: compilations with `--test` get the shim in the place of the `test` crate, all others go unchanged.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::error::{Context, Error, Result};
use crate::handover;
use crate::roles::{self, WORKSPACE_WRAPPER, split_first};
use crate::wrapper::directory::Directory;
use crate::wrapper::rustc_arguments::RustcArguments;
use crate::wrapper::shim::{self, Harness};

/// `rustc-wrapper RUSTC ARGS...`
pub fn run(line: &[OsString]) -> Result<ExitCode> {
    let (rustc, arguments) = split_first(line, "the path of rustc")?;
    let read = RustcArguments::read(arguments)?;
    // The user's own wrapper takes the same arguments as we do.
    let (program, arguments) = match std::env::var_os(WORKSPACE_WRAPPER).filter(|wrapper| !wrapper.is_empty()) {
        Some(wrapper) => (wrapper, line[1..].to_vec()),
        None => (rustc.clone(), arguments.to_vec()),
    };
    if !read.has_test() || read.has_own_test_crate() {
        return Err(roles::exec(&program, &arguments));
    }
    let directory = Directory::of_link(Path::new(&line[0]));
    let directory = directory.ok_or_else(|| Error::usage("this program is called by cargo, use `cargo xproc test`"))?;
    let harness = match read.harness() {
        Some(rlib) => Harness::Dependency(rlib),
        None => own_harness(&directory, read.target().as_deref())?,
    };
    let shim = shim::build(&directory, rustc, &read, &harness)?;
    let mut search = Vec::from(harness.search());
    search.extend(shim::search("dependency=", shim.parent().expect("a file is in a directory")));
    compile(&program, &arguments, &shim, &search)
}

fn own_harness(directory: &Directory, target: Option<&str>) -> Result<Harness> {
    let built = directory.harness(target);
    let built = if built.exists() { built } else { handover::request_harness(target)? };
    Ok(Harness::Own(built))
}

/// Compiles, and a second time where the name `test` became ambiguous by the first.
fn compile(program: &OsString, arguments: &[OsString], shim: &Path, search: &[OsString]) -> Result<ExitCode> {
    let command = |prefix: &str| {
        let mut value = OsString::from(format!("{prefix}test="));
        value.push(shim);
        let mut command = Command::new(program);
        command.args(arguments).args(search).arg("--extern").arg(value).stdin(Stdio::inherit());
        command
    };
    let doing = || format!("error starting `{}`", Path::new(program).display());
    // Held back, since nobody wants to see the errors of the first where the second works.
    let output = command("").stdout(Stdio::inherit()).stderr(Stdio::piped()).spawn().context(doing)?;
    let output = output.wait_with_output().context(|| "error waiting for rustc".to_owned())?;
    if !output.status.success() && is_ambiguous(&String::from_utf8_lossy(&output.stderr)) {
        // Not in the extern prelude, the name is found only by the `main` that rustc generates.
        let status = command("noprelude:").args(["-Z", "unstable-options"]).env("RUSTC_BOOTSTRAP", "1").status();
        return Ok(code(status.context(doing)?));
    }
    std::io::stderr().write_all(&output.stderr).context(|| "error printing what rustc said".to_owned())?;
    Ok(code(output.status))
}

/// In small files, `use test::f` is ambiguous where a local module `test` comes through a glob import or a macro.
fn is_ambiguous(said: &str) -> bool {
    said.contains("E0659") && said.contains("`test` is ambiguous")
}

fn code(status: std::process::ExitStatus) -> ExitCode {
    // Rustc that was killed is a failure like any other to cargo.
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101))
}
