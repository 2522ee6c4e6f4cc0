//! The program that this project was made from: what a child sees depends on how it was started.
//!
//! Run it with `cargo run --example mock -- fork`, `spawn` or `forkserver`. In Python:
//!
//! ```python
//! to_mock = None
//!
//! class A:
//!     def __init__(self): self.a, self.b, self.c = 1, 2, 3
//!     def __getstate__(self): print('__getstate__'); return dict(self.__dict__, c=0)
//!
//! def func():
//!     global to_mock
//!     to_mock = 1
//!     return A()
//!
//! def func1(a):
//!     print(a.a, a.b, a.c)
//!     print(to_mock)
//!
//! if __name__ == '__main__':
//!     multiprocessing.set_start_method(sys.argv[1])
//!     process = multiprocessing.Process(target=func1, args=(func(),))
//!     process.start()
//!     process.join()
//! ```

use std::error::Error;
use std::sync::OnceLock;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use xproc_harness::{Process, StartMethod};

static TO_MOCK: OnceLock<u32> = OnceLock::new();

#[derive(Deserialize)]
struct A {
    a: u32,
    b: u32,
    c: u32,
}

impl Serialize for A {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        println!("__getstate__");
        let mut state = serializer.serialize_struct("A", 3)?;
        state.serialize_field("a", &self.a)?;
        state.serialize_field("b", &self.b)?;
        state.serialize_field("c", &0)?;
        state.end()
    }
}

fn func() -> A {
    TO_MOCK.get_or_init(|| 1);
    A { a: 1, b: 2, c: 3 }
}

#[xproc_harness::target]
fn func1(a: A) {
    println!("{} {} {}", a.a, a.b, a.c);
    match TO_MOCK.get() {
        Some(value) => println!("{value}"),
        None => println!("None"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    xproc_harness::init();
    let method: StartMethod = std::env::args().nth(1).ok_or("usage: mock fork|spawn|forkserver")?.parse()?;
    let code = Process::new(func1, func()).method(method).start()?.join()?;
    if code == 0 { Ok(()) } else { Err(format!("the child ended with exit code {code}").into()) }
}
