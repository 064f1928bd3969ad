/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - everything that a command shows in rows: as a table, JSON, NDJSON or CSV, from one
 * description of its columns.
 *
 * What came from endpoints is hostile: control characters, bidirectional marks and escape sequences
 * are written as \uXXXX in every format, and so are bytes that are not UTF-8.  Pass it as it is.
 */
#ifndef CONSOLE_OUTPUT_H
#define CONSOLE_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/bytes.h"
#include "core/status.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV };
/* "table", "json", "ndjson", "csv". */
bool output_format_parse(const char *text, enum output_format *out);

enum output_color_use { OUTPUT_COLOR_AUTO, OUTPUT_COLOR_ALWAYS, OUTPUT_COLOR_NEVER };
bool output_color_use_parse(const char *text, enum output_color_use *out);

struct output_options {
	FILE *stream;
	enum output_format format;
	bool has_no_headers;
	bool is_colored;
	bool is_single; /* one row, which is no list: in JSON an object */
	size_t width;   /* of a table; 0: as wide as it gets */
};

/*
 * For standard output: its width where it is a terminal or COLUMNS is set, colours by USE,
 * NO_COLOR, CLICOLOR_FORCE and whether it is a terminal.
 */
void output_options_init(struct output_options *options, enum output_color_use use);

enum output_column_flag {
	OUTPUT_RIGHT = 1, /* numbers */
	/* Give way where the terminal is narrow; "…" stands for what was left out: */
	OUTPUT_CUT = 2,    /* the end */
	OUTPUT_MIDDLE = 4, /* the middle, of what its end tells apart: paths, keys */
};

struct output_column {
	const char *name;  /* in JSON and CSV: never changes; NULL ends the list */
	const char *title; /* in a table; NULL: it is not in the table */
	unsigned flags;
	unsigned percent; /* of a narrow table's width that it should keep; 0: whatever is left */
};

enum output_color {
	OUTPUT_PLAIN,
	OUTPUT_DIM,
	OUTPUT_GREEN,
	OUTPUT_CYAN,
	OUTPUT_YELLOW,
	OUTPUT_RED,
	OUTPUT_BOLD_RED,
};

struct output;

/* OPTIONS and COLUMNS live longer. */
struct output *output_new(const struct output_options *options,
    const struct output_column *columns);

/* The cells of a row, in the order of the columns. */
void output_null(struct output *output);
void output_bytes(struct output *output, struct bytes bytes);
void output_text(struct output *output, const char *text); /* NULL or "": null */
void output_number(struct output *output, uint64_t number);
void output_flag(struct output *output, bool flag);
void output_time(struct output *output, uint64_t wall_ms); /* 0: null; local time in a table */
void output_id(struct output *output, struct bytes id);    /* the first 8 digits in a table */
/* Takes VALUE; SHOWN stands for it in a table, escaped already if it need be. */
void output_value(struct output *output, json_t *value, const char *shown);
/*
 * A whole row at once, in any format but a table: takes OBJECT, whose members are exactly the
 * columns.
 */
void output_object(struct output *output, json_t *object);
/* The colour of the cell before. */
void output_color(struct output *output, enum output_color color);

/* The row is complete.  OK; CLOSED: nobody reads any more; NO_SPACE, IO. */
NODISCARD enum status output_row(struct output *output);
/* Writes what is left and takes the output; the same. */
NODISCARD enum status output_finish(struct output **output);
size_t output_rows(const struct output *output);

/*
 * TEXT in at most WIDTH columns, "…" in place of its end, or of its middle; free it.  TEXT is
 * escaped already.
 */
char *output_shorten(const char *text, size_t width, bool in_middle);

/* "2026-11-23 15:04:05", local. */
enum { OUTPUT_TIME_SIZE = 32 };
void output_local_time(uint64_t wall_ms, char out[OUTPUT_TIME_SIZE]);

#endif
