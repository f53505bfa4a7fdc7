//! What is worked on: a C project to build, and a large tree under git. Made anew each time, always the same.

use crate::Result;
use crate::measure::Named;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

const FUNCTIONS: usize = 40;
const IN_EACH_DIRECTORY: usize = 100;

/// So many files of some three hundred lines, each of which includes what most C files include, and a Makefile.
pub fn c(at: &Path, sources: usize) -> Result<()> {
    fs::create_dir_all(at)?;
    let mut main = String::new();
    let mut calls = String::new();
    for file in 0..sources {
        let mut text = String::from(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <errno.h>\n#include <unistd.h>\n",
        );
        for function in 0..FUNCTIONS {
            let turns = 3 + (file * 7 + function * 3) % 11;
            write!(
                text,
                "\nstatic long step_{function}(long x)\n{{\n    for (int i = 0; i < {turns}; i++)\n        x = x * {} + (x >> 3) % (i + {});\n    return x;\n}}\n",
                2 * function + 3,
                function + 1
            )?;
        }
        writeln!(text, "\nlong file_{file}(long x)\n{{")?;
        (0..FUNCTIONS).try_for_each(|function| writeln!(text, "    x = step_{function}(x);"))?;
        text.push_str("    return x;\n}\n");
        fs::write(at.join(format!("file_{file}.c")), text)?;
        writeln!(main, "long file_{file}(long);")?;
        writeln!(calls, "    x = file_{file}(x);")?;
    }
    fs::write(
        at.join("main.c"),
        format!(
            "#include <stdio.h>\n{main}\nint main(void)\n{{\n    long x = 1;\n{calls}    printf(\"%ld\\n\", x);\n    return 0;\n}}\n"
        ),
    )?;
    let makefile = "CFLAGS = -O1\nobjects = $(patsubst %.c,%.o,$(wildcard *.c))\nprogram: $(objects)\n\t$(CC) -o $@ $^\nclean:\n\trm -f *.o program\n";
    Ok(fs::write(at.join("Makefile"), makefile)?)
}

/// So many small files, a hundred in each directory, all committed.
pub fn tree(at: &Path, files: usize) -> Result<()> {
    for file in 0..files {
        let directory = at.join(format!("{:03}", file / IN_EACH_DIRECTORY));
        if file % IN_EACH_DIRECTORY == 0 {
            fs::create_dir_all(&directory)?;
        }
        fs::write(directory.join(format!("{file}.txt")), format!("file {file}\n"))?;
    }
    // Files as old as the index are read by each git status, in case they changed within that second.
    thread::sleep(Duration::from_millis(1100));
    let at = at.display().to_string();
    let name = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"];
    for words in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "tree"], &["status", "--porcelain"]] {
        Named::new("git", [&["git", "-C", &at][..], &name, words].concat()).output()?;
    }
    Ok(())
}
