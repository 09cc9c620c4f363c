//! How to give goat what it lacks, for a host, Docker and Kubernetes.

use crate::session::Capability;

/// The ways to give `missing`, besides being root.
pub(super) fn give(missing: &[Capability]) -> Vec<String> {
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let short: Vec<&str> = names.iter().map(|name| name.trim_start_matches("CAP_")).collect();
    let exe = std::env::current_exe().map_or_else(|_| "goat".to_owned(), |path| path.display().to_string());
    let docker: Vec<String> = short.iter().map(|name| format!("--cap-add {name}")).collect();
    vec![
        format!("host:       sudo setcap {}+ep {exe}", names.join(",").to_lowercase()),
        format!("Docker:     docker run {} --pid container:NAME ...", docker.join(" ")),
        format!("Kubernetes: securityContext: {{capabilities: {{add: [{}]}}}}", short.join(", ")),
        "            and shareProcessNamespace: true in the pod's spec".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_names_what_is_missing() {
        let advice = give(&[Capability::Bpf, Capability::Perfmon]);
        for (line, expected) in
            advice.iter().zip(["cap_bpf,cap_perfmon+ep", "--cap-add BPF --cap-add PERFMON", "[BPF, PERFMON]"])
        {
            assert!(line.contains(expected), "{line}");
        }
    }
}
