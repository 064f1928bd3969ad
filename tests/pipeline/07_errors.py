# SPDX-License-Identifier: Apache-2.0
"""What cannot work says what, where and why, with an exit code, and harms nobody else."""
import os
import signal
import subprocess

import support

ROLES = ("log", "sink", "processor", "gateway")


class Configuration(support.Case):
    def refused(self, text, *expected):
        support.write_whole(self.place.config, text)
        for command in (["scan"], ["serve"], ["gateway"]):
            self.place.run(*command, code=78)
            for part in expected:
                self.assertIn(part, self.place.complaints, command)
        self.assertFalse(os.path.exists(self.place.data))

    def test_an_unknown_setting_is_refused_naming_the_place_and_what_was_meant(self):
        self.refused("agent:\n  heartbeet: 5s\n", "fettle.yaml:2:3:", "heartbeet", "heartbeat")

    def test_an_unknown_section_is_refused(self):
        self.refused("# nothing\nagents:\n  heartbeat: 5s\n", "fettle.yaml:2:1:", "agents")

    def test_a_value_out_of_range_is_refused_naming_the_range(self):
        self.refused("agent:\n  heartbeat: 5ms\n", "fettle.yaml:2:14:", "1s")

    def test_every_mistake_is_named_and_not_only_the_first(self):
        self.refused("agent:\n  heartbeat: soon\nlog:\n  keep: -1\n", ":2:14:", ":4:9:")

    def test_broken_yaml_is_refused(self):
        self.refused("agent: [\n", "fettle.yaml:")

    def test_an_unknown_variable_of_a_known_section_is_refused(self):
        self.place.run("scan", code=78, FETTLE_AGENT_HEARTBEET="5s")
        self.assertIn("FETTLE_AGENT_HEARTBEET", self.place.complaints)

    def test_a_file_that_was_asked_for_must_be_there(self):
        os.unlink(self.place.config)
        self.place.run("scan", code=78)
        self.assertIn(self.place.config, self.place.complaints)

    def test_the_agent_refuses_it_too(self):
        support.write_whole(self.place.config, "agent:\n  heartbeet: 5s\n")
        self.place.run(program="fettle-agent", code=78)
        self.assertIn("fettle.yaml:2:3:", self.place.complaints)


class Places(support.Case):
    def test_a_directory_that_may_not_be_written_is_named(self):
        parent = self.place.at("closed")
        os.mkdir(parent, 0o500)
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*",
                                   data=os.path.join(parent, "data"),
                                   wrap=support.without_override)
        self.assertEqual(process.wait(), 4)
        self.assertIn(parent, process.text())
        self.assertIn("ermission denied", process.text())

    def test_a_file_in_the_place_of_the_directory_is_named(self):
        support.write_whole(self.place.data, "")
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        self.assertNotEqual(process.wait(), 0)
        self.assertIn(self.place.data, process.text())

    def test_a_path_too_long_for_a_socket_is_refused_with_the_reason(self):
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*",
                                   data=self.place.at("x" * 120))
        self.assertEqual(process.wait(), 65)
        self.assertIn("107 characters", process.text())

    def test_where_nothing_ran_there_is_nothing_to_show(self):
        for command in (["status"], ["findings"], ["assets"], ["log", "dump"],
                        ["facts", "somebody"]):
            self.place.run(*command, code=1)
            self.assertIn(self.place.data, self.place.complaints, command)
        self.assertFalse(os.path.exists(self.place.data))

    def test_a_damaged_environment_is_said_and_left_as_it_is(self):
        self.place.json("scan")
        path = self.place.at("data", "log", "data.mdb")
        with open(path, "r+b") as file:
            file.write(b"\x5a" * 8192)
        with open(path, "rb") as file:
            damaged = file.read(8192)
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        self.assertEqual(process.wait(), 74)
        self.assertIn(self.place.at("data", "log"), process.text())
        with open(path, "rb") as file:
            self.assertEqual(file.read(8192), damaged)


    def test_a_directory_of_another_version_is_named_and_not_called_damaged(self):
        path = self.place.at("data", "log")
        os.makedirs(path)
        older = ("VERSION=3\nformat=print\ndatabase=meta\ntype=btree\nmapsize=1048576\n"
                 "HEADER=END\n meta\n of another time\nDATA=END\n")
        subprocess.run(["mdb_load", path], input=older, text=True, check=True)
        before = subprocess.check_output(["mdb_dump", "-a", path])
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        self.assertEqual(process.wait(), 65)
        said = process.said("kv-format", path=path)
        self.assertEqual((said["format"], int(said["wanted"])), ("none", 1))
        self.assertIn("move the directory away", said["msg"])
        self.assertNotIn("damaged", process.text())
        self.assertEqual(subprocess.check_output(["mdb_dump", "-a", path]), before)


class Twice(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = red$"]})

    def test_a_second_of_one_role_is_refused_naming_the_first(self):
        first = self.place.serve()
        self.place.wait_facts(self.file)
        addresses = {f"FETTLE_{name}": f"tcp://127.0.0.1:{support.free_port()}" for name in
                     ("LOG_AGENTS", "LOG_READERS", "PROCESSOR_VERDICTS")}
        for command in (["serve", "--listen", "tcp://127.0.0.1:*"], ["log"], ["processor"],
                        ["sink"]):
            second = self.place.start(*command, **addresses)
            self.assertEqual(second.wait(), 74, command)
            self.assertIn(f"{first.pid}", second.text(), command)
            self.assertFalse(second.said("log-ready") or second.said("processor-ready"))
        # The first has not noticed.
        self.assertFalse([event for event in first.events if event["level"] in ("error", "warn")])
        support.append_line(self.file, "leaf = green")
        support.until(lambda: self.place.changes(self.file), "a change")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = blue$"]})
        first.signal(signal.SIGHUP)
        first.wait_for("reloaded")
        first.stop()

    def test_a_port_in_use_is_named(self):
        address = f"tcp://127.0.0.1:{support.free_port()}"
        first = self.place.start("serve", "--listen", address)
        first.wait_for("agent-ready")
        second = self.place.start("serve", "--listen", address, data=self.place.at("other"))
        self.assertEqual(second.wait(), 74)
        self.assertIn(address, second.text())
        self.assertIn("another process", second.text())
        first.stop()

    def test_an_address_that_is_none_is_named(self):
        for address in ("tcp://nowhere.invalid:7117", "7117", "http://127.0.0.1:1"):
            process = self.place.start("serve", "--listen", address)
            self.assertNotEqual(process.wait(), 0, address)
            self.assertIn(address, process.text())


if __name__ == "__main__":
    support.main()
