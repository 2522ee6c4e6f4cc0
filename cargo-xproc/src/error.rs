//! Why we could not find out. A failed test is not an error but a value.

use std::fmt;

use crate::exit_code::ExitCode;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A message for the user, with the exit status that it leads to.
#[derive(Debug)]
pub struct Error {
    pub code: ExitCode,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn usage(message: impl Into<String>) -> Error {
        Error { code: ExitCode::Usage, message: message.into(), source: None }
    }

    pub fn fault(message: impl Into<String>) -> Error {
        Error { code: ExitCode::Fault, message: message.into(), source: None }
    }

    /// Cargo failed and has already said why.
    pub fn build() -> Error {
        Error { code: ExitCode::BuildFailed, message: String::new(), source: None }
    }

    pub fn interrupted() -> Error {
        Error { code: ExitCode::Interrupted, message: "interrupted".to_owned(), source: None }
    }

    /// Whether somebody else has told the user already.
    pub fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Says what we were doing when something failed.
pub trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error { code: ExitCode::Fault, message: doing(), source: Some(error.into()) })
    }
}
