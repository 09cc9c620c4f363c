//! The committed object, loaded for either backend: the maps, and the program with its references to them.

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, Map, MapData, RingBuf},
    programs::UProbe,
};
use aya_obj::Object;
use goat_common::{
    COUNTERS, FAULT_PROGRAM, FAULTS, FIRST_HITS, PROCESS_FILTER, PROGRAM, PROGRAM_ARM64, ProcessFilter, TRAPS,
};

use super::{Error, uprobe_multi};
use crate::plan::Slot;

/// Built by `cargo xtask build-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("goat.bpf.o");

/// The program that reads this processor's flags.
const HIT_PROGRAM: &str = if cfg!(target_arch = "aarch64") { PROGRAM_ARM64 } else { PROGRAM };

/// The section of the object's one read-only global, by which its map is named.
const GLOBALS: &str = ".rodata";

/// The program, and the maps that it shares with user space; the kernel keeps them while a link keeps the program.
pub(super) struct Loaded<P> {
    pub(super) program: P,
    /// One counter for each slot.
    pub(super) counters: MapData,
    pub(super) first_hits: RingBuf<MapData>,
}

/// The maps that the programs for uprobe_multi share, by descriptors of their own.
pub(super) struct Maps {
    counters: OwnedFd,
    first_hits: OwnedFd,
    traps: OwnedFd,
}

/// Makes the maps for uprobe_multi, and gives them for user space too.
pub(super) fn maps(slots: usize) -> Result<(Maps, MapData, RingBuf<MapData>), Error> {
    let object = Object::parse(OBJECT).map_err(load_error)?;
    let counters = create(&object, COUNTERS, Some(entries(slots)))?;
    let first_hits = create(&object, FIRST_HITS, None)?;
    let traps = create(&object, TRAPS, None)?;
    let keep = |map: &MapData| map.fd().as_fd().try_clone_to_owned().map_err(load_error);
    let maps = Maps { counters: keep(&counters)?, first_hits: keep(&first_hits)?, traps: keep(&traps)? };
    let first_hits = RingBuf::try_from(Map::RingBuf(first_hits)).map_err(load_error)?;
    Ok((maps, counters, first_hits))
}

/// Loads the program for uprobe_multi links. aya has no part for that: it makes the maps and relocates. (Its loader would
/// do both, but reads all of the kernel's type information first, which takes longer than anything else in attaching, and
/// keeps the relocated instructions to itself.)
pub(super) fn for_multi(maps: &Maps, filter: ProcessFilter) -> Result<OwnedFd, Error> {
    program(HIT_PROGRAM, maps, filter, None)
}

/// Loads the program for the entry of faults, for uprobe_multi links: `faults` are distances from the entry, with their slots.
pub(super) fn fault_program(maps: &Maps, filter: ProcessFilter, faults: &[(u64, Slot)]) -> Result<OwnedFd, Error> {
    let object = Object::parse(OBJECT).map_err(load_error)?;
    let map = create(&object, FAULTS, Some(entries(faults.len())))?;
    let fd = map.fd().as_fd().try_clone_to_owned().map_err(load_error)?;
    let mut map = HashMap::<_, u64, u32>::try_from(Map::HashMap(map)).map_err(load_error)?;
    for (distance, slot) in faults {
        map.insert(distance, slot, 0).map_err(load_error)?;
    }
    program(FAULT_PROGRAM, maps, filter, Some(&fd))
}

fn program(name: &str, maps: &Maps, filter: ProcessFilter, faults: Option<&OwnedFd>) -> Result<OwnedFd, Error> {
    let mut object = Object::parse(OBJECT).map_err(load_error)?;
    let wanted = object.programs.get(name).ok_or_else(absent)?.function_key();
    // What is not loaded may name maps that are not there.
    object.functions.retain(|key, _| *key == wanted);
    object.programs.retain(|other, _| other == name);
    let globals = create(&object, GLOBALS, None)?;
    let mut descriptors = vec![
        (COUNTERS, maps.counters.as_raw_fd()),
        (FIRST_HITS, maps.first_hits.as_raw_fd()),
        (TRAPS, maps.traps.as_raw_fd()),
        (GLOBALS, globals.fd().as_fd().as_raw_fd()),
    ];
    descriptors.extend(faults.map(|fd| (FAULTS, fd.as_raw_fd())));
    let described = std::mem::take(&mut object.maps);
    let described = descriptors.into_iter().map(|(name, fd)| (name, fd, &described[name]));
    let sections = object.functions.keys().map(|(section, _)| *section).collect();
    object.relocate_maps(described, &sections).map_err(load_error)?;
    object.relocate_calls(&sections).map_err(load_error)?;
    let program = object.programs.get(name).ok_or_else(absent)?;
    let function = object.functions.get(&program.function_key()).ok_or_else(absent)?;
    let code: Vec<u8> = function.instructions.iter().flat_map(encode).collect();
    let license: CString = program.license.clone();

    let mut global = Array::<_, ProcessFilter>::try_from(Map::Array(globals)).map_err(load_error)?;
    global.set(0, filter, 0).map_err(load_error)?;
    let loaded = match faults {
        Some(_) => uprobe_multi::load_sleepable(&code, &license),
        None => uprobe_multi::load(&code, &license),
    };
    loaded.map_err(|e| Error::kernel("load the uprobe program", e))
}

fn create(object: &Object, name: &str, entries: Option<u32>) -> Result<MapData, Error> {
    let mut map = object.maps.get(name).ok_or_else(absent)?.clone();
    if let Some(entries) = entries {
        map.set_max_entries(entries);
    }
    MapData::create(map, name, None).map_err(load_error)
}

/// Loads the program for perf events, through aya alone.
pub(super) fn for_perf_event(slots: usize, filter: ProcessFilter) -> Result<Loaded<Ebpf>, Error> {
    let mut bpf = EbpfLoader::new()
        .map_max_entries(COUNTERS, entries(slots))
        .override_global(PROCESS_FILTER, &filter, true)
        .load(OBJECT)
        .map_err(load_error)?;
    let Some(Map::Array(counters)) = bpf.take_map(COUNTERS) else { return Err(absent()) };
    let first_hits = bpf.take_map(FIRST_HITS).ok_or_else(absent)?.try_into().map_err(load_error)?;
    uprobe(&mut bpf)?.load().map_err(load_error)?;
    Ok(Loaded { program: bpf, counters, first_hits })
}

/// The program in what aya has loaded.
pub(super) fn uprobe(bpf: &mut Ebpf) -> Result<&mut UProbe, Error> {
    bpf.program_mut(HIT_PROGRAM).ok_or_else(absent)?.try_into().map_err(load_error)
}

/// A map without elements can't be made.
fn entries(slots: usize) -> u32 {
    u32::try_from(slots.max(1)).expect("no more sites than MAX_SITES")
}

/// `struct bpf_insn` as the kernel reads it (include/uapi/linux/bpf.h).
fn encode(instruction: &aya_obj::generated::bpf_insn) -> [u8; 8] {
    let registers = instruction.src_reg() << 4 | instruction.dst_reg();
    let [o0, o1] = instruction.off.to_ne_bytes();
    let [i0, i1, i2, i3] = instruction.imm.to_ne_bytes();
    [instruction.code, registers, o0, o1, i0, i1, i2, i3]
}

fn load_error(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Load(Box::new(error))
}

fn absent() -> Error {
    Error::Load("the embedded object is not the one that goat-common describes".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_object_holds_what_goat_common_names() {
        let object = Object::parse(OBJECT).unwrap();
        for program in [PROGRAM, PROGRAM_ARM64, FAULT_PROGRAM] {
            assert!(object.programs.contains_key(program), "{:?}", object.programs.keys());
        }
        for map in [COUNTERS, FAULTS, FIRST_HITS, TRAPS, GLOBALS] {
            assert!(object.maps.contains_key(map), "{map} is not in {:?}", object.maps.keys());
        }
        assert_eq!(object.license.to_str().unwrap(), "Apache-2.0");
    }

    #[test]
    fn the_atomic_add_returns_the_old_value() {
        // include/uapi/linux/bpf.h: BPF_STX | BPF_ATOMIC | BPF_DW, with BPF_ADD and the flag BPF_FETCH. Without the flag, no
        // hit would ever be taken for a first one.
        const ATOMIC: u8 = 0xdb;
        const ADD_AND_FETCH: i32 = 0x01;
        let object = Object::parse(OBJECT).unwrap();
        for program in [PROGRAM, PROGRAM_ARM64] {
            let function = &object.functions[&object.programs[program].function_key()];
            let atomics: Vec<_> = function.instructions.iter().filter(|i| i.code == ATOMIC).map(|i| i.imm).collect();
            assert!(atomics.contains(&ADD_AND_FETCH), "{program} {atomics:?}");
        }
    }

    #[test]
    fn each_processors_program_reads_its_own_flags() {
        // BPF_LDX | BPF_MEM | BPF_DW of what the kernel saved: eflags in arch/x86/include/asm/ptrace.h, pstate in
        // arch/arm64/include/uapi/asm/ptrace.h.
        const LOAD: u8 = 0x79;
        let object = Object::parse(OBJECT).unwrap();
        let reads = |program: &str, offset: i16| {
            let function = &object.functions[&object.programs[program].function_key()];
            function.instructions.iter().any(|i| i.code == LOAD && i.off == offset)
        };
        assert!(reads(PROGRAM, 144) && !reads(PROGRAM, 264));
        assert!(reads(PROGRAM_ARM64, 264) && !reads(PROGRAM_ARM64, 144));
    }

    #[test]
    fn the_committed_object_names_no_path() {
        let is_text = |b: &u8| b.is_ascii_graphic();
        let paths = OBJECT.split(|b| !is_text(b)).filter(|run| run.len() >= 6 && run.contains(&b'/'));
        assert_eq!(paths.map(String::from_utf8_lossy).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
