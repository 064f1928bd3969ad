# SPDX-License-Identifier: Apache-2.0
"""Strangers at the port where machines enrol, each fashion from an address of its own, while honest
machines come one after the other and must all be let in.

Any key gets through the handshake there, so what is tried goes further than at the agents' port:
messages without an end, 500 that connect and say nothing, 500 that say nothing after the handshake,
wrong secrets at 50 a second, and wrong secrets one after the other by the same connection.
"""
import asyncio
import collections
import os
import random
import subprocess
import time

import zmtp

GUESSES_A_SECOND = 50
SILENT = 500
PATIENCE_S = 8
FAR_TOO_MUCH = 256 * 1024  # bytes of a message without an end: the bound is a sixteenth of it
FAR_TOO_LONG_S = 5  # the gateway looks every second
HONEST_S = 60  # for one machine to be let in, on a busy one
SOURCES = {"guesses": "127.0.0.2", "hang": "127.0.0.3", "hang_after_handshake": "127.0.0.4",
           "endless": "127.0.0.5", "crumbs": "127.0.0.6", "guess_on": "127.0.0.7"}
REFUSED, ADMITTED, BUSY = 3, 1, 4


def request():
    return zmtp.field(1, os.urandom(16)) + zmtp.field(2, b"stranger") + zmtp.field(4, bytes(16))


def outcome(reply):
    """The first field of an answer."""
    return reply[1] if reply[:1] == b"\x08" else None


class Doorstep:
    """What comes to the enrolment port PORT until is_over()."""

    def __init__(self, port, server_key, is_over):
        self.port, self.server_key, self.is_over = port, server_key, is_over
        self.tried, self.answers = collections.Counter(), collections.Counter()
        self.endured = collections.Counter()  # not ended by the gateway in all their patience
        self.sent = 0  # bytes of messages without an end, on the wire

    async def once(self, name):
        manner = getattr(self, name)
        self.tried[name] += 1
        try:
            peer = await zmtp.Peer.dial(self.port, SOURCES[name])
        except OSError:
            return
        try:
            await asyncio.wait_for(manner(peer), PATIENCE_S)
        except asyncio.TimeoutError:
            self.endured[name] += (peer.poured > FAR_TOO_MUCH
                                   and time.monotonic() - peer.pours_since > FAR_TOO_LONG_S)
        except (zmtp.Refused, OSError):
            pass
        finally:
            peer.close()

    async def again_and_again(self, name, pause_s):
        while not self.is_over():
            await self.once(name)
            await asyncio.sleep(pause_s)  # the machine is shared

    async def guessing(self):
        begin, tasks, count = time.monotonic(), [], 0
        while not self.is_over():
            while count < (time.monotonic() - begin) * GUESSES_A_SECOND:
                tasks.append(asyncio.create_task(self.once("guesses")))
                count += 1
            await asyncio.sleep(0.02)  # the rate is what is tested
        await asyncio.gather(*tasks)

    # ---- manners ----

    async def enter(self, peer):
        await peer.curve(self.server_key, zmtp.key_pair())

    async def guesses(self, peer):
        await self.enter(peer)
        await peer.send(peer.message(request()))
        self.answers[outcome(await peer.receive_message())] += 1

    async def guess_on(self, peer):
        await self.enter(peer)
        while not self.is_over():
            await peer.send(peer.message(request()))
            self.answers[outcome(await peer.receive_message())] += 1

    async def hang(self, peer):
        await peer.until_ended()

    async def hang_after_handshake(self, peer):
        await self.enter(peer)
        await peer.until_ended()

    def pour(self, peer, size):
        peer.pours_since = peer.pours_since or time.monotonic()
        peer.poured += size
        self.sent += size

    async def endless(self, peer):
        await self.enter(peer)
        while not self.is_over():
            await peer.send(peer.message(bytes(4000), more=True))
            self.pour(peer, 4000)
            await asyncio.sleep(0)  # the others' turn

    async def crumbs(self, peer):
        await self.enter(peer)
        while not self.is_over():
            await peer.send(b"".join(peer.message(b"x", more=True) for _ in range(500)))
            self.pour(peer, 500 * 35)
            await asyncio.sleep(0)

    async def run(self):
        silent = ("hang", "hang_after_handshake")
        await asyncio.gather(
            self.guessing(),
            *(self.again_and_again(name, 0.05) for name in ("endless", "crumbs", "guess_on")),
            *(self.again_and_again(random.choice(silent), 0.5) for _ in range(2 * SILENT)))

    # ---- what came of it ----

    def results(self):
        return self.tried, self.answers, self.endured, self.sent

    def take_results(self, results):
        self.tried, self.answers, self.endured, self.sent = results

    def complaints(self, machines):
        print(f"{sum(self.tried.values())} came to enrol: {self.answers[REFUSED]} were refused, "
              f"{self.answers[BUSY]} told to wait, {self.answers[ADMITTED]} let in; "
              f"{self.sent >> 20} MiB of messages without an end; of {machines.tried} honest "
              f"machines {machines.let_in} got in, the slowest in {machines.slowest_s:.1f} s")
        found = []
        if self.answers[ADMITTED] or self.answers[None]:
            found.append("a guess was let in")
        if machines.let_in < machines.tried or machines.tried == 0:
            found.append("an honest machine was not let in")
        if self.endured["endless"] or self.endured["crumbs"] or self.sent == 0:
            found.append("endless messages to the enrolment port were let be")
        if self.answers[REFUSED] == 0:
            found.append("nobody's guess was refused, so nothing was tried")
        return found


class Machines:
    """One honest machine after the other, with the real client."""

    def __init__(self, system, is_over):
        self.system, self.is_over = system, is_over
        self.file = os.path.join(system.directory, "enrolment")
        self.tried = self.let_in = 0
        self.slowest_s = 0

    def invite(self):
        subprocess.run([self.system.fettle, "--data", self.system.data, "enrolment", "create",
                        "--uses", "1000", "--expires", "1h", "--gateway", self.system.gateway,
                        "--endpoint", self.system.enrolment, "--out", self.file], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def one(self):
        data = os.path.join(self.system.directory, f"machine-{self.tried}")
        log = os.path.join(self.system.directory, f"machine-{self.tried}.log")
        self.tried += 1
        begin = time.monotonic()
        with open(log, "wb") as output:
            process = await asyncio.create_subprocess_exec(
                os.path.join(os.path.dirname(self.system.fettle), "fettle-agent"), "--data", data,
                "--enrol", self.file, stderr=output)
            try:
                code = await asyncio.wait_for(process.wait(), HONEST_S)
            except asyncio.TimeoutError:
                process.kill()
                code = await process.wait()
        self.let_in += code == 0
        self.slowest_s = max(self.slowest_s, time.monotonic() - begin)

    async def run(self):
        while not self.is_over():
            await self.one()
            await asyncio.sleep(0.3)  # the machine is shared
