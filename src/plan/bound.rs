//! Which UNIX sockets of this network namespace are bound to a path: sock_diag(7), else /proc/net/unix.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A socket with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// As it was given to bind(2): perhaps relative, perhaps renamed since.
    pub name: PathBuf,
    /// The file that bind(2) made; none where only /proc/net/unix tells.
    pub node: Option<Node>,
}

/// A file, as the kernel numbers it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    inode: u32,
    device: u32,
}

impl Node {
    /// Is this its inode number, of which the kernel tells the low half?
    pub fn is(&self, inode: u64) -> bool {
        inode as u32 == self.inode
    }

    /// Major and minor number of its file system, as in mountinfo.
    pub fn device(&self) -> (u32, u32) {
        (self.device >> 20, self.device & 0xF_FFFF)
    }
}

/// All that the kernel tells of.
pub fn sockets() -> Vec<Bound> {
    ask_kernel().unwrap_or_else(|_| listed(&std::fs::read("/proc/net/unix").unwrap_or_default()))
}

/// Of struct nlmsghdr: length, type, flags, sequence, port.
const HEADER: usize = 16;
/// Of struct unix_diag_msg.
const MESSAGE: usize = 16;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;

fn ask_kernel() -> nix::Result<Vec<Bound>> {
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    sendto(netlink.as_raw_fd(), &request(), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 32 << 10];
    loop {
        let length = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        if !parse(buffer.get(..length).unwrap_or_default(), &mut found)? {
            return Ok(found);
        }
    }
}

/// struct nlmsghdr and struct unix_diag_req: every socket, its name and its file.
fn request() -> Vec<u8> {
    const REQUEST_DUMP: u16 = 0x301;
    const SHOW_NAME_AND_VFS: u32 = 3;
    let mut request = Vec::with_capacity(HEADER + 24);
    request.extend_from_slice(&40_u32.to_ne_bytes());
    request.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&[AddressFamily::Unix as u8, 0, 0, 0]);
    // All states; no inode.
    request.extend_from_slice(&u32::MAX.to_ne_bytes());
    request.extend_from_slice(&[0; 4]);
    request.extend_from_slice(&SHOW_NAME_AND_VFS.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request
}

/// Adds the sockets of one datagram of the answer. False at its end.
///
/// # Errors
/// What the kernel says (ENOENT without the module unix_diag), or EBADMSG for what netlink(7) would not say.
pub fn parse(datagram: &[u8], found: &mut Vec<Bound>) -> nix::Result<bool> {
    let mut rest = datagram;
    while let Some((header, after)) = rest.split_at_checked(HEADER) {
        let (length, kind) = (word(header, 0)? as usize, half(header, 4)?);
        let body = length.checked_sub(HEADER).and_then(|length| after.get(..length)).ok_or(Errno::EBADMSG)?;
        match kind {
            NLMSG_DONE => match word(body, 0).map_or(0, |word| word as i32) {
                0.. => return Ok(false),
                errno => return Err(Errno::from_raw(errno.wrapping_neg())),
            },
            NLMSG_ERROR => return Err(Errno::from_raw((word(body, 0)? as i32).wrapping_neg())),
            _ => found.extend(bound(body.get(MESSAGE..).ok_or(Errno::EBADMSG)?)?),
        }
        rest = after.get(aligned(body.len())..).unwrap_or_default();
    }
    Ok(true)
}

/// The attributes of one socket: netlink(7), struct rtattr. None for one that is not bound, or not to a path.
fn bound(mut attributes: &[u8]) -> nix::Result<Option<Bound>> {
    let (mut name, mut node) = (None, None);
    while attributes.len() >= 4 {
        let (length, kind) = (half(attributes, 0)? as usize, half(attributes, 2)?);
        let value = attributes.get(4..length).ok_or(Errno::EBADMSG)?;
        match kind {
            UNIX_DIAG_NAME => name = Some(value),
            UNIX_DIAG_VFS => node = Some(Node { inode: word(value, 0)?, device: word(value, 4)? }),
            _ => {}
        }
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(name.zip(node).map(|(name, node)| Bound { name: path(name), node: Some(node) }))
}

fn path(name: &[u8]) -> PathBuf {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    OsString::from_vec(name.get(..end).unwrap_or_default().to_vec()).into()
}

/// NLMSG_ALIGN and NLA_ALIGN.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn word(bytes: &[u8], at: usize) -> nix::Result<u32> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map(u32::from_ne_bytes).ok_or(Errno::EBADMSG)
}

fn half(bytes: &[u8], at: usize) -> nix::Result<u16> {
    let half = bytes.get(at..at + 2).and_then(|half| half.try_into().ok());
    half.map(u16::from_ne_bytes).ok_or(Errno::EBADMSG)
}

/// The names in /proc/net/unix, proc_net(5), behind seven fields. Abstract ones begin with `@`, and so may a path: then it is lost.
pub fn listed(text: &[u8]) -> Vec<Bound> {
    let lines = text.split(|byte| *byte == b'\n').skip(1);
    let name = |line: &[u8]| {
        let mut rest = line;
        for _ in 0..7 {
            let start = rest.iter().position(|byte| *byte != b' ')?;
            let end = rest.get(start..)?.iter().position(|byte| *byte == b' ')?;
            rest = rest.get(start + end..)?;
        }
        rest.strip_prefix(b" ").filter(|name| !name.is_empty() && !name.starts_with(b"@")).map(path)
    };
    lines.filter_map(name).map(|name| Bound { name, node: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn a_socket_is_told_by_the_name_of_its_bind_and_by_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let (bound_at, now_at) = (directory.path().join("a\nb"), directory.path().join("c"));
        let _socket = UnixDatagram::bind(&bound_at).unwrap();
        std::fs::rename(&bound_at, &now_at).unwrap();
        let found: Vec<Bound> = ask_kernel().unwrap().into_iter().filter(|bound| bound.name == bound_at).collect();
        let [Bound { node: Some(node), .. }] = &found[..] else { panic!("{found:?}") };
        assert!(node.is(now_at.metadata().unwrap().ino()));
        let mounts = super::super::mountinfo::read().unwrap();
        assert!(mounts.iter().any(|mount| mount.device == node.device()), "{node:?}");
    }

    #[test]
    fn without_sock_diag_the_list_of_proc_tells_the_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a b ");
        let _listener = UnixListener::bind(&path).unwrap();
        let text = std::fs::read("/proc/net/unix").unwrap();
        assert!(listed(&text).contains(&Bound { name: path, node: None }));
        assert!(listed(b"Num\n0: 2 0 10000 1 1 12347 @/abstract\n0: 3 0 0 1 3 12346\n").is_empty());
        let relative = Bound { name: "run/x".into(), node: None };
        assert_eq!(listed(b"Num\n00: 00002 00000000 00010000 0001 01 12345 run/x\n"), [relative]);
    }

    #[test]
    fn an_answer_that_netlink_would_not_give_is_an_error() {
        let refusal = [&36_u32.to_ne_bytes()[..], &[2, 0, 0, 0], &[0; 8], &(-2_i32).to_ne_bytes(), &[0; 16]].concat();
        assert_eq!(parse(&refusal, &mut Vec::new()), Err(Errno::ENOENT));
        for length in [0_u32, 15, 17, 400, u32::MAX] {
            let datagram = [&length.to_ne_bytes()[..], &[20, 0, 0, 0], &[0; 8]].concat();
            assert_eq!(parse(&datagram, &mut Vec::new()), Err(Errno::EBADMSG), "{length}");
        }
        assert_eq!(parse(b"", &mut Vec::new()), Ok(true));
    }
}
