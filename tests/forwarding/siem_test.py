# SPDX-License-Identifier: Apache-2.0
"""SIEMs by TCP and in files: whatever becomes of a receiver, nothing is missing."""
import json
import os
import re
import signal
import socket
import unittest

import forwarding
from forwarding import TcpReceiver, free_port, until

HEADER = re.compile(r"<131>1 2023-11-14T[0-9:.]+Z \S+ fettle - finding (-|\[fettle@32473 .*\]) \{")


class Siem(forwarding.Case):
    def siem(self, name, target, **more):
        return dict({"name": name, "target": target, "confirm": "200ms"}, **more)

    def test_every_event_arrives_over_tcp_in_order(self):
        port = free_port()
        receiver = TcpReceiver(port)
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://127.0.0.1:{port}")])
        self.feed.say(3000)
        self.start_sink()
        self.wait_acked("soc", 3000)
        self.assertEqual([int(event["title"]) for event in receiver.events],
                         list(range(1, 3001)))
        self.is_complete(receiver.events, 3000)
        for message in receiver.messages:
            self.assertRegex(message, HEADER)
        self.assertNotRegex(receiver.messages[0], "[\x00-\x1f\x7f\u202e]")
        self.assertEqual(receiver.events[0]["subject"], "policy/check \"]\\ \x1b[31m\n\u202e")
        receiver.kill()

    def test_over_ipv6_with_structured_data(self):
        port = free_port()
        try:
            receiver = TcpReceiver(port, socket.AF_INET6)
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://[::1]:{port}", format="rfc5424")])
        self.feed.say(10)
        self.start_sink()
        self.wait_acked("soc", 10)
        self.assertIn('[fettle@32473 event_id="', receiver.messages[0])
        self.is_complete(receiver.events, 10)
        receiver.kill()

    def test_nothing_is_missing_when_the_receiver_is_killed_in_the_stream(self):
        port = free_port()
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://127.0.0.1:{port}")])
        self.start_sink()
        seen = []
        for end in (4000, 8000, 12000):
            receiver = TcpReceiver(port)
            self.feed.say(end)
            until(lambda: len(receiver.events) > 500, "some events", self.said)
            receiver.kill()
            seen += receiver.events
        receiver = TcpReceiver(port)
        self.wait_acked("soc", 12000)
        seen += receiver.events
        self.is_complete(seen, 12000)
        receiver.kill()

    def test_nothing_is_missing_when_the_sink_is_killed(self):
        port = free_port()
        receiver = TcpReceiver(port)
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://127.0.0.1:{port}")])
        for end in (3000, 6000, 9000):
            before = len(receiver.events)
            self.start_sink()
            self.feed.say(end)
            until(lambda: len(receiver.events) > before + 100, "some events", self.said)
            self.end_sink(signal.SIGKILL)
        self.start_sink()
        self.wait_acked("soc", 9000)
        self.is_complete(receiver.events, 9000)
        receiver.kill()

    def test_one_that_cannot_be_reached_holds_nobody_up(self):
        self.begin_feed()
        self.configure(siem=[self.siem("dark", f"tcp://127.0.0.1:{free_port()}"),
                             self.siem("file", "file://" + self.at("events"))])
        self.feed.say(20000)
        self.start_sink()
        self.wait_acked("store", 20000)
        self.wait_acked("file", 20000)
        self.assertNotIn("sink/dark", self.feed.acked)
        rows = {row["name"]: row for row in self.fettle("siem", "list")}
        self.assertEqual(rows["dark"]["state"], "failing")
        self.assertIn("connection refused", rows["dark"]["error"])
        self.assertEqual(rows["file"]["delivered"], 20000)

    def test_one_left_behind_is_told_what_it_lacks(self):
        port = free_port()
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://127.0.0.1:{port}")])
        receiver = TcpReceiver(port)
        self.feed.say(100)
        self.start_sink()
        self.wait_acked("soc", 100)
        self.end_sink()
        receiver.kill()
        self.feed.say(5000, 4001)
        self.start_sink()
        until(lambda: self.fettle("siem", "list")[0]["position"] == 4000, "the gap", self.said)
        self.end_sink(signal.SIGKILL)  # before it could say so to anybody
        receiver = TcpReceiver(port)
        self.start_sink()
        self.wait_acked("soc", 5000)
        gaps = [event for event in receiver.events if event["event"] == "gap"]
        self.assertEqual({(gap["count"], gap["event_id"]) for gap in gaps},
                         {(3900, gaps[0]["event_id"])})
        self.is_complete(receiver.events, 5000, first=4001)
        self.assertEqual(self.fettle("siem", "list")[0]["skipped"], 3900)
        receiver.kill()

    def test_a_real_processor_leaves_behind_who_lags_and_nobody_else(self):
        checks = 2500
        with open(self.at("watched"), "w", encoding="utf-8") as file:
            file.write("colour = red\n")
        with open(self.at("many.yaml"), "w", encoding="utf-8") as file:
            json.dump({"dialect": "fettle", "policy": {"id": "many", "name": "many"}, "checks": [
                {"id": f"c{n}", "title": str(n), "condition": "all",
                 "rules": [f"f:{self.at('watched')} -> r:^colour = green{n}$"]}
                for n in range(checks)]}, file)
        # Not beside the policy by its ending: everything called .yaml there is read as one.
        self.config = self.at("fettle.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            # What patches this machine lacks is not ours to foresee.
            json.dump({"content": {"policies": [self.path]}, "agent": {"skip": ["updates"]}, "siem": [
                self.siem("dark", f"tcp://127.0.0.1:{free_port()}", lag_max=1000),
                self.siem("file", "file://" + self.at("events"))]}, file)
        self.start_sink("serve", "--listen", "tcp://127.0.0.1:*")

        def rows():
            return {row["name"]: row for row in self.fettle("siem", "list")}

        until(lambda: rows()["file"]["delivered"] == checks and rows()["dark"]["skipped"] > 0,
              "one to be left behind", rows)
        dark = rows()["dark"]
        self.assertLessEqual(dark["lag"], 1000)
        self.assertGreaterEqual(dark["lag"], 500)

    def test_a_file_has_whole_lines_however_the_sink_ends(self):
        path = self.at("events")
        self.begin_feed()
        self.configure(siem=[self.siem("file", "file://" + path)])
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"event":"old"}\n{"event":"ha')
        for end in (20000, 40000):
            self.feed.say(end)
            self.start_sink()
            until(lambda: os.path.getsize(path) > 100000, "some lines", self.said)
            self.end_sink(signal.SIGKILL)
        self.start_sink()
        self.wait_acked("file", 40000)
        with open(path, encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        self.assertEqual(events[0], {"event": "old"})
        self.is_complete(events, 40000)

    def test_a_file_that_was_moved_away_is_made_anew(self):
        path = self.at("events")
        self.begin_feed()
        self.configure(siem=[self.siem("file", "file://" + path)])
        self.feed.say(100)
        self.start_sink()
        self.wait_acked("file", 100)
        os.rename(path, path + ".1")
        self.feed.say(200)
        self.wait_acked("file", 200)
        events = []
        for name in (path + ".1", path):
            with open(name, encoding="utf-8") as file:
                events += [json.loads(line) for line in file]
        self.assertEqual(len(events), 200)
        self.is_complete(events, 200)

    def test_the_test_says_what_happened(self):
        port, dark = free_port(), free_port()
        receiver = TcpReceiver(port)
        self.begin_feed()
        self.configure(siem=[self.siem("soc", f"tcp://127.0.0.1:{port}"),
                             self.siem("dark", f"tcp://127.0.0.1:{dark}")])
        said = {row["name"]: row for row in self.fettle("siem", "test", code=1)}
        self.assertIs(said["soc"]["delivered"], True)
        self.assertIs(said["dark"]["delivered"], False)
        self.assertIn("connection refused", said["dark"]["said"])
        self.assertEqual([event["event"] for event in receiver.events], ["test"])
        self.assertEqual(self.fettle("siem", "list")[0]["state"], "never ran")
        receiver.kill()

    def test_a_wrong_target_is_refused_before_anything_starts(self):
        self.begin_feed()
        for wrong in ({"name": "", "target": "tcp://x:1"}, {"name": "a", "target": "udp://x:1"},
                      {"name": "a", "target": "tcp://x:0"}, {"name": "store", "target": "tcp://x:1"},
                      {"name": "a", "target": "tcp://x:1", "events": ["nonsense"]}):
            self.configure(siem=[wrong])
            done = forwarding.subprocess.run(self.command("sink"), capture_output=True, check=False,
                                             env=self.environment(), timeout=60)
            self.assertEqual(done.returncode, 78, done.stderr)
        self.configure(siem=[self.siem("a", "tcp://x:1")],
                       webhook=[{"name": "a", "url": "http://x/"}])
        done = forwarding.subprocess.run(self.command("sink"), capture_output=True, check=False,
                                         env=self.environment(), timeout=60)
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"another target of this name", done.stderr)


if __name__ == "__main__":
    forwarding.main()
