/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"

static const char see[] = "See what is and what is wrong";
static const char judge[] = "Say what is right";
static const char inside[] = "Look inside";

const struct command commands_all[] = {
	{ .noun = "status", .group = see,
	    .summary = "how many assets, findings and changes; how far each part is",
	    .example = "fettle status", .run = status_run },
	{ .noun = "findings", .verb = "list", .group = see,
	    .summary = "what is wrong, the worst first",
	    .example = "fettle findings --severity critical,high --asset web1",
	    .options = findings_options, .run = findings_list_run },
	{ .noun = "findings", .verb = "show", .group = see, .arguments = "ID",
	    .arguments_least = 1, .arguments_most = 1,
	    .summary = "one finding: why, and what to do",
	    .example = "fettle findings show 3f9c", .options = findings_options,
	    .run = findings_show_run },
	{ .noun = "changes", .group = see, .summary = "what changed, the newest last",
	    .example = "fettle changes --since 1h --asset web1 --key file/etc/",
	    .options = changes_options, .run = changes_run },
	{ .noun = "assets", .verb = "list", .group = see,
	    .summary = "what is watched, and when it was last seen",
	    .example = "fettle assets --format json", .run = assets_list_run },
	{ .noun = "assets", .verb = "show", .group = see, .arguments = "ASSET",
	    .arguments_least = 1, .arguments_most = 1,
	    .summary = "one asset, and how it stands by each policy",
	    .example = "fettle assets show web1", .run = assets_show_run },
	{ .noun = "facts", .group = see, .arguments = "ASSET [PREFIX]",
	    .arguments_least = 1, .arguments_most = 2,
	    .summary = "what is known of an asset",
	    .example = "fettle facts web1 file/etc/ssh/", .run = facts_run },
	{ .noun = "policies", .verb = "list", .group = judge,
	    .summary = "the policies in force, and how the assets stand",
	    .example = "fettle policies", .run = policies_run },
	{ .noun = "log", .verb = "dump", .group = inside,
	    .summary = "the records that the log holds",
	    .example = "fettle log dump --raw > records.pb", .options = log_dump_options,
	    .run = log_dump_run },
	{ .noun = "settings", .group = inside,
	    .summary = "every setting, its default and its range, in Markdown",
	    .example = "fettle settings", .run = settings_page_run },
	{ .noun = NULL },
};
