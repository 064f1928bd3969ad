# SPDX-License-Identifier: Apache-2.0
"""A record that nothing can process: it is kept, shown, and let go; and nothing waits for it."""
import hashlib
import os
import signal
import socket
import struct

import support


def field(number, value):
    """One protobuf field: bytes, or a number below 128."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def varint(number):
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


class Quarantine(support.Case):
    POLICY = 201
    BODY = b"\xff\xffnot a document \x1b[31m"

    def write_intent(self, key, body):
        """What `fettle` would never write: the log takes it, because it reads no bodies."""
        envelope = (field(1, hashlib.md5(key).digest()) + field(2, self.POLICY) + field(3, 1)
                    + field(8, key))
        request = field(1, field(1, envelope) + field(2, body))
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(os.path.join(self.place.data, "control.sock"))
            control.sendall(struct.pack(">I", len(request)) + request)
            self.assertGreater(len(control.recv(4096)), 4)

    def quarantined(self):
        return self.place.rows("quarantine")

    def begin(self):
        self.place.serve()
        self.write_intent(b"policy/broken", self.BODY)
        return support.until(self.quarantined, "a quarantined record")[0]

    def test_a_record_that_is_not_well_formed_is_kept_and_the_next_is_judged(self):
        record = self.begin()
        self.assertEqual(record["reason"], "the record's body is not well-formed")
        self.assertEqual(record["record_kind"], self.POLICY)
        support.write_whole(self.place.at("watched", "file"), "red\n")
        policy = self.place.write_policy("colours", {
            "bad": [f"f:{self.place.at('watched', 'file')} -> r:green"]})
        self.place.run("policies", "load", policy)
        support.until(lambda: "colours/bad" in self.place.findings(), "a finding")
        self.assertEqual(len(self.quarantined()), 1)

    def test_what_is_shown_of_it_is_escaped(self):
        record = self.begin()
        shown = self.place.run("quarantine", "show", record["id"][:8]).decode()
        self.assertIn(record["id"], shown)
        self.assertIn("the record's body is not well-formed", shown)
        self.assertIn("1b 5b 33 31 6d", shown)
        self.assertNotIn("\x1b", shown)
        self.place.run("quarantine", "show", "ffffffffffffffff", code=1)

    def test_what_is_released_and_rejected_again_stays_and_what_is_discarded_goes(self):
        record = self.begin()
        self.place.run("quarantine", "release", record["id"], code=1)
        self.assertEqual([kept["id"] for kept in self.quarantined()], [record["id"]])
        self.place.run("quarantine", "release", record["id"], "--discard", "--reason", "a test")
        self.assertEqual(self.quarantined(), [])

    def test_a_processor_that_is_killed_goes_carefully_and_loses_nothing(self):
        process = self.place.serve()
        self.write_intent(b"policy/broken", self.BODY)
        support.until(self.quarantined, "a quarantined record")
        process.signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)
        process = self.place.serve()
        process.wait_for("processor-careful")
        self.write_intent(b"policy/other", self.BODY)
        support.until(lambda: len(self.quarantined()) == 2, "a second one")
        process.stop()
        process = self.place.serve()
        self.assertIsNone(process.said("processor-careful"))

    # ---- the bound ----

    MALFORMED, BOUND = 2600, 1000

    def start_sender(self, name, gateway, *options):
        command = [os.path.join(support.BUILD, "tests", "faults", "fettle-generator"),
                   "--directory", self.place.at(name), "--server", gateway, "--server-key",
                   os.path.join(self.place.data, "keys", "server.pub"), "--seed", name,
                   "--count", str(9 + self.MALFORMED), "--rate", "800", "--no-journal", *options]
        sender = support.Process(command, self.place.environment())
        self.place.processes.append(sender)
        self.place.admit(self.place.at(name))
        return sender

    def held(self):
        health = self.place.status()["health"]
        return health is not None and health["quarantine_full"]

    def read_all(self):
        status = self.place.status()
        return status["processor"]["observations_read"] == status["log"]["appended"] and status

    def test_an_agent_whose_quarantine_is_full_is_held_back_until_some_is_let_go(self):
        server = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        gateway = server.wait_for("gateway-ready")["listen"]
        sender = self.start_sender("poison", gateway, "--sound", "10")
        support.until(self.held, "an agent that is held back")
        support.until(self.read_all, "a processor that has read all")
        count = len(self.quarantined())
        self.assertGreaterEqual(count, self.BOUND)
        self.assertLess(count, self.MALFORMED)
        self.assertFalse(sender.has_ended())
        self.assertIn("held back", self.place.run("status", "--format", "table").decode())
        # Others go on, and take as long as the first one would have to send all.
        self.assertEqual(self.start_sender("sound", gateway).wait(), 0)
        support.until(self.read_all, "a processor that has read all")
        self.assertEqual(len(self.quarantined()), count)
        self.assertFalse(sender.has_ended())
        discarded = 0
        while not (sender.has_ended() and self.read_all()):
            self.place.run("quarantine", "release", self.quarantined()[0]["id"], "--discard")
            discarded += 1
            left = len(self.quarantined())
            self.place.run("quarantine", "release", "--all", "--discard")
            discarded += left
            support.until(lambda: sender.has_ended() or self.held(), "the end of it, or a hold")
            support.until(self.read_all, "a processor that has read all")
        self.assertEqual(sender.wait(), 0, sender.text())
        self.assertEqual(discarded + len(self.quarantined()), self.MALFORMED)


if __name__ == "__main__":
    support.main()
