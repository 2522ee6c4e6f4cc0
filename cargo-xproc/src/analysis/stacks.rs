//! From threads that wait to the functions that they are in.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::O_NONBLOCK;
use xproc_harness::analysis::{Frame, Mapping, Origin, ThreadDump};

use super::image::{Image, Slice};
use super::sources::Roots;
use super::unwind::{self, Binary, Code, MAX_FRAMES};
use super::{names, read_whole, variables};

/// More are not looked at.
const MAX_THREADS: usize = 1024;
const MAX_LIBRARIES: usize = 64;

/// The frames of each thread, innermost first.
pub fn frames(executable: &Image, threads: &[ThreadDump], mappings: &[Mapping]) -> Vec<Vec<Frame>> {
    let files = libraries(mappings);
    let images = files.iter().filter_map(|(path, data)| Some((*path, Image::parse(data.as_slice()).ok()?)));
    let images: BTreeMap<&str, Image> = images.collect();
    let find = |pc: u64| {
        let mapping = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&pc))?;
        let binary: &dyn Binary =
            if mapping.path.is_empty() { executable } else { images.get(mapping.path.as_str())? };
        let offset = (pc - mapping.start).checked_add(mapping.offset)?;
        Some((Code { binary, address: binary.address_of(offset)? }, mapping))
    };
    let mut all: Vec<Vec<Frame>> = Vec::new();
    for thread in threads.iter().take(MAX_THREADS) {
        let addresses = unwind::addresses(thread, |pc| find(pc).map(|(code, _)| code));
        let frames = addresses
            .into_iter()
            .filter_map(find)
            .flat_map(|(code, mapping)| code.binary.functions(code.address, &mapping.path));
        all.push(without_start(frames.take(4 * MAX_FRAMES).collect()));
    }
    all.resize(threads.len(), Vec::new());
    all
}

/// Files with code that are not the executable.
fn libraries(mappings: &[Mapping]) -> BTreeMap<&str, Vec<u8>> {
    let paths = mappings.iter().map(|mapping| mapping.path.as_str()).filter(|path| path.starts_with('/'));
    let read = |path: &str| {
        // Whatever is at that path by now, it does not hold us up.
        let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path).ok()?;
        read_whole(&file).ok()
    };
    let mut files = BTreeMap::new();
    for path in paths {
        if !files.contains_key(path) && files.len() < MAX_LIBRARIES {
            files.insert(path, read(path).unwrap_or_default());
        }
    }
    files
}

impl Binary for Image<'_> {
    fn section(&self, name: &str) -> Option<(u64, Slice<'_>)> {
        self.section(name)
    }

    fn is_x86_64(&self) -> bool {
        self.is_x86_64()
    }

    fn functions(&self, address: u64, library: &str) -> Vec<Frame> {
        functions(self, address, library)
    }

    fn address_of(&self, offset: u64) -> Option<u64> {
        self.address_of(offset)
    }
}

fn functions(image: &Image, address: u64, library: &str) -> Vec<Frame> {
    let outermost = image.function(address).map(|symbol| names::function(symbol.name));
    let no_roots = Roots::default();
    let roots = image.debug_info().map_or(&no_roots, |debug_info| debug_info.roots());
    let mut frames = Vec::new();
    if let Some(lines) = image.lines()
        && let Ok(mut found) = lines.find_frames(address).skip_all_loads()
    {
        while let Ok(Some(frame)) = found.next()
            && frames.len() < MAX_FRAMES
        {
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            let Some(function) = name.map(|name| names::function(&name)).or_else(|| outermost.clone()) else {
                continue;
            };
            let location = frame.location.as_ref();
            let is_rust = frame.function.as_ref().is_none_or(|it| it.language == Some(gimli::DW_LANG_Rust));
            let place = location.and_then(|it| it.file).map(|file| roots.place("", file, is_rust));
            let (file, origin) = place.map_or((None, by_name(&function)), |place| (place.file, place.origin));
            let origin = variables::origin(&function, origin);
            frames.push(Frame { function, file, line: location.and_then(|it| it.line), origin });
        }
    }
    if frames.is_empty() {
        let library = library.rsplit('/').next().unwrap_or(library);
        let function = outermost.unwrap_or_else(|| match library {
            "" => format!("{address:#x}"),
            _ => format!("{address:#x} ({library})"),
        });
        let origin = variables::origin(&function, by_name(&function));
        frames.push(Frame { function, file: None, line: None, origin });
    }
    frames
}

/// What a function's name alone tells.
fn by_name(function: &str) -> Origin {
    match names::first_crate(function) {
        "std" | "core" | "alloc" => Origin::Std,
        _ if function.contains("::") => Origin::Dependency,
        _ => Origin::Unknown,
    }
}

/// Leaves out the harness and what starts threads and programs.
fn without_start(mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(start) = frames.iter().position(|it| {
        it.function.ends_with("__rust_begin_short_backtrace") || it.function.contains("__rust_begin_short_backtrace::<")
    }) {
        frames.truncate(start);
    }
    frames.retain(|it| it.origin != Origin::Harness);
    // Of code without names, one frame says as much as several.
    frames.dedup_by(|next, it| it.function.starts_with("0x") && next.function.starts_with("0x"));
    let is_start = |it: &Frame| {
        [
            "start_thread",
            "clone",
            "clone3",
            "__clone",
            "__clone3",
            "_start",
            "__libc_start_main",
            "__libc_start_call_main",
            "main",
        ]
        .contains(&it.function.split('@').next().unwrap_or_default())
            || it.function.starts_with("0x")
    };
    while frames.last().is_some_and(is_start) {
        frames.pop();
    }
    // What calls the function that a thread was started with.
    if frames.iter().any(|it| it.origin != Origin::Std && !is_start(it)) {
        while frames.last().is_some_and(|it| it.origin == Origin::Std) {
            frames.pop();
        }
    }
    // `#[test]` makes a closure that calls the test.
    while let [.., inner, outer] = frames.as_slice()
        && outer.function.strip_suffix("::{{closure}}") == Some(&inner.function)
    {
        frames.pop();
    }
    frames.truncate(MAX_FRAMES);
    frames
}
