//! No core dump: what a process holds in memory, keys and passphrases among it, is never written to
//! a disk when it crashes.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Asks the system for no core dump of this process, whoever would collect it. A system that refuses
/// is none the worse for having been asked.
pub(super) fn leave_none() {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _refused = setrlimit(Resource::Core, nothing);
    // A limit is not looked at where dumps go to a program; and other processes of the same user
    // cannot look into the memory either.
    #[cfg(target_os = "linux")]
    let _refused =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
