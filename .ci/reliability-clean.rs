//! Tests without a fault, which wait, compute, start threads and processes: under load none of them may be called
//! deadlocked, slow, flaky or different.

#![cfg(test)]

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, OnceLock, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn sleeps() {
    thread::sleep(Duration::from_millis(200));
}

#[test]
fn computes() {
    let sum = (0..3_000_000_u64).fold(0, |sum: u64, number| sum.wrapping_mul(31).wrapping_add(number));
    assert_ne!(sum, 1);
}

#[test]
fn joins_threads() {
    let threads: Vec<_> = (0..8).map(|number| thread::spawn(move || number * 2)).collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>(), 56);
}

#[test]
fn sends_and_receives() {
    let (sender, receiver) = mpsc::sync_channel(0);
    thread::spawn(move || (0..500).for_each(|number| sender.send(number).unwrap()));
    assert_eq!(receiver.iter().sum::<i32>(), 124_750);
}

#[test]
fn waits_for_a_condition() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = pair.clone();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        *other.0.lock().unwrap() = true;
        other.1.notify_all();
    });
    drop(pair.1.wait_while(pair.0.lock().unwrap(), |is_done| !*is_done).unwrap());
    thread.join().unwrap();
}

#[test]
fn meets_at_a_barrier() {
    let barrier = Arc::new(Barrier::new(6));
    let threads: Vec<_> = (0..5)
        .map(|_| {
            thread::spawn({
                let barrier = barrier.clone();
                move || _ = barrier.wait()
            })
        })
        .collect();
    barrier.wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn fights_for_a_lock() {
    let lock = Arc::new(RwLock::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn({
                let lock = lock.clone();
                move || (0..200).for_each(|_| *lock.write().unwrap() += 1)
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*lock.read().unwrap(), 800);
}

#[test]
fn starts_a_process() {
    assert!(Command::new("true").status().unwrap().success());
}

#[test]
fn reads_what_a_process_writes() {
    let output = Command::new("sh").args(["-c", "sleep 0.1; echo done"]).output().unwrap();
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn initialises_once() {
    static TABLE: OnceLock<HashMap<u32, u32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| (0..1000).map(|number| (number, number * number)).collect());
    assert_eq!(table[&30], 900);
}

#[test]
fn spins_until_another_thread_is_there() {
    let number = Arc::new(AtomicU32::new(0));
    let thread = thread::spawn({
        let number = number.clone();
        move || number.store(1, Ordering::Release)
    });
    while number.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    thread.join().unwrap();
}

#[test]
fn waits_with_a_time_limit() {
    let began = Instant::now();
    let (_sender, receiver) = mpsc::channel::<()>();
    assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err());
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn writes_a_file() {
    let path = std::env::temp_dir().join(format!("clean-{}", std::process::id()));
    std::fs::write(&path, [1; 10_000]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap().len(), 10_000);
    std::fs::remove_file(path).unwrap();
}

#[test]
#[should_panic(expected = "as it should")]
fn panics_as_it_should() {
    thread::spawn(|| panic!("elsewhere")).join().unwrap_err();
    panic!("as it should");
}
