//! The one call of `cargo test` that builds the test binaries and hands them over with their environment.
//!
//! Nothing is run by it: the runner that it is given is our own (`handover.rs`).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufReader, IsTerminal, Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use cargo_metadata::{Message, TargetKind};
use tempfile::TempDir;
use xproc_harness::Settings;
use xproc_harness::protocol::SETTINGS_VARIABLE;

use crate::binary::Binary;
use crate::cargo::configuration::{Runner, runner_variable};
use crate::cargo::status_filter::StatusFilter;
use crate::cargo::{Surroundings, program};
use crate::cargo_options::CargoOptions;
use crate::error::{Context, Error, Result};
use crate::handover::{Invocation, Listener};
use crate::interrupt::Interrupts;
use crate::roles::{self, Role};
use crate::wrapper::directory::Directory;

/// What the build gave.
#[derive(Debug)]
pub struct Built {
    /// In cargo's order.
    pub binaries: Vec<Binary>,
    /// Crates that may have doctests, which are not run.
    pub doctests: Vec<String>,
}

/// Builds, and collects the test binaries.
pub fn build(
    options: &CargoOptions,
    surroundings: &Surroundings,
    directory: &Directory,
    listener: Listener,
    interrupts: &Interrupts,
) -> Result<Built> {
    let environment = environment(options, surroundings, directory, &listener);
    let mut command = Command::new(program());
    command.arg("test").args(options.for_test());
    command.args(["--no-fail-fast", "--message-format", "json-render-diagnostics"]);
    let targets = surroundings.targets(options);
    let is_text = |target: &String| surroundings.configuration.runner(target) == Some(Runner::Text);
    let (runner, _owner) = runner(directory, targets.iter().any(is_text))?;
    for target in targets {
        let path = format!("{:?}", runner.to_string_lossy());
        let path = if is_text(&target) { path } else { format!("[{path}]") };
        command.arg("--config").arg(format!("target.{target:?}.runner = {path}"));
    }
    set(&mut command, &environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context(|| format!("error starting `{}`", program().display()))?;

    let stderr = child.stderr.take().expect("it is piped");
    let filter = StatusFilter::new(runner.as_os_str().as_encoded_bytes());
    let printer = std::thread::spawn(move || print(stderr, filter));
    let artifacts = interrupts.while_running(&mut child, artifacts)?;
    _ = printer.join();
    let status = child.wait().context(|| "error waiting for cargo".to_owned())?;
    let collected = listener.finish()?;
    if interrupts.count() > 0 {
        return Err(Error::interrupted());
    }
    if !status.success() {
        return Err(Error::build());
    }
    let binaries = collected
        .invocations
        .into_iter()
        .map(|mut invocation| {
            restore(&mut invocation, &environment);
            binary(invocation, &artifacts)
        })
        .collect();
    Ok(Built { binaries, doctests: collected.doctests })
}

/// Our runner. Where it takes the place of one that is given as text, its path has no blanks: cargo sees words there.
fn runner(directory: &Directory, as_text: bool) -> Result<(PathBuf, Option<TempDir>)> {
    let link = directory.link(Role::Runner);
    if !as_text || !link.to_string_lossy().contains(char::is_whitespace) {
        return Ok((link, None));
    }
    let doing = || "error making a link in `/tmp`".to_owned();
    let owner = tempfile::Builder::new().prefix("xproc-").tempdir_in("/tmp").context(doing)?;
    let short = owner.path().join(Role::Runner.name());
    symlink(fs::read_link(link).context(doing)?, &short).context(doing)?;
    Ok((short, Some(owner)))
}

/// `cargo nextest`, with an environment in which it builds our test binaries, if it builds.
pub fn nextest(arguments: &[OsString], environment: Environment, settings: &Settings) -> Result<i32> {
    let mut command = Command::new(program());
    command.arg("nextest").args(arguments);
    set(&mut command, &environment);
    let settings = serde_json::to_string(settings).context(|| "error writing the settings".to_owned())?;
    command.env(SETTINGS_VARIABLE, settings);
    let status = command.status().context(|| format!("error starting `{} nextest`", program().display()))?;
    Ok(status.code().unwrap_or(crate::exit_code::ExitCode::Fault as i32))
}

/// Variables that cargo gets; `None` is taken away.
pub type Environment = Vec<(String, Option<OsString>)>;

/// By which our test binaries are built.
pub fn wrapper_environment(directory: &Directory, surroundings: &Surroundings, listener: &Listener) -> Environment {
    vec![
        ("RUSTC_WORKSPACE_WRAPPER".to_owned(), Some(directory.link(Role::Rustc).into())),
        (roles::WORKSPACE_WRAPPER.to_owned(), surroundings.configuration.rustc_workspace_wrapper()),
        (roles::HANDOVER.to_owned(), Some(listener.name().into())),
    ]
}

/// What cargo gets that the user's environment has not, or otherwise.
fn environment(
    options: &CargoOptions,
    surroundings: &Surroundings,
    directory: &Directory,
    listener: &Listener,
) -> Environment {
    let mut environment = wrapper_environment(directory, surroundings, listener);
    environment.push(("RUSTDOC".to_owned(), Some(directory.link(Role::Rustdoc).into())));
    environment.push((roles::RUSTDOC.to_owned(), surroundings.configuration.rustdoc()));
    // The runner that these name would go before ours.
    environment.extend(surroundings.targets(options).iter().map(|target| (runner_variable(target), None)));
    // Cargo's stderr is a pipe to us, so it has to be told of the terminal behind us.
    if std::io::stderr().is_terminal() {
        let mut default = |name: &str, value: &str| {
            if std::env::var_os(name).is_none() {
                environment.push((name.to_owned(), Some(value.into())));
            }
        };
        if options.color().is_none() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
            default("CARGO_TERM_COLOR", "always");
        }
        if let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size_of(std::io::stderr())
            && std::env::var_os("CI").is_none()
        {
            default("CARGO_TERM_PROGRESS_WHEN", "always");
            default("CARGO_TERM_PROGRESS_WIDTH", &width.to_string());
        }
    }
    environment
}

fn set(command: &mut Command, environment: &Environment) {
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Test binaries get the user's environment and what cargo adds, and nothing of ours.
fn restore(invocation: &mut Invocation, environment: &Environment) {
    for (name, _) in environment {
        match std::env::var_os(name) {
            Some(value) => _ = invocation.environment.insert(name.into(), value),
            None => _ = invocation.environment.remove(std::ffi::OsStr::new(name)),
        }
    }
}

/// Shows what cargo prints, but for statuses that are not true.
fn print(mut stderr: impl Read, mut filter: StatusFilter) {
    let mut buffer = [0; 8192];
    let show = |bytes: &[u8]| {
        // Where stderr is gone, there is nobody to tell.
        let mut ours = std::io::stderr().lock();
        _ = ours.write_all(bytes).and_then(|()| ours.flush());
    };
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        show(&filter.feed(&buffer[..count]));
    }
    show(&filter.finish());
}

/// Name and kind of the target of each test binary.
type Artifacts = HashMap<PathBuf, (String, String)>;

fn artifacts(child: &mut Child) -> Result<Artifacts> {
    let stdout = child.stdout.take().expect("it is piped");
    let mut artifacts = HashMap::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        let message = message.context(|| "error reading what cargo printed".to_owned())?;
        if let Message::CompilerArtifact(artifact) = message
            && let Some(executable) = artifact.executable
        {
            let kind = artifact.target.kind.first().map_or("lib", kind).to_owned();
            artifacts.insert(executable.into_std_path_buf(), (artifact.target.name, kind));
        }
    }
    Ok(artifacts)
}

fn kind(kind: &TargetKind) -> &'static str {
    match kind {
        TargetKind::Bin => "bin",
        TargetKind::Test => "test",
        TargetKind::Example => "example",
        TargetKind::Bench => "bench",
        // Whatever it is built as, it is the library.
        _ => "lib",
    }
}

fn binary(invocation: Invocation, artifacts: &Artifacts) -> Binary {
    let path = PathBuf::from(invocation.program());
    let (name, kind) = artifacts.get(&path).cloned().unwrap_or_else(|| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (name, "test".to_owned())
    });
    Binary { package: invocation.variable("CARGO_PKG_NAME").unwrap_or_else(|| name.clone()), name, kind, invocation }
}
