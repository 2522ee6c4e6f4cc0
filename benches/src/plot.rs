//! A plot of what a test costs against the number of tests, as SVG.

use std::fmt::Write;

/// A name and points: numbers of tests, and milliseconds for each.
pub type Series<'a> = (&'a str, Vec<(usize, f64)>);

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 44.0;
const COLOURS: [&str; 3] = ["#1f77b4", "#d62728", "#7f7f7f"];

/// The number of tests by its logarithm, the time from zero.
pub fn svg(series: &[Series<'_>]) -> String {
    let points = || series.iter().flat_map(|(_, points)| points.iter());
    let most = points().map(|(_, cost)| *cost).fold(0.0, f64::max) * 1.1;
    let first = points().map(|(tests, _)| *tests).min().unwrap_or(1) as f64;
    let last = points().map(|(tests, _)| *tests).max().unwrap_or(10) as f64;
    let x = |tests: f64| LEFT + (tests / first).ln() / (last / first).ln() * (WIDTH - LEFT - RIGHT);
    let y = |cost: f64| HEIGHT - BOTTOM - cost / most * (HEIGHT - TOP - BOTTOM);

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let line = |from: (f64, f64), to: (f64, f64), colour: &str| {
        format!("<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\"/>\n", from.0, from.1, to.0, to.1)
    };
    let mut parts = Vec::new();
    for step in 0..=4 {
        let cost = most * f64::from(step) / 4.0;
        parts.push(line((LEFT, y(cost)), (WIDTH - RIGHT, y(cost)), "#dddddd"));
        parts.push(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{cost:.1}</text>\n",
            LEFT - 6.0,
            y(cost) + 4.0
        ));
    }
    let mut numbers: Vec<usize> = points().map(|(tests, _)| *tests).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for tests in numbers {
        let at = x(tests as f64);
        parts.push(format!("<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tests}</text>\n", HEIGHT - 24.0));
    }
    parts.push(format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">tests</text>\n",
        WIDTH / 2.0,
        HEIGHT - 8.0
    ));
    parts.push("<text x=\"8\" y=\"16\">milliseconds of wall time for each test</text>\n".to_owned());
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<String> =
            points.iter().map(|(tests, cost)| format!("{:.1} {:.1}", x(*tests as f64), y(*cost))).collect();
        parts.push(format!("<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n", path.join("L")));
        let at = LEFT + 8.0 + 190.0 * index as f64;
        parts.push(format!("<text x=\"{at:.1}\" y=\"36\" fill=\"{colour}\">{name}</text>\n"));
    }
    for part in parts {
        // A string takes everything.
        let _ = text.write_str(&part);
    }
    text.push_str("</svg>\n");
    text
}
