/* SPDX-License-Identifier: Apache-2.0 */
#include "console/alerts_page.h"

#include "console/fact_diff.h"
#include "console/page.h"
#include "core/record.h"
#include "sinks/store/rank.h"
#include "sinks/store/standing.h"

enum { ID_SHOWN = 4 /* bytes */ };

/* "T1548.003, T1059 (ATT&CK 18.1)" */
static void write_list(FILE *stream, const char *label, char *const *items, size_t count,
    const char *version)
{
	struct buffer text = { 0 };

	for (size_t i = 0; i < count; i++)
		buffer_append_format(&text, "%s%s", i > 0 ? ", " : "", items[i]);
	if (count > 0 && !page_is_empty(version))
		buffer_append_format(&text, " (ATT&CK %s)", version);
	page_row(stream, label, buffer_text(&text));
	buffer_fini(&text);
}

static void write_state(FILE *stream, const Fettle__AlertVerdict *alert)
{
	bool is_undone = alert->state == FETTLE__ALERT_STATE__ALERT_STATE_UNDONE;

	page_row(stream, "state",
	    is_undone ? "undone: what it tells of is again as it was before"
		      : "open: it is still as it became");
	page_row(stream, "reason", alert->reason);
	if (alert->is_undecided)
		page_row(stream, "undecided",
		    "the rule may hold; not all that it asks for could be seen");
}

static void write_acknowledgement(FILE *stream, const Fettle__AlertVerdict *alert, uint64_t now_ms)
{
	if (alert->acknowledged_ms == 0)
		return;
	page_row(stream, "seen by",
	    page_is_empty(alert->acknowledged_by) ? "somebody" : alert->acknowledged_by);
	page_time(stream, "seen", alert->acknowledged_ms, now_ms);
	page_row(stream, "note", alert->note);
}

static void write_facts(FILE *stream, const Fettle__AlertVerdict *alert, const char *asset,
    uint64_t now_ms)
{
	page_id(stream, "id", record_bytes(alert->id));
	page_row(stream, "severity", rank_text(rank_of_severity(alert->severity)));
	page_row(stream, "asset", asset);
	page_row_bytes(stream, "what", record_bytes(alert->key));
	page_row(stream, "package", alert->package);
	write_state(stream, alert);
	page_time(stream, "changed", alert->observed_ms, now_ms);
	page_time(stream, "known", alert->received_ms, now_ms);
	page_time(stream, "opened", alert->opened_ms, now_ms);
	page_time(stream, "undone", alert->undone_ms, now_ms);
	write_acknowledgement(stream, alert, now_ms);
	page_row(stream, "rule", alert->rule);
	write_list(stream, "techniques", alert->techniques, alert->n_techniques,
	    alert->attack_version);
	write_list(stream, "tactics", alert->tactics, alert->n_tactics, NULL);
}

static void write_explanations(const struct output_options *options,
    const Fettle__AlertVerdict *alert)
{
	if (alert->n_falsepositives > 0)
		page_heading(options, "What may have done it in ordinary life");
	for (size_t i = 0; i < alert->n_falsepositives; i++)
		page_wrapped(options, bytes_of_text(alert->falsepositives[i]));
}

static void write_next(const struct output_options *options, const Fettle__AlertVerdict *alert,
    const char *asset)
{
	FILE *stream = options->stream;
	bool is_seen = alert->acknowledged_ms > 0;
	char id[2 * ID_SHOWN + 1];

	bytes_to_hex(BYTES(alert->id.data, ID_SHOWN), id);
	page_heading(options, "Next");
	fputs("  fettle changes --since 1d --asset ", stream);
	page_text(stream, bytes_of_text(asset));
	fputs("   what else changed there\n", stream);
	if (!is_seen)
		fprintf(stream, "  fettle alerts ack %s --note TEXT   say that you know of it\n",
		    id);
	if (alert->state == FETTLE__ALERT_STATE__ALERT_STATE_OPEN)
		page_wrapped(options,
		    bytes_of_text("If nobody meant it: put it back on the machine as it was; the "
				  "alert is then undone by itself."));
}

void alerts_page_write(const struct output_options *options, const Fettle__AlertVerdict *alert,
    const char *asset, uint64_t now_ms)
{
	page_title(options, page_is_empty(alert->title) ? "(no title)" : alert->title);
	write_facts(options->stream, alert, asset, now_ms);
	page_heading(options, "What happened");
	fact_diff_write(options, alert->before, alert->after);
	page_section(options, "What it means", alert->description);
	write_explanations(options, alert);
	write_next(options, alert, asset);
}
