//! The committed object, loaded: aya makes the maps and relocates; who loads the program depends on the backend.

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, RingBuf},
    programs::UProbe,
};
use aya_obj::Object;
use goat_common::{COUNTERS, FIRST_HITS, PROCESS_FILTER, PROGRAM, ProcessFilter};

use super::{Error, uprobe_multi};

/// Built by `cargo xtask build-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("goat.bpf.o");

/// The maps in the kernel, and the program, not yet.
pub(super) struct Loader {
    bpf: Ebpf,
}

impl Loader {
    /// Makes the maps: one counter for each of `slots`, and the filter as a constant of the program.
    pub(super) fn new(slots: usize, filter: ProcessFilter) -> Result<Self, Error> {
        let entries = u32::try_from(slots.max(1)).expect("no more sites than MAX_SITES");
        let bpf = EbpfLoader::new()
            .map_max_entries(COUNTERS, entries)
            .override_global(PROCESS_FILTER, &filter, true)
            .load(OBJECT)
            .map_err(load_error)?;
        Ok(Self { bpf })
    }

    /// Loads the program for uprobe_multi links.
    pub(super) fn load_for_multi(&self) -> Result<OwnedFd, Error> {
        // aya keeps the relocated instructions to itself: relocated again, with the descriptors of aya's maps.
        let mut object = Object::parse(OBJECT).map_err(load_error)?;
        let maps = std::mem::take(&mut object.maps);
        let descriptors: Vec<_> = maps
            .iter()
            .filter_map(|(name, map)| Some((name.as_str(), descriptor(self.bpf.map(name)?)?, map)))
            .collect();
        let sections = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(descriptors.into_iter(), &sections).map_err(load_error)?;
        object.relocate_calls(&sections).map_err(load_error)?;

        let program = object.programs.get(PROGRAM).ok_or_else(absent)?;
        let function = object.functions.get(&program.function_key()).ok_or_else(absent)?;
        let code: Vec<u8> = function.instructions.iter().flat_map(encode).collect();
        let license: CString = program.license.clone();
        uprobe_multi::load(&code, &license).map_err(|e| Error::kernel("load the uprobe program", e))
    }

    /// Loads the program as any uprobe's.
    pub(super) fn load_for_perf_event(&mut self) -> Result<&mut UProbe, Error> {
        let program: &mut UProbe = self.bpf.program_mut(PROGRAM).ok_or_else(absent)?.try_into().map_err(load_error)?;
        program.load().map_err(load_error)?;
        Ok(program)
    }

    /// The counter map.
    pub(super) fn counters(&self) -> Result<BorrowedFd<'_>, Error> {
        match self.bpf.map(COUNTERS) {
            Some(Map::Array(data)) => Ok(data.fd().as_fd()),
            _ => Err(absent()),
        }
    }

    /// The ring buffer of first hits; to be taken once.
    pub(super) fn take_first_hits(&mut self) -> Result<RingBuf<MapData>, Error> {
        self.bpf.take_map(FIRST_HITS).ok_or_else(absent)?.try_into().map_err(load_error)
    }
}

fn descriptor(map: &Map) -> Option<RawFd> {
    match map {
        Map::Array(data) | Map::RingBuf(data) => Some(data.fd().as_fd().as_raw_fd()),
        _ => None,
    }
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
        assert!(object.programs.contains_key(PROGRAM), "{:?}", object.programs.keys());
        for map in [COUNTERS, FIRST_HITS] {
            assert!(object.maps.contains_key(map), "{map} is not in {:?}", object.maps.keys());
        }
        assert_eq!(object.license.to_str().unwrap(), "Apache-2.0");
    }

    #[test]
    fn the_committed_object_names_no_path() {
        let is_text = |b: &u8| b.is_ascii_graphic();
        let paths = OBJECT.split(|b| !is_text(b)).filter(|run| run.len() >= 6 && run.contains(&b'/'));
        assert_eq!(paths.map(String::from_utf8_lossy).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
