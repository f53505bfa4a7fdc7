#!/usr/bin/env python3
"""Compiles a C submission and runs it on every test: prints a verdict per test, exits 0 if all are "ok".

    grade.py [--time 2s] [--memory 256MiB] SUBMISSION.c TESTS      TESTS/1.in is the input, TESTS/1.out the answer, and so on

Neither the compiler nor the program sees anything of the caller's: profile `strict`. What happened is read from the
report; an exit code could be the program's own. Without a report there is no verdict, and none against a submission
that the host could not run: that is an error of the grader, exit code 2.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SANDBOX = os.environ.get("SANDBOX", "sandbox")


def run(work: Path, *options: str) -> dict:
    """One run of the sandbox: its report."""
    report = work / "report.json"
    report.unlink(missing_ok=True)
    # A host that gives no cgroup (a container) runs without the limit on memory. A real grader leaves "prefer" out, and
    # sees to its host: an answer must not depend on where it was asked.
    command = [SANDBOX, "-q", "--profile", "strict", "--cgroup", "prefer", "--report", report]
    subprocess.run([*command, *options], check=False)
    if not report.exists():
        sys.exit(2)  # no report, no verdict
    return json.loads(report.read_text())


def compile_c(work: Path, source: Path) -> dict:
    """Source in, program out: the compiler too is kept from everything else, such as an #include of the answers."""
    (work / "bin").mkdir()
    return run(
        work, "--ro", f"{source.resolve()}:/box/main.c", "--rw", f"{work}/bin:/box/bin",
        "--stdin", "/dev/null", "--", "cc", "-O2", "-o", "bin/main", "main.c", "-lm",
    )  # fmt: skip


def run_test(work: Path, test: Path, time: str, memory: str) -> dict:
    """The program on one input. Its time is CPU time: other load on the host costs it none. One that only sleeps meets
    the wall-clock limit of `strict`."""
    return run(
        work, "--ro", f"{work}/bin/main:/box/main", "--output", "1MiB", "--memory", memory,
        "--cpu-time", time, "--extra-time", "200ms",
        "--stdin", str(test), "--stdout", f"{work}/out", "--stderr", "/dev/null", "--", "./main",
    )  # fmt: skip


def verdict(report: dict, output: Path, answer: Path) -> str:
    """The statuses are a closed set: one that is not here is not the submission's fault."""
    match report["status"]:
        case "exited" if report["exit_code"] != 0:
            return f"run-time error: exit code {report['exit_code']}"
        case "exited":
            return "ok" if output.read_bytes().split() == answer.read_bytes().split() else "wrong answer"
        case "signaled":
            return f"crash: signal {report['signal']}"
        case "cpu-timeout" | "wall-timeout":
            return "time limit"
        case "out-of-memory":
            return "memory limit"
        case "output-limit":
            return "output limit"
    sys.exit(2)  # `sandbox` has said why, on stderr


def main() -> None:
    arguments = argparse.ArgumentParser(description="Grades a C submission.")
    arguments.add_argument("--time", default="2s", help="limit on the CPU time of one test")
    arguments.add_argument("--memory", default="256MiB", help="limit on the memory of one test")
    arguments.add_argument("submission", type=Path)
    arguments.add_argument("tests", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        compiled = verdict(compile_c(work, given.submission), Path(os.devnull), Path(os.devnull))
        if compiled != "ok":
            sys.exit("compile error")
        verdicts = []
        for test in sorted(given.tests.glob("*.in")):
            report = run_test(work, test, given.time, given.memory)
            verdicts.append(verdict(report, work / "out", test.with_suffix(".out")))
            print(f"{test.stem}: {verdicts[-1]} ({report['wall_time_us'] // 1000} ms)", flush=True)
        sys.exit(any(each != "ok" for each in verdicts))


if __name__ == "__main__":
    main()
