struct Value;

#[xproc_harness::test]
fn body() -> Value {
    Value
}

#[xproc_harness::test]
fn body_with_result() -> Result<Value, String> {
    Ok(Value)
}

fn main() {}
