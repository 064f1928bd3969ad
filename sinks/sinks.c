/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/sinks.h"

const struct sink *const sinks_all[] = { &store_sink, &siem_sink, &webhook_sink, NULL };

/* How many targets before the INDEXth of SINK are called NAME. */
static size_t namesakes(const struct settings *settings, const struct sink *sink, size_t index,
    const char *name)
{
	struct buffer why = { 0 };
	size_t found = 0;

	for (const struct sink *const *at = sinks_all; *at != NULL; at++) {
		size_t count = *at == sink        ? index
		             : (*at)->has_targets ? settings_count(settings, (*at)->name)
		                                  : 0;

		for (size_t i = 0; i < count; i++) {
			struct sink_target target = { 0 };

			(void)!(*at)->describe(settings_at(settings, (*at)->name, i), &target,
			    &why);
			found += strcmp(target.name, name) == 0;
		}
		if (*at == sink)
			break;
	}
	buffer_fini(&why);
	return found;
}

static enum status check_target(const struct settings *settings, const struct sink *sink,
    size_t index, struct buffer *why)
{
	struct sink_target target;
	struct buffer reason = { 0 };
	enum status status = sink->describe(settings_at(settings, sink->name, index), &target,
	    &reason);

	if (status == STATUS_OK && namesakes(settings, sink, index, target.name) > 0) {
		buffer_append_text(&reason, "there is another target of this name");
		status = STATUS_INVALID;
	}
	if (status != STATUS_OK)
		buffer_append_format(why, "%s number %zu (`%s`): %s", sink->name, index + 1,
		    target.name, buffer_text(&reason));
	buffer_fini(&reason);
	return status;
}

enum status sinks_check(const struct settings *settings, struct buffer *why)
{
	for (const struct sink *const *at = sinks_all; *at != NULL; at++)
		for (size_t i = 0; (*at)->has_targets && i < settings_count(settings, (*at)->name);
		     i++)
			if (check_target(settings, *at, i, why) != STATUS_OK)
				return STATUS_INVALID;
	return STATUS_OK;
}
