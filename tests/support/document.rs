//! The README and the guide, taken apart: blocks of code, each with the comment before it that says how it is tested.
//! Runs nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::tools;

/// A fenced block.
pub struct Block {
    pub document: PathBuf,
    /// The line of the fence, from 1.
    pub line: usize,
    pub language: String,
    /// What the comment `<!-- ... -->` before the fence says, if there is one.
    pub directive: Option<String>,
    pub text: String,
}

impl Block {
    /// For messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.document.display(), self.line)
    }

    /// The rest of the directive, if it begins with this word.
    pub fn is(&self, word: &str) -> Option<&str> {
        let rest = self.directive.as_deref()?.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with([':', ' '])).then(|| rest.trim_start_matches(':').trim())
    }

    /// Command lines, with those that go on joined.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        joined.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }
}

/// The README and the pages of the guide, with their texts.
pub fn documents() -> Vec<(PathBuf, String)> {
    let pages = fs::read_dir(tools::repository().join("docs/src")).expect("the guide is there");
    let pages = pages.map(|page| page.expect("a directory can be read").path());
    let mut paths: Vec<PathBuf> = pages.filter(|page| page.extension().is_some_and(|it| it == "md")).collect();
    paths.push(tools::repository().join("README.md"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a page is text"))).collect()
}

/// All blocks of all documents.
pub fn blocks() -> Vec<Block> {
    documents().iter().flat_map(|(path, text)| of(path, text)).collect()
}

/// The blocks of one document.
pub fn of(document: &Path, text: &str) -> Vec<Block> {
    let document = document.strip_prefix(tools::repository()).unwrap_or(document);
    let mut blocks = Vec::new();
    let mut directive = None;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let trimmed = line.trim_start();
        if let Some(language) = trimmed.strip_prefix("```") {
            let indent = line.len() - trimmed.len();
            let inner = lines.by_ref().take_while(|(_, line)| line.trim() != "```");
            let text = inner.map(|(_, line)| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
            let language = language.split(',').next().unwrap_or_default().to_owned();
            blocks.push(Block { document: document.to_owned(), line: number + 1, language, directive, text });
            directive = None;
        } else if let Some(comment) = trimmed.strip_prefix("<!-- ") {
            directive = comment.strip_suffix(" -->").map(str::to_owned);
        } else if !trimmed.is_empty() {
            directive = None;
        }
    }
    blocks
}

/// Relative targets of links outside blocks, without what is after `#`.
pub fn links(text: &str) -> Vec<&str> {
    let mut in_block = false;
    let prose = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://"));
    relative.map(|target| target.split('#').next().unwrap_or_default()).filter(|target| !target.is_empty()).collect()
}

/// A line without what differs from run to run: numbers, addresses, how far a mark or a column reaches.
pub fn normalised(line: &str) -> String {
    if !line.is_empty() && line.chars().all(|it| it == ' ' || it == '^') {
        return "^".to_owned();
    }
    let mut result = String::new();
    let mut word = String::new();
    for character in line.trim_end().chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        result += &without_numbers(&word);
        word.clear();
        if !(character == ' ' && result.ends_with(' ')) && character != '\n' {
            result.push(character);
        }
    }
    result
}

fn without_numbers(word: &str) -> String {
    let is_hex = word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if word.starts_with("0x") || is_hex && (word.len() == 2 || word.bytes().any(|byte| byte.is_ascii_digit())) {
        return if word.is_empty() { String::new() } else { "N".to_owned() };
    }
    let mut result = String::new();
    for character in word.chars() {
        match character.is_ascii_digit() {
            true if result.ends_with('N') => {}
            true => result.push('N'),
            false => result.push(character),
        }
    }
    result
}

/// Whether an output has the lines of a block, in one piece or in the pieces between lines `[...]`. Else the piece
/// that it does not have.
pub fn shows(output: &str, block: &str) -> Result<(), String> {
    let seen: Vec<String> = output.lines().map(normalised).collect();
    let mut rest = &seen[..];
    for piece in block.split("[...]\n") {
        let wanted: Vec<String> = piece.lines().map(normalised).collect();
        if wanted.is_empty() {
            continue;
        }
        let found = rest.windows(wanted.len()).position(|window| window == wanted);
        let Some(found) = found else { return Err(piece.to_owned()) };
        rest = &rest[found + wanted.len()..];
    }
    Ok(())
}
