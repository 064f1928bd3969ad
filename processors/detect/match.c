/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/match.h"

/* Each selection is judged once, when the condition first asks for it. */
struct judged {
	bool is_known;
	enum answer answer;
};

struct match {
	const struct detection *detection;
	const struct match_lookup *lookup;
	struct arena *arena;
	struct arena scratch; /* of one item */
	struct judged *judged;
	size_t budget; /* of wildcard_match */
	const char *reason;
};

/* A value as it is, and without case. */
struct subject {
	struct bytes text;
	struct bytes folded;
	bool is_cut;
};

struct subjects {
	const struct detection_item *item;
	struct subject *items;
	size_t count;
	bool is_unknown;
};

static enum answer undecided(struct match *match, const struct detection_item *item,
    const char *why)
{
	if (match->reason == NULL)
		match->reason = arena_format(match->arena, "%s: %s",
		    item->field == NULL ? "keywords" : item->text, why);
	return ANSWER_UNDECIDED;
}

static bool needs_folding(const struct detection_item *item)
{
	for (size_t i = 0; i < item->terms_count; i++)
		if (item->terms[i].kind == TERM_STRING && !item->terms[i].string->is_cased)
			return true;
	return false;
}

static struct subjects look_up(struct match *match, const struct detection_item *item)
{
	struct match_values values = match->lookup->get(match->lookup->self, item->field,
	    &match->scratch);
	bool is_folded = needs_folding(item);
	struct subjects subjects = { .item = item,
		.count = values.count,
		.is_unknown = values.is_unknown };

	subjects.items = arena_take(&match->scratch, values.count * sizeof(*subjects.items));
	for (size_t i = 0; i < values.count; i++) {
		const struct match_value *value = &values.items[i];

		subjects.items[i] = (struct subject){ .text = value->text,
			.is_cut = value->is_cut };
		if (is_folded)
			subjects.items[i].folded = wildcard_fold(&match->scratch, value->text);
	}
	return subjects;
}

/* ---- one value of a rule ---- */

static enum answer judge_subject(struct match *match, const struct term *term,
    const struct subject *subject, const struct detection_item *item)
{
	enum answer answer = term_match(term, subject->text, subject->folded, &match->budget);

	if (answer == ANSWER_UNDECIDED)
		return undecided(match, item, "looking for it took too many steps");
	if (subject->is_cut && (answer == ANSWER_NO || !term_matches_more(term, subject->text)))
		return undecided(match, item, "its value is known in part only");
	return answer;
}

static enum answer judge_term(struct match *match, const struct term *term,
    const struct subjects *subjects)
{
	enum answer answer = ANSWER_NO;

	if (term->kind == TERM_NULL && !subjects->is_unknown)
		return subjects->count == 0 ? ANSWER_YES : ANSWER_NO;
	if (term->kind == TERM_NULL && subjects->count > 0)
		return ANSWER_NO;
	for (size_t i = 0; i < subjects->count && answer != ANSWER_YES; i++)
		answer = answer_or(answer,
		    judge_subject(match, term, &subjects->items[i], subjects->item));
	if (answer == ANSWER_NO && subjects->is_unknown)
		return undecided(match, subjects->item, "it could not be observed");
	return answer;
}

/* ---- items, maps, selections ---- */

static enum answer judge_item(struct match *match, const struct detection_item *item)
{
	struct subjects subjects = look_up(match, item);
	enum answer decisive = item->is_all ? ANSWER_NO : ANSWER_YES;
	enum answer answer = item->is_all ? ANSWER_YES : ANSWER_NO;

	for (size_t i = 0; i < item->terms_count && answer != decisive; i++) {
		enum answer one = judge_term(match, &item->terms[i], &subjects);

		answer = item->is_all ? answer_and(answer, one) : answer_or(answer, one);
	}
	arena_reset(&match->scratch);
	return answer;
}

static enum answer judge_map(struct match *match, const struct detection_map *map)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; i < map->items_count && answer != ANSWER_NO; i++)
		answer = answer_and(answer, judge_item(match, &map->items[i]));
	return answer;
}

static enum answer judge_selection(struct match *match, const struct detection_selection *selection)
{
	enum answer answer = ANSWER_NO;

	for (size_t i = 0; i < selection->maps_count && answer != ANSWER_YES; i++)
		answer = answer_or(answer, judge_map(match, &selection->maps[i]));
	return answer;
}

static enum answer holds(void *self, size_t selection)
{
	struct match *match = self;
	struct judged *judged = &match->judged[selection];

	if (!judged->is_known) {
		judged->answer = judge_selection(match, &match->detection->selections[selection]);
		judged->is_known = true;
	}
	return judged->answer;
}

/* ---- the whole ---- */

static void name_selections(const struct match *match, struct match_result *out)
{
	size_t count = match->detection->selections_count;

	out->selections = arena_take(match->arena, count * sizeof(*out->selections));
	for (size_t i = 0; i < count; i++)
		if (match->judged[i].is_known && match->judged[i].answer == ANSWER_YES)
			out->selections[out->selections_count++] =
			    match->detection->selections[i].name;
}

void match_detection(const struct detection *detection, const struct match_lookup *lookup,
    struct arena *arena, struct match_result *out)
{
	struct match match = { .detection = detection,
		.lookup = lookup,
		.arena = arena,
		.budget = WILDCARD_STEPS_MAX };

	*out = (struct match_result){ 0 };
	match.judged = arena_take(arena, detection->selections_count * sizeof(*match.judged));
	out->answer = condition_evaluate(detection->condition, holds, &match);
	if (out->answer == ANSWER_UNDECIDED)
		out->reason = match.reason;
	name_selections(&match, out);
	arena_fini(&match.scratch);
}
