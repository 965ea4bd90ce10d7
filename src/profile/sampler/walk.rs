//! From the registers of an interrupted thread to the calls that led there, through fibers, by frame pointers.
//!
//! All our own code has them (`.cargo/config.toml`), Rust's precompiled library too. The C library's functions
//! have none, and some keep other things in that register: from there a bridge leads to the caller in our code.
//! A chain that breaks elsewhere ends; the profile says how many did.

use std::ops::Range;

use super::chain::Chain;

/// Calls that are followed: a script's deepest recursion takes some 1,500.
const CALLS_MAX: usize = 4_096;

/// Words of the stack that are looked at for the way out of a library.
#[cfg(target_arch = "x86_64")]
const BRIDGE_WORDS: usize = 256;

/// The farthest that a caller's frame begins above the call.
#[cfg(target_arch = "x86_64")]
const FRAME_BYTES_MAX: usize = 256 << 10;

const WORD: usize = size_of::<usize>();
const PAGE: usize = 4_096;

/// Whether stacks can be walked on this kind of processor.
pub(super) const IS_SUPPORTED: bool =
    cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

/// Where a thread was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registers {
    address: usize,
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "bridges are x86-64's"))]
    stack: usize,
    frame: usize,
}

#[cfg(target_arch = "x86_64")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "addresses"
)]
impl Registers {
    /// # Safety
    /// The context is one that the kernel gave a signal handler which has not returned.
    pub(super) unsafe fn of(context: *const libc::ucontext_t) -> Self {
        // SAFETY: demanded of the caller.
        let registers = unsafe { &(*context).uc_mcontext.gregs };
        let register = |number: libc::c_int| registers[number as usize] as usize;
        Self {
            address: register(libc::REG_RIP),
            stack: register(libc::REG_RSP),
            frame: register(libc::REG_RBP),
        }
    }

    /// Makes up a context with another chain of frames.
    pub(super) fn tell(self, context: &mut libc::ucontext_t, frame: usize) {
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = self.address as i64;
        context.uc_mcontext.gregs[libc::REG_RBP as usize] = frame as i64;
    }
}

#[cfg(target_arch = "aarch64")]
#[expect(clippy::cast_possible_truncation, reason = "addresses")]
impl Registers {
    /// # Safety
    /// The context is one that the kernel gave a signal handler which has not returned.
    pub(super) unsafe fn of(context: *const libc::ucontext_t) -> Self {
        // SAFETY: demanded of the caller.
        let context = unsafe { &(*context).uc_mcontext };
        Self { address: context.pc as usize, stack: context.sp as usize, frame: context.regs[29] as usize }
    }

    /// Makes up a context with another chain of frames.
    pub(super) fn tell(self, context: &mut libc::ucontext_t, frame: usize) {
        context.uc_mcontext.pc = self.address as u64;
        context.uc_mcontext.regs[29] = frame as u64;
    }
}

/// A loaded program or library: its code.
pub(super) struct Object {
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

/// The code that is loaded, the program's own first.
pub(super) fn objects() -> Vec<Object> {
    extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        into: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid description, and what was given to `dl_iterate_phdr`.
        let (info, objects) = unsafe { (&*info, &mut *into.cast::<Vec<Object>>()) };
        let name = if info.dlpi_name.is_null() {
            String::new()
        } else {
            // SAFETY: a C string of the loader's, which lives as long as the library.
            unsafe { std::ffi::CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned()
        };
        for index in 0..usize::from(info.dlpi_phnum) {
            // SAFETY: there are `dlpi_phnum` headers.
            let header = unsafe { &*info.dlpi_phdr.add(index) };
            if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
                #[expect(clippy::cast_possible_truncation, reason = "addresses")]
                let (start, length) = ((info.dlpi_addr + header.p_vaddr) as usize, header.p_memsz as usize);
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                objects.push(Object { name, range: start..start + length });
            }
        }
        0
    }
    let mut objects: Vec<Object> = Vec::new();
    // SAFETY: `visit` has the type that is asked for, and gets the list that it expects.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut objects).cast()) };
    objects
}

/// What a walk needs to know of the process.
pub(super) struct Ground {
    /// The program's own code.
    ours: Range<usize>,
    /// All code.
    code: Vec<Range<usize>>,
    /// A pipe into which what can be read can be written: both ends.
    pipe: [libc::c_int; 2],
}

impl Ground {
    /// Looks at what is loaded now.
    pub(super) fn look() -> std::io::Result<Self> {
        let code: Vec<Range<usize>> = objects().into_iter().map(|object| object.range).collect();
        let mut pipe = [0; 2];
        // SAFETY: two descriptors fit into the array. They stay open as long as the process lives.
        if unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self { ours: code.first().cloned().unwrap_or_default(), code, pipe })
    }

    /// Follows the calls outwards, the interrupted function first. Runs in a signal handler.
    pub(super) fn walk(&self, registers: Registers, chain: &mut Chain) {
        let mut memory = Memory { pipe: self.pipe, page: usize::MAX };
        // Names are looked up one byte before an address, since others are where a call returns to.
        chain.push(registers.address + 1);
        let mut frame = registers.frame;
        #[cfg(target_arch = "x86_64")]
        if (!self.ours.contains(&registers.address) || !self.is_frame(frame, &mut memory))
            && let Some((address, outer)) = self.bridge(registers, &mut memory)
        {
            chain.push(address);
            frame = outer;
        }
        for _ in 0..CALLS_MAX {
            let (Some(outer), Some(address)) = (memory.word(frame), memory.word(frame.wrapping_add(WORD)))
            else {
                break;
            };
            if !self.is_code(address) {
                break;
            }
            chain.push(address);
            if outer == frame {
                break;
            }
            frame = outer;
        }
        memory.forget();
    }

    fn is_code(&self, address: usize) -> bool {
        self.code.iter().any(|range| range.contains(&address))
    }
}

/// Across functions without frame pointers: those of the C library and the kernel's, which our code calls, and
/// assembly that keeps something else in that register.
#[cfg(target_arch = "x86_64")]
impl Ground {
    /// Whether a frame's record lies there.
    fn is_frame(&self, frame: usize, memory: &mut Memory) -> bool {
        memory.word(frame).is_some()
            && memory.word(frame.wrapping_add(WORD)).is_some_and(|address| self.is_code(address))
    }

    /// Where the innermost call from our code into a library returns to, and the frame of the caller. Every
    /// call lays that address on the stack, so it is the first one above the stack pointer behind such a call;
    /// the caller's frame is what the register holds, or what the library put aside below the address.
    fn bridge(&self, registers: Registers, memory: &mut Memory) -> Option<(usize, usize)> {
        for index in 0..BRIDGE_WORDS {
            let place = registers.stack.checked_add(index * WORD)?;
            let address = memory.word(place)?;
            if !self.ours.contains(&address) || !self.is_behind_call_out(address, memory) {
                continue;
            }
            let is_callers = |frame: usize, memory: &mut Memory| {
                frame > place && frame - place <= FRAME_BYTES_MAX && self.is_frame(frame, memory)
            };
            if is_callers(registers.frame, memory) {
                return Some((address, registers.frame));
            }
            for below in (0..index).rev() {
                let kept = memory.word(registers.stack + below * WORD)?;
                if is_callers(kept, memory) {
                    return Some((address, kept));
                }
            }
            // The caller at least.
            return Some((address, 0));
        }
        None
    }

    /// Whether the instruction before an address of ours calls into a library, as far as that can be seen:
    /// through the table of imports, by way of a stub, or through a register.
    fn is_behind_call_out(&self, address: usize, memory: &mut Memory) -> bool {
        if address < self.ours.start + 6 {
            return false;
        }
        let code = |at: usize| -> [u8; 6] {
            // SAFETY: six bytes of the program's own code, which is mapped for good and can be read.
            unsafe { std::ptr::read_unaligned(at as *const [u8; 6]) }
        };
        let slot = |next: usize, offset: [u8; 4], memory: &mut Memory| {
            let offset = i32::from_le_bytes(offset) as isize;
            memory.word(next.wrapping_add_signed(offset)).is_some_and(|to| !self.ours.contains(&to))
        };
        match code(address - 6) {
            // call [rip + offset]
            [0xff, 0x15, a, b, c, d] => slot(address, [a, b, c, d], memory),
            // call offset, to a stub that jumps on: jmp [rip + offset], maybe behind endbr64
            [_, 0xe8, a, b, c, d] => {
                let offset = i32::from_le_bytes([a, b, c, d]) as isize;
                let mut stub = address.wrapping_add_signed(offset);
                if !self.ours.contains(&stub) || !self.ours.contains(&(stub + 16)) {
                    return false;
                }
                if code(stub)[..4] == [0xf3, 0x0f, 0x1e, 0xfa] {
                    stub += 4;
                }
                if code(stub)[0] == 0xf2 {
                    stub += 1;
                }
                match code(stub) {
                    [0xff, 0x25, a, b, c, d] => slot(stub + 6, [a, b, c, d], memory),
                    _ => false,
                }
            }
            // call register
            [.., 0xff, to] => (0xd0..=0xd7).contains(&to),
            _ => false,
        }
    }
}

/// Memory that may not be there.
struct Memory {
    pipe: [libc::c_int; 2],
    /// The page that was found readable last.
    page: usize,
}

impl Memory {
    /// The word at an address, if there is one.
    fn word(&mut self, address: usize) -> Option<usize> {
        if address == 0 || !address.is_multiple_of(WORD) || !self.is_readable(address / PAGE) {
            return None;
        }
        // SAFETY: aligned, so within one page, and that page was just read by the kernel. It is a stack of the
        // interrupted thread, which can't unmap it meanwhile, or memory that a stray word points at: then
        // another thread might, between the two lines; no walk that keeps to frames does that.
        Some(unsafe { std::ptr::read_volatile(address as *const usize) })
    }

    fn is_readable(&mut self, page: usize) -> bool {
        if page == self.page {
            return true;
        }
        // SAFETY: the kernel reads the byte, or says that it can't.
        let written = unsafe { libc::write(self.pipe[1], (page * PAGE) as *const libc::c_void, 1) };
        if written == 1 {
            self.page = page;
        }
        written == 1
    }

    /// Empties the pipe.
    fn forget(&self) {
        let mut sink = [0u8; 256];
        // SAFETY: the buffer is as long as is said; the pipe doesn't block.
        while unsafe { libc::read(self.pipe[0], sink.as_mut_ptr().cast(), sink.len()) } == 256 {}
    }
}
