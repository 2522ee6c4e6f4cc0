//! From a thread's registers and stack to the return addresses on it, by what compilers say in `.eh_frame`.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EhFrameOffset, EvaluationResult, Register, RegisterRule,
    UnwindContext, UnwindExpression, UnwindSection, Value, X86_64,
};
use xproc_harness::analysis::{Frame, ThreadDump};

use super::image::Slice;
use super::memory::{Copied, Memory};
use super::prologue;

/// A deeper stack is cut.
pub const MAX_FRAMES: usize = 200;
/// Nobody needs a longer computation to find a frame.
const MAX_STEPS: u32 = 1000;

/// An executable or a library, whatever its data is borrowed from.
pub trait Binary {
    /// A section with its address.
    fn section(&self, name: &str) -> Option<(u64, Slice<'_>)>;
    /// Whether its registers are those that we know.
    fn is_x86_64(&self) -> bool;
    /// The functions that an address is in: that which is called, and those which are inlined in it, before it.
    fn functions(&self, address: u64, library: &str) -> Vec<Frame>;
    /// The address of a place in the file.
    fn address_of(&self, offset: u64) -> Option<u64>;
}

/// A place in the code of a file.
#[derive(Clone, Copy)]
pub struct Code<'i> {
    pub binary: &'i dyn Binary,
    /// As the file has it, not the process.
    pub address: u64,
}

impl Code<'_> {
    /// Fills `bytes` with the instructions that begin here.
    fn read(&self, bytes: &mut [u8]) -> bool {
        [".text", ".plt"].iter().any(|name| {
            let Some((start, section)) = self.binary.section(name) else { return false };
            Copied { start, bytes: section.slice() }.read(self.address, bytes)
        })
    }
}

/// Values of x86-64's general registers and the instruction pointer, by DWARF's numbers.
type Registers = [Option<u64>; 17];

/// Instruction pointers of a thread's frames, innermost first, each within the call that has not returned.
pub fn addresses<'i>(thread: &ThreadDump, find: impl Fn(u64) -> Option<Code<'i>>) -> Vec<u64> {
    let memory = Copied { start: thread.sp, bytes: &thread.stack.0 };
    let mut registers: Registers = [None; 17];
    registers[usize::from(X86_64::RA.0)] = Some(thread.pc);
    registers[usize::from(X86_64::RSP.0)] = Some(thread.sp);
    registers[usize::from(X86_64::RBP.0)] = thread.fp;
    let mut frames = Vec::new();
    // A return address is behind the call, perhaps in another function.
    let mut is_return = false;
    while let Some(pc) = get(&registers, X86_64::RA).filter(|pc| *pc > 1)
        && frames.len() < MAX_FRAMES
    {
        let within = if is_return { pc - 1 } else { pc };
        let Some(code) = find(within) else { break };
        frames.push(within);
        let caller = by_rules(code, &mut registers, &memory, &find)
            .or_else(|| Some((by_frame_pointer(&registers, &memory)?, false)));
        let Some((caller, is_interrupted)) = caller else { break };
        // Stacks grow downwards: what does not go up would never end.
        if get(&caller, X86_64::RSP) <= get(&registers, X86_64::RSP) {
            break;
        }
        registers = caller;
        is_return = !is_interrupted;
    }
    frames
}

/// The caller's registers, and whether it was interrupted by a signal and not by a call of its own.
fn by_rules<'i>(
    code: Code<'i>,
    registers: &mut Registers,
    memory: &impl Memory,
    find: &impl Fn(u64) -> Option<Code<'i>>,
) -> Option<(Registers, bool)> {
    if !code.binary.is_x86_64() {
        return None;
    }
    let (start, section) = code.binary.section(".eh_frame")?;
    let mut bases = BaseAddresses::default().set_eh_frame(start);
    let frames = EhFrame::from(section);
    let table = code.binary.section(".eh_frame_hdr");
    let entry = match table {
        Some((table_start, table)) => {
            bases = bases.set_eh_frame_hdr(table_start);
            let header = EhFrameHdr::from(table).parse(&bases, 8).ok()?;
            // Not by gimli's own way from the table to the section, which trusts the table.
            let pointer = header.table()?.lookup(code.address, &bases).ok()?.direct().ok()?;
            let offset = EhFrameOffset(usize::try_from(pointer.checked_sub(start)?).ok()?);
            frames.fde_from_offset(&bases, offset, EhFrame::cie_from_offset).ok().filter(|it| it.contains(code.address))
        }
        None => frames.fde_for_address(&bases, code.address, EhFrame::cie_from_offset).ok(),
    }?;
    let mut context = UnwindContext::new();
    let row = entry.unwind_info_for_address(&frames, &bases, &mut context, code.address).ok()?;
    if let CfaRule::RegisterAndOffset { register: X86_64::RBP, .. } = row.cfa()
        && get(registers, X86_64::RBP).is_none()
    {
        let pc = get(registers, X86_64::RA)?;
        let start = pc.checked_sub(code.address.checked_sub(entry.initial_address())?)?;
        // A return address is one behind the address that was looked up.
        let start = if find(pc).is_some_and(|at| at.address == code.address) { start } else { start.checked_sub(1)? };
        let instructions = |at: u64, bytes: &mut [u8]| find(at).is_some_and(|code| code.read(bytes));
        registers[usize::from(X86_64::RBP.0)] =
            prologue::frame_pointer(start, get(registers, X86_64::RSP)?, instructions, memory);
    }
    let registers = &*registers;
    let expression = |expression: &UnwindExpression<usize>, initial: Option<u64>| {
        evaluate(expression.get(&frames).ok()?, entry.cie().encoding(), initial, registers, memory)
    };
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => get(registers, *register)?.wrapping_add_signed(*offset),
        CfaRule::Expression(rule) => expression(rule, None)?,
    };
    let mut caller = *registers;
    for (number, value) in caller.iter_mut().enumerate() {
        *value = match row.register(Register(u16::try_from(number).ok()?)) {
            None | Some(RegisterRule::SameValue) => *value,
            Some(RegisterRule::Offset(offset)) => memory.word(cfa.wrapping_add_signed(offset)),
            Some(RegisterRule::ValOffset(offset)) => Some(cfa.wrapping_add_signed(offset)),
            Some(RegisterRule::Register(register)) => get(registers, register),
            Some(RegisterRule::Expression(rule)) => expression(&rule, Some(cfa)).and_then(|at| memory.word(at)),
            Some(RegisterRule::ValExpression(rule)) => expression(&rule, Some(cfa)),
            Some(RegisterRule::Constant(value)) => Some(value),
            Some(_) => None,
        };
    }
    row.register(X86_64::RA)?;
    if row.register(X86_64::RSP).is_none() {
        caller[usize::from(X86_64::RSP.0)] = Some(cfa);
    }
    Some((caller, entry.is_signal_trampoline()))
}

/// For code that says nothing.
fn by_frame_pointer(registers: &Registers, memory: &impl Memory) -> Option<Registers> {
    let fp = get(registers, X86_64::RBP)?;
    let mut caller: Registers = [None; 17];
    caller[usize::from(X86_64::RBP.0)] = memory.word(fp);
    caller[usize::from(X86_64::RA.0)] = Some(memory.word(fp.checked_add(8)?)?);
    caller[usize::from(X86_64::RSP.0)] = Some(fp.checked_add(16)?);
    Some(caller)
}

fn get(registers: &Registers, register: Register) -> Option<u64> {
    registers.get(usize::from(register.0)).copied().flatten()
}

fn evaluate(
    expression: gimli::Expression<Slice<'_>>,
    encoding: gimli::Encoding,
    initial: Option<u64>,
    registers: &Registers,
    memory: &impl Memory,
) -> Option<u64> {
    let mut evaluation = expression.evaluation(encoding);
    evaluation.set_max_iterations(MAX_STEPS);
    if let Some(initial) = initial {
        evaluation.set_initial_value(initial);
    }
    let mut result = evaluation.evaluate().ok()?;
    for _ in 0..MAX_STEPS {
        result = match result {
            EvaluationResult::Complete => return evaluation.value_result()?.to_u64(u64::MAX).ok(),
            EvaluationResult::RequiresRegister { register, .. } => {
                evaluation.resume_with_register(Value::Generic(get(registers, register)?))
            }
            EvaluationResult::RequiresMemory { address, size: 8, .. } => {
                evaluation.resume_with_memory(Value::Generic(memory.word(address)?))
            }
            _ => return None,
        }
        .ok()?;
    }
    None
}
