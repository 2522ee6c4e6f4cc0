use super::*;

#[test]
#[ignore = "prints what a look costs"]
fn cost_of_a_look() {
    let time = |name: &str, function: &dyn Fn()| {
        let mut times: Vec<u128> = (0..500)
            .map(|_| {
                let since = std::time::Instant::now();
                function();
                since.elapsed().as_nanos()
            })
            .collect();
        times.sort();
        println!("{name:20} p10 {:7.1} us, median {:7.1} us", times[50] as f64 / 1e3, times[250] as f64 / 1e3);
    };
    for (index, kind) in KINDS.iter().enumerate() {
        time(&format!("{index} {}", kind.lint), &|| {
            let mut seen = Seen { lint: kind.lint, has_other_threads: has_other_threads(), state: State::default() };
            (kind.look)(&mut seen);
        });
    }
    time("all", &|| drop(look(Looks::all())));
    let state = look(Looks::all()).unwrap();
    time("encode", &|| drop(crate::value::to_tokens(&state)));
    println!("{} items, {} bytes", state.items.len(), crate::value::to_tokens(&state).unwrap().len());
}
