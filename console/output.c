/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of libsmartcols.  Rows of JSON, NDJSON and CSV are written as they come; a table is
 * gathered, as its widths depend on all of it.
 */
#include "console/output.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"
#include "sinks/verdict_json.h"

enum { ID_SHOWN = 8, GIVES_WAY = OUTPUT_CUT | OUTPUT_MIDDLE };

struct output {
	const struct output_options *options;
	const struct output_column *columns;
	size_t cell; /* the column that comes next */
	size_t rows;
	json_t *row;
	struct buffer line; /* of CSV */
	struct libscols_table *table;
	struct libscols_line *table_line;
	struct libscols_cell *last; /* NULL: not in the table */
};

static const char *const colors[] = {
	[OUTPUT_PLAIN] = NULL,
	[OUTPUT_DIM] = "\033[2m",
	[OUTPUT_GREEN] = "\033[32m",
	[OUTPUT_CYAN] = "\033[36m",
	[OUTPUT_YELLOW] = "\033[33m",
	[OUTPUT_RED] = "\033[31m",
	[OUTPUT_BOLD_RED] = "\033[1;31m",
};

/* ---- options ---- */

static bool parse_name(const char *const *names, size_t count, const char *text, unsigned *out)
{
	for (*out = 0; *out < count; ++*out)
		if (strcmp(names[*out], text) == 0)
			return true;
	return false;
}

bool output_format_parse(const char *text, enum output_format *out)
{
	static const char *const names[] = { "table", "json", "ndjson", "csv" };
	unsigned index;

	if (!parse_name(names, 4, text, &index))
		return false;
	*out = (enum output_format)index;
	return true;
}

bool output_color_use_parse(const char *text, enum output_color_use *out)
{
	static const char *const names[] = { "auto", "always", "never" };
	unsigned index;

	if (!parse_name(names, 3, text, &index))
		return false;
	*out = (enum output_color_use)index;
	return true;
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0';
}

static bool wants_color(enum output_color_use use, bool is_terminal)
{
	const char *force = getenv("CLICOLOR_FORCE");

	if (use != OUTPUT_COLOR_AUTO)
		return use == OUTPUT_COLOR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	return is_terminal || (is_set("CLICOLOR_FORCE") && strcmp(force, "0") != 0);
}

static size_t wanted_width(bool is_terminal)
{
	const char *columns = getenv("COLUMNS");
	long width = columns == NULL ? 0 : strtol(columns, NULL, 10);
	struct winsize window;

	if (width > 0 && width < 10000)
		return (size_t)width;
	if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
		return window.ws_col;
	return is_terminal ? 80 : 0;
}

void output_options_init(struct output_options *options, enum output_color_use use)
{
	bool is_terminal = isatty(STDOUT_FILENO) == 1;

	options->stream = stdout;
	options->is_colored = wants_color(use, is_terminal);
	options->width = wanted_width(is_terminal);
}

/* ---- values ---- */

void output_local_time(uint64_t wall_ms, char out[OUTPUT_TIME_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;

	if (localtime_r(&seconds, &parts) == NULL
	    || strftime(out, OUTPUT_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		strcpy(out, "?");
}

/* ---- beginning ---- */

static void begin_table(struct output *output)
{
	const struct output_options *options = output->options;
	struct libscols_table *table = output->table = scols_new_table();

	REQUIRE(table != NULL);
	scols_table_set_stream(table, options->stream);
	scols_table_set_termforce(table,
	    options->width > 0 ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (options->width > 0)
		scols_table_set_termwidth(table, options->width);
	scols_table_enable_minout(table, 1);
	scols_table_enable_noheadings(table, options->has_no_headers);
	scols_table_enable_colors(table, options->is_colored);
	for (const struct output_column *column = output->columns; column->name != NULL; column++) {
		int flags = (column->flags & OUTPUT_RIGHT ? SCOLS_FL_RIGHT : 0)
		          | (column->flags & GIVES_WAY ? SCOLS_FL_TRUNC : 0);

		if (column->title != NULL)
			REQUIRE(scols_table_new_column(table, column->title,
				    (double)column->percent / 100, flags)
				!= NULL);
	}
}

static void append_csv(struct buffer *line, struct bytes text, bool is_first)
{
	bool is_plain = true;

	for (size_t i = 0; i < text.size && is_plain; i++)
		is_plain = strchr("\",\r\n", text.data[i]) == NULL;
	if (!is_first)
		buffer_append_u8(line, ',');
	if (is_plain) {
		buffer_append(line, text);
		return;
	}
	buffer_append_u8(line, '"');
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"')
			buffer_append_u8(line, '"');
		buffer_append_u8(line, text.data[i]);
	}
	buffer_append_u8(line, '"');
}

/* What was gathered in `line`; the stream remembers a failure. */
static void write_line(struct output *output)
{
	if (output->line.size > 0)
		(void)!fwrite(output->line.data, 1, output->line.size, output->options->stream);
	buffer_clear(&output->line);
}

static void write_csv_header(struct output *output)
{
	for (const struct output_column *column = output->columns; column->name != NULL; column++)
		append_csv(&output->line, bytes_of_text(column->name), column == output->columns);
	buffer_append_text(&output->line, "\r\n");
	write_line(output);
}

struct output *output_new(const struct output_options *options, const struct output_column *columns)
{
	struct output *output = memory_new(sizeof(*output));

	output->options = options;
	output->columns = columns;
	if (options->format == OUTPUT_TABLE)
		begin_table(output);
	else if (options->format == OUTPUT_CSV && !options->has_no_headers)
		write_csv_header(output);
	return output;
}

/* ---- cells ---- */

static void add_to_table(struct output *output, const char *shown)
{
	size_t shown_before = 0;

	output->last = NULL;
	if (output->columns[output->cell].title == NULL)
		return;
	if (output->table_line == NULL)
		output->table_line = scols_table_new_line(output->table, NULL);
	REQUIRE(output->table_line != NULL);
	for (size_t i = 0; i < output->cell; i++)
		shown_before += output->columns[i].title != NULL;
	REQUIRE(scols_line_set_data(output->table_line, shown_before, shown) == 0);
	output->last = scols_line_get_cell(output->table_line, shown_before);
}

static void append_csv_value(struct output *output, const json_t *value)
{
	struct buffer text = { 0 };

	if (json_is_string(value))
		log_escape(&text, BYTES(json_string_value(value), json_string_length(value)));
	else if (!json_is_null(value))
		verdict_json_append(&text, value);
	append_csv(&output->line, buffer_bytes(&text), output->cell == 0);
	buffer_fini(&text);
}

void output_value(struct output *output, json_t *value, const char *shown)
{
	REQUIRE(value != NULL && output->columns[output->cell].name != NULL);
	if (output->options->format == OUTPUT_TABLE) {
		add_to_table(output, shown);
		json_decref(value);
	} else if (output->options->format == OUTPUT_CSV) {
		append_csv_value(output, value);
		json_decref(value);
	} else {
		if (output->row == NULL)
			output->row = json_object();
		REQUIRE(json_object_set_new(output->row, output->columns[output->cell].name, value)
			== 0);
	}
	output->cell++;
}

void output_null(struct output *output)
{
	output_value(output, json_null(), "");
}

void output_bytes(struct output *output, struct bytes bytes)
{
	struct buffer shown = { 0 };

	log_escape(&shown, bytes);
	output_value(output, verdict_json_text(bytes), buffer_text(&shown));
	buffer_fini(&shown);
}

void output_text(struct output *output, const char *text)
{
	if (text == NULL || text[0] == '\0')
		output_null(output);
	else
		output_bytes(output, bytes_of_text(text));
}

void output_number(struct output *output, uint64_t number)
{
	char shown[24];

	snprintf(shown, sizeof(shown), "%llu", (unsigned long long)number);
	output_value(output, json_integer((json_int_t)number), shown);
}

void output_flag(struct output *output, bool flag)
{
	output_value(output, json_boolean(flag), flag ? "yes" : "no");
}

void output_time(struct output *output, uint64_t wall_ms)
{
	char shown[OUTPUT_TIME_SIZE] = "";

	if (wall_ms > 0)
		output_local_time(wall_ms, shown);
	output_value(output, verdict_json_time(wall_ms), shown);
}

void output_id(struct output *output, struct bytes id)
{
	char *hex = memory_new(2 * id.size + 1);
	json_t *value;

	bytes_to_hex(id, hex);
	value = json_string(hex);
	if (id.size > ID_SHOWN / 2)
		hex[ID_SHOWN] = '\0';
	output_value(output, value, hex);
	free(hex);
}

void output_object(struct output *output, json_t *object)
{
	REQUIRE(output->options->format != OUTPUT_TABLE && output->cell == 0);
	for (const struct output_column *column = output->columns; column->name != NULL; column++) {
		json_t *value = json_object_get(object, column->name);

		REQUIRE(value != NULL);
		output_value(output, json_incref(value), "");
	}
	REQUIRE(output->cell == json_object_size(object));
	json_decref(object);
}

void output_color(struct output *output, enum output_color color)
{
	if (output->last != NULL && output->options->is_colored)
		scols_cell_set_color(output->last, colors[color]);
}

/* ---- rows ---- */

static enum status stream_status(FILE *stream)
{
	if (!ferror(stream))
		return STATUS_OK;
	return errno == EPIPE ? STATUS_CLOSED : errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
}

/* "[", what is between the rows, and the row. */
static void write_json_row(struct output *output)
{
	const struct output_options *options = output->options;

	if (options->is_single && options->format == OUTPUT_JSON) {
		char *text = json_dumps(output->row, JSON_INDENT(2));
		char *rest = text, *line;

		REQUIRE(text != NULL);
		while ((line = strsep(&rest, "\n")) != NULL) {
			log_escape(&output->line, bytes_of_text(line));
			buffer_append_text(&output->line, "\n");
		}
		free(text);
	} else {
		if (options->format == OUTPUT_JSON)
			buffer_append_text(&output->line, output->rows == 0 ? "[\n" : ",\n");
		verdict_json_append(&output->line, output->row);
		if (options->format == OUTPUT_NDJSON)
			buffer_append_text(&output->line, "\n");
	}
	json_decref(output->row);
	output->row = NULL;
}

enum status output_row(struct output *output)
{
	REQUIRE(output->columns[output->cell].name == NULL);
	output->cell = 0;
	output->table_line = NULL;
	output->last = NULL;
	if (output->options->format == OUTPUT_CSV)
		buffer_append_text(&output->line, "\r\n");
	else if (output->options->format != OUTPUT_TABLE)
		write_json_row(output);
	output->rows++;
	write_line(output);
	return stream_status(output->options->stream);
}

size_t output_rows(const struct output *output)
{
	return output->rows;
}

/* ---- what was cut ---- */

/* The character at *TEXT, which moves on: how many columns it takes. */
static size_t next_width(const char **text)
{
	mbstate_t state = { 0 };
	wchar_t character;
	size_t size = mbrtowc(&character, *text, MB_CUR_MAX, &state);
	int width;

	if (size == 0 || size > MB_CUR_MAX) {
		*text += **text != '\0';
		return 1;
	}
	*text += size;
	width = wcwidth(character);
	return width < 0 ? 1 : (size_t)width;
}

static size_t width_of(const char *text)
{
	size_t width = 0;

	while (*text != '\0')
		width += next_width(&text);
	return width;
}

/* How many bytes of TEXT fit into WIDTH columns. */
static size_t bytes_within(const char *text, size_t width)
{
	const char *at = text, *fits = text;

	for (size_t used = 0; *at != '\0'; fits = at) {
		used += next_width(&at);
		if (used > width)
			break;
	}
	return (size_t)(fits - text);
}

/* The end of TEXT that fits into WIDTH columns. */
static const char *end_within(const char *text, size_t width)
{
	for (size_t left = width_of(text); left > width;)
		left -= next_width(&text);
	return text;
}

char *output_shorten(const char *text, size_t width, bool in_middle)
{
	size_t room = width > 0 ? width - 1 : 0, end = in_middle ? room - room / 3 : 0;

	if (width_of(text) <= width)
		return text_copy(text);
	return text_format("%.*s…%s", (int)bytes_within(text, room - end), text,
	    end_within(text, end));
}

static void mark_cell(struct libscols_cell *cell, size_t width, bool in_middle)
{
	const char *text = scols_cell_get_data(cell);
	char *shorter;

	if (text == NULL || width_of(text) <= width)
		return;
	shorter = output_shorten(text, width, in_middle);
	REQUIRE(scols_cell_set_data(cell, shorter) == 0);
	free(shorter);
}

static void mark_column(struct output *output, size_t shown, bool in_middle)
{
	struct libscols_column *column = scols_table_get_column(output->table, shown);
	size_t width = scols_column_get_width(column);
	struct libscols_iter *lines = scols_new_iter(SCOLS_ITER_FORWARD);
	struct libscols_line *line;

	while (scols_table_next_line(output->table, lines, &line) == 0)
		mark_cell(scols_line_get_cell(line, shown), width, in_middle);
	scols_free_iter(lines);
}

/* libsmartcols cuts without a trace, and tells its widths only once it has printed. */
static void mark_what_is_cut(struct output *output)
{
	char *unused = NULL;
	size_t unused_size, shown = 0;
	FILE *nowhere = open_memstream(&unused, &unused_size);

	REQUIRE(nowhere != NULL);
	scols_table_set_stream(output->table, nowhere);
	(void)scols_print_table(output->table);
	scols_table_set_stream(output->table, output->options->stream);
	fclose(nowhere);
	free(unused);
	for (const struct output_column *column = output->columns; column->name != NULL; column++) {
		if (column->title != NULL && (column->flags & GIVES_WAY) != 0)
			mark_column(output, shown, (column->flags & OUTPUT_MIDDLE) != 0);
		shown += column->title != NULL;
	}
}

static void print_table(struct output *output)
{
	if (output->rows == 0)
		return;
	if (output->options->width > 0)
		mark_what_is_cut(output);
	(void)scols_print_table(output->table); /* the stream remembers its error */
}

enum status output_finish(struct output **taken)
{
	struct output *output = *taken;
	const struct output_options *options = output->options;
	enum status status;

	*taken = NULL;
	if (options->format == OUTPUT_JSON && !options->is_single)
		fputs(output->rows == 0 ? "[]\n" : "\n]\n", options->stream);
	if (output->table != NULL)
		print_table(output);
	(void)fflush(options->stream);
	status = stream_status(options->stream);
	scols_unref_table(output->table);
	json_decref(output->row);
	buffer_fini(&output->line);
	free(output);
	return status;
}
