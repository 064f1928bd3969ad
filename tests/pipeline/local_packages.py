# SPDX-License-Identifier: Apache-2.0
"""Small packages of two versions each, and a list of apt's that offers them: gone in the end.

A package's postinst writes down that it ran, and waits where it was told to.  Nothing else on the
machine is touched: apt reads this list in addition to those that it has.  Names are the process's
own, so that two runs on one machine do not meet.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import support

OLD, NEW = "1.0", "1.1"
LISTS = "/etc/apt/sources.list.d"

POSTINST = """#!/bin/sh
echo {version} >> {ran}
echo configuring {version} as $DEBIAN_FRONTEND
[ ! -e {held} ] || until [ -e {let_go} ]; do sleep 0.05; done
"""

# What is pending from here counts as for security, and so has to be done by a date.
RELEASE = """Origin: Fettle
Label: Fettle
Suite: tests-security
Codename: tests
Architectures: all
SHA256:
 {hash} {size} Packages
"""


def dpkg(*arguments):
    """Runs dpkg once nobody else holds its lock."""
    def attempt():
        done = subprocess.run(["dpkg", *arguments], capture_output=True, check=False, text=True)
        assert done.returncode == 0 or "lock" in done.stderr, done.stderr
        return done.returncode == 0
    support.until(attempt, "dpkg's lock")


def own(name):
    """NAME, as only this process calls it."""
    return f"{name}-{os.getpid()}"


def left_of(pid):
    """The names of the packages that a process has left."""
    done = subprocess.run(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package}\n",
                           f"fettle-*-{pid}*"], capture_output=True, check=False, text=True)
    names = [line.split()[-1] for line in done.stdout.splitlines() if not line.startswith("un")]
    return [name for name in names if re.search(rf"-{pid}(-[0-9]+)?$", name)]


def sweep():
    """What a run that was killed has left would make apt complain ever after."""
    for name in os.listdir(LISTS):
        match = re.fullmatch(r"fettle-[a-z-]+-([0-9]+)\.list", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            left = left_of(match[1])
            if left:
                dpkg("--purge", "--force-remove-reinstreq", *left)
            os.unlink(os.path.join(LISTS, name))


class Package:
    """One of them: at which version it is, what ran, and whether its postinst is to wait."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name

    def at(self, suffix):
        return os.path.join(self.directory, f"{self.name}{suffix}")

    def archive(self, version):
        return self.at(f"_{version}_all.deb")

    def state(self):
        """As dpkg says it, "ii 1.0"; empty where it is not installed."""
        done = subprocess.run(["dpkg-query", "--show",
                               "--showformat=${db:Status-Abbrev}${Version}", self.name],
                              capture_output=True, check=False, text=True)
        return done.stdout if done.returncode == 0 and not done.stdout.startswith("un") else ""

    def ran(self):
        """The versions whose postinst ran, in order."""
        try:
            with open(self.at(".ran"), encoding="utf-8") as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def hold(self):
        """From now on its postinst waits until it is let go."""
        support.write_whole(self.at(".held"), "")

    def let_go(self):
        support.write_whole(self.at(".let_go"), "")

    def wait_held(self):
        support.until(lambda: NEW in self.ran(), f"the postinst of {self.name}", state=self.state)

    def forget(self):
        """Nothing of it ran, and nothing is held."""
        for suffix in (".ran", ".held", ".let_go"):
            if os.path.exists(self.at(suffix)):
                os.unlink(self.at(suffix))

    def install_old(self):
        self.forget()
        dpkg("--install", self.archive(OLD))

    def build(self, version):
        """Builds it; its entry in the list of packages."""
        tree = self.at(f".tree-{version}")
        os.makedirs(os.path.join(tree, "DEBIAN"))
        control = (f"Package: {self.name}\nVersion: {version}\nArchitecture: all\n"
                   "Maintainer: Nobody <nobody@example.invalid>\n"
                   "Description: exists for moments only\n")
        support.write_whole(os.path.join(tree, "DEBIAN", "control"), control)
        script = os.path.join(tree, "DEBIAN", "postinst")
        support.write_whole(script, POSTINST.format(
            version=version, ran=self.at(".ran"), held=self.at(".held"),
            let_go=self.at(".let_go")))
        os.chmod(script, 0o755)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree,
                        self.archive(version)], check=True, capture_output=True)
        with open(self.archive(version), "rb") as file:
            data = file.read()
        return (f"{control}Filename: ./{os.path.basename(self.archive(version))}\n"
                f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n")


class Repository:
    """Packages by name; apt knows both versions of each.  `remove` leaves nothing.  Each name is one
    that `own` gave."""

    def __init__(self, names):
        sweep()
        self.directory = tempfile.mkdtemp(prefix="fettle-packages-")
        os.chmod(self.directory, 0o755)
        self.list = os.path.join(LISTS, own("fettle-tests") + ".list")
        self.packages = {name: Package(self.directory, name) for name in names}
        try:
            self.offer()
        except BaseException:
            self.remove()
            raise

    def __getitem__(self, name):
        return self.packages[name]

    def offer(self):
        entries = "".join(package.build(version) for package in self.packages.values()
                          for version in (OLD, NEW))
        data = entries.encode()
        support.write_whole(os.path.join(self.directory, "Packages"), entries)
        support.write_whole(os.path.join(self.directory, "Release"), RELEASE.format(
            hash=hashlib.sha256(data).hexdigest(), size=len(data)))
        support.write_whole(self.list, f"deb [trusted=yes] file:{self.directory} ./\n")
        subprocess.run(["apt-get", "update", "-o", f"Dir::Etc::sourcelist={self.list}",
                        "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"],
                       check=True, capture_output=True)

    def install_old(self):
        """All of them, at once."""
        for package in self.packages.values():
            package.forget()
        dpkg("--install", *(package.archive(OLD) for package in self.packages.values()))

    def purge(self):
        """Uninstalls them, in whatever state they are."""
        for package in self.packages.values():
            package.let_go()
        left = [name for name, package in self.packages.items() if package.state()]
        if left:
            dpkg("--purge", "--force-remove-reinstreq", *left)

    def remove(self):
        self.purge()
        if os.path.exists(self.list):
            os.unlink(self.list)
        # In these names apt writes what is special as a number: "_" as "%5f".
        own = self.directory.replace("_", "%5f").replace("/", "_")
        for path in glob.glob(f"/var/lib/apt/lists/{own}*"):
            os.unlink(path)
        shutil.rmtree(self.directory, ignore_errors=True)
