//! One heap for all threads of a process that stays up.
//!
//! The GNU C library gives each of the first threads a heap of its own. What one thread allocates
//! and another drops leaves holes in both, and a node that works for some hours takes half as much
//! memory again as it needs. How many heaps there are can only be said before a program begins
//! (`M_ARENA_MAX`, mallopt(3)), so it begins once more, as the same process.

/// The variable, and one that says more than it.
const HEAPS: &str = "MALLOC_ARENA_MAX";
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Begins this process anew with one heap, unless its environment says already how many it has.
/// Where the system refuses, it goes on with several.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn share_one() {
    use std::os::unix::process::CommandExt as _;

    let is_said = [HEAPS, TUNABLES]
        .map(std::env::var_os)
        .iter()
        .any(Option::is_some);
    let mut arguments = std::env::args_os();
    // By its path, and not as /proc/self/exe: that is what it would be called then.
    let (false, Some(name), Ok(program)) = (is_said, arguments.next(), std::env::current_exe())
    else {
        return;
    };
    let _refused = std::process::Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(HEAPS, "1")
        .exec();
}

/// Other C libraries have one heap, or say elsewhere how many.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn share_one() {}
