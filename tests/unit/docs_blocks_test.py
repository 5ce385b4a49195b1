#!/usr/bin/env python3
# The command blocks of docs/sites.md and the README's job scripts are run: against the real parsers of Copper's
# options, and against stubs of the launchers, which know the options that their manuals have and run the rest. A
# program in them must come after the launch and read below the mount.
#
# usage: docs_blocks_test.py TOP COPPER
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Options by launcher: 1 takes a value, 0 none. What is not here is unknown.
LAUNCHERS = {
    "srun": {"-N": 1, "-n": 1, "-w": 1, "-Q": 0, "--overlap": 0, "--copper": 0},
    "mpiexec": {"-n": 1, "-ppn": 1, "--genv": 1},
    "mpirun": {"--hostfile": 1, "-x": 1, "-n": 1},
    "flux": {"-N": 1, "-n": 1},
    "apptainer": {"--bind": 1},
}
SETS = {"--genv", "-x"}  # NAME=VALUE for the program
STOPS = {"-v": 1, "-H": 1, "--all": 0}

STUB = r"""#!/usr/bin/env python3
import json, os, subprocess, sys
LAUNCHERS, SETS, STOPS = json.loads(os.environ["BLOCK_TABLES"])
COPPER, LOG = os.environ["BLOCK_COPPER"], os.environ["BLOCK_LOG"]
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]

def log(what, **more):
    with open(LOG, "a") as out:
        out.write(json.dumps({"what": what, **more}) + "\n")

def refuse(text):
    log("refused", text=f"{name}: {text}")
    sys.exit(2)

def take(table):
    while words and (words[0].startswith("-") or words[0] == "..."):
        if words[0] == "...":  # what the reader fills in
            words.pop(0)
            continue
        word, _, value = words.pop(0).partition("=")
        if word not in table:
            refuse(f"{word}: unknown")
        if table[word] and not value:
            value = words.pop(0) if words else refuse(f"{word}: needs a value")
        if word in SETS:
            os.environ.update([value.split("=", 1)])
        if word == "--bind":
            os.environ["BLOCK_BINDS"] = os.environ.get("BLOCK_BINDS", "") + value + ","

def behind(path):
    # What a path shows in the container.
    for bind in os.environ.get("BLOCK_BINDS", "").split(","):
        source, _, place = bind.partition(":")
        if place and (path + "/").startswith(place + "/"):
            return source + path[len(place):]
    return path

def program(path):
    # An interpreter on storage or in the view is not here: the stub stands for it.
    log("program", path=behind(path), pythonpath=behind(os.environ.get("PYTHONPATH", "")))
    sys.exit(0)

if name == "launch_copper.sh":
    if "-H" in words:
        at = words.index("-H")
        del words[at:at + 2]
    done = subprocess.run([COPPER, "config", *words], capture_output=True, text=True)
    if done.returncode != 0:
        refuse(done.stderr)
    log("launch")
elif name == "stop_copper.sh":
    take(STOPS)
    log("stop")
elif name == "module":
    log("module")
elif name == "copper" and words[:1] != ["run"]:
    if subprocess.run([COPPER, words[0], "--help"], capture_output=True).returncode != 0:
        refuse(f"{words[0]}: no command")
elif name in ("python3", "app"):
    program(name)
else:
    if name == "copper":
        words.pop(0)
        take({"-v": 1})
    else:
        if name in ("flux", "apptainer") and words.pop(0) not in ("run", "exec"):
            refuse("not a command of it")
        take(LAUNCHERS[name])
        if name == "apptainer":
            words.pop(0)
    if not words:
        refuse("runs nothing")
    if words[0].startswith("/"):
        program(words[0])
    os.execvp(words[0], words)
"""


def blocks(path):
    """(line, heading, text) of each fenced block."""
    heading, start, lines = "", 0, []
    with open(path) as text:
        for number, line in enumerate(text, 1):
            if line.startswith("```"):
                if start:
                    yield start, heading, "".join(lines)
                start, lines = (0, []) if start else (number, [])
            elif start:
                lines.append(line)
            elif line.startswith("#"):
                heading = line.strip("# \n")


class Checker:
    def __init__(self, top, copper, work):
        self.top, self.copper, self.work = top, copper, work
        self.bad, self.ran, self.programs = [], 0, 0
        bin_dir = os.path.join(work, "bin")
        os.mkdir(bin_dir)
        stub = os.path.join(bin_dir, "stub")
        with open(stub, "w") as out:
            # Not "env python3": that is one of the stubs.
            out.write(STUB.replace("/usr/bin/env python3", sys.executable, 1))
        os.chmod(stub, 0o755)
        for name in [*LAUNCHERS, "launch_copper.sh", "stop_copper.sh", "copper", "module", "python3", "app"]:
            os.symlink(stub, os.path.join(bin_dir, name))
        os.symlink("/bin/true", os.path.join(bin_dir, "rsync"))

    def complain(self, where, text):
        self.bad.append(f"{where}: {text}")

    def run_script(self, where, text):
        log = os.path.join(self.work, "log")
        open(log, "w").close()
        environment = {
            "PATH": f"{self.work}/bin:/usr/bin:/bin",
            "USER": "alice", "HOME": self.work, "SLURM_JOB_ID": "17", "SLURM_NNODES": "4",
            "BLOCK_TABLES": json.dumps([LAUNCHERS, sorted(SETS), STOPS]),
            "BLOCK_COPPER": self.copper, "BLOCK_LOG": log,
        }
        if "--copper" in text:  # what the plugin sets
            environment["COPPER_MOUNT"] = "/tmp/alice/copper"
        done = subprocess.run(["bash", "-eu", "-c", text], env=environment, cwd=self.work, text=True,
                              capture_output=True, timeout=60)
        with open(log) as lines:
            events = [json.loads(line) for line in lines]
        self.ran += 1
        for event in events:
            if event["what"] == "refused":
                self.complain(where, event["text"])
        if done.returncode != 0:
            self.complain(where, f"ends with {done.returncode}: {done.stderr}")
        self.judge(where, text, [event for event in events if event["what"] != "module"])

    def judge(self, where, text, events):
        kinds = [event["what"] for event in events]
        uses = "launch" in kinds or "--copper" in text
        for at, event in enumerate(events):
            if event["what"] != "program" or not uses:
                continue
            self.programs += 1
            if "launch" in kinds and "launch" not in kinds[:at]:
                self.complain(where, "a program runs before the launch")
            if not (event["pythonpath"] + event["path"]).startswith("/tmp/alice/copper"):
                self.complain(where, f"a program past the mount: {event}")
        if "stop" in kinds and kinds[-1] != "stop":
            self.complain(where, "something runs after the stop")

    def check_setting(self, where, text):
        prefix = os.path.join(self.work, "prefix")
        for line in text.splitlines():
            shutil.rmtree(prefix, ignore_errors=True)
            os.makedirs(os.path.join(prefix, "etc"))
            os.mkdir(os.path.join(prefix, "bin"))
            shutil.copy(self.copper, os.path.join(prefix, "bin", "copper"))
            with open(os.path.join(prefix, "etc", "copper.conf"), "w") as out:
                out.write(line + "\n")
            done = subprocess.run([os.path.join(prefix, "bin", "copper"), "config"], capture_output=True, text=True)
            self.ran += 1
            if done.returncode != 0:
                self.complain(where, done.stderr)

    def check(self, name, wanted):
        for line, heading, text in blocks(os.path.join(self.top, name)):
            where = f"{name}:{line} ({heading})"
            if not wanted(text) or text.startswith("copper: "):  # output
                continue
            if re.match(r"[a-z_]+ += ", text):
                self.check_setting(where, text)
            elif text.startswith("optional "):
                if "/lib/slurm/spank_copper.so" not in text:
                    self.complain(where, "not where the plugin is installed")
            else:
                self.run_script(where, text)


def main():
    top, copper = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="copper-blocks.") as work:
        checker = Checker(top, copper, work)
        checker.check("docs/sites.md", lambda text: True)
        checker.check("README.md", lambda text: text.startswith(("#!/bin/bash", "launch_copper.sh")))
    for text in checker.bad:
        print(text)
    print(f"{checker.ran} blocks and settings, {checker.programs} programs")
    return 1 if checker.bad or checker.ran < 15 or checker.programs < 8 else 0


sys.exit(main())
