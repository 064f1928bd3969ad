/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what pages for a person are made of: a title, rows of a label and a text, sections.
 *
 * Everything is escaped here.
 */
#ifndef CONSOLE_PAGE_H
#define CONSOLE_PAGE_H

#include "console/output.h"

/* NULL or "". */
bool page_is_empty(const char *text);

void page_text(FILE *stream, struct bytes text);
/* In bold where there are colours, and an empty line after it. */
void page_title(const struct output_options *options, const char *title);
/* An empty line, and the heading of a section. */
void page_heading(const struct output_options *options, const char *heading);

/* "  LABEL       TEXT"; nothing where there is no text, no time or no id. */
void page_row(FILE *stream, const char *label, const char *text);
void page_row_bytes(FILE *stream, const char *label, struct bytes text);
void page_time(FILE *stream, const char *label, uint64_t at_ms, uint64_t now_ms);
void page_id(FILE *stream, const char *label, struct bytes id);

/* TEXT between words, indented, under a heading; nothing where there is none. */
void page_section(const struct output_options *options, const char *heading, const char *text);
/* LEAD, and TEXT beside it: between words, and indented as far as it began. */
void page_hanging(const struct output_options *options, const char *lead, const char *text);
/* One paragraph of it. */
void page_wrapped(const struct output_options *options, struct bytes line);

#endif
