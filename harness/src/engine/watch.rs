//! The variables that are watched in this process: what they were before any code of the test's ran, and what a body
//! has left in them.
//!
//! A process that is forked inherits both; one made by exec is told where the variables are. Nothing is done where
//! there are none.

use std::sync::{Once, OnceLock};

use serde::{Deserialize, Serialize};

use crate::analysis::{Layout, Span};
use crate::protocol::{Settings, Statics};
use crate::sys::{fork, memory};
use crate::{Level, Levels, Lint};

use super::analyser::Analyser;
use super::digest::{self, Target};

/// How the variables are looked at when a body has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inspect {
    /// Not at all.
    #[default]
    Nothing,
    /// By a digest of those that are not as they were.
    Digest,
    /// Copies of the process are left behind, to be read by type.
    Copies,
}

/// What a body has left in the variables that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The variables that are not as they were before any code of the test's ran: their places in the list, and
    /// digests of what they are.
    pub changed: Vec<(u32, u64)>,
    /// The process as it was when the body began, and when it had ended.
    pub copies: Option<[Kept; 2]>,
}

/// A copy of a process that does nothing, to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number.
    pub pid: i32,
    /// Where variables are in it.
    pub layout: Layout,
}

/// Starts to watch these variables. Only the first call counts.
pub fn begin(spans: Vec<Span>) {
    if !spans.is_empty() {
        let clean = memory::initial(&spans);
        _ = WATCHED.set(Watched { spans, clean });
    }
}

/// Starts to watch what the settings say, of a binary that has to ask where that is. Without an answer, nothing is
/// watched.
pub fn ask(settings: &Settings) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if settings.statics == Statics::None {
            return;
        }
        let crates = if settings.crates.is_empty() { own_crates() } else { settings.crates.clone() };
        let mut analyser = Analyser::new(settings.analyser.clone(), |_| {});
        begin(analyser.watched(settings.statics, crates).unwrap_or_default());
    });
}

/// Whether a difference of a variable makes a test fail.
pub fn is_denied(levels: &Levels) -> bool {
    [Lint::Static, Lint::ThreadLocal].into_iter().any(|lint| levels.get(lint) == Level::Deny)
}

/// The variables that are watched.
pub fn spans() -> &'static [Span] {
    WATCHED.get().map_or(&[], |watched| &watched.spans)
}

/// What a process that inherits nothing has to be told.
pub fn spans_for(inspect: Inspect) -> Vec<Span> {
    if inspect == Inspect::Nothing { Vec::new() } else { spans().to_vec() }
}

/// Before the body.
pub fn enter(inspect: Inspect) -> Option<Kept> {
    (inspect == Inspect::Copies).then(keep).flatten()
}

/// After the body, with what [`enter`] gave.
pub fn leave(inspect: Inspect, entry: Option<Kept>) -> Option<Left> {
    match inspect {
        Inspect::Nothing => None,
        Inspect::Digest => WATCHED.get().map(|watched| Left { changed: watched.changed(), copies: None }),
        Inspect::Copies => Some(Left { changed: Vec::new(), copies: entry.zip(keep()).map(|(one, two)| [one, two]) }),
    }
}

struct Watched {
    spans: Vec<Span>,
    /// One for each span.
    clean: Vec<Vec<u8>>,
}

static WATCHED: OnceLock<Watched> = OnceLock::new();

impl Watched {
    fn changed(&self) -> Vec<(u32, u64)> {
        let now = memory::copies(&self.spans);
        let changed = (0_u32..).zip(self.clean.iter().zip(&now)).filter(|(_, (clean, now))| clean != now);
        changed.map(|(index, (_, now))| (index, digest::of(now, &Own))).collect()
    }
}

/// The memory of this process.
struct Own;

impl Target for Own {
    fn within_image(&self, address: u64) -> Option<u64> {
        memory::within_image(address)
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        memory::peek(address, bytes)
    }
}

/// What a binary that knows nothing of its workspace takes for the crates of it: the package's library, and itself.
fn own_crates() -> Vec<String> {
    let package = std::env::var("CARGO_PKG_NAME").ok();
    let program = std::env::current_exe().ok();
    let target = program.as_ref().and_then(|path| path.file_stem()?.to_str()?.rsplit_once('-')).map(|(name, _)| name);
    package.as_deref().into_iter().chain(target).map(|name| name.replace('-', "_")).collect()
}

fn keep() -> Option<Kept> {
    let layout = memory::layout();
    fork::leave_copy().ok().map(|pid| Kept { pid: pid.as_raw(), layout })
}
