//! Results side by side.

use crate::cost::Cost;

/// Prints a line for each; ratios are to the first that has `reference` set.
pub fn print(title: &str, rows: &[(&str, Cost)], reference: Option<&str>) {
    let reference = rows.iter().find(|(name, _)| Some(*name) == reference).map(|(_, cost)| *cost);
    println!("\n{title}\n");
    println!("| what | wall s | cpu s | wall ratio | cpu ratio |\n|---|--:|--:|--:|--:|");
    for (name, cost) in rows {
        let ratio = |of: fn(&Cost) -> f64| match &reference {
            Some(reference) => format!("{:.2}", of(cost) / of(reference)),
            None => "-".to_owned(),
        };
        let (wall, cpu) = (ratio(|cost| cost.wall.as_secs_f64()), ratio(|cost| cost.cpu.as_secs_f64()));
        println!("| {name} | {:.2} | {:.2} | {wall} | {cpu} |", cost.wall.as_secs_f64(), cost.cpu.as_secs_f64());
    }
}
