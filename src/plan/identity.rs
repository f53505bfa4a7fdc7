//! Who the command is: ids inside and outside, its name, its capabilities.

use super::base::NOBODY;
use super::host::HostFacts;
use super::subordinate::{self, Kind};
use super::{User, wrong};
use crate::error::Error;
use crate::profile::schema::{Id, IdMap, Outside};
use crate::profile::{Located, Merged, wording};
use crate::without;
use caps::Capability;

/// The first id that systemd leaves alone (its containers end at 0x6FFFFFFF, its dynamic users at 65519; what is above
/// 0x7FFFFFFF is unsafe in signed code).
const FIRST_PRIVATE: u32 = 0x7000_0000;
/// PID_MAX_LIMIT, proc_sys_kernel(5): as many ids as there are processes.
const PROCESSES: u32 = 1 << 22;

/// The ids.
pub(super) fn user(merged: &Merged, host: &HostFacts) -> Result<User, Error> {
    let inside = |id: &Option<Located<Id>>, caller| match id.as_ref().map(|id| id.value) {
        Some(Id::Caller) => caller,
        Some(Id::Number(number)) => number,
        None => 0,
    };
    let (uid, gid) = (inside(&merged.uid, host.uid), inside(&merged.gid, host.gid));
    if let Some(Located { value: IdMap::Subordinate, origin }) = &merged.map {
        return with_ranges(uid, gid, merged.outside.as_ref(), host).map_err(|error| match error.origin {
            None => error.origin(origin),
            Some(_) => error,
        });
    }
    let (outside_uid, outside_gid) = outside(merged.outside.as_ref(), host)?;
    Ok(User {
        uid,
        gid,
        outside_uid,
        outside_gid,
        uids: subordinate::single(uid, outside_uid),
        gids: subordinate::single(gid, outside_gid),
        mapped_by_root: outside_uid != host.uid,
    })
}

/// `map: subordinate`: the caller's own id with his ranges around it; under host root a block of the run's own, whose first id is
/// the command's.
fn with_ranges(uid: u32, gid: u32, written: Option<&Located<Outside>>, host: &HostFacts) -> Result<User, Error> {
    let is_root = host.uid == 0;
    if let Some(Located { value: Outside::Caller | Outside::Number(_), origin }) = written.filter(|_| is_root) {
        return Err(wrong(origin, "under host root a range of ids is of the run's own")
            .remedy("Take user.outside out, or say map: single"));
    }
    let (outside_uid, outside_gid) = if is_root { private_blocks(host)? } else { outside(written, host)? };
    let (users, groups) = match is_root {
        true => (subordinate::rest_of_block(outside_uid).into(), subordinate::rest_of_block(outside_gid).into()),
        false => (subordinate::ranges(host, Kind::Users)?, subordinate::ranges(host, Kind::Groups)?),
    };
    Ok(User {
        uid,
        gid,
        outside_uid,
        outside_gid,
        uids: subordinate::around(uid, outside_uid, &users),
        gids: subordinate::around(gid, outside_gid, &groups),
        mapped_by_root: is_root,
    })
}

/// The first ids of the blocks.
fn private_blocks(host: &HostFacts) -> Result<(u32, u32), Error> {
    let run = if without::layer("own-id") { 0 } else { host.pid };
    let block = |ranges| subordinate::private_block(ranges, FIRST_PRIVATE + PROCESSES, run);
    block(&host.mapped_uids).zip(block(&host.mapped_gids)).ok_or_else(|| {
        Error::host("this user namespace has no 65536 ids to spare for a range").remedy(
            "Give the container more of them, run as an ordinary user with ranges of his own, or say map: single",
        )
    })
}

fn outside(written: Option<&Located<Outside>>, host: &HostFacts) -> Result<(u32, u32), Error> {
    let own = (host.uid, host.gid);
    let Some(Located { value, origin }) = written else { return Ok(automatic(host)) };
    match *value {
        Outside::Auto => Ok(automatic(host)),
        Outside::Caller | Outside::Number(0) if host.uid == 0 => {
            if origin.is_flag {
                return Ok(own);
            }
            Err(wrong(origin, "host root as the user outside is refused in a profile")
                .remedy("Say it for the run: --outside caller"))
        }
        Outside::Caller => Ok(own),
        Outside::Number(number) if host.uid == 0 => Ok((number, number)),
        Outside::Number(number) if number == host.uid => Ok(own),
        Outside::Number(number) => Err(wrong(origin, format!("only host root can run as user {number} outside"))
            .remedy("Take user.outside out, or write caller")),
    }
}

/// Under root an unprivileged id of the run's own: two runs at a time never share quotas or signals, because their
/// supervisors' process ids differ.
fn automatic(host: &HostFacts) -> (u32, u32) {
    if host.uid != 0 {
        return (host.uid, host.gid);
    }
    let run = if without::layer("own-id") { 0 } else { host.pid };
    let uid = private_id(&host.mapped_uids, run);
    let gid = private_id(&host.mapped_gids, run);
    match (uid, gid) {
        (Some(uid), Some(gid)) => (uid, gid),
        // Root of a user namespace with no other user to be: it is nobody's root outside of it.
        _ => (host.uid, host.gid),
    }
}

/// In a container with few ids: from the upper half of its largest range, so that users of the container are not met.
fn private_id(ranges: &[(u32, u32)], pid: u32) -> Option<u32> {
    let wanted = FIRST_PRIVATE + pid % PROCESSES;
    if ranges.iter().any(|(first, count)| wanted >= *first && wanted - first < *count) {
        return Some(wanted);
    }
    let (first, count) = ranges.iter().copied().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 1)?;
    let half = count / 2;
    let id = first + (count - half) + pid % half;
    // Without an id the run would be root's own: the next one is as good.
    Some(if id == NOBODY { id - 1 } else { id })
}

/// The names in passwd and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub user: String,
    pub group: String,
}

/// Root and nobody have theirs; anybody else the caller's, if it is a name.
pub(super) fn names(user: &User, host: &HostFacts) -> Names {
    let is_name = |name: &&str| {
        let mut bytes = name.bytes();
        name.len() <= 32
            && !["root", "nobody", "nogroup", "tty"].contains(name)
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
    };
    let caller = ["USER", "LOGNAME"].iter().filter_map(|variable| host.variable(variable)?.to_str()).find(is_name);
    let name = |id, nobody: &str| match id {
        0 => "root".to_owned(),
        NOBODY => nobody.to_owned(),
        _ => caller.unwrap_or("user").to_owned(),
    };
    let group = if user.gid == 5 { "tty".to_owned() } else { name(user.gid, "nogroup") };
    Names { user: name(user.uid, "nobody"), group }
}

/// Those that undo the sandbox, and what serves instead.
const REFUSED: [(Capability, &str); 7] = [
    (Capability::CAP_SYS_ADMIN, "Namespaces of its own: features.userns"),
    (Capability::CAP_SYS_PTRACE, "To debug its own processes: features.ptrace"),
    (Capability::CAP_SYS_MODULE, "Nothing serves instead: modules are the host's"),
    (Capability::CAP_SYS_RAWIO, "One device: a mount with device:"),
    (Capability::CAP_MKNOD, "One device: a mount with device:"),
    (Capability::CAP_SETPCAP, "List the capabilities that the command needs"),
    (Capability::CAP_SYS_RESOURCE, "Raise the limits themselves: limits.*"),
];

/// The capabilities that the command keeps, sorted.
pub(super) fn capabilities(written: &[Located<String>]) -> Result<Vec<Capability>, Error> {
    let mut kept = Vec::new();
    for Located { value, origin } in written {
        let capability: Capability = value.parse().map_err(|_| {
            let names: Vec<String> = caps::all().iter().map(ToString::to_string).collect();
            let error = wrong(origin, format!("unknown capability {value:?}"));
            match wording::nearest(&value.to_ascii_uppercase(), names.iter().map(String::as_str)) {
                Some(near) => error.remedy(format!("Did you mean {near:?}?")),
                None => error.remedy("capabilities(7) names them all"),
            }
        })?;
        if let Some((_, remedy)) = REFUSED.iter().find(|(refused, _)| *refused == capability) {
            return Err(wrong(origin, format!("{capability} is refused: it undoes the sandbox")).remedy(*remedy));
        }
        kept.push(capability);
    }
    kept.sort_by_key(Capability::index);
    kept.dedup();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{World, by_flag, located};

    const ALL_IDS: [(u32, u32); 1] = [(0, u32::MAX)];

    fn root() -> World {
        let mut world = World::new();
        (world.host.uid, world.host.gid) = (0, 0);
        (world.host.mapped_uids, world.host.mapped_gids) = (ALL_IDS.to_vec(), ALL_IDS.to_vec());
        world
    }

    #[test]
    fn by_default_the_command_is_root_inside_and_the_caller_outside() {
        let user = World::new().planned().user;
        assert_eq!((user.uid, user.gid, user.outside_uid, user.outside_gid), (0, 0, 1000, 1000));
        assert!(!user.mapped_by_root && !user.has_range() && subordinate::text(&user.uids) == "0 1000 1\n");
    }

    #[test]
    fn the_caller_s_ids_or_any_number_inside() {
        let mut world = World::new();
        world.merged.uid = Some(located(Id::Caller));
        world.merged.gid = Some(located(Id::Number(7)));
        let user = world.planned().user;
        assert_eq!((user.uid, user.gid), (1000, 7));
    }

    #[test]
    fn under_host_root_each_run_has_an_unprivileged_id_of_its_own() {
        let mut world = root();
        let one = world.planned().user;
        world.host.pid += 1;
        let other = world.planned().user;
        assert!(one.mapped_by_root && one.outside_uid >= FIRST_PRIVATE && one.outside_uid < 0x8000_0000);
        assert!(one.outside_uid != other.outside_uid && one.outside_gid != other.outside_gid);
    }

    #[test]
    fn in_a_container_with_few_ids_one_of_those_is_used() {
        let mut world = root();
        (world.host.mapped_uids, world.host.mapped_gids) = (vec![(0, 65536)], vec![(0, 65536)]);
        let user = world.planned().user;
        assert!(user.mapped_by_root && (32768..65536).contains(&user.outside_uid));
    }

    #[test]
    fn root_with_no_other_id_to_be_stays_itself() {
        let mut world = root();
        (world.host.mapped_uids, world.host.mapped_gids) = (vec![(0, 1)], vec![(0, 1)]);
        let user = world.planned().user;
        assert!(!user.mapped_by_root && user.outside_uid == 0);
    }

    #[test]
    fn host_root_outside_is_taken_from_a_flag_only() {
        let mut world = root();
        for value in [Outside::Caller, Outside::Number(0)] {
            world.merged.outside = Some(located(value));
            assert!(world.refusal().contains("host root as the user outside is refused in a profile"));
            world.merged.outside = Some(by_flag(value));
            let user = world.planned().user;
            assert!(user.outside_uid == 0 && !user.mapped_by_root);
        }
    }

    #[test]
    fn only_host_root_can_be_somebody_else() {
        let mut world = World::new();
        world.merged.outside = Some(by_flag(Outside::Number(1001)));
        assert!(world.refusal().contains("only host root can run as user 1001"));
        world.merged.outside = Some(by_flag(Outside::Number(1000)));
        assert!(!world.planned().user.mapped_by_root);
    }

    #[test]
    fn under_host_root_what_is_writable_or_the_user_s_own_is_id_mapped() {
        let world = root().directory("other").directory("shared").mount("ro /usr").mount("ro ${PWD}");
        let world = world.mount("rw ROOT/shared").mount("ro ROOT/other").mount("device /dev/null at=/dev/mine");
        let plan = world.planned();
        let mapped = |path: &str| world.bind_at(&plan, path).id_mapped;
        assert!(mapped("home/app") && mapped("shared") && !mapped("other"));
        let others = plan.mounts.iter().filter_map(|mount| mount.bind());
        assert_eq!(others.filter(|bind| bind.id_mapped).count(), 2);
    }

    fn with_range(mut world: World) -> World {
        let etc = world.path("etc");
        std::fs::create_dir(&etc).unwrap();
        std::fs::write(etc.join("subuid"), "user:100000:65536\n1000:300000:5\n").unwrap();
        std::fs::write(etc.join("subgid"), "user:200000:10\n").unwrap();
        world.host.etc = etc;
        world.merged.map = Some(located(IdMap::Subordinate));
        world
    }

    #[test]
    fn the_caller_s_ranges_are_mapped_beside_his_own_id() {
        let mut world = with_range(World::new());
        let user = world.planned().user;
        assert_eq!(subordinate::text(&user.uids), "0 1000 1\n1 100000 65536\n65537 300000 5\n");
        assert_eq!(subordinate::text(&user.gids), "0 1000 1\n1 200000 10\n");
        assert!(user.has_range() && !user.mapped_by_root);
        world.merged.uid = Some(located(Id::Caller));
        let user = world.planned().user;
        assert_eq!(subordinate::text(&user.uids), "0 100000 1000\n1000 1000 1\n1001 101000 64536\n65537 300000 5\n");
        std::fs::remove_file(world.path("etc/subgid")).unwrap();
        let refusal = world.refusal();
        assert!(
            refusal.starts_with("a.yaml:1:5: key: ROOT/etc/subgid has no range of ids for user (user id 1000)"),
            "{refusal}"
        );
    }

    #[test]
    fn under_host_root_a_range_is_a_block_of_the_run_s_own() {
        let mut world = with_range(root());
        let one = world.planned().user;
        world.host.pid += 1;
        let other = world.planned().user;
        assert!(one.mapped_by_root && one.outside_uid >= FIRST_PRIVATE + PROCESSES);
        assert_eq!(other.outside_uid - one.outside_uid, 65536);
        let first = one.outside_uid;
        assert_eq!(subordinate::text(&one.uids), format!("0 {first} 1\n1 {} 65535\n", first + 1));
        for value in [Outside::Caller, Outside::Number(0), Outside::Number(5)] {
            world.merged.outside = Some(by_flag(value));
            assert!(world.refusal().contains("under host root a range of ids is of the run's own"));
        }
        world.merged.outside = None;
        world.host.mapped_uids = vec![(0, 65536)];
        assert!(world.refusal().contains("has no 65536 ids to spare"), "{}", world.refusal());
    }

    #[test]
    fn the_name_is_the_caller_s_if_it_is_a_name() {
        let ids = subordinate::single(1000, 1);
        let user = User {
            uid: 1000,
            gid: 1000,
            outside_uid: 1,
            outside_gid: 1,
            uids: ids.clone(),
            gids: ids,
            mapped_by_root: false,
        };
        let with = |name: &str| names(&user, &World::new().host.clone().with("USER", name)).user;
        assert_eq!([with("anna"), with("a:b"), with("root"), with("Q")], ["anna", "user", "user", "user"]);
    }

    #[test]
    fn capabilities_that_undo_the_sandbox_name_what_serves_instead() {
        for (capability, _) in REFUSED {
            let error = capabilities(&[located(capability.to_string())]).unwrap_err().to_string();
            assert!(error.contains("it undoes the sandbox"), "{error}");
        }
        let error = capabilities(&[located("CAP_SYS_PTRACE".into())]).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"a.yaml:1:5: key: CAP_SYS_PTRACE is refused: it undoes the sandbox. To debug its own processes: features.ptrace");
    }

    #[test]
    fn an_unknown_capability_offers_the_nearest() {
        let error = capabilities(&[located("cap_net_bind_servce".into())]).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r#"a.yaml:1:5: key: unknown capability "cap_net_bind_servce". Did you mean "CAP_NET_BIND_SERVICE"?"#);
    }

    #[test]
    fn other_capabilities_are_kept_in_order() {
        let written = [located("CAP_NET_RAW".into()), located("CAP_CHOWN".into()), located("CAP_CHOWN".into())];
        assert_eq!(capabilities(&written).unwrap(), [Capability::CAP_CHOWN, Capability::CAP_NET_RAW]);
    }

    #[test]
    fn no_process_id_makes_a_run_in_a_container_roots_own() {
        for range in [(0, 65536), (65533, 2), (1, 65534)] {
            for pid in 1..70_000 {
                let id = private_id(&[range], pid).unwrap();
                assert!(id != 0 && id != NOBODY && id >= range.0 && id - range.0 < range.1, "{range:?} {pid}: {id}");
            }
        }
    }
}
