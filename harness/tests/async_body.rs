//! `async` bodies, which the feature `tokio` allows.

#![cfg(feature = "tokio")]

use std::time::Duration;

fn prepare() -> (u8, String) {
    (3, "text".to_owned())
}

#[xproc_harness::test(setup = prepare)]
async fn awaits_with_arguments(number: u8, text: String) -> Result<usize, tokio::task::JoinError> {
    let length = tokio::spawn(async move { text.len() }).await?;
    tokio::time::timeout(Duration::from_secs(60), tokio::task::yield_now()).await.unwrap();
    assert_eq!(length + usize::from(number), 7);
    Ok(length)
}

#[xproc_harness::test]
#[should_panic(expected = "in the body")]
async fn panics() {
    tokio::task::yield_now().await;
    panic!("in the body");
}
