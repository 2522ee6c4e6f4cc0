//! What is written in the parentheses of `#[xproc_harness::test(...)]`.
//!
//! Only validated here; defaults belong to `xproc_harness::__private::Options`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Path, Result, Token, parenthesized};

use crate::names::{self, CODECS, EXITS, LINTS, METHODS};

/// The options, each at most once.
#[derive(Default)]
pub struct Options {
    pub setup: Option<Path>,
    pub krate: Option<Path>,
    pub warm: Option<bool>,
    methods: Option<Vec<Ident>>,
    timeout_ms: Option<u64>,
    levels: Vec<(Ident, Ident)>,
    codec: Option<Ident>,
    exit: Option<Ident>,
    diverges: bool,
}

impl Options {
    /// The path of the harness.
    pub fn krate(&self) -> TokenStream {
        self.krate.as_ref().map_or_else(|| quote!(::xproc_harness), ToTokens::to_token_stream)
    }

    /// An `xproc_harness::__private::Options` of what is set.
    pub fn to_value(&self) -> TokenStream {
        let krate = self.krate();
        let private = quote!(#krate::__private);
        let mut fields = Vec::new();
        if let Some(methods) = &self.methods {
            fields.push(quote!(methods = #private::std::option::Option::Some(&[#(#private::StartMethod::#methods),*])));
        }
        if let Some(ms) = self.timeout_ms {
            let duration = quote!(#private::std::time::Duration::from_millis(#ms));
            fields.push(quote!(timeout = #private::std::option::Option::Some(#duration)));
        }
        if !self.levels.is_empty() {
            let levels =
                self.levels.iter().map(|(lint, level)| quote!((#private::Lint::#lint, #private::Level::#level)));
            fields.push(quote!(levels = &[#(#levels),*]));
        }
        if let Some(codec) = &self.codec {
            fields.push(quote!(codec = #private::Codec::#codec));
        }
        if let Some(exit) = &self.exit {
            fields.push(quote!(exit = #private::std::option::Option::Some(#private::ChildExit::#exit)));
        }
        if let Some(warm) = self.warm {
            fields.push(quote!(warm = #private::std::option::Option::Some(#warm)));
        }
        if self.diverges {
            fields.push(quote!(diverges = true));
        }
        if fields.is_empty() {
            return quote!(#private::Options::DEFAULT);
        }
        // No struct update: clippy objects to it where all fields are set.
        quote! {{
            let mut options = #private::Options::DEFAULT;
            #(options.#fields;)*
            options
        }}
    }

    fn parse_option(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        match name.to_string().as_str() {
            "setup" => self.setup = Some(value(name, "a path, such as `setup = prepare`", input)?),
            "crate" => self.krate = Some(value(name, "a path, such as `crate = other_name`", input)?),
            "warm" => self.warm = Some(value::<LitBool>(name, "`true` or `false`", input)?.value),
            "timeout" => {
                self.timeout_ms = Some(milliseconds(&value(name, "a text, such as `timeout = \"5s\"`", input)?)?);
            }
            "codec" => {
                let codec: LitStr = value(name, "a text, such as `codec = \"json\"`", input)?;
                self.codec = Some(variant("codec", &codec.value(), codec.span(), CODECS)?);
            }
            "exit" => {
                let exit: LitStr = value(name, "a text, such as `exit = \"exit\"`", input)?;
                self.exit = Some(variant("way to exit", &exit.value(), exit.span(), EXITS)?);
            }
            "methods" => {
                let mut methods = Vec::new();
                for method in list(name, "start methods, such as `methods(fork, spawn)`", input)? {
                    let variant = variant("start method", &method.to_string(), method.span(), METHODS)?;
                    if methods.contains(&variant) {
                        return Err(Error::new(method.span(), format!("start method `{method}` is given twice")));
                    }
                    methods.push(variant);
                }
                self.methods = Some(methods);
            }
            "allow" => self.parse_levels(name, "Allow", input)?,
            "warn" => self.parse_levels(name, "Warn", input)?,
            "deny" => self.parse_levels(name, "Deny", input)?,
            "diverges" => {
                if !input.is_empty() && !input.peek(Token![,]) {
                    return Err(Error::new(input.span(), "option `diverges` takes no value"));
                }
                self.diverges = true;
            }
            other => return Err(Error::new(name.span(), names::unknown("option", other, names::OPTIONS))),
        }
        Ok(())
    }

    fn parse_levels(&mut self, name: &Ident, level: &str, input: ParseStream<'_>) -> Result<()> {
        let level = Ident::new(level, Span::call_site());
        for lint in list(name, &format!("lints, such as `{name}(fd, env)`"), input)? {
            let variant = variant("lint", &lint.to_string(), lint.span(), LINTS)?;
            if self.levels.iter().any(|(other, _)| *other == variant) {
                return Err(Error::new(lint.span(), format!("lint `{lint}` is given a level twice")));
            }
            self.levels.push((variant, level.clone()));
        }
        Ok(())
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            if seen.contains(&name) {
                return Err(Error::new(name.span(), format!("option `{name}` is given twice")));
            }
            options.parse_option(&name, input)?;
            seen.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// The value after `name =`.
fn value<T: Parse>(name: &Ident, expected: &str, input: ParseStream<'_>) -> Result<T> {
    let span = if input.is_empty() { name.span() } else { input.span() };
    let wrong = |_| Error::new(span, format!("option `{name}` takes {expected}"));
    input.parse::<Token![=]>().map_err(wrong)?;
    let span = if input.is_empty() { name.span() } else { input.span() };
    input.parse().map_err(|_| Error::new(span, format!("option `{name}` takes {expected}")))
}

/// The names in the parentheses after `name`: one at least. They may be keywords, as the lint `static` is.
fn list(name: &Ident, expected: &str, input: ParseStream<'_>) -> Result<Punctuated<Ident, Token![,]>> {
    let wrong = |span| Error::new(span, format!("option `{name}` takes {expected}"));
    if !input.peek(syn::token::Paren) {
        return Err(wrong(name.span()));
    }
    let content;
    parenthesized!(content in input);
    if content.is_empty() {
        return Err(wrong(name.span()));
    }
    content.parse_terminated(Ident::parse_any, Token![,]).map_err(|error| wrong(error.span()))
}

/// The variant for `name`.
fn variant(what: &str, name: &str, span: Span, known: &[(&str, &str)]) -> Result<Ident> {
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, variant)) => Ok(Ident::new(variant, Span::call_site())),
        None => {
            let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            Err(Error::new(span, names::unknown(what, name, &known)))
        }
    }
}

/// The milliseconds of `500ms`, `5s` or `1m`.
fn milliseconds(text: &LitStr) -> Result<u64> {
    let value = text.value();
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = value.split_at(digits);
    let factor = match unit.trim_start() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    match factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor)) {
        Some(ms) if ms > 0 => Ok(ms),
        Some(_) => Err(Error::new(text.span(), "a timeout of nothing lets no test pass")),
        None => Err(Error::new(text.span(), format!("cannot read timeout `{value}`, expected `500ms`, `5s` or `1m`"))),
    }
}
