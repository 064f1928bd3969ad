/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/version/deb.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/scratch.h"

static int sign(int order)
{
	return (order > 0) - (order < 0);
}

static void compares(const char *a, const char *b, int expected)
{
	int forth = 2, back = 2;

	if (version_deb_compare(bytes_of_text(a), bytes_of_text(b), &forth) != STATUS_OK
	    || version_deb_compare(bytes_of_text(b), bytes_of_text(a), &back) != STATUS_OK)
		fail_msg("%s or %s is taken for no version", a, b);
	if (sign(forth) != expected || sign(back) != -expected)
		fail_msg("%s and %s: %d and %d, not %d", a, b, forth, back, expected);
}

static void is_version(const char *text, size_t size, bool expected)
{
	int order;

	if ((version_deb_compare(BYTES(text, size), bytes_of_text("1"), &order) == STATUS_OK)
	    != expected)
		fail_msg("`%.*s` is %sa version", (int)size, text, expected ? "" : "not ");
}

static void each_rule_of_the_order_holds(void **test)
{
	(void)test;
	compares("1.0-1", "1.0-1", 0);
	compares("1.0-1", "1.0-2", -1);
	compares("1.0-9", "1.0-10", -1); /* numbers, not texts */
	compares("1.9", "1.10", -1);
	compares("1.010", "1.10", 0);   /* zeros in front do not count */
	compares("1.0", "1:0.1", -1);   /* the epoch comes first */
	compares("0:1.0", "1.0", 0);    /* and is 0 where there is none */
	compares("1.0", "1.0-0", 0);    /* so is the revision */
	compares("1.0~rc1", "1.0", -1); /* '~' comes before the end */
	compares("1.0~~", "1.0~", -1);  /* and before itself and the end */
	compares("1.0~~a", "1.0~", -1);
	compares("1.0", "1.0a", -1);                  /* the end before a letter */
	compares("1.0a", "1.0+", -1);                 /* letters before all the rest */
	compares("1.0Z", "1.0a", -1);                 /* by ASCII among themselves */
	compares("1.0+b1", "1.0.1", -1);              /* as well as the rest */
	compares("1.0-1-2", "1.0-1-10", -1);          /* the last dash ends the version */
	compares("3.0.11-1~deb12u2", "3.0.11-1", -1); /* a backport is older */
	compares("1.2.3-1+deb12u1", "1.2.3-1", 1);    /* an update is newer */
	compares("1:2:3-1", "1:2:3-2", -1);           /* a colon after the first is any other */
	compares("99999999999999999999", "99999999999999999998", 1); /* of any length */
}

static void what_dpkg_would_refuse_is_no_version(void **test)
{
	static const char *const bad[] = { "", " ", ":", "0:", ":1", "a:1", "-1:1", "1.0-", "-1",
		"a1", "0:a1", "1 0", "1_0", "1.0-1_0", "1.0-1:0", "1/0", "2147483648:1",
		"99999999999999999999999999:1", "1.0\xff" };

	(void)test;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_version(bad[i], strlen(bad[i]), false);
	is_version("1\0", 2, false);
	is_version("2147483647:1", 12, true);
	is_version(" 1.0-1\n", 7, true);
}

/* ---- published vectors, where they are at hand ---- */

static FILE *open_vectors(const char *name)
{
	const char *data = getenv("FETTLE_SHARED_DATA"), *source = getenv("FETTLE_SOURCE");
	char *path = data != NULL ? text_format("%s/versions/%s", data, name)
	                          : text_format("%s/../shared/data/versions/%s",
				      source == NULL ? "." : source, name);
	FILE *file = fopen(path, "r");

	if (file == NULL)
		print_message("%s is not there: the vectors are no part of the tree\n", path);
	free(path);
	return file;
}

static void tables_of_pairs_are_ordered_as_published(void **test)
{
	static const char *const names[] = { "dpkg/Dpkg_Version.tsv",
		"dpkg/debian12-real-pairs.tsv" };
	char line[512], a[200], b[200];
	size_t lines = 0;

	(void)test;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *file = open_vectors(names[i]);
		int order;

		if (file == NULL)
			skip();
		while (fgets(line, sizeof(line), file) != NULL)
			if (sscanf(line, "%199s %199s %d", a, b, &order) == 3 && line[0] != '#') {
				compares(a, b, order);
				lines++;
			}
		fclose(file);
	}
	assert_true(lines > 1000);
}

static void relations_are_as_published(void **test)
{
	FILE *file = open_vectors("osv-scalibr/debian-versions.txt");
	char line[512], a[200], b[200], relation;
	size_t lines = 0;

	(void)test;
	if (file == NULL)
		skip();
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%199s %c %199s", a, &relation, b) == 3 && line[0] != '#') {
			compares(a, b, relation == '=' ? 0 : relation == '<' ? -1 : 1);
			lines++;
		}
	fclose(file);
	assert_true(lines > 10);
}

static void each_line_is_a_version(const char *name, bool expected)
{
	FILE *file = open_vectors(name);
	char line[512];
	size_t lines = 0;

	if (file == NULL)
		skip();
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		is_version(line, strlen(line), expected);
		lines++;
	}
	fclose(file);
	assert_true(lines > 5);
}

static void what_is_published_as_well_formed_is_taken(void **test)
{
	(void)test;
	each_line_is_a_version("dpkg/parse-valid.txt", true);
}

static void what_is_published_as_malformed_is_refused(void **test)
{
	(void)test;
	each_line_is_a_version("dpkg/parse-invalid.txt", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_of_the_order_holds),
		cmocka_unit_test(what_dpkg_would_refuse_is_no_version),
		cmocka_unit_test(tables_of_pairs_are_ordered_as_published),
		cmocka_unit_test(relations_are_as_published),
		cmocka_unit_test(what_is_published_as_well_formed_is_taken),
		cmocka_unit_test(what_is_published_as_malformed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
