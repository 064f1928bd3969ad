/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/term.h"

#include <arpa/inet.h>

/* ---- modifiers ---- */

static const char *set_kind(struct term_modifiers *out, enum term_kind kind)
{
	if (out->kind != TERM_STRING || out->has_place || out->is_cased)
		return "does not go together with the modifier before it";
	out->kind = kind;
	return NULL;
}

static const char *set_place(struct term_modifiers *out, enum wildcard_place place)
{
	if (out->kind != TERM_STRING || out->has_place)
		return "does not go together with the modifier before it";
	out->place = place;
	out->has_place = true;
	return NULL;
}

static const char *set_regex_flag(struct term_modifiers *out, unsigned flag)
{
	if (out->kind != TERM_REGEX)
		return "has a meaning only after \"re\"";
	out->regex_flags |= flag;
	return NULL;
}

static const char *on_contains(struct term_modifiers *out)
{
	return set_place(out, WILDCARD_ANYWHERE);
}

static const char *on_startswith(struct term_modifiers *out)
{
	return set_place(out, WILDCARD_AT_START);
}

static const char *on_endswith(struct term_modifiers *out)
{
	return set_place(out, WILDCARD_AT_END);
}

static const char *on_re(struct term_modifiers *out)
{
	return set_kind(out, TERM_REGEX);
}

static const char *on_cidr(struct term_modifiers *out)
{
	return set_kind(out, TERM_NETWORK);
}

static const char *on_all(struct term_modifiers *out)
{
	out->is_all = true;
	return NULL;
}

static const char *on_cased(struct term_modifiers *out)
{
	if (out->kind != TERM_STRING)
		return "has no meaning after \"re\" and \"cidr\"";
	out->is_cased = true;
	return NULL;
}

static const char *on_i(struct term_modifiers *out)
{
	return set_regex_flag(out, REGEX_CASELESS);
}

static const char *on_m(struct term_modifiers *out)
{
	return set_regex_flag(out, REGEX_MULTILINE);
}

static const char *on_s(struct term_modifiers *out)
{
	out->is_dot_all = true;
	return set_regex_flag(out, 0);
}

static const struct {
	const char *name;
	const char *(*apply)(struct term_modifiers *out); /* NULL: Sigma has it, we do not */
} modifiers_known[] = {
	{ "contains", on_contains },
	{ "startswith", on_startswith },
	{ "endswith", on_endswith },
	{ "re", on_re },
	{ "all", on_all },
	{ "cidr", on_cidr },
	{ "cased", on_cased },
	{ "i", on_i },
	{ "m", on_m },
	{ "s", on_s },
	{ "base64", NULL },
	{ "base64offset", NULL },
	{ "day", NULL },
	{ "exists", NULL },
	{ "expand", NULL },
	{ "fieldref", NULL },
	{ "gt", NULL },
	{ "gte", NULL },
	{ "hour", NULL },
	{ "lt", NULL },
	{ "lte", NULL },
	{ "minute", NULL },
	{ "month", NULL },
	{ "neq", NULL },
	{ "utf16", NULL },
	{ "utf16be", NULL },
	{ "utf16le", NULL },
	{ "week", NULL },
	{ "wide", NULL },
	{ "windash", NULL },
	{ "year", NULL },
};

enum { MODIFIERS = sizeof(modifiers_known) / sizeof(modifiers_known[0]) };

static const char *apply(struct bytes name, struct arena *arena, struct term_modifiers *out)
{
	const char *problem = "is none that Sigma has";

	for (size_t i = 0; i < MODIFIERS; i++) {
		if (!bytes_equal(name, bytes_of_text(modifiers_known[i].name)))
			continue;
		if (modifiers_known[i].apply == NULL)
			problem = "is not supported";
		else
			problem = modifiers_known[i].apply(out);
		break;
	}
	return problem == NULL ? NULL
	                       : arena_format(arena, "the modifier \"%.*s\" %s", (int)name.size,
				   (const char *)name.data, problem);
}

const char *term_modifiers_parse(const char *text, struct arena *arena, struct term_modifiers *out)
{
	*out = (struct term_modifiers){ .kind = TERM_STRING, .place = WILDCARD_WHOLE };
	for (;;) {
		size_t size = strcspn(text, "|");
		const char *problem = apply(BYTES(text, size), arena, out);

		if (problem != NULL || text[size] == '\0')
			return problem;
		text += size + 1;
	}
}

/* ---- reading ---- */

static bool read_bits(const char *text, unsigned highest, unsigned *out)
{
	unsigned bits = 0;

	if (*text == '\0' || strlen(text) > 3 || text[strspn(text, "0123456789")] != '\0')
		return false;
	for (; *text != '\0'; text++)
		bits = bits * 10 + (unsigned)(*text - '0');
	*out = bits;
	return bits <= highest;
}

/* The size of the address; 0: it is none. */
static size_t read_address(const char *text, uint8_t out[16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static const char *read_network(const char *text, struct arena *arena, struct term *out)
{
	char address[INET6_ADDRSTRLEN];
	size_t size = strcspn(text, "/");

	if (size < sizeof(address) && text[size] == '/') {
		memcpy(address, text, size);
		address[size] = '\0';
		out->network.size = read_address(address, out->network.address);
		if (out->network.size > 0
		    && read_bits(text + size + 1, (unsigned)out->network.size * 8,
			&out->network.bits))
			return NULL;
	}
	return arena_format(arena, "\"%s\" is no network: write ADDRESS/BITS", text);
}

static const char *read_regex(const char *text, const struct term_modifiers *modifiers,
    struct regex_set *regexes, struct arena *arena, struct term *out)
{
	const char *problem = "";

	if (modifiers->is_dot_all)
		text = arena_format(arena, "(?s)%s", text);
	out->regex = regex_compile(regexes, text, modifiers->regex_flags, arena, &problem);
	return out->regex != NULL ? NULL
	                          : arena_format(arena, "the expression is not valid: %s", problem);
}

const char *term_parse(const char *text, const struct term_modifiers *modifiers,
    struct regex_set *regexes, struct arena *arena, struct term *out)
{
	*out = (struct term){ .kind = modifiers->kind };
	if (strlen(text) > TERM_SIZE_MAX)
		return arena_format(arena, "a value has at most %d bytes", TERM_SIZE_MAX);
	if (out->kind == TERM_REGEX)
		return read_regex(text, modifiers, regexes, arena, out);
	if (out->kind == TERM_NETWORK)
		return read_network(text, arena, out);
	out->string = wildcard_new(arena, text, modifiers->place, modifiers->is_cased);
	return NULL;
}

/* ---- matching ---- */

static bool is_in_network(const struct term *term, struct bytes value)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	size_t whole = term->network.bits / 8;
	unsigned rest = term->network.bits % 8;

	if (value.size == 0 || value.size >= sizeof(text)
	    || memchr(value.data, 0, value.size) != NULL)
		return false;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	if (read_address(text, address) != term->network.size)
		return false;
	return memcmp(address, term->network.address, whole) == 0
	    && (rest == 0 || (address[whole] ^ term->network.address[whole]) >> (8 - rest) == 0);
}

static enum answer match_regex(const struct regex *regex, struct bytes value)
{
	switch (regex_match(regex, value, NULL, NULL)) {
	case REGEX_MATCH:
		return ANSWER_YES;
	case REGEX_NO_MATCH:
		return ANSWER_NO;
	default:
		return ANSWER_UNDECIDED;
	}
}

enum answer term_match(const struct term *term, struct bytes value, struct bytes folded,
    size_t *budget)
{
	switch (term->kind) {
	case TERM_STRING:
		return wildcard_match(term->string, term->string->is_cased ? value : folded,
		    budget);
	case TERM_REGEX:
		return match_regex(term->regex, value);
	case TERM_NETWORK:
		return is_in_network(term, value) ? ANSWER_YES : ANSWER_NO;
	default:
		return ANSWER_NO;
	}
}

bool term_matches_more(const struct term *term, struct bytes value)
{
	switch (term->kind) {
	case TERM_STRING:
		return wildcard_is_open(term->string);
	case TERM_REGEX:
		return regex_match_beginning(term->regex, value) == REGEX_MATCH;
	default:
		return false;
	}
}
