//! Natural loops: which blocks run again and again until control leaves them together.

use super::{BlockIndex, Cfg, Dominators};

/// The loops of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loops {
    /// By block: the smallest loop that holds it.
    innermost: Vec<Option<usize>>,
    /// By loop: its blocks, sorted.
    blocks: Vec<Vec<BlockIndex>>,
}

impl Loops {
    /// Finds them: for each edge back to a block that dominates where it comes from, everything that leads to the edge from there.
    pub fn new(cfg: &Cfg, dominators: &Dominators) -> Self {
        let mut loops = Self { innermost: vec![None; cfg.blocks.len()], blocks: Vec::new() };
        for head in 0..cfg.blocks.len() {
            let back = |from: &BlockIndex| !cfg.blocks[*from].prologue && dominators.dominates(head, *from);
            let mut todo: Vec<BlockIndex> = cfg.blocks[head].preds.iter().copied().filter(back).collect();
            if todo.is_empty() {
                continue;
            }
            let mut inside = vec![head];
            let mut seen = vec![false; cfg.blocks.len()];
            seen[head] = true;
            while let Some(b) = todo.pop() {
                if !std::mem::replace(&mut seen[b], true) {
                    inside.push(b);
                    todo.extend(&cfg.blocks[b].preds);
                }
            }
            inside.sort_unstable();
            loops.blocks.push(inside);
        }
        for (number, inside) in loops.blocks.iter().enumerate() {
            for b in inside {
                let smaller = loops.innermost[*b].is_none_or(|other| inside.len() < loops.blocks[other].len());
                if smaller {
                    loops.innermost[*b] = Some(number);
                }
            }
        }
        loops
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Whether going from `from` to `to` leaves a loop, so that `from` may run many times for each time that control goes there.
    pub fn leaves(&self, from: BlockIndex, to: BlockIndex) -> bool {
        self.innermost[from].is_some_and(|number| self.blocks[number].binary_search(&to).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfg::graph;

    fn loops(edges: &[(usize, usize)], n: usize) -> Loops {
        let cfg = graph(edges, n);
        Loops::new(&cfg, &Dominators::new(&cfg))
    }

    #[test]
    fn an_edge_leaves_the_loops_that_only_its_beginning_is_in() {
        // 0 -> 1 { 2 { 3 } 4 } -> 5, and from 3 straight out.
        let nested = loops(&[(0, 1), (1, 2), (2, 3), (3, 2), (3, 4), (4, 1), (4, 5), (3, 5)], 6);
        let check = |from, to, expected| assert_eq!(nested.leaves(from, to), expected, "{from} {to}");
        check(0, 1, false);
        check(2, 3, false);
        check(3, 2, false);
        check(3, 4, true);
        check(4, 1, false);
        check(4, 5, true);
        check(3, 5, true);
    }

    #[test]
    fn a_block_that_leads_to_itself_is_a_loop() {
        let one = loops(&[(0, 1), (1, 1), (1, 2)], 3);
        assert!(one.leaves(1, 2) && !one.leaves(0, 1));
    }
}
