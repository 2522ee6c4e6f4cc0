//! `#[xproc_harness::test]`.
//!
//! ```text
//! const _: () = {
//!     fn NAME(a: A) -> R { ... }              the user's function, as it stands
//!     static CASE: Case<(A,)> = ...;          setup, body, and how to send the arguments
//!     static ENTRY: Entry = ...;              found by the harness at link time
//! };
//! #[test] fn NAME() { run_by_libtest(...) }   found by libtest, and by editors
//! ```
//!
//! The entry is outside of the `#[test]`, which rustc drops where the target has `harness = false`. Both are there in
//! test builds alone.
//! Tokens of ours keep our own hygiene and only borrow the user's location: lints take them for what they are, the
//! work of a macro, and errors still point into the user's source.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, ItemFn, Lit, Meta, Pat, PatType, Result, ReturnType, Safety, Signature,
    Type,
};

use crate::options::Options;

/// What serde can do with a tuple.
const MOST_PARAMETERS: usize = 16;

/// Expands the attribute on `function`.
pub fn expand(options: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(function)
        .map_err(|error| Error::new(error.span(), "`#[xproc_harness::test]` belongs on a function"))?;
    let options: Options = syn::parse2(options)?;
    let parameters = check_signature(&function.sig)?;
    match parameters.first() {
        Some(first) if options.setup.is_none() => {
            let message = "where does the argument come from? add `setup = ...` to the attribute";
            return Err(Error::new_spanned(first, message));
        }
        _ => {}
    }
    let (libtest_attributes, attributes) = split_attributes(&function)?;

    let ItemFn { vis, sig, block, .. } = &function;
    let name = &sig.ident;
    let krate = options.krate();
    let private = quote!(#krate::__private);
    let case = case(&options, sig, &parameters, &private);
    let assertions = assertions(&options, &parameters, &private);
    let ignore = option(ignore(&libtest_attributes), &private);
    let should_panic = option(should_panic(&libtest_attributes), &private);
    let option_values = options.to_value();
    let path = quote!(#private::std::concat!(#private::std::module_path!(), "::", #private::std::stringify!(#name)));
    let documentation = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));

    Ok(quote! {
        #private::in_test_builds! { const _: () = {
            #(#attributes)*
            #sig #block

            #assertions

            #case

            #[#private::linkme::distributed_slice(#private::XPROC_TESTS)]
            #[linkme(crate = #private::linkme)]
            static ENTRY: #private::Entry = #private::Entry {
                path: #path,
                place: (#private::std::file!(), #private::std::line!()),
                ignore: #ignore,
                should_panic: #should_panic,
                options: #option_values,
                body: &CASE,
            };
        }; }

        #(#documentation)*
        #(#libtest_attributes)*
        #[#private::std::prelude::v1::test]
        #vis fn #name() {
            #private::run_by_libtest(#path)
        }
    })
}

/// The parameters, of a function that can be a body.
fn check_signature(sig: &Signature) -> Result<Vec<&PatType>> {
    let refuse = |tokens: &dyn ToTokens, message: &str| Err(Error::new_spanned(tokens.to_token_stream(), message));
    if !sig.generics.params.is_empty() {
        return refuse(&sig.generics, "a test cannot be generic: nobody says for which types to run it");
    }
    match &sig.asyncness {
        Some(asyncness) if !cfg!(feature = "tokio") => {
            return refuse(asyncness, "enable the feature `tokio` of `xproc-harness` for `async` bodies");
        }
        _ => {}
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        return refuse(unsafety, "a test cannot be `unsafe`: nobody upholds its contract; write the block in the body");
    }
    if let Some(abi) = &sig.abi {
        return refuse(abi, "a test is called by Rust code: remove the ABI");
    }
    let mut parameters = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                return refuse(receiver, "a test cannot have a `self` parameter: it is no method");
            }
            FnArg::Typed(parameter) => parameters.push(parameter),
        }
    }
    for parameter in &parameters {
        match &*parameter.ty {
            Type::Reference(reference) => {
                return refuse(reference, "an argument is sent to other processes: take it by value");
            }
            Type::ImplTrait(anonymous) => {
                return refuse(anonymous, "an argument is read back from bytes: name its type");
            }
            _ => {}
        }
    }
    if let Some(parameter) = parameters.get(MOST_PARAMETERS) {
        return refuse(parameter, "more than 16 arguments: put some of them into a struct");
    }
    Ok(parameters)
}

/// Attributes for the `#[test]`, and those that stay on the user's function.
fn split_attributes(function: &ItemFn) -> Result<(Vec<&Attribute>, Vec<&Attribute>)> {
    let is_test = |attribute: &&Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test");
    if let Some(attribute) = function.attrs.iter().find(is_test) {
        return Err(Error::new_spanned(attribute, "`#[xproc_harness::test]` makes the test: remove this attribute"));
    }
    let is_libtest = |attribute: &&Attribute| ["ignore", "should_panic"].iter().any(|a| attribute.path().is_ident(a));
    Ok(function.attrs.iter().partition(is_libtest))
}

/// The static that holds setup, body and what is done with the arguments.
fn case(options: &Options, sig: &Signature, parameters: &[&PatType], private: &TokenStream) -> TokenStream {
    let name = &sig.ident;
    let types: Vec<&Type> = parameters.iter().map(|parameter| &*parameter.ty).collect();
    let tuple = quote!((#(#types,)*));
    let names = parameters.iter().enumerate().map(|(position, parameter)| parameter_name(position, parameter));
    let positions: Vec<syn::Index> = (0..parameters.len()).map(syn::Index::from).collect();

    let has_setup = options.setup.is_some();
    let setup = match (&options.setup, parameters) {
        (None, _) => quote!(()),
        (Some(path), [_]) => {
            let call = quote_spanned!(ours_at(path.span())=> #path());
            quote!((#call,))
        }
        (Some(path), _) => quote_spanned!(ours_at(path.span())=> #path()),
    };
    let called = quote!(#name(#(arguments.#positions),*));
    let called = if sig.asyncness.is_some() { quote!(#private::block_on(#called)) } else { called };
    let call = match &sig.output {
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => called,
        ReturnType::Type(_, ty) => {
            quote_spanned!(ours_at(ty.span())=> #private::Returning::new(#called).returned())
        }
        ReturnType::Default => quote!(#private::Returning::new(#called).returned()),
    };
    // The closures leave their types to the fields: there, elided lifetimes of the user's types are `'static`.
    let arguments = if parameters.is_empty() { quote!(_) } else { quote!(arguments) };
    let duplicate = match (parameters, options.warm) {
        ([], _) => Some(quote!(|_| ())),
        (_, Some(true)) => Some(quote!(|arguments| (#(#private::Probe::new(&arguments.#positions).duplicate(),)*))),
        _ => None,
    };
    let duplicate = option(duplicate, private);
    quote! {
        static CASE: #private::Case<#tuple> = #private::Case {
            parameters: &[#(#names),*],
            has_setup: #has_setup,
            setup: || #setup,
            encode: |arguments, codec| #private::Probe::new(arguments).encode(codec),
            decode: |codec, bytes| #private::Reader::<#tuple>::new().decode(codec, bytes),
            debug: |#arguments| #private::std::vec![#(#private::Probe::new(&arguments.#positions).debug()),*],
            duplicate: #duplicate,
            call: |#arguments| #call,
        };
    }
}

/// Errors at the parameters' types, where they cannot be sent, or copied for a warm parent.
fn assertions(options: &Options, parameters: &[&PatType], private: &TokenStream) -> TokenStream {
    let assertions = parameters.iter().map(|parameter| {
        let ty = &parameter.ty;
        let span = ours_at(ty.span());
        let sent = quote_spanned!(span=> #private::argument_is_serialize_and_deserialize::<#ty>(););
        let kept =
            (options.warm == Some(true)).then(|| quote_spanned!(span=> #private::argument_is_clone_for_warm::<#ty>();));
        quote!(#sent #kept)
    });
    if parameters.is_empty() { TokenStream::new() } else { quote!(const _: fn() = || { #(#assertions)* };) }
}

/// The name that differences in the argument are reported by: of a pattern, its place, counted from one.
fn parameter_name(position: usize, parameter: &PatType) -> String {
    match &*parameter.pat {
        Pat::Ident(pat) => pat.ident.unraw().to_string(),
        _ => format!("argument_{}", position + 1),
    }
}

/// The reason of `#[ignore]`: empty where none is given.
fn ignore(attributes: &[&Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("ignore"))?;
    Some(match &attribute.meta {
        Meta::NameValue(reason) => text(&reason.value).unwrap_or_default(),
        _ => String::new(),
    })
}

/// The message that `#[should_panic]` expects: empty where any will do.
fn should_panic(attributes: &[&Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("should_panic"))?;
    Some(match &attribute.meta {
        Meta::NameValue(expected) => text(&expected.value).unwrap_or_default(),
        // A malformed list is libtest's to report.
        Meta::List(list) => match list.parse_args::<Meta>() {
            Ok(Meta::NameValue(expected)) => text(&expected.value).unwrap_or_default(),
            _ => String::new(),
        },
        Meta::Path(_) => String::new(),
    })
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn option(value: Option<impl ToTokens>, private: &TokenStream) -> TokenStream {
    match value {
        Some(value) => quote!(#private::std::option::Option::Some(#value)),
        None => quote!(#private::std::option::Option::None),
    }
}

/// Our hygiene at the user's location.
pub fn ours_at(location: Span) -> Span {
    Span::call_site().located_at(location)
}
