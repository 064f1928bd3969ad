# SPDX-License-Identifier: Apache-2.0
"""Debian's rsyslog as the SIEM, stopped and started under load: nothing is missing."""
import forwarding
from forwarding import until


class Rsyslog(forwarding.Case):
    def setUp(self):
        super().setUp()
        if forwarding.RSYSLOG is None:
            self.skipTest("rsyslogd is not installed")
        self.rsyslog = forwarding.Rsyslog(self.path)
        self.addCleanup(self.rsyslog.stop)

    def test_nothing_is_missing_when_it_is_stopped_and_started_under_load(self):
        self.begin_feed()
        self.configure(siem=[{"name": "soc", "target": self.rsyslog.target}])
        self.start_sink()
        for end in (6000, 12000, 18000):
            before = len(self.rsyslog.events())
            self.rsyslog.start()
            self.feed.say(end)
            until(lambda: len(self.rsyslog.events()) > before + 500, "some events",
                  lambda: self.said()[-2000:])
            self.rsyslog.stop()
        self.rsyslog.start()
        self.wait_acked("soc", 18000)
        self.rsyslog.stop()  # it writes what it still has
        self.is_complete(self.rsyslog.events(), 18000)

    def test_alerts_and_jobs_arrive_with_the_ids_that_they_keep(self):
        self.begin_feed(20, "mixed")
        self.configure(siem=[{"name": "soc", "target": self.rsyslog.target,
                              "format": "rfc5424", "events": ["finding", "alert", "job"]}])
        self.start_sink()
        self.rsyslog.start()
        self.feed.say(600)
        self.wait_acked("soc", 600)
        self.rsyslog.stop()
        events = self.rsyslog.events()
        self.is_complete(events, 600)
        alerts = {}
        for event in (event for event in events if event["event"] == "alert"):
            alerts.setdefault(event["id"], []).append(event["state"])
        self.assertEqual(len(alerts), 100)
        self.assertEqual(set(map(tuple, alerts.values())), {("open", "undone")})
        jobs = [event for event in events if event["event"] == "job"]
        self.assertEqual({job["output"] for job in jobs}, {"\\u00ff\\u001b[31m\\u000a"})
        self.assertEqual(len({job["id"] for job in jobs}), 100)

    def test_alerts_are_sent_unless_something_else_is_asked_for_and_jobs_are_not(self):
        self.begin_feed(20, "mixed")
        self.configure(siem=[{"name": "soc", "target": self.rsyslog.target}])
        self.start_sink()
        self.rsyslog.start()
        self.feed.say(60)
        self.wait_acked("soc", 60)
        self.rsyslog.stop()
        self.assertEqual({event["event"] for event in self.rsyslog.events()}, {"finding", "alert"})


if __name__ == "__main__":
    forwarding.main()
