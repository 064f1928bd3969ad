# SPDX-License-Identifier: Apache-2.0
"""What bash offers to finish a command line with, asked of a real bash."""
import os
import subprocess

import support

ASK = r"""
source "$SCRIPT"
COMP_WORDS=("$@")
COMP_CWORD=$(( $# - 1 ))
_fettle 2>&1
printf '%s\n' "${COMPREPLY[@]}"
"""


class Completion(support.Case):
    def setUp(self):
        super().setUp()
        self.fettle = os.path.join(support.BUILD, "fettle")
        self.script = self.place.at("completion")
        with open(self.script, "wb") as file:
            file.write(self.place.run("completion", "bash"))

    def bash(self, text, *words):
        done = subprocess.run(["bash", "--norc", "-c", text, "bash", *words], check=False,
                              env=self.place.environment(SCRIPT=self.script), timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)
        return done.stdout

    def offers(self, *words):
        """What is offered for the last of WORDS."""
        return [line for line in self.bash(ASK, self.fettle, *words).split("\n") if line]

    def test_the_script_says_how_fettle_is_to_be_completed(self):
        self.assertEqual(self.bash('source "$SCRIPT"; complete -p fettle').strip(),
                         "complete -F _fettle fettle")

    def test_nouns_and_verbs_are_those_of_the_program(self):
        self.assertIn("findings", self.offers(""))
        self.assertEqual(self.offers("find"), ["findings"])
        self.assertEqual(self.offers("policies", ""), ["load", "remove", "list"])
        self.assertEqual(self.offers("policies", "l"), ["load", "list"])
        self.assertIn("scan", self.offers("help", ""))

    def test_every_command_of_the_overview_is_offered(self):
        overview = self.place.run("help").decode()
        nouns = {line.split()[0] for line in overview.split("\n")
                 if line.startswith("  ") and line[2] != " "}
        self.assertGreater(len(nouns), 10)
        self.assertEqual(nouns - set(self.offers("")), set())

    def test_options_are_those_of_the_command_and_of_every_command(self):
        self.assertEqual(self.offers("findings", "--so"), ["--sort"])
        self.assertEqual(self.offers("findings", "show", "--so"), [])
        self.assertEqual(self.offers("status", "--form"), ["--format"])
        self.assertEqual(self.offers("--form"), ["--format"])

    def test_words_of_an_option_are_offered_after_it(self):
        everything = ["table", "json", "ndjson", "csv"]
        self.assertEqual(self.offers("status", "--format", ""), everything)
        self.assertEqual(self.offers("status", "--format", "="), everything)
        self.assertEqual(self.offers("status", "--format", "=", "nd"), ["ndjson"])
        self.assertEqual(self.offers("--color", "n"), ["never"])
        self.assertEqual(self.offers("findings", "--severity", "low,h"), ["low,high"])
        self.assertEqual(self.offers("findings", "list", "--sort", "d"), ["due"])

    def test_values_of_options_are_no_arguments(self):
        self.assertEqual(self.offers("--format", "json", "polic"), ["policies", "policy"])
        self.assertEqual(self.offers("findings", "--severity", "high", "sh"), ["show"])

    def test_files_are_offered_where_a_file_is_wanted(self):
        self.assertIn(self.script, self.offers("policies", "load", self.place.at("comp")))
        self.assertEqual(self.offers("status", "--data", self.place.at("watch")),
                         [self.place.at("watched")])

    def test_assets_and_ids_are_asked_of_fettle(self):
        support.write_whole(self.place.at("watched", "bad"), "colour = red\n")
        self.place.write_policy("colours", {
            "bad": [f"f:{self.place.at('watched', 'bad')} -> r:^colour = green$"]})
        self.place.json("scan")
        place = ["--data", self.place.data, "--config", self.place.config]
        asset = self.place.rows("assets")[0]["asset"]
        finding = self.place.rows("findings")[0]["id"]
        self.assertEqual(self.offers(*place, "facts", ""), [asset])
        self.assertEqual(self.offers(*place, "results", asset[:1]), [asset])
        self.assertEqual(self.offers(*place, "findings", "--asset", ""), [asset])
        self.assertEqual(self.offers(*place, "findings", "show", finding[:3]), [finding])
        self.assertEqual(self.offers(*place, "policies", "remove", ""), ["colours"])
        self.assertEqual(self.offers(*place, "facts", asset, ""), [])

    def test_where_there_is_nothing_to_ask_it_is_silent(self):
        self.assertEqual(self.offers("--data", self.place.at("nowhere"), "facts", ""), [])

    def test_what_an_endpoint_calls_itself_is_never_run(self):
        trap = self.place.at("trap")
        os.mkdir(self.place.at("bin"))
        fake = self.place.at("bin", "fettle")
        support.write_whole(fake, "#!/bin/sh\nprintf '%s\\r\\n' '$(touch " + trap
                            + ")' 'a;b' '`id`' -rf web1 \"it's\"\n")
        os.chmod(fake, 0o755)
        self.fettle = fake
        self.assertEqual(self.offers("facts", ""), ["web1"])
        self.assertFalse(os.path.exists(trap))


if __name__ == "__main__":
    support.main()
