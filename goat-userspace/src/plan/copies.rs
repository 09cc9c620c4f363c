//! The compiled copies of every function that holds a point: each is decoded, and asked where its points are to be probed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Inputs,
    compiled::Compiled,
    copy::Copy,
    finder::{Finder, Found},
    gathered::Seen,
    wrapper::{self, Wrapper},
};
use crate::{
    binary::{FileId, Function},
    parallel,
    source::{BlockId, FunctionId},
    track::{TrackPoint, TrackPoints},
};

/// Fewer functions than this are not worth a further thread.
const FUNCTIONS_A_THREAD: usize = 16;

/// A compiled function and the copies in it.
struct Place<'a> {
    function: &'a Function,
    copies: Vec<Found>,
    is_wrapper: bool,
}

/// What every look at a copy needs.
struct Known<'a> {
    inputs: &'a Inputs<'a>,
    points: BTreeMap<(u32, FunctionId), Vec<&'a TrackPoint>>,
    /// By source file: the bodies that have copies of their own.
    elsewhere: BTreeMap<u32, BTreeSet<BlockId>>,
    /// Whether faults can be told of.
    faults: bool,
}

/// What each copy says of each point in it, by the point's id, in the order of `functions`.
pub(super) fn look(
    inputs: &Inputs<'_>,
    compiled_file: &[Option<FileId>],
    functions: &[Function],
    faults: bool,
) -> Vec<(u32, Seen)> {
    let finder = Finder::new(inputs.sources, compiled_file);
    let wrappers = wrapper::find(inputs.binary, inputs.sources, compiled_file, functions);
    let own = functions.iter().map(|function| Place { function, copies: finder.copies(function), is_wrapper: false });
    let mut places: Vec<Place<'_>> = own.chain(wrappers.iter().map(|wrapper| wrapped(inputs, wrapper))).collect();
    let mut elsewhere: BTreeMap<u32, BTreeSet<BlockId>> = BTreeMap::new();
    for copy in places.iter().flat_map(|place| &place.copies) {
        let of_file = elsewhere.entry(copy.source).or_default();
        if copy.root != body(inputs, copy.source, copy.function) {
            of_file.insert(copy.root);
        }
    }
    let known = Known { inputs, points: points_by_function(inputs.points), elsewhere, faults };
    // Decoding costs more than everything else: only what holds a point.
    places.retain(|place| place.copies.iter().any(|copy| known.points.contains_key(&(copy.source, copy.function))));
    parallel::map(&places, FUNCTIONS_A_THREAD, |place| known.look(place)).into_iter().flatten().collect()
}

impl Known<'_> {
    fn look(&self, place: &Place<'_>) -> Vec<(u32, Seen)> {
        let compiled = match Compiled::new(self.inputs.binary, place.function) {
            Ok(compiled) => compiled,
            Err(error) => {
                tracing::debug!(function = %place.function.name, %error, "not decoded");
                return Vec::new();
            }
        };
        if place.is_wrapper && !wrapper::holds_body(&compiled, place.function) {
            return Vec::new();
        }
        let mut seen = Vec::new();
        for Found { source, function, root, file, node } in &place.copies {
            let Some(points) = self.points.get(&(*source, *function)) else { continue };
            let bodies = &self.elsewhere[source];
            let source = &self.inputs.sources.files[*source as usize];
            let mut copy = Copy::new(&compiled, *node, *file, source, *function, *root, bodies);
            copy.wrapper = place.is_wrapper;
            let held = points.iter().filter(|point| copy.covers(point.anchor));
            seen.extend(held.map(|point| (point.id, Seen::new(&copy, point, self.faults))));
        }
        seen
    }
}

fn wrapped<'a>(inputs: &Inputs<'_>, wrapper: &'a Wrapper) -> Place<'a> {
    let Wrapper { source, method, file, function } = wrapper;
    let root = body(inputs, *source, *method);
    let copy = Found { source: *source, function: *method, root, file: *file, node: None };
    Place { function, copies: vec![copy], is_wrapper: true }
}

/// The statement list of a whole function.
fn body(inputs: &Inputs<'_>, source: u32, function: FunctionId) -> BlockId {
    inputs.sources.files[source as usize].functions[function.0 as usize].body
}

fn points_by_function(points: &TrackPoints) -> BTreeMap<(u32, FunctionId), Vec<&TrackPoint>> {
    let mut by_function: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for point in &points.points {
        by_function.entry((point.file, point.function)).or_default().push(point);
    }
    by_function
}
