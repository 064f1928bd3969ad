/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/content.h"

const struct argp_option policies_load_options[] = {
	{ "dialect", 'D', "wazuh4|wazuh5|fettle", 0, "stands above what the files name", 0 },
	{ 0 },
};

int policies_load_run(const struct console *console, int argc, char **argv)
{
	struct yaml_errors errors = { 0 };
	struct content *content = NULL;
	uint64_t written = 0;
	/* What follows the arguments in ARGV is not theirs. */
	const char **files = memory_new((size_t)argc * sizeof(*files));
	enum status status;

	for (int i = 1; i < argc; i++)
		files[i - 1] = argv[i];
	status = content_load_files(files, console_option(console, "dialect"), &content, &errors);
	free(files);
	if (status != STATUS_OK) {
		fprintf(stderr, "%sfettle: nothing was changed\n", yaml_errors_text(&errors));
		yaml_errors_fini(&errors);
		return status_exit_code(status);
	}
	if (console->is_dry_run) {
		console_say(console, "%zu policies are fine; nothing was changed",
		    content_count(content));
	} else {
		status = content_publish(content, console->paths.data, &written);
		if (status == STATUS_OK)
			console_say(console,
			    "%llu of %zu policies are new or different, and in "
			    "force now",
			    (unsigned long long)written, content_count(content));
	}
	content_free(content);
	return status_exit_code(status);
}

int policies_remove_run(const struct console *console, int argc, char **argv)
{
	enum status status;

	(void)argc;
	if (console->is_dry_run) {
		console_say(console,
		    "`%s` would be withdrawn if it is in force; nothing was changed", argv[1]);
		return 0;
	}
	status = content_withdraw(console->paths.data, argv[1]);
	if (status == STATUS_NOT_FOUND)
		return console_fail(status, "no policy `%s` is in force", argv[1]);
	if (status == STATUS_OK)
		console_say(console,
		    "`%s` is withdrawn; where its file is among those that the "
		    "server reads, it comes back when they are read again",
		    argv[1]);
	return status_exit_code(status);
}
