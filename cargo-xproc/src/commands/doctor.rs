//! `cargo xproc doctor`.

use serde_json::json;

use crate::args::{DoctorArgs, MessageFormat};
use crate::doctor::{self, Status};
use crate::exit_code::ExitCode;
use crate::report::json::VERSION;

pub fn run(args: &DoctorArgs) -> ExitCode {
    let checks = doctor::examine();
    match args.message_format {
        MessageFormat::Human => anstream::print!("{}", doctor::show(&checks)),
        MessageFormat::Json => {
            anstream::println!("{}", json!({"type": "doctor", "version": VERSION, "checks": checks}))
        }
    }
    let can_run = checks.iter().all(|check| check.status < Status::Missing);
    if can_run { ExitCode::Success } else { ExitCode::Fault }
}
