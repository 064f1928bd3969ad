/* SPDX-License-Identifier: Apache-2.0 */
#include "console/scan_page.h"

#include <inttypes.h>
#include <stdlib.h>

#include "console/store_access.h"
#include "core/log.h"
#include "core/record.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"
#include "sinks/verdict_json.h"

enum { FINDINGS_SHOWN = 8, TEXT_WIDTH = 57 };

/* What the page says, gathered from state and store. */
struct page {
	const struct console *console;
	const struct scan_summary *summary;
	FILE *stream;
	struct state_asset asset;
	char *name, *system;
	uint64_t packages, files, unreadable;
	struct state_score score;
	uint64_t open, patches, security_patches, shown;
	json_t *findings; /* NULL: a page for a person */
	struct buffer line;
};

/* ---- gathering ---- */

static enum status take_asset(void *data, const struct state_asset *asset)
{
	struct page *page = data;

	if (memcmp(asset->id, page->summary->asset, ASSET_ID_SIZE) != 0)
		return STATUS_OK;
	page->asset = *asset;
	page->name = text_copy(asset->name);
	page->system = text_copy(asset->system);
	return STATUS_OK;
}

static enum status take_fact(void *data, const struct state_fact *fact)
{
	struct page *page = data;

	page->packages += bytes_start_with(fact->fact.key, bytes_of_text("package/dpkg/"));
	page->files += bytes_start_with(fact->fact.key, bytes_of_text("file/"));
	page->unreadable += fact->fact.status == FACT_UNREADABLE
	                 || fact->fact.status == FACT_FAILED;
	return STATUS_OK;
}

static enum status read_state(struct page *page)
{
	struct state_reader *state;
	enum status status = state_reader_open(page->console->paths.data, &state);

	if (status != STATUS_OK)
		return status;
	status = state_reader_assets(state, take_asset, page);
	if (status == STATUS_OK)
		status = state_reader_facts(state, page->summary->asset, BYTES_NONE, take_fact,
		    page);
	if (status == STATUS_OK)
		status = state_reader_score(state, page->summary->asset, &page->score);
	state_reader_close(state);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- findings ---- */

static const char *or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static void write_text(FILE *stream, const char *text, size_t width)
{
	struct buffer clean = { 0 };
	size_t size, column = 0;

	log_escape(&clean, bytes_of_text(or_empty(text)));
	for (size = 0; size < clean.size && clean.data[size] != '\n'; size++) {
		column += (clean.data[size] & 0xc0) != 0x80;
		if (column > width)
			break;
	}
	fwrite(clean.data, 1, size, stream);
	if (size < clean.size)
		fputs("…", stream);
	buffer_fini(&clean);
}

static const char *const rank_colors[RANKS] = { [RANK_CRITICAL] = "\033[1;31m",
	[RANK_HIGH] = "\033[31m",
	[RANK_MEDIUM] = "\033[33m",
	[RANK_LOW] = "\033[36m" };

/* The line that shows it: that of the last rule that was asked. */
static const char *why(const Fettle__FindingVerdict *finding)
{
	return finding->n_evidence == 0 ? finding->reason
	                                : finding->evidence[finding->n_evidence - 1]->detail;
}

static void write_finding(struct page *page, const Fettle__FindingVerdict *finding)
{
	enum rank rank = rank_of_severity(finding->severity);
	const char *color = rank_colors[rank];
	bool is_colored = page->console->output.is_colored && color != NULL;
	char id[2 * HASH_SIZE + 1];

	bytes_to_hex(record_bytes(finding->id), id);
	fprintf(page->stream, "  %s%-8s%s  %.8s  ", is_colored ? color : "",
	    or_empty(finding->severity), is_colored ? "\033[0m" : "", id);
	write_text(page->stream, finding->title, TEXT_WIDTH);
	buffer_clear(&page->line);
	if (or_empty(finding->priority)[0] != '\0')
		buffer_append_format(&page->line, "%s · ", finding->priority);
	buffer_append_text(&page->line, or_empty(why(finding)));
	fputs("\n                      ", page->stream);
	write_text(page->stream, buffer_text(&page->line), TEXT_WIDTH);
	fputs("\n", page->stream);
}

static json_t *finding_json(const Fettle__FindingVerdict *finding)
{
	char id[2 * HASH_SIZE + 1];

	bytes_to_hex(record_bytes(finding->id), id);
	return json_pack("{s:s, s:o, s:o, s:o}", "id", id, "subject",
	    verdict_json_text(bytes_of_text(or_empty(finding->subject))), "severity",
	    verdict_json_text(bytes_of_text(or_empty(finding->severity))), "title",
	    verdict_json_text(bytes_of_text(or_empty(finding->title))));
}

static enum status count_finding(void *data, const Fettle__FindingVerdict *finding)
{
	struct page *page = data;

	page->open++;
	if (finding->kind == FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH) {
		page->patches++;
		page->security_patches += rank_of_severity(finding->severity) <= RANK_HIGH;
	}
	if (page->findings != NULL)
		json_array_append_new(page->findings, finding_json(finding));
	return STATUS_OK;
}

static enum status show_finding(void *data, const Fettle__FindingVerdict *finding)
{
	struct page *page = data;

	if (page->shown == FINDINGS_SHOWN)
		return STATUS_CLOSED;
	page->shown++;
	write_finding(page, finding);
	return STATUS_OK;
}

static enum status each_finding(struct page *page,
    enum status (*visit)(void *data, const Fettle__FindingVerdict *finding))
{
	const struct query_findings wanted = { .asset = BYTES_OF(page->summary->asset),
		.states = 1U << FETTLE__FINDING_STATE__FINDING_STATE_OPEN };
	struct query *query;
	enum status status = query_open(page->console->paths.data, &query);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	status = query_findings(query, &wanted, visit, page);
	query_close(query);
	return status == STATUS_CLOSED ? STATUS_OK : status;
}

/* ---- writing ---- */

static void write_bold(struct page *page, const char *text)
{
	fprintf(page->stream, page->console->output.is_colored ? "\033[1m%s\033[0m\n" : "%s\n",
	    text);
}

static void write_head(struct page *page)
{
	fputs("\n", page->stream);
	if (page->console->output.is_colored)
		fputs("\033[1m", page->stream);
	write_text(page->stream,
	    page->name == NULL || page->name[0] == '\0' ? "this machine" : page->name, 60);
	if (page->console->output.is_colored)
		fputs("\033[0m", page->stream);
	if (page->system != NULL && page->system[0] != '\0') {
		fputs(" · ", page->stream);
		write_text(page->stream, page->system, 40);
	}
	fprintf(page->stream, "\n%" PRIu64 " packages, %" PRIu64 " files looked at", page->packages,
	    page->files);
	if (page->summary->took_ms > 0)
		fprintf(page->stream, ", in %" PRIu64 ".%" PRIu64 " s",
		    page->summary->took_ms / 1000, page->summary->took_ms % 1000 / 100);
	fputs("\n", page->stream);
	fprintf(page->stream,
	    "\n%" PRIu64 " checks: %" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64
	    " not applicable, %" PRIu64 " not run\n",
	    page->score.passed + page->score.failed + page->score.not_applicable
		+ page->score.not_run,
	    page->score.passed, page->score.failed, page->score.not_applicable,
	    page->score.not_run);
	if (page->patches > 0)
		fprintf(page->stream,
		    "%" PRIu64 " patches missing, %" PRIu64 " of them for security\n",
		    page->patches, page->security_patches);
	fputs("\n", page->stream);
}

static void write_foot(struct page *page)
{
	FILE *stream = page->stream;

	if (page->open > page->shown)
		fprintf(stream, "  … and %" PRIu64 " more: fettle findings\n",
		    page->open - page->shown);
	if (page->unreadable > 0)
		fprintf(stream,
		    "\nNot everything could be read (%" PRIu64 " facts of `fettle facts %s` "
		    "say why); as root more is seen.\n",
		    page->unreadable, or_empty(page->name)[0] == '\0' ? "ASSET" : page->name);
	if (!page->summary->is_complete)
		fputs("\nNot everything had been seen when the time was up; what is missing counts "
		      "as not run.\n",
		    stream);
	fputs("\n", stream);
	if (page->open > 0)
		fputs("Next   fettle findings show ID   why, and what to do\n", stream);
	fputs(page->open > 0 ? "       fettle serve              keep watching\n"
			     : "Next   fettle serve              keep watching\n",
	    stream);
}

static int write_json(struct page *page)
{
	char asset[2 * ASSET_ID_SIZE + 1];
	json_t *root;

	bytes_to_hex(BYTES_OF(page->summary->asset), asset);
	root = json_pack("{s:o, s:s, s:o, s:b, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:o}",
	    "asset", verdict_json_text(bytes_of_text(or_empty(page->name))), "asset_id", asset,
	    "system", verdict_json_text(bytes_of_text(or_empty(page->system))), "complete",
	    page->summary->is_complete, "took_ms", (json_int_t)page->summary->took_ms, "packages",
	    (json_int_t)page->packages, "files", (json_int_t)page->files, "checks", "passed",
	    (json_int_t)page->score.passed, "failed", (json_int_t)page->score.failed,
	    "not_applicable", (json_int_t)page->score.not_applicable, "not_run",
	    (json_int_t)page->score.not_run, "findings", page->findings);
	json_dumpf(root, page->stream,
	    page->console->output.format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
	fputs("\n", page->stream);
	json_decref(root);
	return 0;
}

static const char *headline(const struct page *page)
{
	if (page->open > 0)
		return "Worst first";
	return page->score.passed > 0 ? "Nothing wrong was found." : "Nothing could be judged.";
}

static int write_page(struct page *page)
{
	enum status status = read_state(page);

	if (page->console->output.format != OUTPUT_TABLE)
		page->findings = json_array();
	if (status == STATUS_OK)
		status = each_finding(page, count_finding);
	if (status == STATUS_OK && page->findings != NULL)
		return write_json(page);
	if (status == STATUS_OK) {
		write_head(page);
		write_bold(page, headline(page));
		status = each_finding(page, show_finding);
	}
	if (status != STATUS_OK)
		return console_fail(status, "the results cannot be read");
	write_foot(page);
	return 0;
}

int scan_page(const struct console *console, const struct scan_summary *summary)
{
	struct page page = { .console = console,
		.summary = summary,
		.stream = console->output.stream };
	int code = write_page(&page);

	buffer_fini(&page.line);
	free(page.name);
	free(page.system);
	return code;
}
