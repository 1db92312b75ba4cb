#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs what is in examples/.

    examples.py PROGRAM [NAME ...]

NAME is a row of examples/README.md, or workflows or environment.  Without any,
all are run whose tools are there, and one line names the others.  Each command
must succeed; and fail with a fakesmtp that drops the rules of --on and has no
mail taken, so that an example which tests nothing is found.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

program = os.path.abspath(sys.argv[1])
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples")
rows = {name: (needs, [re.sub(r"^`|`$", "", c.strip()) for c in commands.split(" | ")])
        for name, needs, commands in re.findall(r"^\| \[(\w+)\].*? \| (\w+) \| (.*) \|$", open(folder + "/README.md").read(), re.M)}

BROKEN = """#!/bin/sh
case " $* " in *' -r '*) exec %(program)s "$@" --match 'subject: ^none$' ;; esac
n=$# ours=yes
while [ $n -gt 0 ]; do
    n=$((n - 1))
    if [ "$ours$1" = yes--on ]; then shift 2; n=$((n - 1)); continue; fi
    [ "$1" != -- ] || ours=no
    set -- "$@" "$1"
    shift
done
exec %(program)s --on 'data: 550 broken' "$@"
"""


def run(command, place, fakesmtp, **more):
    """The status and the output of a command in a place, with this program in PATH."""
    tools = tempfile.mkdtemp(dir=os.path.dirname(place))
    os.symlink(fakesmtp, os.path.join(tools, "fakesmtp"))
    env = {k: v for k, v in os.environ.items() if not re.match("SMTP_|FAKESMTP_|MAKE|MFLAGS", k)}
    env.update(more, PATH=tools + ":" + env["PATH"])
    with open(place + ".out", "w+", errors="replace") as out:  # no pipe: a server in the background keeps it open
        done = subprocess.run(["sh", "-ec", command], cwd=place, env=env, timeout=900, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        out.seek(0)
        return done.returncode, out.read()


def must(good, command, place, fakesmtp, **more):
    status, output = run(command, place, fakesmtp, **more)
    if (status == 0) != good:
        sys.exit("%s: %s: status %d\n%s" % (os.path.basename(place), command, status, output))


def run_row(top, name):
    place = os.path.join(top, name)
    shutil.copytree(os.path.join(folder, name), place)
    if rows[name][0] == "npm" and run("npm install", place, program)[0] != 0:
        return False
    for command in rows[name][1]:
        must(True, command, place, program)
        must(False, command, place, os.path.join(top, "broken"))
    return True


def run_workflows(top):
    """The commands of the CI files in their order, where make test sends a mail; and the options in the last one."""
    import yaml
    for name in os.listdir(os.path.join(folder, "..", ".github", "workflows")):
        for job in yaml.safe_load(open(os.path.join(folder, "..", ".github", "workflows", name)))["jobs"].values():
            assert job["runs-on"] and job["steps"], name
    place = os.path.join(top, "workflows")
    os.mkdir(place)
    with open(os.path.join(place, "Makefile"), "w") as f:
        f.write("test:\n\t@printf 'Subject: Welcome\\n\\nHello\\n' | curl -sS --crlf $$SMTP_URL --mail-from a@x.test --mail-rcpt b@x.test -T -\n")
    github, gitlab, compose = (yaml.safe_load(open(os.path.join(folder, f))) for f in
                               ("github-actions.yml", "gitlab-ci.yml", "compose.yml"))
    steps = [s["run"] for s in github["jobs"]["test"]["steps"] if "run" in s and "apt-get" not in s["run"]]
    # each step has in its environment what the file says
    load = "touch env; set -a; . ./env; set +a; "
    try:
        for step in steps:
            must(True, load + step, place, program, GITHUB_ENV="env")
    finally:
        run(load + 'kill "$FAKESMTP_PID"', place, program)
    for step in gitlab["test"]["script"]:
        must(True, step, place, program)
    must(True, "set -f; fakesmtp %s --version" % compose["services"]["smtp"]["command"], place, program)


def run_environment(top):
    """Each line with a command in the place of that after --, which shows that its variables are set."""
    place = os.path.join(top, "environment")
    os.mkdir(place)
    lines = re.findall(r"^```sh\n(.*?)\n```$", open(os.path.join(folder, "environment.md")).read(), re.M | re.S)
    assert len(lines) == 9, lines
    for line in lines:
        options, command = line.split(" -- ", 1)
        names = re.findall(r"--env (\w+)=", options)
        checks = ["printenv %s" % n for n in names] + ["test -x $FAKESMTP_SENDMAIL"] * ("--sendmail" in options)
        missing = set(re.findall(r"\$(SMTP_\w+)", command)) - {"SMTP_HOST", "SMTP_PORT", "SMTP_URL"}
        if missing:
            sys.exit("no such variable: %s" % missing)
        must(True, options + " -- sh -ec '%s'" % "; ".join(checks or [":"]), place, program)


kinds = {"workflows": ("curl", run_workflows), "environment": ("sh", run_environment)}
kinds.update({name: (needs, lambda top, name=name: run_row(top, name)) for name, (needs, _) in rows.items()})
asked = sys.argv[2:] or list(kinds)
absent = []
with tempfile.TemporaryDirectory() as top:
    with open(os.path.join(top, "broken"), "w") as f:
        f.write(BROKEN % {"program": program})
    os.chmod(os.path.join(top, "broken"), 0o755)
    for name in asked:
        needs, function = kinds[name]
        if shutil.which(needs) and function(top) is not False:
            print("examples: %s" % name, flush=True)
        elif sys.argv[2:]:
            sys.exit("%s needs %s%s" % (name, needs, " and its registry" * (needs == "npm")))
        else:
            absent.append("%s (%s)" % (name, needs))
if absent:
    print("examples: not run, as their tool, or its registry, is absent: " + ", ".join(absent))
