//! A browser without a window, through its driver: just enough of the WebDriver protocol to look at a page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tools;

/// As root, without a display, and without a word to anybody.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];
/// The key of an element's reference in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session, which ends with it.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Of the browser, new and gone afterwards.
    _profile: TempDir,
}

impl Browser {
    /// Where there is no browser, says on stderr that the test is skipped, and why.
    pub fn start() -> Option<Browser> {
        let driver = tools::program("chromedriver")?;
        let chromium = tools::program("chromium")?;
        let profile = tempfile::tempdir().expect("there is a temporary directory");
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver can be started");
        let output = BufReader::new(driver.stdout.take().expect("it is a pipe"));
        let port = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_suffix('.')?.rsplit_once("on port ")?.1.parse().ok())
            .expect("the driver tells its port");
        let mut browser = Browser { driver, port, session: String::new(), _profile: profile };
        let arguments = FLAGS.iter().map(|flag| (*flag).to_owned());
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": chromium, "args": arguments.chain([profile]).collect::<Vec<_>>() },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.call("POST", "/session", Some(wanted));
        browser.session = session["sessionId"].as_str().expect("a session has an id").to_owned();
        Some(browser)
    }

    /// Opens a file in a window of this size.
    pub fn open(&self, path: &Path, width: u32, height: u32) {
        // A page that is there would be laid out again at each step of the way.
        self.post("/url", json!({ "url": "about:blank" }));
        self.post("/window/rect", json!({ "width": width, "height": height }));
        self.post("/url", json!({ "url": format!("file://{}", path.display()) }));
    }

    /// As for who prefers it dark.
    pub fn darken(&self) {
        let features = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        let params = json!({ "features": features });
        self.post("/goog/cdp/execute", json!({ "cmd": "Emulation.setEmulatedMedia", "params": params }));
    }

    /// Without scripts, from the next page on.
    pub fn without_scripts(&self) {
        let params = json!({ "value": true });
        self.post("/goog/cdp/execute", json!({ "cmd": "Emulation.setScriptExecutionDisabled", "params": params }));
    }

    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), json!({}));
    }

    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), json!({ "text": text }));
    }

    /// How many elements are there that are shown, wherever the window is scrolled to.
    pub fn visible(&self, selector: &str) -> usize {
        let all = format!("[...document.querySelectorAll({})]", json!(selector));
        let count = self.run(&format!("return {all}.filter((element) => element.checkVisibility()).length"));
        count.as_u64().and_then(|count| usize::try_from(count).ok()).expect("it is a number")
    }

    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.call("GET", &self.path(&format!("/element/{element}/text")), None);
        text.as_str().expect("an element has a text").to_owned()
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// What the browser has complained about.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        log.as_array().expect("a log is a list").iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// What is seen, as pixels.
    pub fn look(&self) -> Picture {
        let picture = self.call("GET", &self.path("/screenshot"), None);
        let bytes = BASE64_STANDARD.decode(picture.as_str().expect("it is text")).expect("it is base64");
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().expect("it is a picture");
        let mut bytes = vec![0; reader.output_buffer_size().expect("it is not huge")];
        let info = reader.next_frame(&mut bytes).expect("it is a whole picture");
        assert_eq!(info.color_type, png::ColorType::Rgba);
        Picture { pixels: bytes[..info.buffer_size()].chunks(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect() }
    }

    fn element(&self, selector: &str) -> String {
        let element = self.post("/element", json!({ "using": "css selector", "value": selector }));
        element[ELEMENT].as_str().unwrap_or_else(|| panic!("no element is `{selector}`: {element}")).to_owned()
    }

    fn post(&self, command: &str, body: Value) -> Value {
        self.call("POST", &self.path(command), Some(body))
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}{command}", self.session)
    }

    /// The answer's value.
    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map_or_else(String::new, |body| body.to_string());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .expect("the driver reads");
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).expect("the driver answers");
            match line.trim_end().to_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().expect("a length is a number"),
                None if line.trim().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).expect("the driver sends all");
        let answer: Value = serde_json::from_slice(&body).expect("the driver speaks JSON");
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", &self.path(""), None);
        }
        let group = i32::try_from(self.driver.id()).expect("numbers of processes are small");
        // SAFETY: The call touches no memory. The driver leads the group and has not been waited for yet.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        _ = self.driver.wait();
    }
}

/// A screenshot.
pub struct Picture {
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// The share of the pixels that have the colour which most have, and how many colours there are.
    pub fn colours(&self) -> (f64, usize) {
        let mut counts = std::collections::HashMap::new();
        for pixel in &self.pixels {
            *counts.entry(pixel).or_insert(0_usize) += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        (most as f64 / self.pixels.len() as f64, counts.len())
    }

    /// From 0, black, to 255, white.
    pub fn brightness(&self) -> f64 {
        let sum: u64 = self.pixels.iter().flatten().map(|part| u64::from(*part)).sum();
        sum as f64 / (self.pixels.len() * 3) as f64
    }
}
