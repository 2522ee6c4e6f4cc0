//! Durations as the command line spells them: `500ms`, `60s`, `2m`, `1h`.

use std::time::Duration;

/// Reads a number with its unit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time, write a number with its unit, such as `500ms`, `60s` or `2m`");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let duration = Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?;
    if duration.as_millis() == 0 {
        return Err(format!("`{text}` leaves no time at all, give at least `1ms`"));
    }
    Ok(duration)
}

/// As [`parse`] reads it, in the largest unit that leaves no rest.
pub fn spelled(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let fitting = units.iter().find(|(_, length)| ms.is_multiple_of(*length));
    fitting.map_or_else(String::new, |(unit, length)| format!("{}{unit}", ms / length))
}

/// Seconds with three decimals, as in the status lines.
pub fn seconds(duration: Duration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spelled_can_be_read() {
        for text in ["2s", "90s", "1500ms", "2m", "3h"] {
            assert_eq!(parse(text).map(spelled).as_deref(), Ok(text));
        }
    }

    #[test]
    fn numbers_need_a_unit() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "s", "5 days", "-1s", "0s", "1e400s", "..s", "99999999999999999999999h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
