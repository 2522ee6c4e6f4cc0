//! Exit statuses: each case that automation may want to tell from the others has its own.

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Nothing failed.
    Success = 0,
    /// Wrong usage or configuration.
    Usage = 2,
    /// There are no tests to run.
    NoTests = 4,
    /// An internal fault: we could not find out.
    Fault = 70,
    /// A test failed or diverged.
    TestsFailed = 100,
    /// The build failed; cargo has said why.
    BuildFailed = 101,
    /// The run was interrupted.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_the_documentation_promises() {
        let codes = [
            ExitCode::Success,
            ExitCode::Usage,
            ExitCode::NoTests,
            ExitCode::Fault,
            ExitCode::TestsFailed,
            ExitCode::BuildFailed,
            ExitCode::Interrupted,
        ];
        assert_eq!(codes.map(|code| code as u8), [0, 2, 4, 70, 100, 101, 130]);
    }
}
