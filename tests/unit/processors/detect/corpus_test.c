/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public Sigma rules, where they are at hand: each is read, or refused by the name of what it asks
 * for.  Their grammar is tried once more with their logsources taken for ones that are observed.
 */
#include <dirent.h>

#include "processors/detect/key_index.h"
#include "tests/unit/processors/detect/rules.h"

struct corpus {
	struct rules *rules;
	const char *directory; /* NULL: not at hand */
};

struct counts {
	unsigned read;
	unsigned refused;
};

static const char *find_data(struct arena *arena)
{
	const char *source = getenv("FETTLE_SOURCE"), *data = getenv("FETTLE_SHARED_DATA");
	const char *places[] = {
		data == NULL ? "" : arena_format(arena, "%s/detection", data),
		arena_format(arena, "%s/../shared/data/detection", source == NULL ? "." : source),
	};

	for (size_t i = 0; i < 2; i++) {
		DIR *directory = *places[i] == '\0' ? NULL : opendir(places[i]);

		if (directory != NULL) {
			closedir(directory);
			return places[i];
		}
	}
	return NULL;
}

static int start(void **test)
{
	struct corpus *corpus = memory_new(sizeof(*corpus));

	rules_start((void **)&corpus->rules);
	corpus->directory = find_data(&corpus->rules->arena);
	*test = corpus;
	return 0;
}

static int stop(void **test)
{
	struct corpus *corpus = *test;

	rules_stop((void **)&corpus->rules);
	free(corpus);
	return 0;
}

/* Calls USE with the text of each rule of the folder NAME. */
static void for_each(struct corpus *corpus, const char *name,
    void (*use)(struct corpus *corpus, const char *path, const char *text, void *data), void *data)
{
	struct arena *arena = &corpus->rules->arena;
	const char *folder = arena_format(arena, "%s/%s", corpus->directory, name);
	DIR *directory = opendir(folder);
	struct dirent *entry;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		const char *path = arena_format(arena, "%s/%s", folder, entry->d_name);

		if (strstr(entry->d_name, ".yml") != NULL)
			use(corpus, entry->d_name, (const char *)rules_read(arena, path).data,
			    data);
	}
	closedir(directory);
}

static void read_as_it_is(struct corpus *corpus, const char *path, const char *text, void *data)
{
	struct counts *counts = data;
	struct detection *rule = rules_try(corpus->rules, text);
	const char *said = yaml_errors_text(&corpus->rules->errors);

	counts->read += rule != NULL;
	counts->refused += rule == NULL;
	/* Nothing but the logsource is in the way of these. */
	if (rule == NULL
	    && (corpus->rules->errors.count != 1
		|| strstr(said, "the logsource (product: ") == NULL))
		fail_msg("%s: %s", path, said);
	detection_free(rule);
}

static void public_rules_are_read_or_refused_by_name(void **test)
{
	struct corpus *corpus = *test;
	struct counts linux_counts = { 0 }, windows_counts = { 0 };

	if (corpus->directory == NULL) {
		print_message("no public Sigma rules are at hand\n");
		skip();
	}
	for_each(corpus, "sigma", read_as_it_is, &linux_counts);
	for_each(corpus, "sigma-windows", read_as_it_is, &windows_counts);
	print_message("linux: %u read, %u refused for their logsource; windows: %u and %u\n",
	    linux_counts.read, linux_counts.refused, windows_counts.read, windows_counts.refused);
	assert_true(linux_counts.read > 0 && linux_counts.refused > 0);
	assert_int_equal(windows_counts.read, 0);
}

/* TEXT with its logsource replaced by that of file events. */
static const char *with_file_events(struct arena *arena, const char *text)
{
	const char *from = strstr(text, "\nlogsource:"), *to;

	assert_non_null(from);
	from++;
	for (to = strchr(from, '\n') + 1; *to == ' ' || *to == '#' || *to == '\n';
	     to = strchr(to, '\n') + 1)
		;
	return arena_format(arena, "%.*slogsource: {product: linux, category: file_event}\n%s",
	    (int)(from - text), text, to);
}

static void read_grammar(struct corpus *corpus, const char *path, const char *text, void *data)
{
	struct counts *counts = data;
	struct rules *rules = corpus->rules;
	struct detection *rule = rules_try(rules, with_file_events(&rules->arena, text));

	if (rule == NULL)
		fail_msg("%s: %s", path, yaml_errors_text(&rules->errors));
	counts->read++;
	detection_free(rule);
}

static void the_grammar_of_all_public_rules_is_understood(void **test)
{
	struct corpus *corpus = *test;
	struct counts counts = { 0 };

	if (corpus->directory == NULL)
		skip();
	for_each(corpus, "sigma", read_grammar, &counts);
	for_each(corpus, "sigma-windows", read_grammar, &counts);
	print_message("%u rules read with another logsource\n", counts.read);
	assert_true(counts.read > 0);
}

static bool fires(struct rules *rules, const char *text, const char *key)
{
	struct change change = { .key = bytes_of_text(key),
		.before = { .status = FACT_ABSENT },
		.after = { .status = FACT_PRESENT } };
	struct detection *rule = rules_parse(rules, text);
	struct match_result result;
	enum answer answer = rules_match(rules, rule, &change, &result);

	detection_free(rule);
	return answer == ANSWER_YES;
}

static void a_public_rule_fires_as_its_author_meant(void **test)
{
	struct corpus *corpus = *test;
	struct rules *rules = corpus->rules;
	const char *text;

	if (corpus->directory == NULL)
		skip();
	text = (const char *)rules_read(&rules->arena,
	    arena_format(&rules->arena, "%s/sigma/file_event_lnx_susp_cron_file_created.yml",
		corpus->directory))
	           .data;
	assert_true(fires(rules, text, "file/etc/cron.d/backup"));
	assert_true(fires(rules, text, "file/etc/crontab"));
	assert_false(fires(rules, text, "file/etc/cron.daily/apt"));
	assert_false(fires(rules, text, "file/etc/hosts"));
	text = (const char *)rules_read(&rules->arena,
	    arena_format(&rules->arena, "%s/sigma/file_event_lnx_persistence_sudoers_files.yml",
		corpus->directory))
	           .data;
	assert_true(fires(rules, text, "file/etc/sudoers.d/x"));
	/* Its filter asks who wrote it, which is not observed. */
	assert_true(fires(rules, text, "file/etc/sudoers.d/README.dpkg-new"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(public_rules_are_read_or_refused_by_name),
		TEST(the_grammar_of_all_public_rules_is_understood),
		TEST(a_public_rule_fires_as_its_author_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
