/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is here, what is wrong, what is not known, what to do next: in this order, and no longer
 * than a screen.  Missing patches of one severity are one entry, since one command cures them all.
 */
#include "console/scan_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console/due_text.h"
#include "console/freshness.h"
#include "console/scan_picture.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 60, WIDTH_MOST = 120, ENTRY_INDENT = 22 };

#define BOLD "\033[1m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define GREEN "\033[32m"

struct page {
	const struct scan_picture *picture;
	FILE *stream;
	size_t width;
	bool is_colored;
	size_t shown; /* findings, and patches in groups */
};

/* ---- text ---- */

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

static void write_colored(struct page *page, const char *color, const char *text)
{
	if (page->is_colored && color != NULL)
		fprintf(page->stream, "%s%s\033[0m", color, text);
	else
		fputs(text, page->stream);
}

/* TEXT of whatever origin, its first line, in WIDTH columns at most. */
static void write_text(struct page *page, const char *color, const char *text, size_t width)
{
	struct buffer clean = { 0 };
	char *shown;

	log_escape(&clean, BYTES(text, strcspn(text, "\n")));
	shown = output_shorten(buffer_text(&clean), width, false);
	write_colored(page, color, shown);
	free(shown);
	buffer_fini(&clean);
}

static void write_heading(struct page *page, const char *text)
{
	fputs("\n", page->stream);
	write_colored(page, BOLD, text);
	fputs("\n", page->stream);
}

/* "20 failed", in COLOR where there are any. */
static void write_count(struct page *page, uint64_t count, const char *what, const char *color)
{
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64 " %s", count, what);
	write_colored(page, count > 0 ? color : NULL, text);
}

/* ---- what is here ---- */

/* " · "-separated parts, broken where the line is full. */
static void write_part(struct page *page, size_t *column, const char *part)
{
	size_t size = strlen(part);

	if (*column > 0 && *column + 3 + size > page->width) {
		fputs("\n", page->stream);
		*column = 0;
	}
	fprintf(page->stream, "%s%s", *column == 0 ? "  " : " · ", part);
	*column += size + (*column == 0 ? 2 : 3);
}

static void write_collectors(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	size_t column = 0;

	for (size_t i = 0; i < picture->collectors_count; i++) {
		const struct picture_collector *collector = &picture->collectors[i];
		char part[80];

		snprintf(part, sizeof(part), "%s %" PRIu64, collector->name, collector->facts);
		if (collector->facts > 0)
			write_part(page, &column, part);
	}
	if (column > 0)
		fputs("\n", page->stream);
}

static void write_head(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	uint64_t took_ms = picture->summary->took_ms;

	fputs("\n", page->stream);
	write_text(page, BOLD, is_empty(picture->name) ? "this machine" : picture->name, 40);
	if (!is_empty(picture->system)) {
		fputs(" · ", page->stream);
		write_text(page, NULL, picture->system, 30);
	}
	fprintf(page->stream, " · %" PRIu64 " facts", picture->facts);
	if (took_ms > 0)
		fprintf(page->stream, " in %" PRIu64 ".%" PRIu64 " s", took_ms / 1000,
		    took_ms % 1000 / 100);
	fputs("\n", page->stream);
	write_collectors(page);
}

static void write_score(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	const struct state_score *score = &picture->score;

	fprintf(page->stream, "\n%" PRIu64 " checks: ",
	    score->passed + score->failed + score->not_applicable + score->not_run);
	write_count(page, score->passed, "passed", GREEN);
	fputs(", ", page->stream);
	write_count(page, score->failed, "failed", RED);
	fprintf(page->stream, ", %" PRIu64 " not applicable, ", score->not_applicable);
	write_count(page, score->not_run, "not run", YELLOW);
	fputs("\n", page->stream);
	if (picture->patches == 0)
		return;
	write_count(page, picture->patches,
	    picture->patches == 1 ? "patch missing" : "patches missing", NULL);
	fputs(", ", page->stream);
	write_count(page, picture->security_patches, "of them for security\n", NULL);
}

/* ---- what is wrong ---- */

static const char *const rank_colors[RANKS] = { [RANK_CRITICAL] = "\033[1;31m",
	[RANK_HIGH] = RED,
	[RANK_MEDIUM] = YELLOW,
	[RANK_LOW] = "\033[36m" };

/* SEVERITY  MARK  TITLE, and below it until when and why. */
static void write_entry(struct page *page, enum rank rank, const char *mark, const char *title,
    const char *reason)
{
	char severity[16];

	snprintf(severity, sizeof(severity), "%-8s", rank_text(rank));
	fputs("  ", page->stream);
	write_colored(page, rank_colors[rank], severity);
	fprintf(page->stream, "  %-8s  ", mark);
	write_text(page, NULL, title, page->width - ENTRY_INDENT);
	if (!is_empty(reason)) {
		fprintf(page->stream, "\n%*s", ENTRY_INDENT, "");
		write_text(page, NULL, reason, page->width - ENTRY_INDENT);
	}
	fputs("\n", page->stream);
}

/* "in 3 days · line 2: PermitRootLogin yes" */
static void append_reason(struct buffer *out, const struct page *page, uint64_t due_ms,
    const char *why)
{
	char due[DUE_TEXT_SIZE];

	due_text(due_ms, page->picture->console->now_ms, due);
	if (!is_empty(due))
		buffer_append_format(out, "%s%s", due, is_empty(why) ? "" : " · ");
	buffer_append_text(out, is_empty(why) ? "" : why);
}

static void write_finding(struct page *page, const Fettle__FindingVerdict *finding)
{
	struct buffer reason = { 0 };
	char id[2 * HASH_SIZE + 1], mark[9];

	bytes_to_hex(record_bytes(finding->id), id);
	snprintf(mark, sizeof(mark), "%.8s", id);
	append_reason(&reason, page, finding->due_ms, scan_picture_why(finding));
	write_entry(page, rank_of_severity(finding->severity), mark,
	    is_empty(finding->title) ? "(no title)" : finding->title, buffer_text(&reason));
	page->shown++;
	buffer_fini(&reason);
}

static void write_patches(struct page *page, enum rank rank)
{
	const struct picture_patches *patches = &page->picture->patches_by_rank[rank];
	struct buffer reason = { 0 }, title = { 0 };

	if (patches->count == 0)
		return;
	buffer_append_format(&title, "%" PRIu64 " patch%s: ", patches->count,
	    patches->count == 1 ? "" : "es");
	buffer_append(&title, buffer_bytes(&patches->names));
	append_reason(&reason, page, patches->due_ms, "fettle findings --kind patch");
	write_entry(page, rank, "patches", buffer_text(&title), buffer_text(&reason));
	page->shown += patches->count;
	buffer_fini(&reason);
	buffer_fini(&title);
}

static void write_findings(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	size_t next = 0;

	for (enum rank rank = 0; rank < RANKS; rank++) {
		for (; next < picture->worst_count
		       && rank_of_severity(picture->worst[next]->severity) == rank;
		     next++)
			write_finding(page, picture->worst[next]);
		write_patches(page, rank);
	}
	if (picture->open > page->shown)
		fprintf(page->stream, "  … and %" PRIu64 " more: fettle findings\n",
		    picture->open - page->shown);
}

static const char *headline(const struct scan_picture *picture)
{
	if (picture->open > 0)
		return "Worst first";
	return picture->score.passed > 0 ? "Nothing wrong was found." : "Nothing could be judged.";
}

/* ---- what is not known ---- */

static void write_not_run(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	uint64_t count = picture->score.not_run;

	if (count == 0)
		return;
	fprintf(page->stream, "  %" PRIu64 " check%s not run: fettle results --result not_run\n",
	    count, count == 1 ? " was" : "s were");
	for (size_t i = 0; i < picture->not_run_count; i++) {
		fputs("    ", page->stream);
		write_text(page, NULL, picture->not_run[i].check, 30);
		fputs(is_empty(picture->not_run[i].why) ? "" : ": ", page->stream);
		write_text(page, NULL, picture->not_run[i].why, page->width - 36);
		fputs("\n", page->stream);
	}
}

static void write_collectors_that(struct page *page, enum picture_look look, const char *what)
{
	const struct scan_picture *picture = page->picture;
	const char *before = "  ";

	for (size_t i = 0; i < picture->collectors_count; i++)
		if (picture->collectors[i].look == look) {
			fprintf(page->stream, "%s%s", before, picture->collectors[i].name);
			before = ", ";
		}
	if (before[0] == ',')
		fprintf(page->stream, ": %s\n", what);
}

static bool has_collector_that(const struct scan_picture *picture, enum picture_look look)
{
	for (size_t i = 0; i < picture->collectors_count; i++)
		if (picture->collectors[i].look == look)
			return true;
	return false;
}

static bool is_stale(const struct scan_picture *picture)
{
	const struct asset_row asset = { .last_seen_ms = picture->last_seen_ms };
	struct freshness freshness;

	return freshness_parse(picture->console, &freshness)
	    && !freshness_is_current(&freshness, &asset);
}

static void write_stale(struct page *page)
{
	char age[CLOCK_TEXT_SIZE] = "never";

	if (!is_stale(page->picture))
		return;
	if (page->picture->last_seen_ms > 0)
		clock_format_age(page->picture->last_seen_ms, page->picture->console->now_ms, age);
	fprintf(page->stream, "  whether it is still so: it was last heard of %s\n", age);
}

static void write_unreadable(struct page *page)
{
	uint64_t count = page->picture->unreadable;

	if (count > 0)
		fprintf(page->stream,
		    "  %" PRIu64 " thing%s could not be read%s: fettle facts ASSET\n", count,
		    count == 1 ? "" : "s", geteuid() == 0 ? "" : " (root can read more)");
}

static void write_unknown(struct page *page)
{
	const struct scan_picture *picture = page->picture;
	bool is_late = !picture->summary->is_complete;

	if (picture->score.not_run == 0 && picture->unreadable == 0 && !is_late
	    && !has_collector_that(picture, PICTURE_SKIPPED) && !is_stale(picture))
		return;
	write_heading(page, "Not known");
	write_not_run(page);
	write_unreadable(page);
	write_collectors_that(page, PICTURE_SKIPPED, "not looked at (agent.skip)");
	if (is_late && has_collector_that(picture, PICTURE_UNFINISHED))
		write_collectors_that(page, PICTURE_UNFINISHED,
		    "not finished when the time was up");
	else if (is_late)
		fputs("  not everything had been judged when the time was up\n", page->stream);
	write_stale(page);
}

/* ---- what to do next ---- */

static void write_next(struct page *page)
{
	static const char *const wrong[] = { "fettle findings show ID   why, and what to do",
		"fettle findings           everything, the soonest due first",
		"fettle remediations       what would cure the most of it",
		"fettle serve              keep watching, and tell what changes", NULL };
	static const char *const fine[] = { "fettle results --all      what was looked at, and how",
		"fettle serve              keep watching, and tell what changes", NULL };
	const char *const *lines = page->picture->open > 0 ? wrong : fine;

	fputs("\n", page->stream);
	for (size_t i = 0; lines[i] != NULL; i++)
		fprintf(page->stream, "%s%s\n", i == 0 ? "Next   " : "       ", lines[i]);
}

/* ---- for programs ---- */

static void add_finding_json(void *data, const Fettle__FindingVerdict *finding)
{
	json_array_append_new(data,
	    json_pack("{s:o, s:o, s:o, s:o}", "id", verdict_json_id(record_bytes(finding->id)),
		"subject", verdict_json_optional(finding->subject), "severity",
		verdict_json_optional(finding->severity), "title",
		verdict_json_optional(finding->title)));
}

static json_t *collectors_json(const struct scan_picture *picture)
{
	static const char *const looks[] = { [PICTURE_COMPLETE] = "complete",
		[PICTURE_UNFINISHED] = "unfinished",
		[PICTURE_SKIPPED] = "skipped" };
	json_t *object = json_object();

	for (size_t i = 0; i < picture->collectors_count; i++)
		json_object_set_new(object, picture->collectors[i].name,
		    json_string(looks[picture->collectors[i].look]));
	return object;
}

/* Takes FINDINGS. */
static void write_json(const struct scan_picture *picture, json_t *findings)
{
	const struct output_options *options = &picture->console->output;
	const struct state_score *score = &picture->score;
	json_t *root = json_pack(
	    "{s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I}, s:o}", "asset",
	    verdict_json_text(bytes_of_text(picture->name)), "asset_id",
	    verdict_json_id(BYTES_OF(picture->summary->asset)), "system",
	    verdict_json_text(bytes_of_text(picture->system)), "complete",
	    picture->summary->is_complete, "took_ms", (json_int_t)picture->summary->took_ms,
	    "packages", (json_int_t)picture->packages, "files", (json_int_t)picture->files,
	    "collectors", collectors_json(picture), "checks", "passed", (json_int_t)score->passed,
	    "failed", (json_int_t)score->failed, "not_applicable",
	    (json_int_t)score->not_applicable, "not_run", (json_int_t)score->not_run, "findings",
	    findings);

	json_dumpf(root, options->stream,
	    options->format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
	fputs("\n", options->stream);
	json_decref(root);
}

/* ---- the page ---- */

static size_t page_width(size_t terminal)
{
	if (terminal == 0)
		return WIDTH_DEFAULT;
	return terminal < WIDTH_LEAST ? WIDTH_LEAST : terminal > WIDTH_MOST ? WIDTH_MOST : terminal;
}

static void write_page(const struct scan_picture *picture)
{
	const struct output_options *options = &picture->console->output;
	struct page page = { .picture = picture,
		.stream = options->stream,
		.width = page_width(options->width),
		.is_colored = options->is_colored };

	write_head(&page);
	write_score(&page);
	write_heading(&page, headline(picture));
	write_findings(&page);
	write_unknown(&page);
	write_next(&page);
}

int scan_page(const struct console *console, const struct scan_summary *summary)
{
	bool is_for_people = console->output.format == OUTPUT_TABLE;
	json_t *findings = is_for_people ? NULL : json_array();
	struct scan_picture picture = { .console = console,
		.summary = summary,
		.on_finding = is_for_people ? NULL : add_finding_json,
		.callback_data = findings };
	enum status status = scan_picture_take(&picture);

	if (status == STATUS_OK && is_for_people)
		write_page(&picture);
	else if (status == STATUS_OK)
		write_json(&picture, json_incref(findings));
	json_decref(findings);
	scan_picture_fini(&picture);
	return status == STATUS_OK ? 0 : console_fail(status, "the results cannot be read");
}
