//! `#[xproc_harness::target]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Path, Result, ReturnType, Safety, Signature, Token, Type};

use crate::test_attribute::ours_at;

/// As many as `xproc_harness::Process` passes on.
const MOST_PARAMETERS: usize = 8;

/// Leaves `function` as it is and registers it beside.
pub fn expand(options: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(function)
        .map_err(|error| Error::new(error.span(), "`#[xproc_harness::target]` belongs on a function"))?;
    let krate = syn::parse::Parser::parse2(parse_options, options)?;
    let types = check_signature(&function.sig)?;
    let private = quote!(#krate::__private);
    let name = &function.sig.ident;

    let assertions = types
        .iter()
        .map(|ty| quote_spanned!(ours_at(ty.span())=> #private::argument_is_serialize_and_deserialize::<#ty>();));
    // As `Process` has them: nothing, the argument itself, or a tuple.
    let (read, call) = match types.as_slice() {
        [] => (quote!(()), quote!(#name())),
        [ty] => (quote!(#ty), quote!(#name(arguments))),
        types => {
            let positions = (0..types.len()).map(syn::Index::from);
            (quote!((#(#types),*)), quote!(#name(#(arguments.#positions),*)))
        }
    };
    let binding = if types.is_empty() { quote!(()) } else { quote!(arguments) };
    let output = match &function.sig.output {
        ReturnType::Type(_, ty) => ours_at(ty.span()),
        ReturnType::Default => Span::call_site(),
    };
    let call = quote_spanned!(output=> #private::Ended::new(#call).exit_code());

    Ok(quote! {
        #function

        const _: () = {
            const _: fn() = || { #(#assertions)* };

            #[#private::linkme::distributed_slice(#private::XPROC_TARGETS)]
            #[linkme(crate = #private::linkme)]
            static TARGET: #private::TargetEntry = #private::TargetEntry {
                name: || #private::std::any::type_name_of_val(&#name),
                run: |codec, bytes| {
                    let #binding = #private::Reader::<#read>::new().decode(codec, bytes)?;
                    #private::std::result::Result::Ok(#call)
                },
            };
        };
    })
}

/// The path of the harness, from nothing or `crate = path`.
fn parse_options(input: syn::parse::ParseStream<'_>) -> Result<TokenStream> {
    if input.is_empty() {
        return Ok(quote!(::xproc_harness));
    }
    let wrong = |error: Error| Error::new(error.span(), "the only option of a target is `crate = path`");
    input.parse::<Token![crate]>().map_err(wrong)?;
    input.parse::<Token![=]>().map_err(wrong)?;
    Ok(input.parse::<Path>().map_err(wrong)?.into_token_stream())
}

/// The types of the parameters, of a function that can be a target.
fn check_signature(sig: &Signature) -> Result<Vec<&Type>> {
    let refuse = |tokens: &dyn ToTokens, message: &str| Err(Error::new_spanned(tokens.to_token_stream(), message));
    if !sig.generics.params.is_empty() {
        return refuse(&sig.generics, "a target cannot be generic: the child finds it by name");
    }
    if let Some(asyncness) = &sig.asyncness {
        return refuse(asyncness, "a target cannot be `async`: make the runtime inside the function");
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        return refuse(unsafety, "a target cannot be `unsafe`: nobody upholds its contract");
    }
    let mut types = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => return refuse(receiver, "a target is a function, not a method"),
            FnArg::Typed(parameter) => types.push(&*parameter.ty),
        }
    }
    for ty in &types {
        match ty {
            Type::Reference(reference) => {
                return refuse(reference, "an argument is sent to other processes: take it by value");
            }
            Type::ImplTrait(anonymous) => {
                return refuse(anonymous, "an argument is read back from bytes: name its type");
            }
            _ => {}
        }
    }
    if let Some(ty) = types.get(MOST_PARAMETERS) {
        return refuse(ty, "more than 8 arguments: put some of them into a struct");
    }
    Ok(types)
}
