//! Root file systems that programs were not made for here: nothing but busybox, another layout, a Debian that is lived in.

use crate::home::{Home, gives_a_cgroup};

/// `sandbox -p container`, counted by a cgroup where there is one.
fn container() -> &'static str {
    if gives_a_cgroup() { "sandbox -p container" } else { "sandbox -p container --cgroup prefer -q" }
}

#[test]
fn one_static_busybox_is_a_root_file_system() {
    let home = Home::new();
    home.ok("mkdir -p tree/bin && cp \"$(command -v busybox)\" tree/bin/ && ln -s busybox tree/bin/sh");
    home.ok("tar -C tree -czf busybox.tar.gz bin && sandbox rootfs import busybox.tar.gz --name busybox");
    for root in ["./tree/", "busybox"] {
        let inside = "busybox cat /proc/1/comm; busybox ls /; busybox id -u";
        let printed = home.ok(&format!("sandbox -p shell --root {root} -- sh -c '{inside}' | xargs"));
        assert_eq!(printed, "sandbox bin dev etc home proc run tmp var 0", "{root}");
    }
}

#[test]
fn a_system_without_glibc_bash_and_merged_usr_is_a_root_file_system() {
    let home = Home::new();
    let printed = home.ok(&format!(
        r#"
        mkdir -p tree/{{bin,sbin,lib,usr/bin,usr/sbin,etc,dev,proc,sys,root,var/www}} && chmod 700 tree/root
        cp "$(command -v busybox)" tree/bin/busybox
        for applet in sh ls cat su id; do ln -s /bin/busybox tree/bin/$applet; done
        for applet in wget nc; do ln -s /bin/busybox tree/usr/bin/$applet; done
        for applet in httpd start-stop-daemon; do ln -s /bin/busybox tree/usr/sbin/$applet; done
        printf 'root:x:0:0::/root:/bin/sh\nwww:x:82:82::/var/www:/bin/sh\n' > tree/etc/passwd
        printf 'root:x:0:\nwww:x:82:\n' > tree/etc/group
        echo 'it is served' > tree/var/www/page
        tar -C tree --owner=0 --group=0 -cf - . | gzip | sandbox rootfs import -q - --name small --map subordinate
        {} --root small -- sh -c 'su www -c "id -un"; ls -l /root && exit 0'
        {} --root small -- sh -c 'httpd -p 127.0.0.1:80 -u www:www -h /var/www; wget -q -O - http://127.0.0.1/page'
        sandbox --root small -- sh -c 'httpd -p 127.0.0.1:8080 -h /var/www; wget -q -O - http://127.0.0.1:8080/page'"#,
        container(),
        container()
    ));
    let lines: Vec<&str> = printed.lines().collect();
    let served = "it is served";
    assert_eq!(lines, ["www", "total 0", served, served]);
}

#[test]
fn a_debian_answers_about_its_packages_and_compiles() {
    let home = Home::with_debian();
    home.ok("sandbox rootfs import -q debian.tar --name debian");
    let inside = |script: &str| home.ok(&format!("sandbox -p build --root debian -- bash -c '{script}'"));
    inside("dpkg --verify && dpkg --audit && apt-get check -qq");
    assert_eq!(inside("dpkg -S /usr/bin/dpkg"), "dpkg: /usr/bin/dpkg");
    assert!(inside("apt list --installed 2>/dev/null").lines().any(|line| line.starts_with("gcc/")));
    assert!(inside("apt-cache depends gcc").contains("Depends: cpp"));
    assert!(inside("apt-cache search --names-only ^libc6-dev").starts_with("libc6-dev - "));
    let source = r#"
        #include <pthread.h>
        #include <stdio.h>
        static void *say(void *word) { return puts(word), NULL; }
        int main(void) {
            pthread_t thread;
            return pthread_create(&thread, NULL, say, "threads work") || pthread_join(thread, NULL);
        }"#;
    std::fs::write(home.project().join("t.c"), source).unwrap();
    // By its own loader and library, and built by its own compiler: whatever the host has.
    assert_eq!(inside("gcc -Wall -Werror -pthread -o t t.c && ./t && ldd ./t | grep -c libc.so"), "threads work\n1");
}

/// A package with a service that has a user of its own, and serves its name on a port that only root may take.
const PACKAGE: &str = r#"
mkdir -p pkg/DEBIAN pkg/usr/sbin pkg/var/lib/whoami
cat > pkg/DEBIAN/control <<'END'
Package: whoami-service
Version: 1.0
Architecture: all
Depends: perl-base
Maintainer: nobody <nobody@example.org>
Description: says who it runs as
END
cat > pkg/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
useradd --system --home-dir /var/lib/whoami whoami
chown whoami: /var/lib/whoami
chmod 700 /var/lib/whoami
END
cat > pkg/usr/sbin/whoami-service <<'END'
#!/usr/bin/perl
use strict;
use Socket;
my $door;
socket($door, PF_INET, SOCK_STREAM, 0) && bind($door, sockaddr_in(79, INADDR_LOOPBACK)) && listen($door, 5) or die $!;
my (undef, undef, $uid, $gid) = getpwnam('whoami');
$) = "$gid $gid"; $( = $gid; $< = $> = $uid; $> == $uid or die $!;
open(my $state, '>', '/var/lib/whoami/started') or die $!;
fork && exit;
while (accept(my $caller, $door)) { print $caller scalar(getpwuid($>)), "\n"; close $caller }
END
chmod 755 pkg/DEBIAN/postinst pkg/usr/sbin/whoami-service
dpkg-deb --root-owner-group --build pkg whoami.deb
"#;

#[test]
fn a_package_with_a_service_and_its_user_lives_in_a_root_that_goes_to_tar_and_back() {
    let home = Home::with_debian();
    let container = container();
    home.ok(PACKAGE);
    home.ok("sandbox rootfs import -q debian.tar --name machine --map subordinate");
    let install = "apt-get -qq -o Dpkg::Use-Pty=0 install /srv/whoami.deb && dpkg --verify whoami-service";
    home.ok(&format!(
        "{container} --root machine --root-writable persistent --ro ./whoami.deb:/srv/whoami.deb -- sh -c '{install}'"
    ));
    let serve = r#"whoami-service && exec 3<>/dev/tcp/127.0.0.1/79 && cat <&3 && stat -c %U:%a /var/lib/whoami /var/lib/whoami/*"#;
    let started =
        |root: &str| home.ok(&format!("{container} --root {root} --root-writable tmpfs -- bash -c '{serve}'"));
    assert_eq!(started("machine"), "whoami\nwhoami:700\nwhoami:644");

    home.ok("sandbox rootfs export machine - | sandbox rootfs import -q - --name again --map subordinate");
    assert_eq!(started("again"), "whoami\nwhoami:700\nwhoami:644");
    assert_eq!(home.ok(&format!("{container} --root again -- dpkg --verify")), "");
    let removed = "apt-get -qq -o Dpkg::Use-Pty=0 purge whoami-service && ! command -v whoami-service";
    home.ok(&format!("{container} --root again --root-writable persistent -- bash -c '{removed}'"));

    // What was started inside, the roots, and what they were reached by: all of it is gone.
    assert_eq!(home.run("grep -l whoami-service /proc/[0-9]*/comm 2>/dev/null").0, "");
    let name = home.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(home.run(&format!("grep {name} /proc/self/mountinfo")).0, "");
    home.ok("sandbox rootfs remove machine again");
    assert_eq!(home.ok("sandbox rootfs list; sandbox ps | tail -n +2"), "");
    assert_eq!(
        home.ok("ls -A ~/run ~/.local/share/sandbox/roots | grep -v : | xargs; ls -A ~ | xargs"),
        ".local bin project run"
    );
}
