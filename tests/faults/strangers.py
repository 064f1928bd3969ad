#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""strangers - a gateway under attack, while an agent of its own delivers.

A number of strangers a second, each after another fashion: no CURVE, keys that nobody admitted,
revoked keys, user ids of their own making, a recording of an agent's session played again,
handshakes that hang, frames without end; 500 that hang or stuff their handshake at any time; and
agents whose keys are admitted and which have turned: messages that do not end, messages of a
thousand parts, frames too long.  Others come to the port where machines enrol (doorstep.py).

None of the strangers may get in; the honest agent's every fact must come, and its link must answer
throughout; honest machines must be able to enrol; the gateway may never take more than 256 MiB and
64 KiB an agent.

    strangers.py --build build/dev [--seconds 60] [--rate 200]
"""
import argparse
import asyncio
import collections
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import doorstep
import kill
import zmtp

MIB = 1 << 20
TURNED = ("endless_message", "endless_crumbs", "slow_endless", "many_parts", "two_parts", "too_long")
AGENTS = 2 + len(TURNED)  # with the generator, and the one that is asked after its health
BOUND = 256 * MIB + AGENTS * 64 * 1024
HANGING = 500
FACTS_A_SECOND = 100
PATIENCE_S = 8     # of a stranger
PULSE_S = 0.05
SILENCE_MAX_S = 5  # of a link that is served throughout, on a busy machine


class Attack:
    def __init__(self, system, arguments):
        self.system, self.arguments = system, arguments
        self.port = int(system.gateway.rsplit(":", 1)[1])
        with open(os.path.join(system.data, "keys/server.pub"), encoding="ascii") as key:
            self.server_key = zmtp.z85_decode(key.read().strip())
        self.pulse_pair, self.revoked_pair = zmtp.key_pair(), zmtp.key_pair()
        self.turned_pairs = {name: zmtp.key_pair() for name in TURNED}
        self.recording = b""
        self.let_in, self.tried = [], collections.Counter()
        self.turned_sent = 0
        self.end = time.monotonic() + arguments.seconds
        self.doorstep = doorstep.Doorstep(int(system.enrolment.rsplit(":", 1)[1]),
                                          self.server_key, self.is_over)
        self.machines = doorstep.Machines(system, self.is_over)

    def admit_all(self):
        pairs = [self.pulse_pair, self.revoked_pair, *self.turned_pairs.values()]
        files = [os.path.join(self.system.directory, f"{i}.pub") for i in range(len(pairs))]
        for path, pair in zip(files, pairs):
            with open(path, "w", encoding="ascii") as file:
                file.write(zmtp.z85_encode(pair[0]) + "\n")
        subprocess.run([self.system.fettle, "--data", self.system.data, "agents", "admit", *files],
                       check=True, stderr=subprocess.DEVNULL)
        revoke(self.system.data, self.revoked_pair[0])

    async def dial(self):
        return await zmtp.Peer.dial(self.port)

    # ---- strangers: each ends, or is ended ----

    async def no_mechanism(self, peer, name=b"NULL"):
        """Says who it is in the clear, and goes on at once."""
        await peer.send(zmtp.greeting(name))
        await peer.send(zmtp.frame(b"\x05READY" + zmtp.dealer((b"User-Id", self.forged())),
                                   zmtp.COMMAND) + zmtp.frame(zmtp.link_hello()))
        await peer.until_ended()

    async def plain(self, peer):
        await peer.send(zmtp.greeting(b"PLAIN") + zmtp.frame(b"\x05HELLO\x05admin\x05admin",
                                                             zmtp.COMMAND))
        await peer.until_ended()

    async def curve_in_the_clear(self, peer):
        await self.no_mechanism(peer, b"CURVE")

    async def unknown_key(self, peer, *metadata):
        await peer.curve(self.server_key, zmtp.key_pair(), zmtp.dealer(*metadata))
        self.let_in.append("unknown key")

    async def revoked_key(self, peer):
        await peer.curve(self.server_key, self.revoked_pair)
        self.let_in.append("revoked key")

    async def forged_id(self, peer):
        await self.unknown_key(peer, (b"User-Id", self.forged()))

    async def stolen_public_key(self, peer):
        """An admitted agent's public key, without the secret one."""
        await peer.curve(self.server_key, (self.pulse_pair[0], zmtp.key_pair()[1]))
        self.let_in.append("stolen public key")

    async def replay(self, peer):
        await peer.send(self.recording)
        await peer.until_ended()

    async def garbage(self, peer):
        await peer.send(random.randbytes(random.randrange(1, 4096)))
        await peer.until_ended()

    async def garbled_handshake(self, peer):
        await peer.send(zmtp.greeting(b"CURVE"))
        hello = bytearray(peer.hello(self.server_key))
        hello[random.randrange(len(hello))] ^= 1 << random.randrange(8)
        await peer.send(bytes(hello))
        await peer.until_ended()

    async def http(self, peer):
        await peer.send(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await peer.until_ended()

    async def giant_frame(self, peer):
        await peer.send(zmtp.greeting(b"CURVE") + bytes([zmtp.COMMAND | zmtp.LONG])
                        + struct.pack(">Q", 1 << 40) + bytes(65536))
        await peer.until_ended()

    async def loris(self, peer):
        for byte in zmtp.greeting(b"CURVE") + peer.hello(self.server_key):
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.1)  # its manner

    # ---- those that hang ----

    async def hang_at_once(self, peer):
        await peer.until_ended()

    async def hang_after_hello(self, peer):
        await peer.send(zmtp.greeting(b"CURVE") + peer.hello(self.server_key))
        await peer.until_ended()

    async def stuff_handshake(self, peer):
        """A command as long as a frame may be, but for its last byte."""
        await peer.send(zmtp.greeting(b"CURVE") + bytes([zmtp.COMMAND | zmtp.LONG])
                        + struct.pack(">Q", 128 * 1024) + bytes(128 * 1024 - 1))
        await peer.until_ended()

    def forged(self):
        return os.urandom(16).hex().encode()

    async def once(self, manner):
        self.tried[manner.__name__] += 1
        try:
            peer = await self.dial()
        except OSError:
            return
        try:
            await asyncio.wait_for(manner(peer), PATIENCE_S)
        except (zmtp.Refused, OSError, asyncio.TimeoutError):
            pass
        finally:
            peer.close()

    def is_over(self):
        return time.monotonic() >= self.end

    async def strangers(self):
        manners = (self.no_mechanism, self.plain, self.curve_in_the_clear, self.unknown_key,
                   self.revoked_key, self.forged_id, self.stolen_public_key, self.replay, self.garbage,
                   self.garbled_handshake, self.http, self.giant_frame, self.loris)
        begin, tasks, count = time.monotonic(), [], 0
        while not self.is_over():
            while count < (time.monotonic() - begin) * self.arguments.rate:
                tasks.append(asyncio.create_task(self.once(manners[count % len(manners)])))
                count += 1
            await asyncio.sleep(0.02)  # the rate is what is tested
        await asyncio.gather(*tasks)

    async def hangers(self, manner):
        while not self.is_over():
            await self.once(manner)
            await asyncio.sleep(0.5)  # the machine is shared

    # ---- agents that have turned ----

    async def as_turned(self, name):
        manner = getattr(self, name)
        while not self.is_over():
            try:
                peer = await self.dial()
                await asyncio.wait_for(peer.curve(self.server_key, self.turned_pairs[name]),
                                       PATIENCE_S)
                self.tried[name] += 1
                await asyncio.wait_for(manner(peer), PATIENCE_S)
            except (zmtp.Refused, OSError, asyncio.TimeoutError):
                await asyncio.sleep(0.05)  # as any client would

    async def endless_message(self, peer):
        await peer.send(peer.message(zmtp.link_hello()))
        while not self.is_over():
            await peer.send(peer.message(bytes(60000), more=True))
            self.turned_sent += 60000

    async def endless_crumbs(self, peer):
        """The same of parts of 1 byte, which take the most memory for what they are."""
        while not self.is_over():
            await peer.send(b"".join(peer.message(b"x", more=True) for _ in range(500)))
            self.turned_sent += 500

    async def slow_endless(self, peer):
        while not self.is_over():
            await peer.send(peer.message(bytes(4000), more=True))
            self.turned_sent += 4000
            await asyncio.sleep(0.01)  # its manner

    async def many_parts(self, peer):
        while not self.is_over():
            await peer.send(b"".join(peer.message(b"part", more=True) for _ in range(1000))
                            + peer.message(b"end"))

    async def two_parts(self, peer):
        await peer.send(peer.message(b"one", more=True) + peer.message(b"two"))
        await peer.until_ended()

    async def too_long(self, peer):
        await peer.send(peer.message(bytes(200 * 1024)))
        await peer.until_ended()

    async def record(self):
        """The bytes of one whole session of an admitted agent, once the gateway knows it."""
        deadline = time.monotonic() + kill.DEADLINE_S
        while not self.recording:
            peer = await self.dial()
            try:
                self.recording = await asyncio.wait_for(self.recorded(peer), PATIENCE_S)
            except (zmtp.Refused, OSError) as refusal:
                if time.monotonic() > deadline:
                    raise kill.Failure("an admitted key is refused") from refusal
                await asyncio.sleep(0.05)  # as any client would
            finally:
                peer.close()

    async def recorded(self, peer):
        sent, send = [], peer.send

        async def listen(data):
            sent.append(data)
            await send(data)
        peer.send = listen
        await peer.curve(self.server_key, self.pulse_pair)
        await peer.send(peer.message(zmtp.link_hello()))
        await peer.receive_message()
        return b"".join(sent)

    async def run(self):
        hanging = (self.hang_at_once, self.hang_after_hello, self.stuff_handshake)
        await asyncio.gather(
            self.strangers(), self.machines.run(), *(self.as_turned(name) for name in TURNED),
            *(self.hangers(hanging[i % len(hanging)]) for i in range(HANGING)))


class Pulse:
    """An honest agent's link, asked after its health all the time: how long each answer takes."""

    def __init__(self, attack):
        self.attack = attack
        self.round_trips, self.pauses = [], []
        self.last = time.monotonic()

    async def session(self):
        peer = await self.attack.dial()
        await peer.curve(self.attack.server_key, self.attack.pulse_pair)
        await peer.send(peer.message(zmtp.link_hello()))
        number = zmtp.link_session(await peer.receive_message())
        while not self.attack.is_over():
            begin = time.monotonic()
            await peer.send(peer.message(zmtp.link_ping(number)))
            await peer.receive_message()
            self.round_trips.append(time.monotonic() - begin)
            self.pauses.append(time.monotonic() - self.last)
            self.last = time.monotonic()
            await asyncio.sleep(PULSE_S)  # the pulse

    async def run(self):
        left = self.attack.end - time.monotonic()
        while left > 0:
            try:
                await asyncio.wait_for(self.session(), left)
            except (zmtp.Refused, OSError, asyncio.TimeoutError):
                await asyncio.sleep(0.05)  # as any client would
            left = self.attack.end - time.monotonic()
        self.pauses.append(time.monotonic() - self.last)


def at_the_doorstep(attack, results):
    """In a process of its own, so that what it tries is tried at the rate that it should."""
    asyncio.run(attack.doorstep.run())
    results.send(attack.doorstep.results())


def pulse(attack, results):
    """In a process of its own: the attackers' must not make it wait."""
    beat = Pulse(attack)
    asyncio.run(beat.run())
    results.send((beat.round_trips, beat.pauses))


def revoke(data, public_key):
    """By the log's local socket: proto/control.proto's member order, revoke."""
    agent = hashlib.blake2b(public_key, digest_size=16).digest()
    request = zmtp.field(3, b"\x08\x02" + zmtp.field(2, agent) + zmtp.field(3, b"it left"))
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.path.join(data, "control.sock"))
        control.sendall(struct.pack(">I", len(request)) + request)
        answer = control.recv(4096)
    if answer[4:6] != b"\x08\x00":
        raise kill.Failure(f"a key was not revoked: {answer}")


def memory(pid):
    """(bytes at its largest, and now)"""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status if ":" in line)
    return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))


def is_sanitized(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return "libasan" in maps.read()


def judge(attack, system, facts, round_trips, pauses):
    complaints = []
    peak, now = memory(system.running["gateway"].pid)
    trips, longest = sorted(round_trips), max(pauses)
    appended = system.status()["log"]["appended"]
    print(f"{sum(attack.tried.values())} attempts in {attack.arguments.seconds} s, "
          f"{len(attack.let_in)} let in; memory at most {peak / MIB:.0f} MiB "
          f"of {BOUND / MIB:.0f}, {now / MIB:.0f} at the end")
    if trips:
        print(f"an honest link answered {len(trips)} times, in {trips[len(trips) // 2] * 1e3:.1f} "
              f"ms (median), {trips[len(trips) * 99 // 100] * 1e3:.0f} ms (99 %); longest "
              f"without an answer {longest:.2f} s; {facts} facts came")
    for what in sorted(set(attack.let_in)):
        complaints.append(f"let in: {what}")
    if not is_sanitized(system.running["gateway"].pid) and peak > BOUND:
        complaints.append("memory is beyond the bound")
    if longest > SILENCE_MAX_S:
        complaints.append("an honest agent was not served throughout")
    if appended < facts:
        complaints.append(f"only {appended} of {facts} facts came")
    if attack.turned_sent > attack.arguments.seconds * 1024 * MIB:
        complaints.append("endless messages were let be")
    return complaints + attack.doorstep.complaints(attack.machines)


def start(system):
    for role in ("log", "gateway"):
        system.start(role)
    kill.wait_until("the server's key", lambda: os.path.exists(
        os.path.join(system.data, "keys/server.pub")))
    kill.wait_until("the log", lambda: (system.status() or {}).get("log") is not None)


def apart(work, attack):
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=work, args=(attack, theirs))
    process.start()
    return process, mine


def run(system, arguments):
    facts = FACTS_A_SECOND * arguments.seconds
    start(system)
    attack = Attack(system, arguments)
    attack.admit_all()
    attack.machines.invite()
    asyncio.run(attack.record())
    system.start("generator", facts, FACTS_A_SECOND)
    system.admit(os.path.dirname(system.journal))
    attack.end = time.monotonic() + arguments.seconds
    beating, pulses = apart(pulse, attack)
    enrolling, tries = apart(at_the_doorstep, attack)
    asyncio.run(attack.run())
    round_trips, pauses = pulses.recv()
    attack.doorstep.take_results(tries.recv())
    beating.join()
    enrolling.join()
    generator = system.running["generator"]
    kill.wait_until("the honest agent's end", lambda: generator.poll() is not None)
    if generator.returncode != 0:
        raise kill.Failure(f"the honest agent ended with {generator.returncode}")
    complaints = judge(attack, system, facts, round_trips, pauses)
    for role in ("gateway", "log"):
        system.running[role].send_signal(signal.SIGTERM)
        if system.running[role].wait(kill.DEADLINE_S) != 0:
            complaints.append(f"{role} did not end well")
    if complaints:
        raise kill.Failure("; ".join(complaints))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200, help="strangers a second")
    arguments = parser.parse_args()
    system = kill.System(os.path.abspath(arguments.build), enrols=True)
    try:
        run(system, arguments)
    except kill.Failure as failure:
        print(f"failed: {failure}; everything is kept in {system.directory}")
        return 1
    finally:
        system.end()
    shutil.rmtree(system.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
