//! Where the control groups of this process lie: its own, and those above, whose limits hold as well.

use super::Machine;

/// A control group as a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The folder of its files.
    pub(super) folder: String,
    /// Whether the files are those of version 2.
    pub(super) is_v2: bool,
}

/// The groups whose limits of `controller` hold for this process, the innermost first.
pub(super) fn groups(machine: &Machine, controller: &str) -> Vec<Group> {
    let (Some(own), Some(mounts)) = (machine.text("/proc/self/cgroup"), machine.text("/proc/self/mountinfo"))
    else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    for line in own.lines() {
        // `0::/path` is version 2, `4:cpu,cpuacct:/path` version 1.
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let is_v2 = controllers.is_empty();
        if !is_v2 && !controllers.split(',').any(|name| name == controller) {
            continue;
        }
        let Some((root, mount)) = mount_of(&mounts, (!is_v2).then_some(controller)) else { continue };
        // A container's mount begins somewhere below the hierarchy's root.
        let mut below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path).trim_end_matches('/');
        loop {
            groups.push(Group { folder: format!("{}{below}", mount.trim_end_matches('/')), is_v2 });
            let Some(end) = below.rfind('/') else { break };
            below = &below[..end];
        }
    }
    groups
}

/// The root and the mount point of a hierarchy: version 2's, or version 1's of a controller.
fn mount_of<'a>(mounts: &'a str, controller: Option<&str>) -> Option<(&'a str, &'a str)> {
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut kind = kind.split(' ');
        let fits = match (kind.next()?, controller) {
            ("cgroup2", None) => true,
            ("cgroup", Some(controller)) => kind.nth(1)?.split(',').any(|option| option == controller),
            _ => false,
        };
        fits.then_some((root, point))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(files: &'static [(&'static str, &'static str)], controller: &str) -> Vec<String> {
        groups(&Machine::of(files), controller).into_iter().map(|group| group.folder).collect()
    }

    #[test]
    fn version_2_gives_the_own_group_and_those_above() {
        const FILES: &[(&str, &str)] = &[
            ("/proc/self/cgroup", "0::/user.slice/run-1.scope\n"),
            (
                "/proc/self/mountinfo",
                "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
            ),
        ];
        assert_eq!(
            folders(FILES, "cpu"),
            ["/sys/fs/cgroup/user.slice/run-1.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"]
        );
    }

    #[test]
    fn version_1_is_found_by_its_controller_and_beside_version_2() {
        const FILES: &[(&str, &str)] = &[
            ("/proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/\n0::/\n"),
            (
                "/proc/self/mountinfo",
                "32 31 0:29 / /cg/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                 35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n\
                 41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n",
            ),
        ];
        assert_eq!(folders(FILES, "cpu"), ["/cg/cpu", "/cg/unified"]);
        assert_eq!(folders(FILES, "memory"), ["/cg/memory/job", "/cg/memory", "/cg/unified"]);
    }

    #[test]
    fn a_container_that_sees_its_own_part_alone_finds_its_files() {
        const FILES: &[(&str, &str)] = &[
            ("/proc/self/cgroup", "3:cpu:/docker/abc\n"),
            ("/proc/self/mountinfo", "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"),
        ];
        assert_eq!(folders(FILES, "cpu"), ["/sys/fs/cgroup/cpu"]);
        assert!(folders(&[], "cpu").is_empty());
    }
}
