//! The fork servers of a runner: one for each test that may run at the same time. One that dies is replaced.

use std::io;
use std::net::Shutdown;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::unistd::Pid;

use crate::case::Cases;
use crate::sys;

use super::affinity::Affinity;
use super::judge::Serve;
use super::messages::{Reply, Request};
use super::server::Client;

/// The servers that are not busy, and all that exist.
pub struct Servers {
    state: Mutex<State>,
}

struct State {
    idle: Vec<Client>,
    /// Of all servers, busy or not.
    all: Vec<(Pid, UnixStream)>,
    /// Other children, which are no orphans.
    protected: Vec<Pid>,
    closed: bool,
}

impl Servers {
    /// Forks `count` servers, which do not keep the descriptors in `private`. Only while this process has a single
    /// thread.
    pub fn fork(count: usize, cases: Cases<'_>, private: &[RawFd]) -> nix::Result<Servers> {
        // Orphans of a server that dies become our children, and can be told from what a living one has started.
        sys::tree::become_subreaper();
        sys::end::flush_rust();
        let mut idle: Vec<Client> = Vec::new();
        for index in 0..count {
            let others: Vec<RawFd> = idle.iter().map(Client::socket).chain(private.iter().copied()).collect();
            let server = Client::fork(cases, &others, Affinity::of_worker(index))?;
            idle.push(server);
        }
        let all = idle.iter().filter_map(|client| Some((client.pid, client.handle()?))).collect();
        Ok(Servers { state: Mutex::new(State { idle, all, protected: Vec::new(), closed: false }) })
    }

    /// A server for all attempts of one test.
    pub fn lease(&self) -> Lease<'_> {
        Lease { servers: self, client: self.lock().idle.pop() }
    }

    /// Leaves another child of this process alone.
    pub fn protect(&self, pid: Pid) {
        self.lock().protected.push(pid);
    }

    /// Ends all servers and what they run. Nothing can be run any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for (_, socket) in &state.all {
            // One that is gone already is what we want.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn replace(&self, dead: Option<Pid>) -> io::Result<Client> {
        // Held throughout, so that a server that is being started is never taken for an orphan.
        let mut state = self.lock();
        state.all.retain(|(pid, _)| Some(*pid) != dead);
        let alive: Vec<Pid> = state.all.iter().map(|(pid, _)| *pid).chain(state.protected.iter().copied()).collect();
        sys::tree::kill_all_children(&alive);
        if state.closed {
            return Err(io::Error::other("the run was ended"));
        }
        let client = Client::execute()?;
        state.all.extend(client.handle().map(|handle| (client.pid, handle)));
        Ok(client)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The use of one server. It goes back when this is dropped.
pub struct Lease<'a> {
    servers: &'a Servers,
    /// `None` where there is none yet.
    client: Option<Client>,
}

impl Serve for Lease<'_> {
    /// An error means that the server was lost on the way; another one takes its place.
    fn serve(&mut self, request: &Request) -> io::Result<Reply> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(self.servers.replace(None)?),
        };
        let reply = client.run(request);
        if reply.is_err() {
            let dead = client.pid;
            self.client = None;
            self.client = Some(self.servers.replace(Some(dead))?);
        }
        reply
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.servers.lock().idle.extend(self.client.take());
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.close();
        sys::tree::wait_for_children();
    }
}
