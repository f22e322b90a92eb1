//! How much memory this process has.

use std::fs;

/// What of this process is in the machine's memory, in bytes; `None` where the system does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    // The other one is a sum that the kernel keeps, wrong by up to a few hundred KiB.
    read("/proc/self/smaps_rollup", "Rss:").or_else(|| read("/proc/self/status", "VmRSS:"))
}

fn read(path: &str, name: &str) -> Option<u64> {
    find(&fs::read_to_string(path).ok()?, name)
}

/// The value of a line such as `Rss:     1234 kB`, in bytes.
fn find(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_in_bytes() {
        let text = "55d0 [rollup]\nRss:                1234 kB\nPss:                  77 kB\n";
        assert_eq!(find(text, "Rss:"), Some(1234 * 1024));
        assert_eq!(find(text, "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_touched_is_resident() {
        let before = resident_bytes().expect("Linux tells");
        let touched = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = resident_bytes().expect("Linux tells");
        // Other tests of this process come and go.
        assert!(after > before + (32 << 20), "{before} {after}");
        drop(touched);
    }
}
