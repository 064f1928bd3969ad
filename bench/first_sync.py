#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""first_sync - what like machines send until a server knows all of them.

This machine's facts are taken once; each synthetic machine has them all, its own host name,
machine id, addresses, sockets and host keys, and other values under some of the other keys, spread
over all of them (--own in a thousand).  They come in waves, and each wave is over when the server
knows every fact of every machine.  At the end some more machines send every value whole, which is
what the first are held against.  Bytes are the kernel's count of what their connections sent.

    first_sync.py --build build/release [--machines 1000] [--wave 50] [--own 20]
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TICKS_S = os.sysconf("SC_CLK_TCK")
OWN = ("os/host", "os/machine", "file/etc/hostname", "file/etc/hosts", "file/etc/machine-id",
       "file/etc/ssh/ssh_host", "file/etc/resolv.conf", "listen/", "address/")
GOAL = 0.1
STATUS = {"present": 1, "absent": 2, "unreadable": 3, "truncated": 4, "failed": 5}
MADE_UP = {"address/eth0": "addresses", "address/eth1": "addresses", "listen/tcp/10.0.0.1:22":
           "sockets", "listen/tcp/10.0.0.1:5432": "sockets", "listen/udp/10.0.0.1:53": "sockets"}


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Server:
    def __init__(self, arguments, directory):
        self.fettle = os.path.join(arguments.build, "fettle")
        self.directory, self.data = directory, os.path.join(directory, "server")
        self.endpoint, agents, readers, verdicts = (f"tcp://127.0.0.1:{port}"
                                                    for port in free_ports(4))
        config = os.path.join(directory, "fettle.yaml")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"gateway: {{listen: '{self.endpoint}', log: '{agents}', readers: '{readers}', enrolment: ''}}\n"
                      f"log: {{agents: '{agents}', readers: '{readers}'}}\n"
                      f"processor: {{log: '{readers}', verdicts: '{verdicts}'}}\n"
                      f"sink: {{processor: '{verdicts}'}}\n"
                      "inventory: {announce_after: 200ms}\n")
        self.key = os.path.join(self.data, "keys", "server.pub")
        with open(os.path.join(directory, "server.log"), "wb") as log:
            self.roles = [subprocess.Popen([self.fettle, "--data", self.data, "--config", config,
                                            role], stderr=log)
                          for role in ("log", "processor", "sink", "gateway")]
        while not os.path.exists(self.key):
            self.check()
            time.sleep(0.01)

    def check(self):
        assert all(role.poll() is None for role in self.roles), "a part of the server ended"

    def ask(self, *arguments):
        return subprocess.run([self.fettle, "--data", self.data, *arguments],
                              capture_output=True, check=True).stdout

    def known(self, facts):
        """How many machines the server knows every fact of."""
        rows = self.ask("assets", "list", "--limit", "0", "--format", "ndjson").splitlines()
        return sum(json.loads(row)["facts"] == facts for row in rows)

    def cpu_s(self):
        ticks = 0
        for role in self.roles:
            with open(f"/proc/{role.pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_S

    def stop(self):
        for role in self.roles:
            role.terminate()
        for role in self.roles:
            role.wait()


def observe(arguments, directory):
    """This machine's facts, as `fettle facts` gives them."""
    fettle, data = os.path.join(arguments.build, "fettle"), os.path.join(directory, "observed")
    subprocess.run([fettle, "--data", data, "scan"], capture_output=True, check=False)

    def ask(*command):
        return [json.loads(line) for line in subprocess.run(
            [fettle, "--data", data, *command, "--limit", "0", "--format", "ndjson"],
            capture_output=True, check=True).stdout.splitlines()]
    return ask("facts", ask("assets", "list")[0]["asset_id"])


def columns(fact):
    key = fact["key"]
    yield fact["collector"]
    yield "1" if key.startswith(OWN) else "0"
    yield str(STATUS[fact["status"]])
    yield key.encode().hex()
    for name, value in list((fact["value"] or {}).items())[:15]:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        text = value if isinstance(value, str) else json.dumps(value)
        yield from (name, "n" if is_number else "t", text.encode().hex())


def write_facts(facts, path):
    facts = facts + [{"key": key, "collector": collector, "status": "present",
                      "value": {"address": "10.0.0.1", "uid": 0}}
                     for key, collector in MADE_UP.items()]
    unique = {fact["key"]: fact for fact in facts}
    rows = sorted(unique.values(), key=lambda fact: (fact["collector"], fact["key"].split("/")[0],
                                                     fact["key"].encode()))
    with open(path, "w", encoding="ascii") as out:
        for fact in rows:
            out.write("\t".join(columns(fact)) + "\n")
    return len(rows)


def sync(arguments, server, directory, facts, first, count, *more):
    """Bytes sent by COUNT machines from FIRST on, until the server knows all there are."""
    machines = subprocess.Popen(
        [os.path.join(arguments.build, "bench", "fettle-machines"), "--server", server.endpoint,
         "--server-key", server.key, "--directory", os.path.join(directory, "machines"),
         "--facts", os.path.join(directory, "facts"), "--first", str(first), "--count",
         str(count), "--own", str(arguments.own), *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert machines.stdout.readline() == b"ready\n", "the machines did not begin"
    server.ask("agents", "admit", *(os.path.join(directory, "machines", str(number), "keys",
                                                 "agent.pub")
                                    for number in range(first, first + count)))
    while server.known(facts) < first + count - 1:
        assert machines.poll() is None, "the machines ended"
        server.check()
        time.sleep(0.2)
    out, _ = machines.communicate(b"\n")
    shutil.rmtree(os.path.join(directory, "machines"))
    return int(out)


def run(arguments, directory):
    facts = write_facts(observe(arguments, directory), os.path.join(directory, "facts"))
    server = Server(arguments, directory)
    sent, begun, at = 0, time.monotonic(), 1
    try:
        while at <= arguments.machines:
            count = min(arguments.wave, arguments.machines - at + 1)
            wave = sync(arguments, server, directory, facts, at, count)
            sent, at = sent + wave, at + count
            print(f"  {at - 1} machines: {sent / (at - 1) / 1000:.1f} kB each so far, "
                  f"the last {count} {wave / count / 1000:.1f} kB", file=sys.stderr)
        took, cpu = time.monotonic() - begun, server.cpu_s()
        whole = sync(arguments, server, directory, facts, at, arguments.whole,
                     "--whole") / arguments.whole
    finally:
        server.stop()
    ratio = sent / arguments.machines / whole
    print(f"first sync of {arguments.machines} machines of {facts} facts, {arguments.own / 10} % "
          f"of them their own: {sent / 1e6:.1f} MB, {sent / arguments.machines / 1000:.1f} kB "
          f"each; every value whole {whole / 1000:.1f} kB each ({arguments.whole} machines)")
    print(f"ratio {ratio:.3f} (goal {GOAL}); {took:.0f} s, of which the server worked {cpu:.0f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--wave", type=int, default=50)
    parser.add_argument("--own", type=int, default=20)
    parser.add_argument("--whole", type=int, default=20)
    parser.add_argument("--directory", default=None)
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="fettle-bench-", dir=arguments.directory)
    try:
        run(arguments, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
