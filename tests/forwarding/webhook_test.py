# SPDX-License-Identifier: Apache-2.0
"""Webhooks: whatever a server answers, nothing is missing, and each asset's events keep their order."""
import signal
import threading
import time

import forwarding
from forwarding import HookServer, free_port, until


class Webhook(forwarding.Case):
    def begin(self, port, assets=20, **more):
        self.begin_feed(assets)
        self.configure(webhook=[dict({"name": "ir", "url": f"http://127.0.0.1:{port}/hook"},
                                     **more)])

    def keeps_order(self, events):
        """Of each asset the first arrivals come in order; what was sent again is known by its id."""
        last, seen = {}, set()
        for event in events:
            if event["event_id"] in seen:
                continue
            seen.add(event["event_id"])
            number = int(event["title"])
            self.assertGreater(number, last.get(event["asset_id"], 0))
            last[event["asset_id"]] = number

    def test_every_event_is_posted_once_in_the_order_of_its_asset(self):
        port = free_port()
        server = HookServer(port)
        self.begin(port)
        self.feed.say(1000)
        self.start_sink()
        self.wait_acked("ir", 1000)
        self.assertEqual(len(server.events), 1000)
        self.is_complete(server.events, 1000)
        self.keeps_order(server.events)
        self.assertEqual(server.headers[0]["Content-Type"],
                         "application/cloudevents+json; charset=UTF-8")
        server.kill()

    def test_binary_mode_has_the_attributes_in_headers(self):
        port = free_port()
        server = HookServer(port)
        self.begin(port, format="cloudevents-binary")
        self.feed.say(5)
        self.start_sink()
        self.wait_acked("ir", 5)
        self.is_complete(server.events, 5)
        headers = {name.lower(): value for name, value in server.headers[0].items()}
        self.assertEqual(headers["ce-specversion"], "1.0")
        self.assertEqual(headers["ce-type"], "fettle.finding")
        server.kill()

    def test_an_alert_and_what_becomes_of_it_have_one_id_and_come_in_order(self):
        port = free_port()
        server = HookServer(port)
        self.begin_feed(20, "mixed")
        self.configure(webhook=[{"name": "ir", "url": f"http://127.0.0.1:{port}/hook",
                                 "format": "cloudevents-binary"}])
        self.feed.say(600)
        self.start_sink()
        self.wait_acked("ir", 600)
        alerts = {}
        for event in (event for event in server.events if event["event"] == "alert"):
            alerts.setdefault(event["id"], []).append(event["state"])
        self.assertEqual(len(alerts), 100)
        self.assertEqual(set(map(tuple, alerts.values())), {("open", "undone")})
        types = {value for headers in server.headers for name, value in headers.items()
                 if name.lower() == "ce-type"}
        self.assertEqual(types, {"fettle.finding", "fettle.alert"})
        server.kill()

    def test_nothing_is_missing_when_the_server_is_killed_and_comes_back(self):
        port = free_port()
        self.begin(port)
        self.start_sink()
        seen = []
        for end in (500, 1000, 1500):
            server = HookServer(port)
            self.feed.say(end)
            until(lambda: len(server.events) > 100, "some events", self.said)
            server.kill()
            seen += server.events
        server = HookServer(port)
        self.wait_acked("ir", 1500)
        seen += server.events
        self.is_complete(seen, 1500)
        self.keeps_order(seen)
        server.kill()

    def test_nothing_is_missing_when_the_sink_is_killed(self):
        port = free_port()
        server = HookServer(port)
        self.begin(port)
        for end in (500, 1000):
            before = len(server.events)
            self.feed.say(end)
            self.start_sink()
            until(lambda: len(server.events) > before + 50, "some events", self.said)
            self.end_sink(signal.SIGKILL)
        self.start_sink()
        self.wait_acked("ir", 1000)
        self.is_complete(server.events, 1000)
        server.kill()

    def test_what_a_server_refuses_becomes_a_dead_letter_and_the_rest_goes_on(self):
        port = free_port()
        server = HookServer(port, lambda event, headers:
                            422 if int(event["data"]["title"]) % 10 == 3 else 200)
        self.begin(port)
        self.feed.say(100)
        self.start_sink()
        self.wait_acked("ir", 100)
        self.assertEqual(len(server.events), 90)
        dead = self.fettle("--limit", "0", "webhook", "dead", "ir")
        self.assertEqual({letter["event_id"] for letter in dead},
                         {forwarding.event_id(number) for number in range(3, 101, 10)})
        self.assertEqual({(letter["answer"], letter["attempts"]) for letter in dead}, {(422, 1)})
        self.assertEqual(self.fettle("webhook")[0]["dead"], 10)
        server.kill()

    def test_an_error_of_the_server_holds_up_only_its_asset(self):
        port = free_port()
        is_well = threading.Event()
        server = HookServer(port, lambda event, headers: 200 if is_well.is_set()
                            or int(event["data"]["title"]) % 10 else 500)
        self.begin(port, assets=10)
        self.feed.say(100)
        self.start_sink()
        until(lambda: len(server.events) == 90, "those of all other assets", self.said)
        is_well.set()
        self.wait_acked("ir", 100)
        self.is_complete(server.events, 100)
        self.keeps_order(server.events)
        self.assertGreater(self.fettle("webhook")[0]["retried"], 0)
        server.kill()

    def test_one_that_fails_for_too_long_becomes_a_dead_letter(self):
        port = free_port()
        server = HookServer(port, lambda event, headers:
                            500 if event["data"]["title"] == "7" else 200)
        self.begin(port, assets=10, retry_for="1s")
        self.feed.say(50)
        self.start_sink()
        self.wait_acked("ir", 50)
        dead = self.fettle("webhook", "dead")
        self.assertEqual([(letter["offset"], letter["answer"]) for letter in dead], [(7, 500)])
        server.kill()

    def test_too_many_requests_makes_it_rest_as_long_as_it_was_asked_to(self):
        port = free_port()
        times = []

        def answer(event, headers):
            times.append(time.monotonic())
            return (429, {"Retry-After": "2"}) if len(times) == 1 else 200

        server = HookServer(port, answer)
        self.begin(port, assets=1)
        self.feed.say(3)
        self.start_sink()
        self.wait_acked("ir", 3)
        self.assertGreaterEqual(times[1] - times[0], 1.9)
        self.is_complete(server.events, 3)
        server.kill()

    def test_a_redirect_is_not_followed(self):
        port, other = free_port(), free_port()
        elsewhere = HookServer(other)
        server = HookServer(port, lambda event, headers:
                            (302, {"Location": f"http://127.0.0.1:{other}/"}))
        self.begin(port)
        self.feed.say(5)
        self.start_sink()
        until(lambda: server.requests > 4, "it to be tried again", self.said)
        self.assertEqual(elsewhere.requests, 0)
        self.assertIn("HTTP 302", self.fettle("webhook")[0]["error"] or "HTTP 302")
        server.kill()
        elsewhere.kill()

    def test_a_token_comes_from_its_file_and_a_new_one_is_read_when_it_is_refused(self):
        port, token = free_port(), self.at("token")
        server = HookServer(port, lambda event, headers:
                            200 if headers["Authorization"] == "Bearer new" else 401)
        self.begin(port, token_file=token)
        with open(token, "w", encoding="utf-8") as file:
            file.write("old\n")
        self.feed.say(5)
        self.start_sink()
        until(lambda: server.requests > 0, "a request", self.said)
        with open(token, "w", encoding="utf-8") as file:
            file.write("new\n")
        self.wait_acked("ir", 5)
        self.is_complete(server.events, 5)
        self.assertNotIn("Bearer", self.said())
        server.kill()

    def test_the_test_says_what_was_answered(self):
        port = free_port()
        server = HookServer(port, lambda event, headers: 418)
        self.begin(port)
        said = self.fettle("webhook", "test", "ir", code=1)
        self.assertEqual((said[0]["delivered"], said[0]["said"]), (False, "HTTP 418"))
        server.kill()


if __name__ == "__main__":
    forwarding.main()
