/* SPDX-License-Identifier: Apache-2.0 */
#include "console/jobs_page.h"

#include <stdlib.h>

#include "console/job_text.h"
#include "console/page.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { OUTPUT_LINES = 20, FINDINGS_SHOWN = 20, NAME_WIDTH_MAX = 30 };

/* ---- what it is ---- */

/* "2026-11-23 16:21:09 (3 hours ago) by root (uid 0)" */
static void write_act(FILE *stream, const char *label, uint64_t at_ms, const char *by,
    uint64_t now_ms)
{
	char age[CLOCK_TEXT_SIZE], time[OUTPUT_TIME_SIZE];
	struct buffer text = { 0 };

	if (at_ms == 0)
		return;
	clock_format_age(at_ms, now_ms, age);
	output_local_time(at_ms, time);
	buffer_append_format(&text, "%s (%s)", time, age);
	if (!page_is_empty(by))
		buffer_append_format(&text, " by %s", by);
	page_row(stream, label, buffer_text(&text));
	buffer_fini(&text);
}

static void write_state(const struct output_options *options, const Fettle__JobVerdict *job)
{
	struct buffer text = { 0 };

	job_text_state(&text, (unsigned)job->state, job->reason);
	page_hanging(options, "state       ", buffer_text(&text));
	buffer_fini(&text);
}

static void write_exit_code(FILE *stream, const Fettle__JobVerdict *job)
{
	if (job->has_exit_code)
		fprintf(stream, "  %-11s %lld\n", "exit code", (long long)job->exit_code);
	if (job->attempt > 1)
		fprintf(stream, "  %-11s %llu\n", "attempt", (unsigned long long)job->attempt);
}

static void write_facts(const struct output_options *options, const Fettle__JobVerdict *job,
    const struct jobs_page *page)
{
	FILE *stream = options->stream;
	bool is_with_agent = job->state == FETTLE__JOB_STATE__JOB_STATE_LEASED
	                  || job->state == FETTLE__JOB_STATE__JOB_STATE_SCHEDULED;

	page_id(stream, "id", record_bytes(job->id));
	page_row(stream, "asset", page->asset);
	write_state(options, job);
	write_act(stream, "proposed", job->proposed_ms, job->proposed_by, page->now_ms);
	write_act(stream, "decided", job->decided_ms, job->decided_by, page->now_ms);
	if (is_with_agent)
		page_time(stream, "lease until", job->lease_until_ms, page->now_ms);
	page_time(stream, "started", job->started_ms, page->now_ms);
	page_time(stream, "ended", job->ended_ms, page->now_ms);
	write_exit_code(stream, job);
}

/* ---- its packages ---- */

static size_t name_width(const Fettle__JobVerdict *job)
{
	size_t width = 0;

	for (size_t i = 0; i < job->n_packages; i++) {
		size_t size = strlen(job->packages[i]->name == NULL ? "" : job->packages[i]->name);

		width = size > width ? size : width;
	}
	return width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
}

static const char *or_unknown(const char *text)
{
	return page_is_empty(text) ? "?" : text;
}

/* "openssl:amd64  3.0.14-1 → 3.0.15-1, now 3.0.15-1" */
static void write_package(const struct output_options *options,
    const Fettle__JobPackageState *package, size_t width)
{
	struct buffer name = { 0 }, text = { 0 };

	buffer_append_format(&name, "%-*s  ", (int)width, or_unknown(package->name));
	buffer_append_format(&text, "%s → %s", or_unknown(package->before),
	    or_unknown(package->target));
	if (page_is_empty(package->observed))
		buffer_append_text(&text, ", not seen since");
	else
		buffer_append_format(&text, ", now %s", package->observed);
	page_hanging(options, buffer_text(&name), buffer_text(&text));
	buffer_fini(&name);
	buffer_fini(&text);
}

static void write_packages(const struct output_options *options, const Fettle__JobVerdict *job)
{
	size_t width = name_width(job);

	if (job->n_packages > 0)
		page_heading(options, "Packages");
	for (size_t i = 0; i < job->n_packages; i++)
		write_package(options, job->packages[i], width);
}

/* ---- what happened ---- */

/* "by root (uid 0): approved", where the state does not say just that already. */
static void describe_event(const Fettle__JobEvent *event, const char *state, struct buffer *out)
{
	if (!page_is_empty(event->by))
		buffer_append_format(out, "by %s", event->by);
	if (!page_is_empty(event->note) && strcmp(event->note, state) != 0)
		buffer_append_format(out, "%s%s", out->size > 0 ? ": " : "", event->note);
}

static void write_event(const struct output_options *options, const Fettle__JobEvent *event)
{
	const char *state = verdict_json_job_state((unsigned)event->state);
	char time[OUTPUT_TIME_SIZE] = "";
	struct buffer lead = { 0 }, text = { 0 };

	if (event->at_ms > 0)
		output_local_time(event->at_ms, time);
	buffer_append_format(&lead, "%-19s  %-10s  ", time, state);
	describe_event(event, state, &text);
	page_hanging(options, buffer_text(&lead), buffer_text(&text));
	buffer_fini(&lead);
	buffer_fini(&text);
}

static void write_history(const struct output_options *options, const Fettle__JobVerdict *job)
{
	if (job->n_history > 0)
		page_heading(options, "What happened");
	for (size_t i = 0; i < job->n_history; i++)
		write_event(options, job->history[i]);
}

/* The last of what was printed, from the beginning of a line. */
static struct bytes tail_of(struct bytes text)
{
	size_t lines = 0, start = text.size;

	while (start > 0 && lines < OUTPUT_LINES) {
		start--;
		lines += text.data[start] == '\n' && start + 1 < text.size;
	}
	start += lines == OUTPUT_LINES;
	return BYTES(text.data + start, text.size - start);
}

static void write_output(const struct output_options *options, const Fettle__JobVerdict *job)
{
	struct bytes all = record_bytes(job->output), rest = tail_of(all);

	if (all.size == 0)
		return;
	page_heading(options, rest.size < all.size ? "The last that the package manager printed"
						   : "What the package manager printed");
	while (rest.size > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);

		fputs("  ", options->stream);
		page_text(options->stream, BYTES(rest.data, size));
		fputs("\n", options->stream);
		size += end != NULL;
		rest = BYTES(rest.data + size, rest.size - size);
	}
}

/* ---- what it cures ---- */

static void write_finding(FILE *stream, struct query *query, struct bytes id)
{
	Fettle__FindingVerdict *finding = NULL;
	struct arena arena = { 0 };
	char hex[2 * HASH_SIZE + 1] = "";

	if (id.size != HASH_SIZE)
		return;
	bytes_to_hex(id, hex);
	if (query_finding(query, hex, &arena, &finding) == STATUS_OK)
		fprintf(stream, "  %.8s  %-8s  ", hex,
		    verdict_json_finding_state((unsigned)finding->state));
	else
		fprintf(stream, "  %.8s  not stored here", hex);
	if (finding != NULL)
		page_text(stream, bytes_of_text(finding->title == NULL ? "" : finding->title));
	fputs("\n", stream);
	arena_fini(&arena);
}

static void write_findings(const struct output_options *options, const Fettle__JobVerdict *job,
    struct query *query)
{
	if (job->n_findings > 0)
		page_heading(options, "What it cures");
	for (size_t i = 0; i < job->n_findings && i < FINDINGS_SHOWN; i++)
		write_finding(options->stream, query, record_bytes(job->findings[i]));
	if (job->n_findings > FINDINGS_SHOWN)
		fprintf(options->stream, "  … and %zu more\n", job->n_findings - FINDINGS_SHOWN);
}

/* ---- what comes next ---- */

static void write_next(const struct output_options *options, const Fettle__JobVerdict *job)
{
	FILE *stream = options->stream;
	char id[JOB_TEXT_ID_SIZE];

	job_text_id(record_bytes(job->id), id);
	switch (job->state) {
	case FETTLE__JOB_STATE__JOB_STATE_PROPOSED:
		page_heading(options, "Next");
		fprintf(stream, "  fettle remediations approve %s   let it be done\n", id);
		fprintf(stream, "  fettle remediations reject %s    let it be\n", id);
		break;
	case FETTLE__JOB_STATE__JOB_STATE_APPROVED:
	case FETTLE__JOB_STATE__JOB_STATE_SCHEDULED:
	case FETTLE__JOB_STATE__JOB_STATE_LEASED:
		page_heading(options, "Next");
		fprintf(stream, "  fettle jobs cancel %s   call it back before it begins\n", id);
		break;
	case FETTLE__JOB_STATE__JOB_STATE_LOST:
		page_heading(options, "Next");
		page_wrapped(options,
		    bytes_of_text(
			"See whether the agent runs and can reach the server. What it did "
			"shows once it is heard of again."));
		break;
	case FETTLE__JOB_STATE__JOB_STATE_FAILED:
		page_heading(options, "Next");
		page_wrapped(options,
		    bytes_of_text("Mend what is in its way on the machine; `fettle remediations "
				  "plan` then proposes again what is still missing."));
		break;
	default:
		break;
	}
}

void jobs_page_write(const struct output_options *options, const Fettle__JobVerdict *job,
    const struct jobs_page *page)
{
	char *title = text_format("Upgrade %zu package%s on %s", job->n_packages,
	    job->n_packages == 1 ? "" : "s", page->asset);

	page_title(options, title);
	free(title);
	write_facts(options, job, page);
	write_packages(options, job);
	write_history(options, job);
	write_output(options, job);
	write_findings(options, job, page->query);
	write_next(options, job);
}
