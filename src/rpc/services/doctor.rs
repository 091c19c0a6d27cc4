//! Looking a node over: what is wrong, what soon will be, and what to do about it.

use crate::rpc::services::office::Office;
use crate::store::scrub::{self, Finding, Scrubbed};
use crate::wire::{self, Check};

/// Free space below which somebody should look.
const LITTLE_SPACE: u64 = 256 << 20;

/// What is to be done about a problem of `health`, and whether it stops the node.
const REMEDIES: &[(&str, &str, &str)] = &[
    (
        "no_charter",
        "bad",
        "apply the consortium's charter: `counterfoil charter apply FILE`",
    ),
    (
        "charter_conflict",
        "bad",
        "speak with the other members: only one version can be the next",
    ),
    (
        "no_certificate",
        "bad",
        "unlock the node once: `counterfoil unlock`",
    ),
    (
        "certificate_expired",
        "bad",
        "unlock the node: `counterfoil unlock`",
    ),
    (
        "certificate_early",
        "bad",
        "set the clock, then unlock the node: `counterfoil unlock`",
    ),
    ("certificate_expires", "warn", "unlock the node within days"),
    ("store", "bad", "check the disk, then start the node again"),
    ("disk_low", "warn", "make room on the disk"),
    (
        "disk_full",
        "bad",
        "make room on the disk; writing works again then",
    ),
    (
        "equivocation",
        "bad",
        "`counterfoil audit` and the other members: a member signed two histories",
    ),
    ("unsure_head", "warn", "`counterfoil peer sync`"),
    ("restored", "warn", "`counterfoil peer sync`"),
    ("lacking", "bad", "`counterfoil peer sync`"),
    (
        "ledger",
        "bad",
        "restore the newest backup with records: nothing is released on an older one",
    ),
    (
        "peer",
        "warn",
        "check the peer's address and certificate: `counterfoil peer list`",
    ),
    (
        "backup",
        "bad",
        "check backup.dir and backup.to, and the disk they are on",
    ),
    (
        "damage",
        "bad",
        "`counterfoil doctor --deep --mend`, then `counterfoil peer sync`",
    ),
];

impl Office {
    /// Looks the node over; `troubles` is what the federation has.
    pub(super) fn doctor(
        &self,
        asked: wire::DoctorRequest,
        troubles: Vec<wire::Problem>,
    ) -> wire::DoctorResponse {
        let health = self.health(troubles);
        let mut checks: Vec<Check> = health.problems.into_iter().map(trouble).collect();
        for (name, message) in [
            ("charter", "the charter is in force"),
            ("certificate", "the node's certificate is good"),
            ("store", "the public plane can be read and written"),
            ("disk_low", "there is room on the disk"),
        ] {
            let said = |check: &Check| check.name.contains(name) || check.name == "disk_full";
            if !checks.iter().any(said) {
                checks.push(fine(name.trim_end_matches("_low"), message));
            }
        }
        checks.push(self.clock_check());
        checks.push(match self.private.opened() {
            Ok(_) => fine("records", "the private plane is open and can be read"),
            Err(_) if self.public.me.relay => fine("records", "a relay has none"),
            Err(_) => fine("records", "locked: records were not looked at"),
        });
        let mut found = Scrubbed::default();
        if asked.deep {
            found = self.scrub(asked.mend, &mut checks);
        }
        wire::DoctorResponse {
            checks,
            leaves: found.leaves,
            payloads: found.payloads,
            rows: found.rows,
        }
    }

    /// Says whether the clock is behind what was signed.
    fn clock_check(&self) -> Check {
        let today = self.public.clock.today();
        // Somewhere it is tomorrow already.
        let latest = today.tomorrow().unwrap_or(today);
        match scrub::dated_after(&self.public.store, latest) {
            None => fine(
                "clock",
                format!("it is {today}, and no leaf is of a later day"),
            ),
            Some(origin) => check(
                "clock",
                "warn",
                format!("it is {today} here, and {origin} has a leaf of a later day"),
                "set the clock and the time zone; dates of leaves decide what was on time",
            ),
        }
    }

    /// Reads and hashes everything that is open, and drops what peers can give back if that is
    /// asked for.
    pub fn scrub(&self, mend: bool, checks: &mut Vec<Check>) -> Scrubbed {
        let mut found = scrub::public(&self.public.store);
        let own = self.public.charter().ok();
        let own = own.map(|charter| charter.origin(&self.public.me.id));
        let unmended = found.findings.clone();
        let mut mended = Vec::new();
        if mend && !found.findings.is_empty() {
            let theirs = |origin: &str| Some(origin) != own.as_deref();
            match scrub::mend(&self.public.store, &found.findings, theirs) {
                Ok(done) => mended = done,
                Err(error) => checks.push(check(
                    "mend",
                    "bad",
                    error.to_string(),
                    "stop the node and run `counterfoil doctor --rebuild public`",
                )),
            }
        }
        if let Ok(opened) = self.private.opened() {
            let rows = scrub::private(&opened.store);
            found.rows = rows.rows;
            for finding in &rows.findings {
                checks.push(check(
                    "record",
                    "bad",
                    finding.to_string(),
                    "restore the newest backup, or stop the node and run `counterfoil doctor --rebuild private`",
                ));
            }
            found.findings.extend(rows.findings);
        }
        for finding in &unmended {
            checks.push(public_finding(finding, own.as_deref(), mend));
        }
        checks.extend(mended.into_iter().map(|line| fine("mended", line)));
        if found.findings.is_empty() {
            let message = format!(
                "{} leaves and {} payloads hashed, {} sealed rows opened: all as they were stored",
                found.leaves, found.payloads, found.rows
            );
            checks.push(fine("scrub", message));
        }
        found
    }
}

fn public_finding(finding: &Finding, own: Option<&str>, mended: bool) -> Check {
    let is_own = |origin: &str| Some(origin) == own;
    let remedy = match finding {
        Finding::Payload { .. } if mended => "it is fetched from peers: `counterfoil peer sync`",
        Finding::Leaf { origin, .. } | Finding::Tree { origin } if mended && !is_own(origin) => {
            "it is fetched from peers: `counterfoil peer sync`"
        }
        Finding::Payload { .. } => {
            "`counterfoil doctor --deep --mend`, then `counterfoil peer sync`"
        }
        Finding::Leaf { origin, .. } | Finding::Tree { origin } if !is_own(origin) => {
            "`counterfoil doctor --deep --mend`, then `counterfoil peer sync`"
        }
        _ => "stop the node and run `counterfoil doctor --rebuild public`, then start and sync it",
    };
    check("public", "bad", finding.to_string(), remedy)
}

fn trouble(problem: wire::Problem) -> Check {
    let known = REMEDIES.iter().find(|(code, ..)| *code == problem.code);
    let (_, state, remedy) = known.copied().unwrap_or(("", "warn", ""));
    check(&problem.code, state, problem.message, remedy)
}

fn fine(name: &str, message: impl Into<String>) -> Check {
    check(name, "ok", message, "")
}

fn check(name: &str, state: &str, message: impl Into<String>, remedy: &str) -> Check {
    Check {
        name: name.to_owned(),
        state: state.to_owned(),
        message: message.into(),
        remedy: remedy.to_owned(),
    }
}

impl Office {
    /// Adds what the disk has to say.
    pub(super) fn disk_problem(&self, problem: &mut impl FnMut(&str, String, bool)) {
        let store = &self.public.store;
        if let Err(error) = store.check_space(0) {
            problem("disk_full", error.to_string(), true);
        } else if store.check_space(LITTLE_SPACE / 2).is_err()
            // Whoever watches a running node says so already.
            && !self.troubles.all().iter().any(|said| said.code == "disk_low")
        {
            let message = "less than 256 MiB are left on the disk".to_owned();
            problem("disk_low", message, false);
        }
    }
}
