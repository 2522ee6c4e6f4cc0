//! Types of the standard library and of crates like it, shown by what they hold. They are known by the crate and the
//! name of the type, and then by the names of their fields, which DWARF tells; one whose fields have changed is shown
//! as any struct.

use std::time::Duration;

use xproc_harness::value::Value;

use super::containers::{self, as_set, deque, table, text, tree, vec};
use super::reader::{Reader, unreadable};
use super::types::{Field, Struct, Type};

/// Crates whose types mean what their names say.
const CRATES: [&str; 10] = [
    "core",
    "alloc",
    "std",
    "once_cell",
    "lazy_static",
    "crossbeam_utils",
    "lock_api",
    "parking_lot",
    "hashbrown",
    "portable_atomic",
];

/// Types that are their content: name and field.
const TRANSPARENT: [(&str, &str); 21] = [
    ("Cell", "value"),
    ("UnsafeCell", "value"),
    ("SyncUnsafeCell", "value"),
    ("ManuallyDrop", "value"),
    ("MaybeDangling", "__0"),
    ("MaybeUninit", "value"),
    ("NonNull", "pointer"),
    ("Unique", "pointer"),
    ("Pin", "pointer"),
    ("Pin", "__pointer"),
    ("NonZero", "__0"),
    ("NonZeroInner", "__0"),
    ("CachePadded", "value"),
    ("Wrapping", "__0"),
    ("ReentrantLock", "data"),
    ("OnceCell", "__0"),
    ("Lazy", "cell"),
    ("Exclusive", "inner"),
    ("AssertUnwindSafe", "__0"),
    ("HashSet", "base"),
    ("HashMap", "base"),
];

/// The value of a type that is known here.
pub fn value<'d>(reader: &Reader<'_, '_, 'd>, it: &Struct<'d>, address: u64) -> Option<Value> {
    let fat = fat_pointer(reader, it, address);
    if fat.is_some() {
        return fat;
    }
    if !CRATES.contains(&it.module.split("::").next().unwrap_or("")) {
        return None;
    }
    let seen = At { reader, it, address };
    let base = it.base();
    if base == "AtomicBool" || it.name == "Atomic<bool>" {
        return Some(Value::Bool(seen.number("v")? != 0));
    }
    if base.starts_with("Atomic") {
        return seen.show("v").or_else(|| seen.show("p"));
    }
    if let Some((_, field)) = TRANSPARENT.iter().find(|(name, field)| *name == base && it.field(field).is_some()) {
        return seen.show(field);
    }
    match base {
        "RefCell" => Some(match seen.number("borrow")? as i64 {
            0 => seen.show("value")?,
            1.. => marked("borrowed", seen.show("value")?),
            _ => marked("borrowed mutably", seen.show("value")?),
        }),
        "Mutex" | "RwLock" => lock(&seen),
        "Once" => Some(Value::UnitVariant(once(seen.number_of_first()?).unwrap_or("done").into())),
        "OnceLock" => made_once(&seen, "value"),
        // Of once_cell, which lists waiting threads beside the value; of std.
        "OnceCell" | "Imp" => made(seen.show("value").or_else(|| seen.show("inner"))?),
        // Of lazy_static.
        "Lazy" if it.field("__1").is_some() => match once(seen.number("__1")?) {
            None => made(seen.show("__0")?),
            state => state.map(not_made),
        },
        "LazyLock" => made_once(&seen, "data"),
        // The union in a `LazyLock` is read only when it has the value.
        "Data" if it.is_union => seen.show("value"),
        "Storage" => thread_local(&seen),
        "Arc" | "Rc" => shared(&seen),
        "Vec" => Some(containers::sequence(vec(&seen)?)),
        "VecDeque" => deque(&seen),
        "String" => containers::string(&seen, "vec"),
        "OsString" | "PathBuf" | "Buf" | "Wtf8Buf" => text(&seen),
        "Duration" => {
            let nanos = u32::try_from(seen.number("nanos")?).ok().filter(|nanos| *nanos < 1_000_000_000)?;
            Some(Value::Opaque(format!("{:?}", Duration::new(seen.number("secs")?, nanos)).into()))
        }
        "HashMap" | "HashSet" | "HashTable" => seen.show("table").or_else(|| as_set(seen.show("map")?)),
        "RawTable" => table(&seen),
        "BTreeMap" => tree(&seen),
        "BTreeSet" => as_set(seen.show("map")?),
        "SetValZST" => Some(Value::Unit),
        "OwnedFd" | "BorrowedFd" => {
            let number = seen.number_of_first()? as i32;
            Some(Value::Opaque(format!("fd {number}").into()))
        }
        // What wraps a descriptor is told by the outermost name.
        "FileDesc" | "Socket" | "AnonPipe" => seen.show("__0"),
        "File" => Some(flat(marked("File", seen.show("inner").or_else(|| seen.show("__0"))?))),
        _ => None,
    }
}

/// A struct at its place.
pub struct At<'s, 'r, 'i, 'd> {
    pub reader: &'s Reader<'r, 'i, 'd>,
    pub it: &'s Struct<'d>,
    pub address: u64,
}

impl<'d> At<'_, '_, '_, 'd> {
    pub fn place(&self, field: Field<'d>) -> u64 {
        self.address.wrapping_add(field.offset)
    }

    pub fn show(&self, field: &str) -> Option<Value> {
        let field = self.it.field(field)?;
        Some(self.reader.value(field.entry, self.place(field)))
    }

    /// The number that a field begins with.
    pub fn number(&self, field: &str) -> Option<u64> {
        let field = self.it.field(field)?;
        self.reader.first_number(field.entry, self.place(field))
    }

    fn number_of_first(&self) -> Option<u64> {
        let field = self.it.fields.first()?;
        self.reader.first_number(field.entry, self.place(*field))
    }

    /// Does something with a field that is a struct.
    pub fn with<T>(&self, field: &str, act: impl FnOnce(&At<'_, '_, '_, 'd>) -> Option<T>) -> Option<T> {
        let field = self.it.field(field)?;
        match &*self.reader.types.get(field.entry) {
            Type::Struct(it) => act(&At { reader: self.reader, it, address: self.place(field) }),
            _ => None,
        }
    }
}

/// A name around the same name.
fn flat(value: Value) -> Value {
    match value {
        Value::NewtypeStruct(outer, inner) => match *inner {
            Value::NewtypeStruct(name, inner) if name == outer => Value::NewtypeStruct(outer, inner),
            inner => Value::NewtypeStruct(outer, Box::new(inner)),
        },
        value => value,
    }
}

fn marked(mark: &str, value: Value) -> Value {
    Value::NewtypeStruct(mark.into(), Box::new(value))
}

/// `&str`, `&[T]`, `Box<[T]>`, `&dyn Trait`.
fn fat_pointer<'d>(reader: &Reader<'_, '_, 'd>, it: &Struct<'d>, address: u64) -> Option<Value> {
    let [data, other] = it.fields[..] else { return None };
    if other.name == "vtable" {
        let trait_name = it.name.split_once("dyn ").map_or("", |(_, name)| name.trim_end_matches('>'));
        return Some(Value::Opaque(format!("dyn {}", super::names::short_type(trait_name)).into()));
    }
    if data.name != "data_ptr" || other.name != "length" {
        return None;
    }
    let (Some(start), Some(length)) =
        (reader.word(address.wrapping_add(data.offset)), reader.word(address.wrapping_add(other.offset)))
    else {
        return Some(unreadable());
    };
    let Type::Pointer { to: Some(of), .. } = *reader.types.get(data.entry) else { return None };
    let pointee = it.name.trim_start_matches(|c| "&*".contains(c));
    let pointee = ["mut ", "const "].iter().find_map(|word| pointee.strip_prefix(word)).unwrap_or(pointee);
    let pointee =
        pointee.strip_prefix("alloc::boxed::Box<").or_else(|| pointee.strip_prefix("Box<")).unwrap_or(pointee);
    let is_text = ["str", "std::path::Path", "std::ffi::os_str::OsStr"]
        .iter()
        .any(|text| pointee.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '>'])));
    Some(if is_text { reader.text(start, length) } else { containers::sequence(reader.elements(of, start, length)) })
}

/// A lock: what it protects, and whether somebody holds it.
fn lock(seen: &At) -> Option<Value> {
    let content = seen.show("data")?;
    let is_rw = seen.it.base() == "RwLock";
    let held = match (seen.number("inner"), seen.number("raw")) {
        // Of std, by futex: the low 30 bits of an `RwLock` count its holders.
        (Some(state), _) if is_rw => state & ((1 << 30) - 1) != 0,
        (Some(state), _) => state != 0,
        // Of parking_lot: below are flags of the queue.
        (None, Some(state)) if is_rw => state >> 3 != 0,
        (None, Some(state)) => state & 1 != 0,
        (None, None) => false,
    };
    let is_poisoned = seen.number("poison").is_some_and(|flag| flag != 0);
    let content = if is_poisoned { marked("poisoned", content) } else { content };
    Some(if held { marked("locked", content) } else { content })
}

/// The state of a `Once`, by futex; `None` where it is done.
fn once(state: u64) -> Option<&'static str> {
    match state & 3 {
        0 => None,
        1 => Some("running"),
        2 => Some("poisoned"),
        _ => Some("not run"),
    }
}

fn made_once(seen: &At, field: &str) -> Option<Value> {
    match once(seen.number("once")?) {
        None => seen.show(field),
        state => state.map(not_made),
    }
}

/// What a cell that is filled once has in an `Option`, if it has one.
fn made(value: Value) -> Option<Value> {
    Some(match value {
        Value::None => not_made("not run"),
        Value::Some(value) => *value,
        value => value,
    })
}

fn not_made(state: &str) -> Value {
    Value::Opaque(if state == "not run" { "<uninit>".into() } else { format!("<{state}>").into() })
}

/// What `thread_local!` makes of a value that needs to be made or dropped.
fn thread_local(seen: &At) -> Option<Value> {
    let Some(value) = seen.it.field("value") else { return seen.show("val") };
    let state = seen.show("state")?.to_string();
    Some(match state.split('(').next().unwrap_or("") {
        "Alive" => seen.reader.value(value.entry, seen.place(value)),
        "Destroyed" => Value::Opaque("<destroyed>".into()),
        _ => Value::Opaque("<uninit>".into()),
    })
}

/// The content of an `Arc` or `Rc`, behind its counters.
fn shared(seen: &At) -> Option<Value> {
    seen.with("ptr", |ptr| {
        let pointer = ptr.it.field("pointer")?;
        let place = ptr.place(pointer);
        match &*ptr.reader.types.get(pointer.entry) {
            Type::Pointer { to: Some(to), .. } => {
                let Some(target) = ptr.reader.word(place) else { return Some(unreadable()) };
                let Type::Struct(inner) = &*ptr.reader.types.get(*to) else { return None };
                let content = At { reader: ptr.reader, it: inner, address: target };
                content.show("data").or_else(|| content.show("value"))
            }
            Type::Struct(fat) => {
                let name = super::names::short_type(seen.it.name);
                let Some(start) = ptr.reader.word(place) else { return Some(unreadable()) };
                let length = fat.field("length").and_then(|field| ptr.reader.word(place.wrapping_add(field.offset)));
                Some(match length {
                    // Behind two counters.
                    Some(length) if name.ends_with("<str>") => ptr.reader.text(start.wrapping_add(16), length),
                    _ => Value::Opaque(name.into()),
                })
            }
            _ => None,
        }
    })
}
