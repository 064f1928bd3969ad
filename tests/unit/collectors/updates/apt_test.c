/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks apt itself, on a tree with every kind of package and origin, and compares what the collector
 * says with apt's own simulation, which says the same in another and slower way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collectors/updates/updates.h"
#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

/* Name, version, architecture, and more: a field of its own, or an installed one's status. */
struct package {
	const char *name, *version, *architecture, *more;
};

static const struct package installed[] = {
	{ "alltonative", "1.0", "all", NULL },
	{ "both", "1.0", "amd64", NULL },
	{ "cached", "1.0", "amd64", NULL },
	{ "confonly", "1.0", "amd64", "deinstall ok config-files" },
	{ "conflicter", "1.0", "amd64", NULL },
	{ "down", "3.0", "amd64", NULL },
	{ "epoch", "1:1.0-1", "amd64", NULL },
	{ "flat", "1.0", "amd64", NULL },
	{ "foreign", "1.0", "i386", NULL },
	{ "half", "1.0", "amd64", "install reinstreq half-installed" },
	{ "held", "1.0", "amd64", "hold ok installed" },
	{ "local", "9.0", "amd64", NULL },
	{ "multi", "1.0", "amd64", NULL },
	{ "multi", "1.0", "i386", NULL },
	{ "nativetoall", "1.0", "amd64", NULL },
	{ "newdep", "1.0", "amd64", NULL },
	{ "nowhere", "1.0", "amd64", NULL },
	{ "phased", "1.0", "amd64", NULL },
	{ "pinned", "1.0", "amd64", NULL },
	{ "third", "1.0", "amd64", NULL },
	{ "tilde", "1.0~rc1+b1", "amd64", NULL },
	{ "unpacked", "1.0", "amd64", "install ok unpacked" },
	{ "victim", "1.0", "amd64", NULL },
	{ .name = NULL },
};
static const struct package main_amd64[] = {
	{ "alltonative", "2.0", "amd64", NULL },
	{ "both", "2.0", "amd64", NULL },
	{ "brandnew", "1.0", "amd64", NULL },
	{ "cached", "2.0", "amd64", NULL },
	{ "confonly", "2.0", "amd64", NULL },
	{ "conflicter", "2.0", "amd64", "Conflicts: victim" },
	{ "down", "2.0", "amd64", NULL },
	{ "epoch", "1:2.0-1", "amd64", NULL },
	{ "half", "2.0", "amd64", NULL },
	{ "held", "2.0", "amd64", NULL },
	{ "multi", "2.0", "amd64", "Multi-Arch: same" },
	{ "nativetoall", "2.0", "all", NULL },
	{ "newdep", "2.0", "amd64", "Depends: brandnew" },
	{ "phased", "2.0", "amd64", "Phased-Update-Percentage: 0" },
	{ "pinned", "2.0", "amd64", NULL },
	{ "tilde", "1.0~rc2+b1", "amd64", NULL },
	{ "unpacked", "2.0", "amd64", NULL },
	{ .name = NULL },
};
static const struct package main_i386[] = {
	{ "foreign", "2.0", "i386", NULL },
	{ "multi", "2.0", "i386", "Multi-Arch: same" },
	{ .name = NULL },
};
static const struct package security[] = { { "both", "2.0", "amd64", NULL }, { .name = NULL } };
static const struct package flat[] = { { "flat", "2.0", "amd64", NULL }, { .name = NULL } };
static const struct package nowhere[] = { { "nowhere", "2.0", "amd64", NULL }, { .name = NULL } };
static const struct package third[] = { { "third", "3.0", "amd64", NULL }, { .name = NULL } };

static void write_status(struct collecting *at)
{
	struct buffer text = { 0 };

	for (const struct package *package = installed; package->name != NULL; package++)
		buffer_append_format(&text,
		    "Package: %s\nStatus: %s\nVersion: %s\nArchitecture: %s\n%s"
		    "Maintainer: m\nDescription: d\n\n",
		    package->name, package->more == NULL ? "install ok installed" : package->more,
		    package->version, package->architecture,
		    strcmp(package->name, "multi") == 0 ? "Multi-Arch: same\n" : "");
	scratch_write(at->scratch, "var/lib/dpkg/status", buffer_text(&text));
	buffer_fini(&text);
}

static void write_list(struct collecting *at, const char *name, const struct package *packages)
{
	char *path = text_format("var/lib/apt/lists/%s", name);
	struct buffer text = { 0 };

	for (const struct package *package = packages; package->name != NULL; package++)
		buffer_append_format(&text,
		    "Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: m\n%s%s"
		    "Filename: pool/%s_%s.deb\nSize: 10\nSHA256: %064d\nDescription: d\n\n",
		    package->name, package->version, package->architecture,
		    package->more == NULL ? "" : package->more, package->more == NULL ? "" : "\n",
		    package->name, package->architecture, 0);
	scratch_write(at->scratch, path, buffer_text(&text));
	buffer_fini(&text);
	free(path);
}

static void write_release(struct collecting *at, const char *name, const char *fields)
{
	char *path = text_format("var/lib/apt/lists/%s_Release", name);
	char *text = text_format("%sDate: Sat, 10 Jan 2026 10:00:00 UTC\n", fields);

	scratch_write(at->scratch, path, text);
	free(path);
	free(text);
}

static void write_lists(struct collecting *at)
{
	write_list(at, "m.example_d_dists_bookworm_main_binary-amd64_Packages", main_amd64);
	write_list(at, "m.example_d_dists_bookworm_main_binary-i386_Packages", main_i386);
	write_list(at, "m.example_d_dists_security_main_binary-amd64_Packages", security);
	write_list(at, "t.example_a_dists_stable_main_binary-amd64_Packages", third);
	write_list(at, "flat.example_r_._Packages", flat);
	write_list(at, "nowhere.example:8080_r_._Packages", nowhere);
	write_release(at, "m.example_d_dists_bookworm",
	    "Label: Debian\nSuite: oldstable\nVersion: 12.15\nCodename: bookworm\n");
	write_release(at, "m.example_d_dists_security",
	    "Label: Debian-Security\nSuite: oldstable-security\nVersion: 12\n");
	write_release(at, "t.example_a_dists_stable", "Label: Third, party\nSuite: stable\n");
	write_release(at, "flat.example_r_.", "Label: Flat\n");
}

static void write_tree(struct collecting *at)
{
	static const char *const empty[] = { "etc/apt/apt.conf.d/none", "etc/machine-id",
		"etc/apt/preferences.d/none", "var/lib/apt/lists/partial/none",
		"var/lib/dpkg/updates/none.none", "var/cache/apt/archives/partial/none", NULL };

	for (size_t i = 0; empty[i] != NULL; i++)
		scratch_write(at->scratch, empty[i], "");
	unlink(scratch_path(at->scratch, "var/lib/dpkg/updates/none.none"));
	scratch_write(at->scratch, "var/lib/dpkg/arch", "amd64\ni386\n");
	scratch_write(at->scratch, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	scratch_write(at->scratch, "var/cache/apt/archives/cached_2.0_amd64.deb", "0123456789");
	scratch_write(at->scratch, "etc/apt/preferences",
	    "Package: pinned\nPin: version 1.0\nPin-Priority: 1001\n\n"
	    "Package: down\nPin: version 2.0\nPin-Priority: 1001\n");
	scratch_write(at->scratch, "etc/apt/sources.list",
	    "deb [arch=amd64,i386] http://m.example/d bookworm main\n"
	    "deb [arch=amd64] http://m.example/d security main\n"
	    "deb [arch=amd64] http://t.example/a stable main\n"
	    "deb [trusted=yes] http://flat.example/r ./\n"
	    "deb [trusted=yes] http://nowhere.example:8080/r ./\n");
	write_status(at);
	write_lists(at);
}

static bool is_tree_native(void)
{
	struct utsname name;

	return uname(&name) == 0 && strcmp(name.machine, "x86_64") == 0;
}

/* "Inst NAME[:ARCHITECTURE] [INSTALLED] (CANDIDATE ORIGIN [ARCHITECTURE])"; false: another line. */
static bool compare(struct collecting *at, const char *line)
{
	char name[64], before[64], candidate[64], origin[256], architecture[16], key[256];

	if (sscanf(line, "Inst %63[^: ]%*[^[][%63[^]]] (%63s %255[^[][%15[^]]]", name, before,
		candidate, origin, architecture)
	    != 5)
		return false;
	origin[strlen(origin) - 1] = '\0'; /* the blank after it */
	snprintf(key, sizeof(key), "update/dpkg/%s:%s", name, architecture);
	assert_string_equal(observer_fake_text(at->observer, key, "installed"), before);
	assert_string_equal(observer_fake_text(at->observer, key, "candidate"), candidate);
	assert_string_equal(observer_fake_text(at->observer, key, "origin"), origin);
	return true;
}

static void what_is_told_is_what_apt_would_simulate(void **test)
{
	static char get[] = "apt-get", cache[] = "apt-cache", query[] = "dpkg-query";
	static struct updates_settings asked = { .reread = 3600 * 1000,
		.apt_get = get,
		.apt_cache = cache,
		.dpkg_query = query };
	struct collecting *at = *test;
	size_t count = 0;
	char line[1024], *command;
	FILE *simulation;

	if (access("/usr/bin/apt-get", X_OK) != 0 || !is_tree_native())
		skip();
	write_tree(at);
	command = text_format("apt-get --simulate --ignore-hold -oDebug::NoLocking=true "
			      "-oDir=%s "
			      "-oDir::State::status=%s/var/lib/dpkg/status dist-upgrade",
	    (char *)at->scratch, (char *)at->scratch);
	collecting_start(at, &updates_collector, &asked);
	collecting_await_passes(at, 1);
	simulation = popen(command, "r");
	assert_non_null(simulation);
	while (fgets(line, sizeof(line), simulation) != NULL)
		count += compare(at, line);
	assert_int_equal(pclose(simulation), 0);
	assert_int_equal(count, 18);
	assert_int_equal(observer_fake_count(at->observer, "update/dpkg/"), count);
	free(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_told_is_what_apt_would_simulate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
