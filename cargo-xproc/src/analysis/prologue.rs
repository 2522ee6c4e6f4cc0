//! Finds the frame pointer of a function when its register could not be read: where the function's first instructions
//! have put it, or else where a call of this function has left its return address. For x86-64.

use super::memory::Memory;

/// Words of the stack that are looked through.
const MAX_WORDS: u64 = 512;

/// The frame pointer of a function that begins at `start` and whose stack pointer is `sp`. `code` reads instructions,
/// by the addresses of the process.
pub fn frame_pointer(start: u64, sp: u64, code: impl Fn(u64, &mut [u8]) -> bool, stack: &impl Memory) -> Option<u64> {
    let is_frame = |fp: &u64| {
        let Some(ret) = fp.checked_add(8).and_then(|at| stack.word(at)) else { return false };
        is_behind_call(ret, &code)
    };
    let by_prologue = frame_size(start, &code).and_then(|size| sp.checked_add(size)).filter(is_frame);
    by_prologue.or_else(|| {
        let slots = (0..MAX_WORDS).filter_map(|index| sp.checked_add(index * 8));
        slots.into_iter().find(|fp| {
            let ret = fp.checked_add(8).and_then(|at| stack.word(at));
            ret.is_some_and(|ret| direct_target(ret, &code) == Some(start))
        })
    })
}

/// How far below the frame pointer the stack pointer is after `push rbp; mov rbp, rsp; push...; sub rsp, N`.
fn frame_size(start: u64, code: &impl Fn(u64, &mut [u8]) -> bool) -> Option<u64> {
    let mut bytes = [0; 32];
    code(start, &mut bytes).then_some(())?;
    let mut rest: &[u8] = &bytes;
    // An `endbr64` may come first.
    rest = rest.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(rest);
    rest = rest.strip_prefix(&[0x55, 0x48, 0x89, 0xe5])?;
    let mut size = 0;
    loop {
        rest = match rest {
            [0x50..=0x57, rest @ ..] | [0x41, 0x50..=0x57, rest @ ..] => rest,
            [0x48, 0x83, 0xec, n, ..] => return Some(size + u64::from(*n)),
            [0x48, 0x81, 0xec, a, b, c, d, ..] => return Some(size + u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
            // The stack is aligned by hand: its place is not known.
            [0x48, 0x83, 0xe4, ..] => return None,
            _ => return Some(size),
        };
        size += 8;
    }
}

/// Whether the instruction before an address may be a call.
fn is_behind_call(address: u64, code: &impl Fn(u64, &mut [u8]) -> bool) -> bool {
    let mut bytes = [0; 7];
    if !address.checked_sub(7).is_some_and(|start| code(start, &mut bytes)) {
        return false;
    }
    // `call rel32`, or `call` of a register or of memory.
    bytes[2] == 0xe8 || (2..=6).any(|length| bytes[7 - length] == 0xff && bytes[8 - length] & 0x38 == 0x10)
}

/// What the `call rel32` before an address calls.
fn direct_target(address: u64, code: &impl Fn(u64, &mut [u8]) -> bool) -> Option<u64> {
    let mut bytes = [0; 5];
    code(address.checked_sub(5)?, &mut bytes).then_some(())?;
    let [0xe8, a, b, c, d] = bytes else { return None };
    Some(address.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d]))))
}

#[cfg(test)]
mod tests {
    use super::super::memory::Copied;
    use super::*;

    /// A function at 0x1000, and a call of it that returns to 0x2005.
    fn code(at: u64, bytes: &mut [u8]) -> bool {
        let function =
            Copied { start: 0x1000, bytes: &[0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x53, 0x48, 0x83, 0xec, 0x18] };
        let mut padded = function.bytes.to_vec();
        padded.resize(64, 0x90);
        let mut caller = vec![0x90, 0x90, 0xe8];
        caller.extend((0x1000_i32 - 0x2005).to_le_bytes());
        Copied { start: 0x1000, bytes: &padded }.read(at, bytes)
            || Copied { start: 0x1ffe, bytes: &caller }.read(at, bytes)
    }

    fn stack(frame: usize) -> Vec<u8> {
        let mut words = [0_u64; 16];
        words[frame + 1] = 0x2005;
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_first_instructions_tell_the_size_of_the_frame() {
        assert_eq!(frame_size(0x1000, &code), Some(16 + 0x18));
        let bytes = stack(5);
        assert_eq!(frame_pointer(0x1000, 0x8000, code, &Copied { start: 0x8000, bytes: &bytes }), Some(0x8000 + 40));
    }

    #[test]
    fn a_call_of_the_function_is_found_on_the_stack() {
        let bytes = stack(9);
        assert_eq!(frame_pointer(0x1000, 0x8000, code, &Copied { start: 0x8000, bytes: &bytes }), Some(0x8000 + 72));
        assert_eq!(frame_pointer(0x1000, 0x8000, code, &Copied { start: 0x8000, bytes: &[0; 128] }), None);
        assert_eq!(frame_pointer(0x1000, u64::MAX - 4, code, &Copied { start: 0x8000, bytes: &[0; 128] }), None);
    }
}
