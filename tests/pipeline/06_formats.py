# SPDX-License-Identifier: Apache-2.0
"""What is kept can be read with tools that are not ours."""
import csv
import io
import json
import os
import re
import shutil
import subprocess
import unittest

import support

ENVIRONMENTS = ("log", "spool", "state", "store")


class Formats(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = red$"]})

    @unittest.skipUnless(shutil.which("mdb_stat"), "no mdb_stat here")
    def test_mdb_stat_reads_every_environment_also_while_it_is_written(self):
        self.place.serve()
        self.place.wait_facts(self.file)
        for name in ENVIRONMENTS:
            done = subprocess.run(["mdb_stat", "-a", "-e", self.place.at("data", name)],
                                  capture_output=True, check=False, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("Status of Main DB", done.stdout)
            self.assertGreater(done.stdout.count("Status of "), 2, name)

    @unittest.skipUnless(shutil.which("protoc"), "no protoc here")
    def test_protoc_decodes_every_record_of_the_log(self):
        self.place.json("scan")
        raw = self.place.run("log", "dump", "--raw")
        done = subprocess.run(["protoc", "--decode=fettle.RecordList", "-I", support.TOP,
                               "proto/record.proto"], input=raw, capture_output=True, check=False,
                              cwd=support.TOP)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = self.place.rows("log", "dump")
        records = done.stdout.decode("utf-8", "replace").split("\nrecords {")
        self.assertEqual(len(records), len(rows))
        self.assertEqual(len(rows), self.place.status()["log"]["records"])
        self.assertEqual(len({row["event_id"] for row in rows}), len(rows))

    def test_json_ndjson_and_csv_say_the_same(self):
        self.place.json("scan")
        asset = self.place.asset()
        for command in (["facts", asset], ["findings", "list"], ["assets", "list"],
                        ["policies", "list"], ["log", "dump"], ["changes"], ["gaps"], ["remediations"]):
            with self.subTest(command[0]):
                rows = self.place.rows(*command)
                self.assertEqual(self.place.json(*command, "--limit", "0"), rows)
                text = self.place.run(*command, "--limit", "0", "--format", "csv").decode()
                table = list(csv.DictReader(io.StringIO(text)))
                self.assertEqual(len(table), len(rows))
                for row, line in zip(rows, table):
                    self.assertEqual(list(row), list(line))
                    for name, value in row.items():
                        if isinstance(value, int) and not isinstance(value, bool):
                            self.assertEqual(line[name], str(value))

    def assert_same_shape(self, documented, found, at):
        self.assertEqual(type(documented), type(found), at)
        if isinstance(found, dict):
            self.assertEqual(list(documented), list(found), at)
            for name, value in found.items():
                if value is not None and documented[name] is not None:
                    self.assert_same_shape(documented[name], value, f"{at}.{name}")
        elif isinstance(found, list) and found:
            self.assert_same_shape(documented[0], found[0], f"{at}[0]")

    def test_status_assets_policies_and_scan_are_as_the_documentation_shows_them(self):
        with open(os.path.join(support.TOP, "docs/formats.md"), encoding="utf-8") as page:
            examples = dict(re.findall(r"^## [^\n]*`fettle (\w+)[^\n]*\n\n```json\n(.*?)```",
                                       page.read(), re.M | re.S))
        found = {"scan": self.place.json("scan"), "status": self.place.status(),
                 "assets": self.place.rows("assets")[0], "policies": self.place.rows("policies")[0]}
        self.assertTrue(found["scan"]["findings"])
        for command, value in found.items():
            self.assert_same_shape(json.loads(examples[command]), value, command)

    def test_the_settings_page_names_every_setting_that_a_file_may_hold(self):
        page = self.place.run("settings").decode()
        for section, name in (("gateway", "listen"), ("agent", "heartbeat"),
                              ("packages", "dpkg_query"), ("log", "keep")):
            self.assertIn(f"## `{section}`", page)
            self.assertIn(f"| `{name}` |", page)

    def test_names_that_would_mislead_a_terminal_are_shown_escaped(self):
        hostile = self.place.at("watched", "a\u202eb\x1b[31m")
        support.write_whole(hostile, "sky = red\n")
        text = json.dumps({"dialect": "fettle", "policy": {"id": "hostile", "name": "hostile"},
                           "checks": [{"id": "one", "title": "one", "condition": "all",
                                       "rules": [f"f:{hostile} -> r:green"]}]})
        support.write_whole(self.place.at("policies", "hostile.yaml"), text)
        self.place.json("scan")
        self.assertIn("hostile/one", self.place.findings())
        for command in (["facts", self.place.asset(), "file/"], ["findings", "list"],
                        ["findings", "show", self.place.findings()["hostile/one"]["id"]],
                        ["log", "dump"], ["scan"]):
            shown = self.place.run(*command).decode()
            self.assertNotIn("\x1b", shown, command)
            self.assertNotIn("\u202e", shown, command)
        fact = self.place.facts("file" + hostile)
        self.assertEqual(list(fact), ["file" + hostile])


class Reading(support.Case):
    def test_a_closed_pipe_ends_a_listing_quietly(self):
        self.place.json("scan")
        command = [os.path.join(support.BUILD, "fettle"), "--data", self.place.data,
                   "--config", self.place.config, "facts", self.place.asset(), "--format", "ndjson"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.place.environment()) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.wait(support.PATIENCE), 0)
            self.assertEqual(process.stderr.read(), b"")


if __name__ == "__main__":
    support.main()
