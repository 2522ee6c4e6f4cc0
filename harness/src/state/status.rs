//! What the system tells of a process in one piece: cheaper than to ask for each of it.

use std::io::Read;
use std::rc::Rc;

/// `/proc/self/status`, as far as it is looked at. What belongs to a thread is that of the first one.
#[derive(Clone, Debug, Default)]
pub struct Status(Rc<Fields>);

#[derive(Debug, Default)]
pub struct Fields {
    pub umask: Option<String>,
    pub users: String,
    pub groups: String,
    pub supplementary: String,
    pub capabilities: String,
    /// Slots of the table of descriptors: no descriptor has a higher number.
    pub slots: usize,
    pub threads: u64,
    pub locked_memory: String,
    /// Signal n is bit n - 1.
    pub ignored: u64,
    pub caught: u64,
    pub no_new_privileges: String,
    pub seccomp: String,
}

impl std::ops::Deref for Status {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl Status {
    /// `None` where it cannot be read.
    pub fn read() -> Option<Status> {
        let mut text = [0; 4096];
        let mut file = std::fs::File::open("/proc/self/status").ok()?;
        let mut length = 0;
        // A process in very many groups has a longer one, but what we look for is at its end, so read it all then.
        while length < text.len() {
            match file.read(&mut text[length..]).ok()? {
                0 => return Some(Status::parse(&text[..length])),
                more => length += more,
            }
        }
        let mut all = text.to_vec();
        file.read_to_end(&mut all).ok()?;
        Some(Status::parse(&all))
    }

    fn parse(text: &[u8]) -> Status {
        let mut fields = Fields::default();
        for line in String::from_utf8_lossy(text).lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            let bits = || u64::from_str_radix(value, 16).unwrap_or_default();
            match name {
                "Umask" => fields.umask = Some(value.to_owned()),
                "Uid" => fields.users = value.to_owned(),
                "Gid" => fields.groups = value.to_owned(),
                "FDSize" => fields.slots = value.parse().unwrap_or_default(),
                "Groups" => fields.supplementary = value.to_owned(),
                "VmLck" => fields.locked_memory = value.to_owned(),
                "Threads" => fields.threads = value.parse().unwrap_or_default(),
                "SigIgn" => fields.ignored = bits(),
                "SigCgt" => fields.caught = bits(),
                "CapEff" => fields.capabilities = value.to_owned(),
                "NoNewPrivs" => fields.no_new_privileges = value.to_owned(),
                "Seccomp" => fields.seccomp = value.to_owned(),
                _ => {}
            }
        }
        Status(Rc::new(fields))
    }
}
