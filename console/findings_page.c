/* SPDX-License-Identifier: Apache-2.0 */
#include "console/findings_page.h"

#include "console/due_text.h"
#include "console/page.h"
#include "core/record.h"

static void write_evidence(const struct output_options *options,
    const Fettle__FindingVerdict *finding)
{
	FILE *stream = options->stream;

	if (finding->n_evidence > 0)
		page_heading(options, "Evidence");
	for (size_t i = 0; i < finding->n_evidence; i++) {
		const Fettle__Evidence *evidence = finding->evidence[i];

		fputs(i > 0 ? "\n" : "", stream);
		page_row(stream, "rule", evidence->rule);
		page_row_bytes(stream, "fact", record_bytes(evidence->key));
		page_row(stream, "outcome", evidence->outcome);
		page_row(stream, "detail", evidence->detail);
	}
}

static void write_policy(FILE *stream, const Fettle__FindingVerdict *finding)
{
	page_row(stream, "policy", finding->policy);
	page_id(stream, "its hash", record_bytes(finding->policy_hash));
	page_row(stream, "dialect", finding->dialect);
}

/* As in the list, and the time. */
static void write_due(FILE *stream, const Fettle__FindingVerdict *finding, uint64_t now_ms)
{
	char due[DUE_TEXT_SIZE], time[OUTPUT_TIME_SIZE];

	if (finding->due_ms == 0)
		return;
	due_text(finding->due_ms, now_ms, due);
	output_local_time(finding->due_ms, time);
	if (finding->state == FETTLE__FINDING_STATE__FINDING_STATE_OPEN)
		fprintf(stream, "  %-11s %s (%s)\n", "due", time, due);
	else
		fprintf(stream, "  %-11s %s\n", "was due", time);
}

/* By which table it was decided, and on what: what was only assumed is said to be. */
static void write_inputs(FILE *stream, const Fettle__FindingVerdict *finding)
{
	struct buffer text = { 0 };

	if (page_is_empty(finding->priority_table))
		return;
	buffer_append_format(&text, "%s:", finding->priority_table);
	for (size_t i = 0; i < finding->n_inputs; i++)
		buffer_append_format(&text, " %s=%s%s", finding->inputs[i]->name,
		    finding->inputs[i]->value, finding->inputs[i]->assumed ? " (assumed)" : "");
	page_row(stream, "by", buffer_text(&text));
	buffer_fini(&text);
}

void findings_page_write(const struct output_options *options,
    const Fettle__FindingVerdict *finding, const struct findings_page *page)
{
	FILE *stream = options->stream;
	const char *title = page_is_empty(finding->title) ? finding->subject : finding->title;

	page_title(options, page_is_empty(title) ? "(no title)" : title);
	page_id(stream, "id", record_bytes(finding->id));
	page_row(stream, "asset", page->asset);
	page_row(stream, "kind", page->kind);
	page_row(stream, "subject", finding->subject);
	page_row(stream, "severity",
	    page_is_empty(finding->severity) ? "unknown" : finding->severity);
	page_row(stream, "priority", finding->priority);
	write_due(stream, finding, page->now_ms);
	write_inputs(stream, finding);
	page_row(stream, "state", page->state);
	page_row(stream, "reason", finding->reason);
	page_row(stream, "freshness", page->freshness);
	page_time(stream, "first seen", finding->first_seen_ms, page->now_ms);
	page_time(stream, "last seen", finding->last_seen_ms, page->now_ms);
	page_time(stream, "fixed", finding->fixed_ms, page->now_ms);
	if (finding->reopened > 0)
		fprintf(stream, "  %-11s %llu times\n", "reopened",
		    (unsigned long long)finding->reopened);
	write_policy(stream, finding);
	write_evidence(options, finding);
	page_section(options, "Why it matters", finding->rationale);
	page_section(options, "What to do", finding->remediation);
}
