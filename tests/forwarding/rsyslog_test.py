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


if __name__ == "__main__":
    forwarding.main()
