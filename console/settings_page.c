/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - every setting that there is: for a person as Markdown, which docs/settings.md is made
 * of, for programs as rows.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/sections.h"

static const struct output_column columns[] = {
	{ "setting", NULL, 0, 0 },
	{ "section", NULL, 0, 0 },
	{ "name", NULL, 0, 0 },
	{ "type", NULL, 0, 0 },
	{ "default", NULL, 0, 0 },
	{ "lowest", NULL, 0, 0 },
	{ "highest", NULL, 0, 0 },
	{ "in_list", NULL, 0, 0 },
	{ "help", NULL, 0, 0 },
	{ .name = NULL },
};

static enum status show_setting(void *data, const struct setting_description *setting)
{
	struct output *output = data;
	char *whole = text_format("%s.%s", setting->section, setting->name);

	output_text(output, whole);
	output_text(output, setting->section);
	output_text(output, setting->name);
	output_text(output, setting->type);
	output_bytes(output, bytes_of_text(setting->fallback));
	output_text(output, setting->lowest);
	output_text(output, setting->highest);
	output_flag(output, setting->is_of_list);
	output_text(output, setting->help);
	free(whole);
	return output_row(output);
}

static int show_rows(const struct console *console)
{
	struct output *output = output_new(&console->output, columns);

	return console_end(&output, settings_describe(sections_all(), show_setting, output));
}

int settings_page_run(const struct console *console, int argc, char **argv)
{
	struct buffer page = { 0 };

	(void)argc;
	(void)argv;
	if (console->output.format != OUTPUT_TABLE)
		return show_rows(console);
	settings_document(sections_all(), &page);
	fputs(buffer_text(&page), console->output.stream);
	buffer_fini(&page);
	return 0;
}
