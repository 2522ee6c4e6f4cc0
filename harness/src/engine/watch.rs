//! The variables that are watched in this process: what they were before any code of the test's ran, and what a body
//! has left in them.
//!
//! A process that is forked inherits both; one made by exec is told where the variables are. Nothing is done where
//! there are none.

use std::sync::{Once, OnceLock};

use serde::{Deserialize, Serialize};

use crate::analysis::{Layout, Span};
use crate::protocol::Settings;
use crate::sys::{fork, memory};
use crate::{Level, Levels, Lint};

use super::digest::{self, Target};
use super::places;

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

/// Starts to watch what the settings say, in a process that is not told where that is and has tests of these levels.
pub fn find(settings: &Settings, mut levels: impl Iterator<Item = Levels>) {
    static ONCE: Once = Once::new();
    // Nextest starts a process for each test. To ask in each is too much for a warning that nobody sees.
    let asks_for_each = settings.places.is_none() && std::env::var_os("NEXTEST").is_some();
    if !asks_for_each || levels.any(|levels| is_denied(&levels)) {
        ONCE.call_once(|| begin(places::of_this_binary(settings)));
    }
}

/// Whether a difference of a variable makes a test fail.
fn is_denied(levels: &Levels) -> bool {
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

fn keep() -> Option<Kept> {
    let layout = memory::layout();
    fork::leave_copy().ok().map(|pid| Kept { pid: pid.as_raw(), layout })
}
