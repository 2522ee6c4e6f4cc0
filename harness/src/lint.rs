//! Lints: the kinds of difference, and the level at which each is reported.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is done about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not reported.
    Allow,
    /// Reported; the run does not fail.
    Warn,
    /// Reported; the test diverges and the run fails.
    Deny,
}

macro_rules! lints {
    ($($variant:ident $name:literal $level:ident $doc:literal,)*) => {
        /// A kind of difference between start methods, named as on the command line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Lint {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl Lint {
            /// All lints, in the order in which they are documented and reported.
            pub const ALL: &[Lint] = &[$(Lint::$variant,)*];

            /// The name as the command line and the attribute spell it (`-` may be `_` in an attribute).
            pub const fn name(self) -> &'static str {
                match self { $(Lint::$variant => $name,)* }
            }

            /// The level where nobody has set another.
            pub const fn default_level(self) -> Level {
                match self { $(Lint::$variant => Level::$level,)* }
            }

            /// What the lint compares, in a few words.
            pub const fn summary(self) -> &'static str {
                match self { $(Lint::$variant => $doc,)* }
            }
        }
    };
}

lints! {
    Result "result" Deny "outcome kind, returned value, panic message",
    Once "once" Warn "a result that changes in the same way when the body runs twice in one process",
    Argument "argument" Deny "what the serde round trip changed in the arguments",
    Observed "observed" Deny "values given to `observe!`",
    Stdout "stdout" Deny "bytes written to stdout",
    Stderr "stderr" Warn "bytes written to stderr",
    Fd "fd" Deny "open descriptors at exit: target, flags, offset, locks",
    Env "env" Deny "environment variables at exit",
    Cwd "cwd" Deny "the current directory and the root at exit",
    Umask "umask" Deny "the file mode creation mask at exit",
    Signal "signal" Deny "signal dispositions, mask, pending signals and timers at exit",
    Rlimit "rlimit" Deny "resource limits at exit",
    Identity "identity" Deny "user, groups, capabilities, session and scheduling at exit",
    Static "static" Warn "statics at exit, by type",
    ThreadLocal "thread-local" Warn "thread-locals at exit, by type",
    Thread "thread" Warn "threads left running",
    ChildProcess "child-process" Warn "child processes left running",
    Random "random" Deny "a value that forked siblings share and fresh processes do not",
    Flaky "flaky" Warn "the kind of outcome changes between two runs of the same start method",
    Unrepeatable "unrepeatable" Warn "passes in the parent, then fails alike under every start method",
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name given is not that of a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLint(pub String);

impl fmt::Display for UnknownLint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown lint `{}`, expected one of", self.0)?;
        for (i, lint) in Lint::ALL.iter().enumerate() {
            write!(f, "{} `{lint}`", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownLint {}

impl FromStr for Lint {
    type Err = UnknownLint;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let dashed = name.replace('_', "-");
        Lint::ALL.iter().copied().find(|lint| lint.name() == dashed).ok_or_else(|| UnknownLint(name.to_owned()))
    }
}

/// The levels in force: what was set, over the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(BTreeMap<Lint, Level>);

impl Levels {
    /// The level of `lint`.
    pub fn get(&self, lint: Lint) -> Level {
        self.0.get(&lint).copied().unwrap_or(lint.default_level())
    }

    /// Sets the level of `lint`; the last setting wins.
    pub fn set(&mut self, lint: Lint, level: Level) {
        self.0.insert(lint, level);
    }

    /// Those that were set.
    pub fn iter(&self) -> impl Iterator<Item = (Lint, Level)> {
        self.0.iter().map(|(lint, level)| (*lint, *level))
    }

    /// These levels, with those of `stronger` laid over them.
    pub fn overlaid(&self, stronger: &Levels) -> Levels {
        let mut levels = self.clone();
        levels.0.extend(stronger.0.iter().map(|(lint, level)| (*lint, *level)));
        levels
    }
}
