//! A state as a file, `*.goatstate`: a magic number, a version, a checksum, and what was counted.
//!
//! ```text
//! offset  size
//!      0     8  "GOATSTAT"
//!      8     4  version of the layout of all that follows, little-endian as every number here
//!     12     4  CRC-32 of everything behind this field
//!     16     8  bytes of the rest of the file
//!     24        the body, in postcard's encoding
//! ```
//!
//! The body names only sites that something was counted at, and whether sites are armed in runs, so that a state has some bytes for each
//! covered site. Postcard does not name fields: a change of the body is a new version.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use goat_common::MAX_SITES;
use serde::{Deserialize, Serialize};

use super::{ContentError, State, record::Carried};
use crate::{
    DataType,
    counts::{Armed, Counts, Sampled, SlotCount},
    plan::Digest,
};

const MAGIC: [u8; 8] = *b"GOATSTAT";
pub(super) const VERSION: u32 = 1;
const HEADER: usize = 24;

/// A state of a million sites that were all hit has some twenty megabytes.
pub(super) const MAX_FILE: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Body {
    plan: Digest,
    build: String,
    data_type: DataType,
    since: Instant,
    taken: Instant,
    sites: u64,
    armed: Vec<Run>,
    counted: Vec<Counted>,
    carried: Vec<CarriedPoint>,
}

/// Microseconds since 1970.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Instant(u64);

/// Sites that are alike, one after the other.
#[derive(Serialize, Deserialize)]
struct Run {
    armed: u8,
    sites: u64,
}

/// A site that was hit, or that was watched only for a part of the time.
#[derive(Serialize, Deserialize)]
struct Counted {
    /// How many sites before it, since the last, were not.
    skipped: u64,
    hits: u64,
    first: Option<Instant>,
    sampled: Option<Sample>,
}

/// What another plan has counted of a point.
#[derive(Serialize, Deserialize)]
struct CarriedPoint {
    point: u32,
    count: u64,
    first: Option<Instant>,
}

/// Of a site that was throttled.
#[derive(Serialize, Deserialize)]
struct Sample {
    unseen: u64,
    unseen_low: u64,
    unseen_high: Option<u64>,
    /// Microseconds.
    armed: u64,
    watched: u64,
}

/// The bytes of a state file. Equal states give equal bytes.
pub fn encode(state: &State) -> Result<Vec<u8>, ContentError> {
    let slots = &state.counts.slots;
    let mut next = 0;
    let counted = slots.iter().enumerate().filter(|(_, slot)| slot.hits > 0 || slot.sampled.is_some());
    let counted = counted.map(|(place, slot)| {
        let skipped = (place - next) as u64;
        next = place + 1;
        Counted {
            skipped,
            hits: slot.hits,
            first: slot.first_hit.map(Instant::of),
            sampled: slot.sampled.map(Sample::of),
        }
    });
    let body = Body {
        plan: state.plan,
        build: state.build.clone(),
        data_type: state.data_type,
        since: Instant::of(state.since),
        taken: Instant::of(state.counts.taken),
        sites: slots.len() as u64,
        counted: counted.collect(),
        carried: state
            .carried
            .iter()
            .map(|c| CarriedPoint { point: c.point, count: c.count, first: c.first_hit.map(Instant::of) })
            .collect(),
        armed: slots
            .chunk_by(|a, b| a.armed == b.armed)
            .map(|run| Run { armed: word(run[0].armed), sites: run.len() as u64 })
            .collect(),
    };
    let body = postcard::to_stdvec(&body).map_err(|e| ContentError::Decode(e.to_string()))?;
    pack(&body)
}

fn pack(body: &[u8]) -> Result<Vec<u8>, ContentError> {
    let mut checked = Vec::with_capacity(HEADER + body.len());
    checked.extend((body.len() as u64).to_le_bytes());
    checked.extend(body);
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32fast::hash(&checked).to_le_bytes());
    bytes.extend(checked);
    let size = bytes.len() as u64;
    if size > MAX_FILE { Err(ContentError::TooLarge { size }) } else { Ok(bytes) }
}

/// The state in what a state file holds once its checksum is right.
#[cfg(fuzzing)]
pub fn decode_body(body: &[u8]) -> Result<State, ContentError> {
    decode(&pack(body)?)
}

/// The state in the bytes of a state file.
pub fn decode(bytes: &[u8]) -> Result<State, ContentError> {
    let body = unpack(bytes)?;
    let (body, rest) = postcard::take_from_bytes::<Body>(body).map_err(|e| ContentError::Decode(e.to_string()))?;
    if !rest.is_empty() {
        return Err(ContentError::Decode(format!("{} bytes too many", rest.len())));
    }
    let sites = usize::try_from(body.sites).ok().filter(|sites| *sites <= MAX_SITES);
    let sites = sites.ok_or(ContentError::Invalid("it has more sites than can be armed"))?;
    let mut slots = Vec::with_capacity(sites);
    for run in &body.armed {
        let armed = armed(run.armed).ok_or(ContentError::Invalid("a site is neither armed nor not"))?;
        let len = usize::try_from(run.sites).ok().filter(|len| *len > 0 && *len <= sites - slots.len());
        let len = len.ok_or(ContentError::Invalid("its sites are not as many as it says"))?;
        slots.extend(std::iter::repeat_n(SlotCount { armed, ..SlotCount::default() }, len));
    }
    if slots.len() != sites {
        return Err(ContentError::Invalid("its sites are not as many as it says"));
    }
    let taken = body.taken.system_time();
    let mut next = 0usize;
    for counted in &body.counted {
        let place = usize::try_from(counted.skipped).ok().and_then(|skipped| next.checked_add(skipped));
        let slot = place.and_then(|place| slots.get_mut(place));
        let (Some(place), Some(slot)) = (place, slot) else {
            return Err(ContentError::Invalid("something was counted at a site that there is not"));
        };
        if counted.hits == 0 && (counted.first.is_some() || counted.sampled.is_none()) {
            return Err(ContentError::Invalid("a site was hit no times"));
        }
        slot.hits = counted.hits;
        // The clock may have jumped while goat counted.
        slot.first_hit = counted.first.map(|first| first.system_time().min(taken));
        slot.sampled = counted.sampled.as_ref().map(Sample::sampled);
        next = place + 1;
    }
    let carried = |c: &CarriedPoint| {
        let first_hit = c.first.map(|first| first.system_time().min(taken));
        Carried { point: c.point, count: c.count, first_hit }
    };
    if !body.carried.is_sorted_by(|a, b| a.point < b.point) || body.carried.iter().any(|c| c.count == 0) {
        return Err(ContentError::Invalid("what other plans have counted is not by point"));
    }
    Ok(State {
        carried: body.carried.iter().map(carried).collect(),
        plan: body.plan,
        build: body.build,
        data_type: body.data_type,
        since: body.since.system_time().min(taken),
        counts: Counts { taken, slots },
    })
}

fn unpack(bytes: &[u8]) -> Result<&[u8], ContentError> {
    let torn = |expected: u64| ContentError::Torn { found: bytes.len() as u64, expected };
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(if MAGIC.starts_with(bytes) { torn(HEADER as u64) } else { ContentError::NotAState });
    };
    if *magic != MAGIC {
        return Err(ContentError::NotAState);
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(ContentError::TooLarge { size: bytes.len() as u64 });
    }
    let Some((version, rest)) = rest.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    // Another version may have another layout from here on.
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(ContentError::Version { found: version });
    }
    let Some((crc, checked)) = rest.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    let Some((len, body)) = checked.split_first_chunk() else { return Err(torn(HEADER as u64)) };
    let len = u64::from_le_bytes(*len);
    if (body.len() as u64) < len {
        return Err(torn(len.saturating_add(HEADER as u64)));
    }
    let (expected, found) = (u32::from_le_bytes(*crc), crc32fast::hash(checked));
    if expected != found {
        return Err(ContentError::Checksum { found, expected });
    }
    if body.len() as u64 != len {
        return Err(ContentError::Decode(format!("{} bytes too many", body.len() as u64 - len)));
    }
    Ok(body)
}

impl Instant {
    /// What lies before 1970 becomes its first instant: a clock that was never set.
    fn of(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn system_time(self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_micros(self.0)).unwrap_or(UNIX_EPOCH)
    }
}

impl Sample {
    fn of(sampled: Sampled) -> Self {
        let Sampled { unseen, unseen_low, unseen_high, armed, watched } = sampled;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self { unseen, unseen_low, unseen_high, armed: micros(armed), watched: micros(watched) }
    }

    fn sampled(&self) -> Sampled {
        let &Self { unseen, unseen_low, unseen_high, armed, watched } = self;
        let [armed, watched] = [armed, watched].map(Duration::from_micros);
        Sampled { unseen, unseen_low, unseen_high, armed, watched }
    }
}

fn word(state: Armed) -> u8 {
    match state {
        Armed::Pending => 0,
        Armed::Armed => 1,
        Armed::NotArmed => 2,
        Armed::Disarmed => 3,
        Armed::Throttled => 4,
    }
}

fn armed(word: u8) -> Option<Armed> {
    let all = [Armed::Pending, Armed::Armed, Armed::NotArmed, Armed::Disarmed, Armed::Throttled];
    all.into_iter().find(|state| self::word(*state) == word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(micros)
    }

    fn sampled(unseen: u64) -> Sampled {
        Sampled {
            unseen,
            unseen_low: unseen / 2,
            unseen_high: unseen.is_multiple_of(2).then_some(unseen * 2),
            armed: Duration::from_micros(unseen + 1),
            watched: Duration::from_micros(unseen + 9),
        }
    }

    fn sample() -> State {
        let slot = |hits, first_hit, armed| SlotCount { hits, first_hit, armed, ..SlotCount::default() };
        let slots = vec![
            slot(0, None, Armed::Armed),
            slot(7, Some(at(1_700_000_000_000_123)), Armed::Armed),
            slot(1, None, Armed::Disarmed),
            slot(0, None, Armed::NotArmed),
            slot(u64::MAX, Some(at(0)), Armed::Throttled),
            SlotCount { sampled: Some(sampled(7)), ..slot(0, None, Armed::Throttled) },
            SlotCount { sampled: Some(sampled(8)), ..slot(3, Some(at(5)), Armed::Throttled) },
            slot(0, None, Armed::Pending),
        ];
        State {
            plan: Digest(*b"0123456789abcdef"),
            build: "a/b/c".into(),
            data_type: DataType::Count,
            since: at(1_600_000_000_000_000),
            counts: Counts { taken: at(1_700_000_000_500_000), slots },
            carried: vec![
                Carried { point: 2, count: 9, first_hit: Some(at(77)) },
                Carried { point: 5, count: 1, first_hit: None },
            ],
        }
    }

    /// What fuzzing begins with, whole and without its header; of another format it would find nothing. `GOAT_BLESS=1` writes it anew.
    #[test]
    fn fuzzing_begins_with_a_state_of_this_format() {
        let whole = encode(&sample()).unwrap();
        let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/state");
        for (name, expected) in [("file", &whole[..]), ("body", &whole[HEADER..])] {
            let path = seeds.join(name);
            if std::env::var_os("GOAT_BLESS").is_some() {
                std::fs::create_dir_all(&seeds).unwrap();
                std::fs::write(&path, expected).unwrap();
            }
            assert!(std::fs::read(&path).unwrap() == expected, "{} is of another format", path.display());
        }
    }

    fn any_state() -> impl Strategy<Value = State> {
        let sampled = prop::option::of((0..1_000_000u64).prop_map(sampled));
        let slot = (any::<bool>(), 1..=u64::MAX, prop::option::of(0..1_000_000u64), 0u8..5, sampled);
        let slots = prop::collection::vec(slot, 0..40).prop_map(|slots| {
            let of = |(is_hit, hits, first, word, sampled): (bool, u64, Option<u64>, u8, Option<Sampled>)| SlotCount {
                hits: if is_hit { hits } else { 0 },
                first_hit: first.filter(|_| is_hit).map(at),
                armed: armed(word).unwrap(),
                sampled,
            };
            slots.into_iter().map(of).collect()
        });
        let carried = prop::collection::btree_map(any::<u32>(), 1..=u64::MAX, 0..4).prop_map(|carried| {
            carried
                .into_iter()
                .map(|(point, count)| Carried { point, count, first_hit: Some(at(count % 1000)) })
                .collect()
        });
        let head = (any::<[u8; 16]>(), ".{0,8}", any::<bool>(), 0..1_000_000u64, 1_000_000..u64::MAX / 1000);
        (head, slots, carried).prop_map(|((plan, build, is_count, since, taken), slots, carried)| State {
            plan: Digest(plan),
            build,
            data_type: if is_count { DataType::Count } else { DataType::Bool },
            since: at(since),
            counts: Counts { taken: at(taken), slots },
            carried,
        })
    }

    #[test]
    fn every_prefix_is_torn() {
        let bytes = encode(&sample()).unwrap();
        assert_eq!(decode(&bytes).unwrap(), sample());
        for len in 0..bytes.len() {
            let error = decode(&bytes[..len]).unwrap_err();
            assert!(matches!(error, ContentError::Torn { .. }), "{len} bytes: {error}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode(&sample()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_state_says_why() {
        let check = |spoil: &dyn Fn(&mut Vec<u8>), expected: &str| {
            let mut bytes = encode(&sample()).unwrap();
            spoil(&mut bytes);
            let message = decode(&bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(&|bytes| bytes[0] = b'g', "does not begin with \"GOATSTAT\"");
        check(&|bytes| bytes.splice(..8, *b"GOATPLAN").for_each(drop), "does not begin with");
        check(&|bytes| bytes[8] = 2, "format 2");
        check(&|bytes| bytes.truncate(30), "torn: 30 of ");
        check(&|bytes| bytes[40] ^= 1, "checksum");
        check(&|bytes| bytes.push(0), "checksum");
    }

    #[test]
    fn a_state_with_few_hits_is_small() {
        let mut state = sample();
        state.counts.slots = vec![SlotCount { armed: Armed::Armed, ..SlotCount::default() }; 1_000_000];
        state.counts.slots[999_999].hits = 3;
        let bytes = encode(&state).unwrap();
        assert!(bytes.len() < 100, "{}", bytes.len());
        assert_eq!(decode(&bytes).unwrap(), state);
    }

    #[test]
    fn instants_that_no_clock_should_show_are_kept_in_order() {
        let mut state = sample();
        state.since = at(u64::MAX);
        state.counts.taken = UNIX_EPOCH - Duration::from_secs(5);
        let read = decode(&encode(&state).unwrap()).unwrap();
        assert_eq!((read.since, read.counts.taken), (UNIX_EPOCH, UNIX_EPOCH));
        assert!(read.counts.slots.iter().all(|slot| slot.first_hit.is_none_or(|first| first <= UNIX_EPOCH)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(state in any_state()) {
            prop_assert_eq!(decode(&encode(&state).unwrap()).unwrap(), state);
        }

        #[test]
        fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
            // Behind a good header, too.
            if let Ok(state) = decode(&pack(&bytes).unwrap()) {
                prop_assert_eq!(decode(&encode(&state).unwrap()).unwrap(), state);
            }
        }

        #[test]
        fn a_forged_state_is_refused_or_sound(
            state in any_state(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = encode(&state).unwrap()[HEADER..].to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(forged) = decode(&pack(&bytes).unwrap()) {
                let taken = forged.counts.taken;
                prop_assert!(forged.counts.slots.iter().all(|slot| slot.first_hit.is_none_or(|first| first <= taken)));
                prop_assert!(forged.counts.slots.len() <= MAX_SITES);
            }
        }
    }
}
