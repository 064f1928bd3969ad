/* SPDX-License-Identifier: Apache-2.0 */
#include "console/findings_page.h"

#include "console/due_text.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"

enum { WIDTH_DEFAULT = 80, INDENT = 2 };

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

static void write_escaped(FILE *stream, struct bytes bytes)
{
	struct buffer escaped = { 0 };

	log_escape(&escaped, bytes);
	fputs(buffer_text(&escaped), stream);
	buffer_fini(&escaped);
}

static void write_row(FILE *stream, const char *label, const char *text)
{
	if (is_empty(text))
		return;
	fprintf(stream, "  %-11s ", label);
	write_escaped(stream, bytes_of_text(text));
	fputs("\n", stream);
}

static void write_time(FILE *stream, const char *label, uint64_t at_ms, uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE], time[OUTPUT_TIME_SIZE];

	if (at_ms == 0)
		return;
	clock_format_age(at_ms, now_ms, age);
	output_local_time(at_ms, time);
	fprintf(stream, "  %-11s %s (%s)\n", label, time, age);
}

static size_t characters(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += (text.data[i] & 0xc0) != 0x80;
	return count;
}

/* One line of text, indented, broken between words. */
static void write_wrapped(FILE *stream, struct bytes line, size_t width)
{
	size_t column = 0;

	while (line.size > 0) {
		const uint8_t *space = memchr(line.data, ' ', line.size);
		size_t size = space == NULL ? line.size : (size_t)(space - line.data);
		struct bytes word = BYTES(line.data, size);

		if (column > 0 && column + 1 + characters(word) > width) {
			fputs("\n", stream);
			column = 0;
		}
		fputs(column == 0 ? "  " : " ", stream);
		column += characters(word) + (column == 0 ? INDENT : 1);
		write_escaped(stream, word);
		size += space != NULL;
		line = BYTES(line.data + size, line.size - size);
	}
	fputs("\n", stream);
}

static void write_section(const struct output_options *options, const char *title, const char *text)
{
	size_t width = options->width == 0 ? WIDTH_DEFAULT : options->width;
	struct bytes rest = bytes_of_text(is_empty(text) ? "" : text);

	if (rest.size == 0)
		return;
	fprintf(options->stream, options->is_colored ? "\n\033[1m%s\033[0m\n" : "\n%s\n", title);
	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);

		write_wrapped(options->stream, BYTES(rest.data, size), width);
		size += end != NULL;
		rest = BYTES(rest.data + size, rest.size - size);
	}
}

static void write_evidence(const struct output_options *options,
    const Fettle__FindingVerdict *finding)
{
	FILE *stream = options->stream;

	if (finding->n_evidence > 0)
		fprintf(stream, options->is_colored ? "\n\033[1m%s\033[0m\n" : "\n%s\n",
		    "Evidence");
	for (size_t i = 0; i < finding->n_evidence; i++) {
		const Fettle__Evidence *evidence = finding->evidence[i];

		fputs(i > 0 ? "\n" : "", stream);
		write_row(stream, "rule", evidence->rule);
		if (evidence->key.len > 0) {
			fprintf(stream, "  %-11s ", "fact");
			write_escaped(stream, record_bytes(evidence->key));
			fputs("\n", stream);
		}
		write_row(stream, "outcome", evidence->outcome);
		write_row(stream, "detail", evidence->detail);
	}
}

static void write_id(FILE *stream, const char *label, struct bytes id)
{
	fprintf(stream, "  %-11s ", label);
	for (size_t i = 0; i < id.size; i++)
		fprintf(stream, "%02x", id.data[i]);
	fputs("\n", stream);
}

static void write_policy(FILE *stream, const Fettle__FindingVerdict *finding)
{
	write_row(stream, "policy", finding->policy);
	if (finding->policy_hash.len > 0)
		write_id(stream, "its hash", record_bytes(finding->policy_hash));
	write_row(stream, "dialect", finding->dialect);
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

	if (is_empty(finding->priority_table))
		return;
	buffer_append_format(&text, "%s:", finding->priority_table);
	for (size_t i = 0; i < finding->n_inputs; i++)
		buffer_append_format(&text, " %s=%s%s", finding->inputs[i]->name,
		    finding->inputs[i]->value, finding->inputs[i]->assumed ? " (assumed)" : "");
	write_row(stream, "by", buffer_text(&text));
	buffer_fini(&text);
}

void findings_page_write(const struct output_options *options,
    const Fettle__FindingVerdict *finding, const struct findings_page *page)
{
	FILE *stream = options->stream;
	const char *title = is_empty(finding->title) ? finding->subject : finding->title;

	fputs(options->is_colored ? "\033[1m" : "", stream);
	write_escaped(stream, bytes_of_text(is_empty(title) ? "(no title)" : title));
	fputs(options->is_colored ? "\033[0m\n\n" : "\n\n", stream);
	write_id(stream, "id", record_bytes(finding->id));
	write_row(stream, "asset", page->asset);
	write_row(stream, "kind", page->kind);
	write_row(stream, "subject", finding->subject);
	write_row(stream, "severity", is_empty(finding->severity) ? "unknown" : finding->severity);
	write_row(stream, "priority", finding->priority);
	write_due(stream, finding, page->now_ms);
	write_inputs(stream, finding);
	write_row(stream, "state", page->state);
	write_row(stream, "reason", finding->reason);
	write_row(stream, "freshness", page->freshness);
	write_time(stream, "first seen", finding->first_seen_ms, page->now_ms);
	write_time(stream, "last seen", finding->last_seen_ms, page->now_ms);
	write_time(stream, "fixed", finding->fixed_ms, page->now_ms);
	if (finding->reopened > 0)
		fprintf(stream, "  %-11s %llu times\n", "reopened",
		    (unsigned long long)finding->reopened);
	write_policy(stream, finding);
	write_evidence(options, finding);
	write_section(options, "Why it matters", finding->rationale);
	write_section(options, "What to do", finding->remediation);
}
