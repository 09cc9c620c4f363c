//! Which block stands on every way to which: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).

use super::{BlockIndex, Cfg};

/// The dominator tree of a function, under a root of its own above every block that has no predecessor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dominators {
    /// By block: its immediate dominator; `None` for roots.
    idom: Vec<Option<BlockIndex>>,
    /// By block: when a walk of the tree entered and left it, so that dominance is a comparison.
    enter: Vec<u32>,
    leave: Vec<u32>,
}

/// A graph to find dominators in.
struct Graph {
    succs: Vec<Vec<BlockIndex>>,
    preds: Vec<Vec<BlockIndex>>,
    roots: Vec<BlockIndex>,
}

impl Dominators {
    /// Computes the tree.
    pub fn new(cfg: &Cfg) -> Self {
        let succs = cfg.blocks.iter().map(|b| b.succs.clone()).collect();
        let preds = cfg.blocks.iter().map(|b| b.preds.clone()).collect();
        Self::of(&Graph { succs, preds, roots: cfg.roots() })
    }

    /// The same against the direction of control: which block stands on every way from which to the end of the function. Ways that
    /// end in an implicit panic do not count.
    pub fn backwards(cfg: &Cfg) -> Self {
        let goes_on = |b: &BlockIndex| !cfg.blocks[*b].panics;
        let keep = |list: &[BlockIndex]| list.iter().copied().filter(goes_on).collect::<Vec<_>>();
        let all = |of: &dyn Fn(&super::Block) -> Vec<BlockIndex>| -> Vec<Vec<BlockIndex>> {
            cfg.blocks.iter().map(|b| if b.panics { Vec::new() } else { of(b) }).collect()
        };
        let preds = all(&|b| keep(&b.succs));
        let succs = all(&|b| keep(&b.preds));
        let roots = (0..cfg.blocks.len()).filter(|b| goes_on(b) && preds[*b].is_empty()).collect();
        Self::of(&Graph { succs, preds, roots })
    }

    fn of(graph: &Graph) -> Self {
        let n = graph.succs.len();
        let root = n;
        let order = reverse_postorder(graph);
        let mut rank = vec![usize::MAX; n + 1];
        rank[root] = 0;
        for (i, b) in order.iter().enumerate() {
            rank[*b] = i + 1;
        }
        let mut idom: Vec<Option<BlockIndex>> = vec![None; n + 1];
        idom[root] = Some(root);
        let mut is_root = vec![false; n];
        for &b in &graph.roots {
            idom[b] = Some(root);
            is_root[b] = true;
        }
        let meet = |idom: &[Option<BlockIndex>], mut a: BlockIndex, mut b: BlockIndex| {
            while a != b {
                while rank[a] > rank[b] {
                    a = idom[a].expect("processed blocks have a dominator");
                }
                while rank[b] > rank[a] {
                    b = idom[b].expect("processed blocks have a dominator");
                }
            }
            a
        };
        let mut changed = true;
        while changed {
            changed = false;
            for &b in order.iter().filter(|b| !is_root[**b]) {
                let mut new = None;
                for p in graph.preds[b].iter().copied().filter(|p| idom[*p].is_some()) {
                    new = Some(new.map_or(p, |n| meet(&idom, p, n)));
                }
                if new.is_some() && idom[b] != new {
                    idom[b] = new;
                    changed = true;
                }
            }
        }
        let (enter, leave) = intervals(&idom, root);
        let idom = idom[..n].iter().map(|d| d.filter(|d| *d != root)).collect();
        Self { idom, enter, leave }
    }

    /// Whether every way to `b` leads through `a`; true for `a == b`.
    pub fn dominates(&self, a: BlockIndex, b: BlockIndex) -> bool {
        self.enter[a] <= self.enter[b] && self.leave[b] <= self.leave[a]
    }

    /// The nearest block, other than `b`, on every way to `b`.
    pub fn immediate(&self, b: BlockIndex) -> Option<BlockIndex> {
        self.idom[b]
    }

    /// The blocks of `set` that no other block of it dominates.
    pub fn minimal(&self, set: &[BlockIndex]) -> Vec<BlockIndex> {
        set.iter().copied().filter(|b| !set.iter().any(|a| a != b && self.dominates(*a, *b))).collect()
    }
}

fn reverse_postorder(graph: &Graph) -> Vec<BlockIndex> {
    let mut seen = vec![false; graph.succs.len()];
    let mut order = Vec::with_capacity(graph.succs.len());
    // Roots last in the postorder come first; the entry before the others. A cycle without any root is dead code: it gets one.
    let mut starts = graph.roots.clone();
    starts.extend(0..graph.succs.len());
    for start in starts {
        if seen[start] {
            continue;
        }
        let mut part = Vec::new();
        let mut stack = vec![(start, 0)];
        seen[start] = true;
        while let Some((b, next)) = stack.pop() {
            if let Some(&s) = graph.succs[b].get(next) {
                stack.push((b, next + 1));
                if !std::mem::replace(&mut seen[s], true) {
                    stack.push((s, 0));
                }
            } else {
                part.push(b);
            }
        }
        // What an earlier root reaches stands behind it: later roots go in front, so that predecessors come first.
        part.extend(std::mem::take(&mut order));
        order = part;
    }
    order.reverse();
    order
}

/// Entry and exit times of a walk over the tree; blocks outside the tree (dead cycles) dominate nothing but themselves.
fn intervals(idom: &[Option<BlockIndex>], root: BlockIndex) -> (Vec<u32>, Vec<u32>) {
    let mut children = vec![Vec::new(); idom.len()];
    for (b, d) in idom.iter().enumerate() {
        if let Some(d) = d.filter(|_| b != root) {
            children[d].push(b);
        }
    }
    let (mut enter, mut leave) = (vec![0; idom.len()], vec![0; idom.len()]);
    let mut clock = 0u32;
    let mut visit = |start: BlockIndex| {
        let mut stack = vec![(start, 0)];
        enter[start] = clock;
        clock += 1;
        while let Some((b, next)) = stack.pop() {
            if let Some(&c) = children[b].get(next) {
                stack.push((b, next + 1));
                enter[c] = clock;
                clock += 1;
                stack.push((c, 0));
            } else {
                leave[b] = clock;
                clock += 1;
            }
        }
    };
    visit(root);
    for b in (0..idom.len()).filter(|b| idom[*b].is_none()) {
        visit(b);
    }
    (enter, leave)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfg::graph;

    /// The definition: `a` dominates `b` if `b` can't be reached once `a` is taken away.
    fn by_definition(cfg: &Cfg, a: usize, b: usize) -> bool {
        a == b || cfg.roots().contains(&a) && cfg.roots() == [a] || {
            let mut seen = vec![false; cfg.blocks.len()];
            let mut todo: Vec<usize> = cfg.roots().into_iter().filter(|r| *r != a).collect();
            while let Some(x) = todo.pop() {
                if x == a || std::mem::replace(&mut seen[x], true) {
                    continue;
                }
                todo.extend(&cfg.blocks[x].succs);
            }
            !seen[b]
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_definition_on_reachable_blocks(
            edges in proptest::collection::vec((0usize..9, 0usize..9), 0..24),
        ) {
            let cfg = graph(&edges, 9);
            let dominators = Dominators::new(&cfg);
            let reachable = cfg.reachable_without(&|_, _| false);
            for a in 0..9 {
                for b in 0..9 {
                    if reachable[a] && reachable[b] {
                        proptest::prop_assert_eq!(dominators.dominates(a, b), by_definition(&cfg, a, b), "{} {}", a, b);
                    }
                }
            }
        }
    }
}
