//! goat on one of several servers of a kind, and then on the next. A process may be a per cent faster than its twin, for where
//! its memory lies, and the machine may be slower for some seconds: servers take turns under load by the second, and every
//! kind of counting visits every server (a Latin square), so that neither is taken for goat's doing.

use std::path::PathBuf;

use anyhow::Result;

use super::{
    load::Second,
    observer::{Goat, Mode},
    server::{Server, WARM},
    statistics::Estimate,
    steady::Row,
    subject::Subject,
    turns,
};

/// What a server has in a phase, and as many servers as that.
const KINDS: [(&str, Option<Mode>); 4] = [
    ("", None),
    ("no goat, once more", None),
    ("goat, `bool`", Some(Mode::Bool)),
    ("goat, `count`", Some(Mode::Count)),
];
/// Rounds of load after goat has begun, before steady state is measured.
const SETTLE: usize = 4;

/// A kind's seconds in one round of all phases: the logarithms' sums.
#[derive(Clone, Copy, Default)]
struct Sum {
    throughput: f64,
    cpu: f64,
    errors: u64,
}

/// In each of `blocks`, new servers; `rounds` of load in each phase.
pub(super) fn measure(
    subject: &Subject,
    goat: &Goat,
    (plan, _): &(PathBuf, usize),
    (blocks, rounds): (usize, usize),
) -> Result<Vec<Row>> {
    let mut sums = Vec::new();
    let mut spent = [const { Vec::new() }; KINDS.len()];
    for block in 0..blocks {
        eprintln!("goat in turns: block {} of {blocks}", block + 1);
        let servers: Vec<Server> =
            (0..KINDS.len()).map(|_| Server::start(subject, &subject.binary)).collect::<Result<_>>()?;
        for server in &servers {
            server.seconds(WARM)?;
        }
        let mut of_block = vec![[Sum::default(); KINDS.len()]; rounds];
        for phase in 0..KINDS.len() {
            let kind_of = |server: usize| (server + phase + block) % KINDS.len();
            let mut goats = Vec::new();
            for (at, server) in servers.iter().enumerate() {
                if let Some(mode) = KINDS[kind_of(at)].1 {
                    let mut attached = goat.attach(server.pid(), plan, mode)?;
                    attached.ready()?;
                    goats.push((kind_of(at), attached));
                }
            }
            for round in 0..SETTLE + rounds {
                // Each kind follows one with goat and one without.
                for at in turns::order(round, servers.len()) {
                    let kind = kind_of(at);
                    let attached = goats.iter().find(|(of, _)| *of == kind).map(|(_, attached)| attached);
                    let clock = attached.map(|attached| attached.clock()).transpose()?;
                    let before = clock.map(|clock| clock.now()).transpose()?;
                    let second = servers[at].second()?;
                    if round < SETTLE {
                        continue;
                    }
                    of_block[round - SETTLE][kind].add(second);
                    if let (Some(before), Some(clock)) = (before, clock) {
                        spent[kind].push(clock.now()?.saturating_sub(before).as_secs_f64());
                    }
                }
            }
            for (_, attached) in goats {
                attached.end()?;
            }
        }
        sums.extend(of_block);
    }
    let row = |kind: usize| {
        let ratio = |figure: fn(&Sum) -> f64| {
            let each =
                |sums: &[Sum; KINDS.len()]| ((figure(&sums[kind]) - figure(&sums[0])) / KINDS.len() as f64).exp();
            Estimate::of(sums.iter().map(each))
        };
        Row {
            name: KINDS[kind].0,
            throughput: ratio(|sum| sum.throughput),
            cpu: ratio(|sum| sum.cpu),
            errors: sums.iter().map(|sums| sums[kind].errors).sum(),
            goat: KINDS[kind].1.map(|_| spent[kind].iter().sum::<f64>() / spent[kind].len() as f64),
        }
    };
    Ok((1..KINDS.len()).map(row).collect())
}

impl Sum {
    fn add(&mut self, second: Second) {
        self.throughput += second.throughput.ln();
        self.cpu += second.cpu_us.ln();
        self.errors += second.errors;
    }
}
