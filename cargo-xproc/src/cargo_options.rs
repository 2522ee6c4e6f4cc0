//! Cargo's own options of `cargo test` that choose and build: accepted as cargo spells them, handed on unchanged.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

/// What was given of cargo's options.
#[derive(Clone, Debug, Default)]
pub struct CargoOptions {
    given: Vec<Given>,
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Packages and targets: what a command that repeats one test replaces by its own.
    Selection,
    /// How they are built: a command that repeats a test needs the same.
    Build,
    /// The workspace and the configuration: every call of cargo needs the same.
    Everywhere,
    /// What cargo prints.
    Display,
}

#[derive(Clone, Debug)]
struct Given {
    option: &'static CargoOption,
    value: Option<OsString>,
}

#[derive(Debug)]
struct CargoOption {
    long: &'static str,
    short: Option<char>,
    alias: Option<&'static str>,
    value: Value,
    about: About,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    Counted,
    One(&'static str),
    Many(&'static str),
    /// Only as `--option=VALUE`.
    Optional(&'static str),
}

const fn option(long: &'static str, value: Value, about: About, help: &'static str) -> CargoOption {
    CargoOption { long, short: None, alias: None, value, about, help }
}

const fn short(short: char, option: CargoOption) -> CargoOption {
    CargoOption { short: Some(short), ..option }
}

static OPTIONS: &[CargoOption] = &[
    short('p', option("package", Value::Many("SPEC"), About::Selection, "Test this package (may be given again)")),
    option("workspace", Value::None, About::Selection, "Test all packages of the workspace"),
    option("all", Value::None, About::Selection, "The same as --workspace"),
    option("exclude", Value::Many("SPEC"), About::Selection, "Leave this package out (may be given again)"),
    option("lib", Value::None, About::Selection, "Test only the package's library"),
    option("bins", Value::None, About::Selection, "Test all binaries"),
    option("bin", Value::Many("NAME"), About::Selection, "Test only this binary (may be given again)"),
    option("tests", Value::None, About::Selection, "Test all targets that have `test = true`"),
    option("test", Value::Many("NAME"), About::Selection, "Test only this integration test (may be given again)"),
    option("examples", Value::None, About::Selection, "Test all examples"),
    option("example", Value::Many("NAME"), About::Selection, "Test only this example (may be given again)"),
    option("benches", Value::None, About::Selection, "Test all targets that have `bench = true`"),
    option("bench", Value::Many("NAME"), About::Selection, "Test only this benchmark (may be given again)"),
    option("all-targets", Value::None, About::Selection, "Test all targets"),
    short('F', option("features", Value::Many("FEATURES"), About::Build, "Features to activate")),
    option("all-features", Value::None, About::Build, "Activate all features"),
    option("no-default-features", Value::None, About::Build, "Do not activate the `default` feature"),
    short('j', option("jobs", Value::One("N"), About::Build, "Number of parallel build jobs")),
    short('r', option("release", Value::None, About::Build, "Build with cargo's release profile")),
    option("cargo-profile", Value::One("NAME"), About::Build, "Build with this profile of cargo"),
    option("target", Value::Many("TRIPLE"), About::Build, "Build for this target"),
    option("target-dir", Value::One("DIR"), About::Everywhere, "Directory for all that is built"),
    option("manifest-path", Value::One("PATH"), About::Everywhere, "Path to Cargo.toml"),
    option("ignore-rust-version", Value::None, About::Build, "Ignore `rust-version` in packages"),
    option("future-incompat-report", Value::None, About::Display, "Print a report of future incompatibilities"),
    CargoOption {
        alias: Some("timing"),
        ..option("timings", Value::Optional("FORMATS"), About::Display, "Write how long each compilation took")
    },
    option("locked", Value::None, About::Everywhere, "Assert that Cargo.lock stays unchanged"),
    option("offline", Value::None, About::Everywhere, "Run without the network"),
    option("frozen", Value::None, About::Everywhere, "The same as --locked and --offline"),
    option("config", Value::Many("KEY=VALUE|PATH"), About::Everywhere, "Override a value of cargo's configuration"),
    short('Z', option("", Value::Many("FLAG"), About::Everywhere, "Flags of nightly cargo")),
    short('v', option("verbose", Value::Counted, About::Display, "Let cargo say more (-vv: still more)")),
    short('q', option("quiet", Value::None, About::Display, "Print only what failed, and the summary")),
    option("color", Value::One("WHEN"), About::Display, "Colours: auto, always, never"),
];

impl CargoOption {
    fn id(&self) -> &'static str {
        if self.long.is_empty() { "unstable-flags" } else { self.long }
    }

    fn to_arg(&'static self) -> Arg {
        let heading = match self.about {
            About::Selection => "Packages and targets (as in `cargo test`)",
            About::Build | About::Everywhere => "Build (as in `cargo test`)",
            About::Display => "Display",
        };
        let mut arg = Arg::new(self.id()).help(self.help).help_heading(heading);
        if !self.long.is_empty() {
            arg = arg.long(self.long);
        }
        if let Some(short) = self.short {
            arg = arg.short(short);
        }
        if let Some(alias) = self.alias {
            arg = arg.alias(alias);
        }
        if self.id() == "color" {
            arg = arg.value_parser(["auto", "always", "never"]);
        } else if !matches!(self.value, Value::None | Value::Counted) {
            arg = arg.value_parser(value_parser!(OsString));
        }
        match self.value {
            Value::None => arg.action(ArgAction::SetTrue),
            Value::Counted => arg.action(ArgAction::Count),
            Value::One(name) => arg.value_name(name).action(ArgAction::Set),
            Value::Many(name) => arg.value_name(name).action(ArgAction::Append),
            Value::Optional(name) => arg
                .value_name(name)
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(""),
        }
    }

    /// Whether an argument is this option, and the value that is attached to it.
    fn value_in(&self, argument: &OsStr) -> Option<Option<OsString>> {
        let argument = argument.as_bytes();
        let attached = match self.short.filter(|_| self.long.is_empty()) {
            Some(short) => argument.strip_prefix(format!("-{short}").as_bytes())?,
            None => match argument.strip_prefix(format!("--{}", self.long).as_bytes())? {
                [] => &[],
                rest => rest.strip_prefix(b"=")?,
            },
        };
        Some((!attached.is_empty()).then(|| OsStr::from_bytes(attached).to_owned()))
    }

    fn given(&'static self, matches: &ArgMatches) -> Vec<(usize, Given)> {
        let index = || matches.index_of(self.id()).unwrap_or(0);
        match self.value {
            Value::None if matches.get_flag(self.id()) => vec![(index(), Given { option: self, value: None })],
            Value::Counted => {
                vec![(index(), Given { option: self, value: None }); usize::from(matches.get_count(self.id()))]
            }
            Value::None => vec![],
            _ => {
                let indices = matches.indices_of(self.id()).into_iter().flatten();
                let values = matches.get_raw(self.id()).into_iter().flatten();
                indices
                    .zip(values)
                    .map(|(index, value)| (index, Given { option: self, value: Some(value.to_owned()) }))
                    .collect()
            }
        }
    }
}

impl Given {
    /// As cargo takes it, or as we do.
    fn append(&self, for_cargo: bool, arguments: &mut Vec<OsString>) {
        let Some(value) = &self.value else { return arguments.push(format!("--{}", self.option.long).into()) };
        if self.option.long.is_empty() {
            return arguments.extend(["-Z".into(), value.clone()]);
        }
        let long = if for_cargo && self.option.long == "cargo-profile" { "profile" } else { self.option.long };
        let mut argument = OsString::from(format!("--{long}"));
        if !(value.is_empty() && matches!(self.option.value, Value::Optional(_))) {
            argument.push("=");
            argument.push(value);
        }
        arguments.push(argument);
    }
}

impl CargoOptions {
    /// What every call of cargo needs, among the arguments of a command that is not ours: the rest is its own.
    pub fn among(arguments: &[OsString]) -> CargoOptions {
        let everywhere = || OPTIONS.iter().filter(|option| option.about == About::Everywhere);
        let mut given = Vec::new();
        let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
        while let Some(argument) = arguments.next() {
            let found = everywhere().find_map(|option| Some((option, option.value_in(argument)?)));
            if let Some((option, attached)) = found {
                let value = match option.value {
                    Value::None => None,
                    _ => attached.or_else(|| arguments.next().cloned()),
                };
                given.push(Given { option, value });
            }
        }
        CargoOptions { given }
    }

    /// For `cargo test`: all of them.
    pub fn for_test(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for given in &self.given {
            given.append(true, &mut arguments);
        }
        arguments
    }

    /// For another command of cargo: what every call needs that is to see the same workspace and configuration.
    pub fn for_metadata(&self) -> Vec<OsString> {
        // `cargo metadata` knows no `--target-dir`.
        let everywhere = |given: &&Given| given.option.about == About::Everywhere && given.option.long != "target-dir";
        let mut arguments = Vec::new();
        for given in self.given.iter().filter(everywhere) {
            given.append(true, &mut arguments);
        }
        arguments
    }

    /// For a command of cargo that looks at the configuration alone.
    pub fn for_configuration(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for given in self.given.iter().filter(|given| matches!(given.option.id(), "config" | "unstable-flags")) {
            given.append(true, &mut arguments);
        }
        arguments
    }

    /// For a build of ours beside the user's: the same configuration and network access, but no `--locked`.
    pub fn for_harness(&self) -> Vec<OsString> {
        let mut arguments = self.for_configuration();
        if self.has("offline") || self.has("frozen") {
            arguments.push("--offline".into());
        }
        if let Some(jobs) = self.value("jobs") {
            arguments.extend(["--jobs".into(), jobs.to_owned()]);
        }
        arguments
    }

    /// For a command that repeats one test: how it was built, as `cargo xproc test` takes it.
    pub fn for_repeating(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let kept = |given: &&Given| {
            matches!(given.option.about, About::Build | About::Everywhere) && given.option.long != "jobs"
        };
        for given in self.given.iter().filter(kept) {
            given.append(false, &mut arguments);
        }
        arguments
    }

    pub fn target_dir(&self) -> Option<PathBuf> {
        self.value("target-dir").map(PathBuf::from)
    }

    pub fn targets(&self) -> Vec<String> {
        self.values("target").map(|value| value.to_string_lossy().into_owned()).collect()
    }

    pub fn is_quiet(&self) -> bool {
        self.has("quiet")
    }

    pub fn color(&self) -> Option<&str> {
        self.value("color").and_then(|value| value.to_str())
    }

    fn has(&self, id: &str) -> bool {
        self.given.iter().any(|given| given.option.id() == id)
    }

    fn value(&self, id: &str) -> Option<&OsString> {
        self.values(id).last()
    }

    fn values(&self, id: &str) -> impl Iterator<Item = &OsString> {
        self.given.iter().filter(move |given| given.option.id() == id).filter_map(|given| given.value.as_ref())
    }
}

impl Args for CargoOptions {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, option| command.arg(option.to_arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CargoOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given: Vec<_> = OPTIONS.iter().flat_map(|option| option.given(matches)).collect();
        given.sort_by_key(|(index, _)| *index);
        Ok(CargoOptions { given: given.into_iter().map(|(_, given)| given).collect() })
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Err(clap::Error::new(ErrorKind::InvalidSubcommand))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_another_commands_arguments_those_of_every_call_are_known() {
        let line =
            "--manifest-path a/Cargo.toml run --release -Zx --target-dir=b --config k=1 --locked name -- --offline";
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let options = CargoOptions::among(&arguments);
        assert_eq!(
            options.for_metadata().join(" ".as_ref()),
            "--manifest-path=a/Cargo.toml -Z x --config=k=1 --locked"
        );
        assert_eq!(options.target_dir(), Some("b".into()));
    }
}
