//! What is imported is there, and what cannot be is told.

use super::super::harness::{Project, binary, finish};
use super::super::pty::Terminal;
use super::{archive, holds_all, import, left, list, names, outside, store};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;

#[test]
fn an_archive_becomes_a_root_that_is_listed() {
    let project = Project::new();
    archive(&project);
    let output = import(&project, "tree.tar", "debian");
    assert_eq!((output.ok().as_str(), output.stderr.lines().count()), ("", 1));
    output.says(&["sandbox: debian: ", " files, 43 B\n"]);
    let tree = store(&project).join("debian/tree");
    assert_eq!(fs::read_to_string(tree.join("etc/link")).unwrap(), "#!/bin/sh\necho hello\n");
    let hello = fs::metadata(tree.join("bin/hello")).unwrap();
    assert_eq!((hello.mode() & 0o7777, hello.nlink()), (0o755, 2));
    assert_eq!(fs::metadata(tree.join("etc/passwd")).unwrap().mode() & 0o7777, 0o600);
    let roots = list(&project);
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0]["name"], "debian");
    assert_eq!(roots[0]["source"], "tree.tar");
    assert!(holds_all(&roots[0]), "{}", roots[0]);
    assert_eq!(roots[0]["map"], "single");
    assert_eq!(roots[0]["tree"], tree.to_str().unwrap());
    let digest = outside(&project, "sha256sum tree.tar | cut -d' ' -f1");
    assert_eq!(roots[0]["sha256"], digest);
    let table = project.run(&["rootfs", "list"]).ok();
    assert!(table.starts_with("NAME") && table.contains("\ndebian ") && table.ends_with("tree.tar"), "{table}");
}

#[test]
fn every_compression_that_tar_knows_here_is_read() {
    let project = Project::new();
    archive(&project);
    let all = [("gzip", "gz"), ("xz", "xz"), ("zstd", "zst")];
    // The guests have not all of them.
    let has = |program: &str| finish(project.outside("sh", &["-c", &format!("command -v {program}")])).code() == 0;
    let known: Vec<_> = all.into_iter().filter(|(program, _)| *program == "gzip" || has(program)).collect();
    assert!(known.len() == 3 || std::env::var_os("SANDBOX_TEST_BED").is_some(), "{known:?}");
    for (program, suffix) in &known {
        outside(&project, &format!("{program} -k -c tree.tar > tree.tar.{suffix}"));
        import(&project, &format!("tree.tar.{suffix}"), suffix).ok();
    }
    assert!(list(&project).iter().all(holds_all));
    assert_eq!(names(&project), known.iter().map(|(_, suffix)| *suffix).collect::<Vec<_>>());
    let tree = |name: &str| store(&project).join(name).join("tree");
    for (_, suffix) in known {
        outside(&project, &format!("diff -r {} {}", tree("gz").display(), tree(suffix).display()));
    }
}

#[test]
fn the_roots_are_the_caller_s_alone() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    for directory in [store(&project), store(&project).join("debian")] {
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o7777, 0o700, "{}", directory.display());
    }
    fs::set_permissions(store(&project), fs::Permissions::from_mode(0o777)).unwrap();
    import(&project, "tree.tar", "other").refused(&["can be changed by somebody else", "chmod go-w"]);
}

#[test]
fn a_name_that_is_taken_is_an_error_with_what_to_do() {
    let project = Project::new();
    archive(&project);
    import(&project, "tree.tar", "debian").ok();
    import(&project, "tree.tar", "debian")
        .refused(&["there is a root \"debian\" already", "sandbox rootfs remove debian"]);
    assert_eq!(left(&project), ["debian"]);
}

#[test]
fn a_name_is_no_path() {
    let project = Project::new();
    archive(&project);
    for name in ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\nb"] {
        let name = format!("--name={name}");
        project.run(&["rootfs", "import", "tree.tar", &name]).refused(&["cannot be the name of a root"]);
    }
    project.run(&["rootfs", "import", "tree.tar"]).refused(&["--name is missing"]);
    assert!(left(&project).is_empty());
}

#[test]
fn of_imports_of_one_name_at_a_time_one_wins() {
    let project = Project::new();
    archive(&project);
    let outputs: Vec<_> = thread::scope(|scope| {
        let imports: Vec<_> = (0..6).map(|_| scope.spawn(|| import(&project, "tree.tar", "debian"))).collect();
        imports.into_iter().map(|import| import.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.code() == 0);
    assert_eq!(won.len(), 1, "{outputs:?}");
    lost.iter().for_each(|output| output.refused(&["already"]));
    assert_eq!(left(&project), ["debian"]);
}

// Layer: the limits of the unpacking, and RLIMIT_FSIZE.
#[test]
fn an_archive_that_would_fill_the_disk_is_refused() {
    let project = Project::new();
    outside(&project, "mkdir tree; truncate -s 8G tree/zeros; tar -cSf sparse.tar -C tree .; rm -r tree");
    outside(&project, "mkdir tree; head -c 64M /dev/zero > tree/zeros; tar -czf zeros.tar.gz -C tree .; rm -r tree");
    for bomb in ["sparse.tar", "zeros.tar.gz"] {
        let output = project.run(&["rootfs", "import", bomb, "--name", "bomb", "--max-size", "1MiB"]);
        output.refused(&[bomb, "--max-size"]);
    }
    outside(&project, "mkdir tree; cd tree; touch $(seq 200); tar -cf ../names.tar .");
    let output = project.run(&["rootfs", "import", "names.tar", "--name", "bomb", "--max-files", "100"]);
    output.refused(&["names.tar", "--max-files"]);
    assert!(left(&project).is_empty(), "{:?}", left(&project));
}

#[test]
fn an_image_larger_than_the_limit_is_refused_in_words() {
    let project = Project::new();
    let image = r#"
        for layer in 0 1; do
            mkdir $layer; head -c 700K /dev/zero > $layer/f; tar -cf $layer.tar -C $layer .
            printf '"sha256:%s"' $(sha256sum $layer.tar | cut -c1-64) > $layer.id
        done
        printf '{"rootfs": {"diff_ids": [%s, %s]}}' $(cat 0.id) $(cat 1.id) > config.json
        echo '[{"Config": "config.json", "Layers": ["0.tar", "1.tar"]}]' > manifest.json
        tar -czf image.tar.gz manifest.json config.json 0.tar 1.tar"#;
    outside(&project, image);
    project.run(&["rootfs", "import", "image.tar.gz", "--name", "x", "--max-size", "1MiB"]).refused(&["--max-size"]);
    project.run(&["rootfs", "import", "image.tar.gz", "--name", "x", "--max-size", "2MiB"]).ok();
}

#[test]
fn whatever_the_umask_a_root_is_the_caller_s() {
    let project = Project::new();
    archive(&project);
    let mut command = project.outside("sh", &["-c", "umask 777; exec \"$0\" rootfs import tree.tar --name x"]);
    command.arg(binary());
    finish(command).ok();
    assert_eq!(left(&project), ["x"]);
    assert!(holds_all(&list(&project)[0]));
    assert_eq!(fs::metadata(store(&project).join("x/root.json")).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_terminal_shows_how_far_it_has_come_and_keeps_one_line() {
    let project = Project::new();
    let files =
        "mkdir tree; i=0; while [ $i -lt 4000 ]; do echo $i > tree/$i; i=$((i+1)); done; tar -cf tree.tar -C tree .";
    outside(&project, files);
    // Until the pipe ends, it is being read.
    let command = format!("(sleep 0.5; cat tree.tar) | {} rootfs import - --name debian", binary());
    let mut terminal = Terminal::start(&project, "sh", &["-c", &command]);
    terminal.shows("sandbox: importing debian  [");
    terminal.shows("\x1b[K");
    terminal.shows("sandbox: debian: ");
    terminal.shows(" files, 18 KiB");
    assert!(terminal.ends().success());
    let mut quiet = Terminal::start(&project, &binary(), &["rootfs", "import", "tree.tar", "--name", "two", "-q"]);
    assert!(quiet.ends().success());
    assert_eq!(quiet.screen(), "");
    assert_eq!(names(&project), ["debian", "two"]);
}

#[test]
fn without_a_terminal_one_line_is_said_and_quietly_none() {
    let project = Project::new();
    archive(&project);
    let output = import(&project, "tree.tar", "one");
    assert!(output.stderr.starts_with("sandbox: one: ") && output.stderr.lines().count() == 1, "{}", output.stderr);
    let quiet = project.run(&["rootfs", "import", "tree.tar", "--name", "two", "-q"]);
    assert_eq!((quiet.ok().as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn what_is_left_out_is_told_and_kept() {
    let project = Project::new();
    // A device node, as only root could make one, by its header.
    let device = "import tarfile; t = tarfile.open('dev.tar', 'w'); i = tarfile.TarInfo('null'); i.type = tarfile.CHRTYPE; \
                  i.devmajor, i.devminor = 1, 3; t.addfile(i); t.close()";
    finish(project.outside("python3", &["-c", device])).ok();
    import(&project, "dev.tar", "dev").says(&["left out: 1 device node\n"]);
    let left_out = &list(&project)[0]["left_out"];
    assert_eq!((left_out.as_array().unwrap().len(), &left_out[0]["count"]), (1, &1.into()));
}
