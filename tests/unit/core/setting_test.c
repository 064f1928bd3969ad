/* SPDX-License-Identifier: Apache-2.0 */
#include "core/setting.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scratch.h"

struct gateway {
	char *listen;
	uint32_t backlog;
	bool verbose;
	uint64_t map_size;
	uint64_t idle;
	struct setting_list peers;
};

static const struct setting gateway_table[] = { SETTING_TEXT(struct gateway, listen,
						    "tcp://127.0.0.1:7070", "where agents connect"),
	SETTING_U32(struct gateway, backlog, 128, 1, 4096, "connections that may wait"),
	SETTING_BOOL(struct gateway, verbose, false, "say more | or less"),
	SETTING_SIZE(struct gateway, map_size, 1 << 20, 1 << 12, UINT64_MAX, "of the map"),
	SETTING_DURATION(struct gateway, idle, 90 * 1000, 1000, 24 * 60 * 60 * 1000, "then drop"),
	SETTING_LIST(struct gateway, peers, "a, b", "other gateways"), SETTING_END };

struct siem {
	char *name;
	uint32_t port;
};

static const struct setting siem_table[] = { SETTING_TEXT(struct siem, name, NULL,
						 "shown in log lines"),
	SETTING_U32(struct siem, port, 514, 1, 65535, "of the receiver"), SETTING_END };

struct store {
	char *path;
};

static const struct setting store_table[] = { SETTING_TEXT(struct store, path, "", "its folder"),
	SETTING_END };

static const struct setting_section sections[] = {
	{ .name = "gateway",
	    .settings = gateway_table,
	    .size = sizeof(struct gateway),
	    .help = "Faces the endpoints." },
	{ .name = "gateway-store", .settings = store_table, .size = sizeof(struct store) },
	{ .name = "siem", .settings = siem_table, .size = sizeof(struct siem), .is_list = true },
	{ .name = NULL },
};

/* Settings that were loaded, or what was wrong with them. */
struct loaded {
	struct settings *settings;
	struct yaml_errors errors;
	enum status status;
};

static struct loaded load(struct settings_sources sources)
{
	struct loaded loaded = { 0 };

	loaded.status = settings_load(sections, &sources, &loaded.settings, &loaded.errors);
	return loaded;
}

static const struct gateway *gateway_of(struct loaded *loaded)
{
	if (loaded->status != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&loaded->errors));
	return settings_of(loaded->settings, "gateway");
}

static void finish(struct loaded *loaded)
{
	settings_free(loaded->settings);
	yaml_errors_fini(&loaded->errors);
}

/* All that was told must be MISTAKES, in order, each in a line of its own. */
static void tells(struct settings_sources sources, enum status status, const char *mistakes)
{
	struct loaded loaded = load(sources);

	assert_string_equal(yaml_errors_text(&loaded.errors), mistakes);
	assert_int_equal(loaded.status, status);
	assert_null(loaded.settings);
	finish(&loaded);
}

/* The same for a file with TEXT; each message without the directory, and without its excerpt. */
static void file_tells(const char *directory, const char *text, const char *mistakes)
{
	struct buffer told = { 0 };
	struct loaded loaded;
	const char *line;

	scratch_write(directory, "fettle.yaml", text);
	loaded = load((struct settings_sources){ .file = scratch_path(directory, "fettle.yaml") });
	line = yaml_errors_text(&loaded.errors);
	while ((line = strstr(line, "fettle.yaml:")) != NULL) {
		buffer_append(&told, BYTES(line, strcspn(line, "\n") + 1));
		line += strcspn(line, "\n");
	}
	assert_string_equal(buffer_text(&told), mistakes);
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_null(loaded.settings);
	buffer_fini(&told);
	finish(&loaded);
}

static void assert_list(const struct setting_list *list, const char *joined)
{
	struct buffer text = { 0 };

	for (size_t i = 0; i < list->count; i++)
		buffer_append_format(&text, "%s%s", i > 0 ? "|" : "", list->items[i]);
	assert_string_equal(buffer_text(&text), joined);
	buffer_fini(&text);
}

/* ---- values ---- */

static void without_sources_all_is_default(void **test)
{
	struct loaded loaded = load((struct settings_sources){ 0 });
	const struct gateway *gateway = gateway_of(&loaded);
	const struct store *store = settings_of(loaded.settings, "gateway-store");

	(void)test;
	assert_string_equal(gateway->listen, "tcp://127.0.0.1:7070");
	assert_int_equal(gateway->backlog, 128);
	assert_false(gateway->verbose);
	assert_int_equal(gateway->map_size, 1 << 20);
	assert_int_equal(gateway->idle, 90 * 1000);
	assert_list(&gateway->peers, "a|b");
	assert_string_equal(store->path, "");
	assert_int_equal(settings_count(loaded.settings, "siem"), 0);
	finish(&loaded);
}

static void a_file_sets_every_type(void **test)
{
	const struct gateway *gateway;
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml",
	    "gateway:\n  listen: ''\n  backlog: 4096\n  verbose: Yes\n  map_size: 64 KiB\n"
	    "  idle: 15m\n  peers: [x, 'y,z', no]\ngateway-store:\n");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml") });
	gateway = gateway_of(&loaded);
	assert_string_equal(gateway->listen, "");
	assert_int_equal(gateway->backlog, 4096);
	assert_true(gateway->verbose);
	assert_int_equal(gateway->map_size, 65536);
	assert_int_equal(gateway->idle, 15 * 60 * 1000);
	assert_list(&gateway->peers, "x|y,z|no");
	finish(&loaded);
}

static void environment_and_flags_set_every_type(void **test)
{
	const char *const environment[] = { "FETTLE_GATEWAY_LISTEN=a=b", "FETTLE_GATEWAY_IDLE=7h",
		"FETTLE_GATEWAY_PEERS= x ,, y z,", "FETTLE_GATEWAY_STORE_PATH=/data", NULL };
	const char *const flags[] = { "gateway.backlog=7", "gateway.verbose=on",
		"gateway.map_size=1G", "gateway-store.path=/a.b=c", NULL };
	struct loaded loaded = load(
	    (struct settings_sources){ .environment = environment, .flags = flags });
	const struct gateway *gateway = gateway_of(&loaded);
	const struct store *store = settings_of(loaded.settings, "gateway-store");

	(void)test;
	assert_string_equal(gateway->listen, "a=b");
	assert_int_equal(gateway->idle, 7 * 60 * 60 * 1000);
	assert_list(&gateway->peers, "x|y z");
	assert_int_equal(gateway->backlog, 7);
	assert_true(gateway->verbose);
	assert_int_equal(gateway->map_size, 1 << 30);
	assert_string_equal(store->path, "/a.b=c");
	finish(&loaded);
}

static void an_empty_list_takes_the_place_of_the_default(void **test)
{
	const char *const environment[] = { "FETTLE_GATEWAY_PEERS=", NULL };
	struct loaded loaded = load((struct settings_sources){ .environment = environment });

	(void)test;
	assert_list(&gateway_of(&loaded)->peers, "");
	finish(&loaded);
}

static void bounds_themselves_are_allowed(void **test)
{
	const char *const lowest[] = { "gateway.backlog=1", "gateway.idle=1s",
		"gateway.map_size=4096", NULL };
	const char *const highest[] = { "gateway.backlog=4096", "gateway.idle=1d",
		"gateway.map_size=18446744073709551615", NULL };
	struct loaded loaded = load((struct settings_sources){ .flags = lowest });

	(void)test;
	assert_int_equal(gateway_of(&loaded)->backlog, 1);
	finish(&loaded);
	loaded = load((struct settings_sources){ .flags = highest });
	assert_true(gateway_of(&loaded)->map_size == UINT64_MAX);
	finish(&loaded);
}

/* ---- sources ---- */

static void a_later_source_overrides_an_earlier_one(void **test)
{
	const char *const environment[] = { "FETTLE_GATEWAY_VERBOSE=no", "FETTLE_GATEWAY_IDLE=4s",
		NULL };
	const char *const flags[] = { "gateway.idle=5s", "gateway.idle=6s", NULL };
	const struct gateway *gateway;
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml", "gateway: {listen: file, backlog: 2, verbose: yes}\n");
	scratch_write(*test, "conf.d/20.yaml", "gateway: {backlog: 4, peers: [twenty]}\n");
	scratch_write(*test, "conf.d/10.yaml", "gateway: {backlog: 3, peers: [ten]}\n");
	scratch_write(*test, "conf.d/30.yaml.bak", "rubbish");
	scratch_write(*test, "conf.d/.40.yaml", "rubbish");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml"),
	    .directory = scratch_path(*test, "conf.d"),
	    .environment = environment,
	    .flags = flags });
	gateway = gateway_of(&loaded);
	assert_string_equal(gateway->listen, "file");
	assert_int_equal(gateway->backlog, 4);
	assert_list(&gateway->peers, "twenty");
	assert_false(gateway->verbose);
	assert_int_equal(gateway->idle, 6 * 1000);
	finish(&loaded);
}

static void a_default_file_and_a_directory_may_be_missing(void **test)
{
	struct loaded loaded = load(
	    (struct settings_sources){ .file = scratch_path(*test, "none.yaml"),
		.file_may_be_missing = true,
		.directory = scratch_path(*test, "none") });

	assert_int_equal(gateway_of(&loaded)->backlog, 128);
	assert_int_equal(loaded.errors.count, 0);
	assert_string_equal(yaml_errors_text(&loaded.errors), "");
	finish(&loaded);
}

static void a_file_that_was_asked_for_must_be_there(void **test)
{
	struct loaded loaded = load(
	    (struct settings_sources){ .file = scratch_path(*test, "none.yaml") });

	assert_int_equal(loaded.status, STATUS_NOT_FOUND);
	assert_null(loaded.settings);
	assert_non_null(strstr(yaml_errors_text(&loaded.errors), "none.yaml: No such file"));
	finish(&loaded);
}

static void a_file_that_exists_must_be_readable_even_as_a_default(void **test)
{
	struct loaded loaded;

	assert_int_equal(mkdir(scratch_path(*test, "fettle.yaml"), 0700), 0);
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml"),
	    .file_may_be_missing = true });
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_non_null(strstr(yaml_errors_text(&loaded.errors), "not a regular file"));
	finish(&loaded);
	scratch_write(*test, "file", "");
	loaded = load((struct settings_sources){ .directory = scratch_path(*test, "file") });
	assert_int_equal(loaded.status, STATUS_IO);
	assert_non_null(strstr(yaml_errors_text(&loaded.errors), "file: Not a directory"));
	finish(&loaded);
}

static void variables_of_no_section_are_left_alone(void **test)
{
	const char *const environment[] = { "FETTLE_DATA=/x", "FETTLE_CONFIG=/y", "FETTLE_=z",
		"FETTLE_GATEWAYS_LISTEN=x", "FETTLE_GATEWAY=x", "GATEWAY_LISEN=x",
		"FETTLE_GATEWAY_X", "PATH=/bin", "", NULL };
	struct loaded loaded = load((struct settings_sources){ .environment = environment });

	(void)test;
	assert_string_equal(gateway_of(&loaded)->listen, "tcp://127.0.0.1:7070");
	finish(&loaded);
}

/* ---- mistakes ---- */

static void a_mistake_in_a_file_names_line_and_column(void **test)
{
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml", "gateway:\n  backlog: 1\n  lisen: x\n");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml") });
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_non_null(strstr(yaml_errors_text(&loaded.errors),
	    "/fettle.yaml:3:3: `lisen` is not a setting of `gateway`; did you mean `listen`? "
	    "(known: listen, backlog, verbose, map_size, idle, peers)\n"
	    "    lisen: x\n"
	    "    ^\n"));
	finish(&loaded);
}

static void every_mistake_is_told(void **test)
{
	const char *const environment[] = { "FETTLE_GATEWAY_BACKLOG=0", NULL };
	const char *const flags[] = { "gateway.idle=90", NULL };
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml", "gatway: {}\ngateway: {idle: 8d, verbose: maybe}\n");
	scratch_write(*test, "conf.d/a.yaml", "gateway: [");
	scratch_write(*test, "conf.d/b.yaml", "gateway: x\n");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml"),
	    .directory = scratch_path(*test, "conf.d"),
	    .environment = environment,
	    .flags = flags });
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_int_equal(loaded.errors.count, 7);
	finish(&loaded);
}

static void a_wrong_value_is_told_with_what_would_be_right(void **test)
{
	file_tells(*test, "gateway: {backlog: x}\n",
	    "fettle.yaml:1:20: `gateway.backlog` must be a whole number, such as `64`, and is "
	    "`x`\n");
	file_tells(*test, "gateway: {backlog: 4097}\n",
	    "fettle.yaml:1:20: `gateway.backlog` must be 1 to 4096, and is `4097`\n");
	file_tells(*test, "gateway: {backlog: 4294967297}\n",
	    "fettle.yaml:1:20: `gateway.backlog` must be 1 to 4096, and is `4294967297`\n");
	file_tells(*test, "gateway: {verbose: 1}\n",
	    "fettle.yaml:1:20: `gateway.verbose` must be `true` or `false`, and is `1`\n");
	file_tells(*test, "gateway: {map_size: 4095}\n",
	    "fettle.yaml:1:21: `gateway.map_size` must be 4 KiB or more, and is `4095`\n");
	file_tells(*test, "gateway: {map_size: 1KB}\n",
	    "fettle.yaml:1:21: `gateway.map_size` must be a size, such as `4096`, `64 KiB` or "
	    "`1G`, and is `1KB`\n");
	file_tells(*test, "gateway: {idle: 999ms}\n",
	    "fettle.yaml:1:17: `gateway.idle` must be 1s to 1d, and is `999ms`\n");
	file_tells(*test, "gateway: {idle: 90}\n",
	    "fettle.yaml:1:17: `gateway.idle` must be a duration, such as `500ms`, `90s`, `15m`, "
	    "`36h` or `7d`, and is `90`\n");
}

static void a_single_value_is_a_list_too(void **test)
{
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml", "gateway: {peers: 'tcp://a:1'}\n");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml") });
	assert_int_equal(loaded.status, STATUS_OK);
	assert_list(&gateway_of(&loaded)->peers, "tcp://a:1");
	finish(&loaded);
}

static void a_wrong_shape_is_told(void **test)
{
	file_tells(*test, "[gateway]\n",
	    "fettle.yaml:1:1: the file must be a mapping of sections\n");
	file_tells(*test, "gateway: [x]\n",
	    "fettle.yaml:1:10: `gateway` must be a mapping of settings\n");
	file_tells(*test, "gateway: {listen: [x]}\n",
	    "fettle.yaml:1:19: `gateway.listen` must be a single value\n");
	file_tells(*test, "gateway: {peers: {x: y}}\n",
	    "fettle.yaml:1:18: `gateway.peers` must be a list, such as [a, b]\n");
	file_tells(*test, "gateway: {peers: [x, [y], z]}\n",
	    "fettle.yaml:1:22: an item of `gateway.peers` must be a single value\n");
}

static void a_mistake_in_the_environment_names_the_variable(void **test)
{
	const char *const environment[] = { "FETTLE_GATEWAY_BACKLOG=", "FETTLE_GATEWAY_LISEN=x",
		"FETTLE_GATEWAY_listen=x", "FETTLE_GATEWAY_STORE_PATHS=x",
		"FETTLE_GATEWAY_LISTEN=\xff", "FETTLE_SIEM_PORT=1", NULL };

	(void)test;
	tells((struct settings_sources){ .environment = environment }, STATUS_INVALID,
	    "FETTLE_GATEWAY_BACKLOG: `gateway.backlog` must be a whole number, such as `64`, and "
	    "is ``\n"
	    "FETTLE_GATEWAY_LISEN: names no setting of `gateway` in upper case; did you mean "
	    "`listen`? (known: listen, backlog, verbose, map_size, idle, peers)\n"
	    "FETTLE_GATEWAY_listen: names no setting of `gateway` in upper case; did you mean "
	    "`listen`? (known: listen, backlog, verbose, map_size, idle, peers)\n"
	    "FETTLE_GATEWAY_STORE_PATHS: names no setting of `gateway-store` in upper case; did "
	    "you mean `path`? (known: path)\n"
	    "FETTLE_GATEWAY_LISTEN: `gateway.listen` must be UTF-8\n"
	    "FETTLE_SIEM_PORT: `siem` is a list, which only a file can set\n");
}

static void a_mistake_on_the_command_line_names_the_flag(void **test)
{
	const char *const flags[] = { "gateway.backlog=0", "gateway.port=1", "gatway.listen=x",
		"gateway=x.y", "gateway.listen", "", "siem.port=1", "gateway.peers=\xc3", NULL };

	(void)test;
	tells((struct settings_sources){ .flags = flags }, STATUS_INVALID,
	    "command line: `gateway.backlog` must be 1 to 4096, and is `0`\n"
	    "command line: `port` is not a setting of `gateway` "
	    "(known: listen, backlog, verbose, map_size, idle, peers)\n"
	    "command line: `gatway` is not a section; did you mean `gateway`? "
	    "(known: gateway, gateway-store, siem)\n"
	    "command line: `gateway` is not SECTION.NAME=VALUE\n"
	    "command line: `gateway.listen` is not SECTION.NAME=VALUE\n"
	    "command line: `` is not SECTION.NAME=VALUE\n"
	    "command line: `siem` is a list, which only a file can set\n"
	    "command line: `gateway.peers` must be UTF-8\n");
}

/* ---- sections that are lists ---- */

static void a_list_section_holds_each_entry_of_every_file(void **test)
{
	const struct siem *siem;
	struct loaded loaded;

	scratch_write(*test, "fettle.yaml", "siem:\n  - name: one\n  - {name: two, port: 6514}\n");
	scratch_write(*test, "conf.d/a.yaml", "siem: [{}]\n");
	loaded = load((struct settings_sources){ .file = scratch_path(*test, "fettle.yaml"),
	    .directory = scratch_path(*test, "conf.d") });
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(settings_count(loaded.settings, "siem"), 3);
	siem = settings_at(loaded.settings, "siem", 0);
	assert_string_equal(siem->name, "one");
	assert_int_equal(siem->port, 514);
	siem = settings_at(loaded.settings, "siem", 1);
	assert_string_equal(siem->name, "two");
	assert_int_equal(siem->port, 6514);
	siem = settings_at(loaded.settings, "siem", 2);
	assert_string_equal(siem->name, "");
	finish(&loaded);
}

static void a_mistake_in_a_list_section_is_told(void **test)
{
	file_tells(*test, "siem: [{prt: 1}, x, {port: 0}]\n",
	    "fettle.yaml:1:9: `prt` is not a setting of `siem`; did you mean `port`? "
	    "(known: name, port)\n"
	    "fettle.yaml:1:18: an entry of `siem` must be a mapping, such as {name: value}\n"
	    "fettle.yaml:1:28: `siem.port` must be 1 to 65535, and is `0`\n");
	file_tells(*test, "siem: {name: x}\n",
	    "fettle.yaml:1:7: `siem` must be a list of mappings\n");
}

/* ---- documentation ---- */

static void the_tables_document_themselves(void **test)
{
	struct buffer text = { 0 };

	(void)test;
	settings_document(sections, &text);
	assert_string_equal(buffer_text(&text),
	    "## `gateway`\n\nFaces the endpoints.\n\n"
	    "| setting | default | range | help |\n| --- | --- | --- | --- |\n"
	    "| `listen` | `tcp://127.0.0.1:7070` | text | where agents connect |\n"
	    "| `backlog` | `128` | 1 to 4096 | connections that may wait |\n"
	    "| `verbose` | `false` | false or true | say more \\| or less |\n"
	    "| `map_size` | `1 MiB` | 4 KiB or more | of the map |\n"
	    "| `idle` | `90s` | 1s to 1d | then drop |\n"
	    "| `peers` | `a, b` | list | other gateways |\n"
	    "\n## `gateway-store`\n\n"
	    "| setting | default | range | help |\n| --- | --- | --- | --- |\n"
	    "| `path` | empty | text | its folder |\n"
	    "\n## `siem`\n\nA list; each entry holds:\n\n"
	    "| setting | default | range | help |\n| --- | --- | --- | --- |\n"
	    "| `name` | empty | text | shown in log lines |\n"
	    "| `port` | `514` | 1 to 65535 | of the receiver |\n");
	buffer_fini(&text);
}

#define IN_SCRATCH(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_sources_all_is_default),
		IN_SCRATCH(a_file_sets_every_type),
		cmocka_unit_test(environment_and_flags_set_every_type),
		cmocka_unit_test(an_empty_list_takes_the_place_of_the_default),
		cmocka_unit_test(bounds_themselves_are_allowed),
		IN_SCRATCH(a_later_source_overrides_an_earlier_one),
		IN_SCRATCH(a_default_file_and_a_directory_may_be_missing),
		IN_SCRATCH(a_file_that_was_asked_for_must_be_there),
		IN_SCRATCH(a_file_that_exists_must_be_readable_even_as_a_default),
		cmocka_unit_test(variables_of_no_section_are_left_alone),
		IN_SCRATCH(a_mistake_in_a_file_names_line_and_column),
		IN_SCRATCH(every_mistake_is_told),
		IN_SCRATCH(a_wrong_value_is_told_with_what_would_be_right),
		IN_SCRATCH(a_single_value_is_a_list_too),
		IN_SCRATCH(a_wrong_shape_is_told),
		cmocka_unit_test(a_mistake_in_the_environment_names_the_variable),
		cmocka_unit_test(a_mistake_on_the_command_line_names_the_flag),
		IN_SCRATCH(a_list_section_holds_each_entry_of_every_file),
		IN_SCRATCH(a_mistake_in_a_list_section_is_told),
		cmocka_unit_test(the_tables_document_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
