/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detect - tells expected changes from unexpected ones, and raises alerts about those that matter.
 *
 * A change that a detection or the watch list speaks of waits for a moment, until what belongs to
 * it has arrived too: whose file it is, what else changed.  Then either something explains it, and
 * it is said so, or the detections decide; where none speaks of a watched file, the watch list
 * does. While packages are being installed, what they may explain waits until that is over.
 */
#include "processors/detect/detect.h"

#include <stdlib.h>

#include "processors/detect/alerts.h"
#include "processors/detect/change.h"
#include "processors/detect/explain.h"
#include "processors/detect/ruleset.h"
#include "processors/detect/suspects.h"
#include "processors/state/asset.h"
#include "processors/state/changed.h"
#include "processors/state/facts.h"
#include "processors/state/job.h"
#include "processors/state/tables.h"

enum {
	/* A file waits for the facts that are read from it, which come a little later. */
	TOLD_WAIT_MS = 800,
	TOLD_WITHIN_MS = 10 * 1000,
	/* Transactions so close to each other are one. */
	TRANSACTION_GAP_MS = 30 * 1000,
};

static const char transaction_key[] = "transaction/dpkg";

struct detect_settings {
	uint64_t settle, grace, transaction_limit;
};

static const struct setting settings[] = { SETTING_DURATION(struct detect_settings, settle, 500, 0,
					       60 * 1000,
					       "how long a change waits for what may explain it"),
	SETTING_DURATION(struct detect_settings, grace, 3000, 0, 10 * 60 * 1000,
	    "how long after packages were installed what they did may still be seen"),
	SETTING_DURATION(struct detect_settings, transaction_limit, 30 * 60 * 1000, 1000,
	    24 * 3600 * 1000, "an installation that takes longer explains nothing any more"),
	SETTING_END };

const struct setting_section detect_section = { .name = "detect",
	.settings = settings,
	.size = sizeof(struct detect_settings),
	.help = "which changes are alerted about" };

static const struct detect_settings *settings_in_use(const struct stage_io *io)
{
	static const struct detect_settings defaults = { 500, 3000, 30 * 60 * 1000 };

	return io->settings == NULL ? &defaults : io->settings;
}

static void *cache_new(void)
{
	return ruleset_new();
}

static void cache_free(void *cache)
{
	ruleset_free(cache);
}

/* ---- the rules in force ---- */

static void put_document(struct stage_io *io, enum state_table table, const char *id,
    const Fettle__Document *document)
{
	struct buffer value = { 0 };

	record_pack(&value, &document->base);
	txn_put(io->txn, table, bytes_of_text(id), buffer_bytes(&value));
	buffer_fini(&value);
	ruleset_invalidate(io->cache);
}

static enum status refuse(struct stage_io *io, const char *what, struct yaml_errors *errors)
{
	const char *reason = arena_format(io->arena, "%s is broken: %s", what,
	    yaml_errors_text(errors));

	yaml_errors_fini(errors);
	return stage_reject(io, reason);
}

static enum status on_detection(struct stage_io *io, const Fettle__Document *document)
{
	struct regex_set *regexes;
	struct yaml_errors errors = { 0 };
	struct detection *rule = NULL;
	enum status status;

	if (document->id == NULL || document->id[0] == '\0'
	    || strlen(document->id) > DETECTION_ID_MAX || document->text == NULL)
		return stage_reject(io, "the detection has no id, or too long a one, or no text");
	regexes = regex_set_new();
	status = detection_parse(document->file == NULL ? document->id : document->file,
	    bytes_of_text(document->text), regexes, &rule, &errors);
	if (status != STATUS_OK)
		status = refuse(io, "the detection", &errors);
	else if (strcmp(rule->id, document->id) != 0)
		status = stage_reject(io, "the detection's text has another id than its envelope");
	else
		put_document(io, STATE_DETECTION, document->id, document);
	detection_free(rule);
	regex_set_free(regexes);
	return status;
}

static enum status on_detection_removed(struct stage_io *io, const Fettle__Document *document)
{
	if (document->id == NULL)
		return stage_reject(io, "the detection to be removed is not named");
	txn_delete(io->txn, STATE_DETECTION, bytes_of_text(document->id));
	ruleset_invalidate(io->cache);
	return STATUS_OK;
}

static enum status on_watchlist(struct stage_io *io, const Fettle__Document *document)
{
	struct yaml_errors errors = { 0 };
	struct watchlist *list;

	if (document->text == NULL)
		return stage_reject(io, "the watch list has no text");
	if (watchlist_parse(document->file == NULL ? "" : document->file,
		bytes_of_text(document->text), &list, &errors)
	    != STATUS_OK)
		return refuse(io, "the watch list", &errors);
	watchlist_free(list);
	put_document(io, STATE_WATCHLIST, "watchlist", document);
	return STATUS_OK;
}

/* ---- a change as the rules see it ---- */

static bool decode_side(const Fettle__FactState *state, struct bytes key, struct arena *arena,
    struct fact *out)
{
	struct fact_field *fields;
	size_t count;

	if (fact_value_decode(record_bytes(state->value), arena, &fields, &count) != STATUS_OK)
		return false;
	*out = (struct fact){ .key = key,
		.status = (enum fact_status)state->status,
		.reason = state->reason,
		.fields = fields,
		.fields_count = count };
	return true;
}

static bool is_gone(const struct fact *fact)
{
	return fact->status == FACT_NONE || fact->status == FACT_ABSENT;
}

static const struct watchlist_entry *entry_of(const struct ruleset *set,
    const struct suspect *suspect)
{
	enum watchlist_change change = is_gone(&suspect->before) ? WATCHLIST_CREATE
	                             : is_gone(&suspect->after)  ? WATCHLIST_DELETE
	                                                         : WATCHLIST_MODIFY;

	return ruleset_entry(set, suspect->key, change);
}

/* False: it is no change that can be judged. */
static bool make_suspect(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, struct suspect *out)
{
	*out = (struct suspect){ .asset = asset,
		.key = record_bytes(change->key),
		.received_ms = change->received_ms,
		.observed_ms = change->observed_ms };
	if (!decode_side(change->before, out->key, io->arena, &out->before)
	    || !decode_side(change->after, out->key, io->arena, &out->after))
		return false;
	out->entry = entry_of(io->cache, out);
	return true;
}

static enum status make_change(struct stage_io *io, const struct suspect *suspect,
    const struct explanation *explanation, struct change *out)
{
	Fettle__StateAsset *asset;
	enum status status = asset_get(io->txn, suspect->asset, io->arena, &asset);

	if (status != STATUS_OK)
		return status;
	*out = (struct change){ .key = suspect->key,
		.before = suspect->before,
		.after = suspect->after,
		.expected_by = explanation->by,
		.package = explanation->package,
		.asset_name = asset->name,
		.asset_system = asset->system };
	return STATUS_OK;
}

/* ---- a change is judged ---- */

static char **texts(const struct detection_texts *from)
{
	return (char **)(uintptr_t)from->items;
}

static void draft_rule(const struct detection *rule, const struct match_result *result,
    Fettle__AlertVerdict *draft)
{
	draft->rule = RECORD_TEXT(rule->id);
	draft->title = RECORD_TEXT(rule->title);
	draft->description = RECORD_TEXT(rule->description);
	draft->severity = RECORD_TEXT(level_text(rule->level));
	draft->techniques = texts(&rule->techniques);
	draft->n_techniques = rule->techniques.count;
	draft->tactics = texts(&rule->tactics);
	draft->n_tactics = rule->tactics.count;
	draft->falsepositives = texts(&rule->falsepositives);
	draft->n_falsepositives = rule->falsepositives.count;
	draft->attack_version = RECORD_TEXT(rule->attack_version);
	if (result->answer == ANSWER_UNDECIDED) {
		RECORD_SET(draft, is_undecided, true);
		draft->reason = RECORD_TEXT(result->reason);
	}
}

static const char *what_happened(const struct suspect *suspect)
{
	return is_gone(&suspect->before) ? "appeared"
	     : is_gone(&suspect->after)  ? "was removed"
	                                 : "was changed";
}

static void draft_entry(struct stage_io *io, const struct suspect *suspect,
    Fettle__AlertVerdict *draft)
{
	const struct watchlist_entry *entry = suspect->entry;
	struct bytes path = explain_path(suspect->key, &suspect->after);

	draft->rule = RECORD_TEXT("watchlist");
	draft->title = arena_format(io->arena, "%.*s %s", (int)path.size, (const char *)path.data,
	    what_happened(suspect));
	if (!bytes_is_utf8(bytes_of_text(draft->title)))
		draft->title = arena_format(io->arena, "A watched file %s", what_happened(suspect));
	draft->description = arena_format(io->arena, "Why it is watched: %s.", entry->why);
	draft->severity = RECORD_TEXT(level_text(entry->level));
	draft->techniques = (char **)(uintptr_t)&entry->technique;
	draft->n_techniques = 1;
	draft->falsepositives = (char **)(uintptr_t)entry->writers;
	draft->n_falsepositives = entry->writers_count;
	draft->attack_version = RECORD_TEXT(ruleset_watchlist(io->cache)->attack_version);
}

/* What a rule makes of a change. */
struct ruling {
	const struct detection *rule;
	struct match_result result;
};

/* Those that hold; where none does, the gravest of those that may.  In the arena. */
static enum status ask_rules(struct stage_io *io, const struct suspect *suspect,
    const struct explanation *explanation, struct ruling **out, size_t *count)
{
	struct ruling undecided = { .rule = NULL };
	struct match_lookup lookup;
	struct change change;
	size_t rules_count;
	const struct detection **rules = ruleset_rules(io->cache, suspect->key, io->arena,
	    &rules_count);
	enum status status = make_change(io, suspect, explanation, &change);

	*count = 0;
	*out = arena_take(io->arena, (rules_count + 1) * sizeof(**out));
	if (status != STATUS_OK)
		return status;
	lookup = change_lookup(&change);
	for (size_t i = 0; i < rules_count; i++) {
		struct ruling ruling = { .rule = rules[i] };

		if (!change_concerns(&change, rules[i]->source))
			continue;
		match_detection(rules[i], &lookup, io->arena, &ruling.result);
		if (ruling.result.answer == ANSWER_YES)
			(*out)[(*count)++] = ruling;
		else if (ruling.result.answer == ANSWER_UNDECIDED
			 && (undecided.rule == NULL || rules[i]->level > undecided.rule->level))
			undecided = ruling;
	}
	if (*count == 0 && undecided.rule != NULL)
		(*out)[(*count)++] = undecided;
	return STATUS_OK;
}

static enum status raise(struct stage_io *io, const struct suspect *suspect,
    const Fettle__ChangeVerdict *verdict, const struct explanation *explanation)
{
	struct ruling *rulings;
	size_t count;
	enum status status = ask_rules(io, suspect, explanation, &rulings, &count);

	for (size_t i = 0; status == STATUS_OK && i < count; i++) {
		Fettle__AlertVerdict draft = FETTLE__ALERT_VERDICT__INIT;

		draft_rule(rulings[i].rule, &rulings[i].result, &draft);
		draft.package = RECORD_TEXT(explanation->package);
		status = alerts_open(io, suspect->asset, verdict, &draft);
	}
	if (status == STATUS_OK && count == 0 && suspect->entry != NULL
	    && explanation->kind == UNEXPLAINED) {
		Fettle__AlertVerdict draft = FETTLE__ALERT_VERDICT__INIT;

		draft_entry(io, suspect, &draft);
		draft.package = RECORD_TEXT(explanation->package);
		status = alerts_open(io, suspect->asset, verdict, &draft);
	}
	return status;
}

/* By a fact that names the file; or that names none, but is read from files such as this. */
static enum status was_told(struct stage_io *io, const struct suspect *suspect, bool *out)
{
	const struct watchlist_entry *entry = suspect->entry;
	struct bytes path = explain_path(suspect->key, &suspect->after);
	enum status status = STATUS_OK;

	*out = false;
	for (size_t i = 0;
	     entry != NULL && status == STATUS_OK && !*out && i < entry->told_by_count; i++) {
		status = suspects_was_told(io, suspect->asset, entry->told_by[i], path,
		    suspect->observed_ms, TOLD_WITHIN_MS, out);
		if (status == STATUS_OK && !*out)
			status = suspects_was_told(io, suspect->asset, entry->told_by[i],
			    BYTES_NONE, suspect->observed_ms, TOLD_WITHIN_MS, out);
	}
	return status;
}

/* It may have been taken back while it waited. */
static enum status look_again(struct stage_io *io, const struct suspect *suspect)
{
	struct facts_entry entry;
	struct event_value now = { .status = FACT_NONE };
	enum status status = facts_get(io->txn, suspect->asset, suspect->key, io->arena, &entry);

	if (status == STATUS_OK)
		now = (struct event_value){ .status = (enum fact_status)entry.record->status,
			.value = arena_bytes(io->arena, entry.value) };
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	return alerts_on_change(io, suspect->asset, suspect->key, &now);
}

static enum status judge(struct stage_io *io, const struct suspect *suspect,
    Fettle__ChangeVerdict *verdict, const struct explanation *explanation)
{
	bool is_told;
	enum status status;

	if (explanation->kind == EXPLAINED) {
		verdict->expected_by = RECORD_TEXT(explanation->by);
		stage_verdict(io, FETTLE__KIND__KIND_CHANGE, &verdict->base);
		stage_count(io, "changes_expected", 1);
		return raise(io, suspect, verdict, explanation);
	}
	stage_count(io, "changes_unexpected", 1);
	status = was_told(io, suspect, &is_told);
	if (status != STATUS_OK || is_told)
		return status;
	status = raise(io, suspect, verdict, explanation);
	return status == STATUS_OK ? look_again(io, suspect) : status;
}

static struct explain_limits limits_in_use(const struct stage_io *io)
{
	const struct detect_settings *set = settings_in_use(io);

	return (struct explain_limits){ .grace_ms = set->grace,
		.transaction_ms = set->transaction_limit };
}

/* So many wait already that this one cannot: what may yet explain it is not waited for. */
static enum status judge_at_once(struct stage_io *io, const struct suspect *suspect,
    Fettle__ChangeVerdict *verdict)
{
	const struct explain_limits limits = limits_in_use(io);
	struct explanation explanation;
	enum status status = explain(io, &limits, suspect, &explanation);

	if (status != STATUS_OK)
		return status;
	if (explanation.kind == EXPLAINED_LATER)
		explanation.kind = UNEXPLAINED;
	return judge(io, suspect, verdict, &explanation);
}

static enum status on_timer(struct stage_io *io, struct bytes key)
{
	const struct explain_limits limits = limits_in_use(io);
	Fettle__ChangeVerdict *verdict;
	struct explanation explanation;
	struct suspect suspect;
	struct asset_ref asset;
	enum status status = ruleset_load(io->cache, io->txn);

	if (status == STATUS_OK)
		status = suspects_get(io, key, &asset, &verdict);
	if (status != STATUS_OK || verdict == NULL)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (!make_suspect(io, &asset, verdict, &suspect))
		return suspects_forget(io, key);
	status = explain(io, &limits, &suspect, &explanation);
	if (status != STATUS_OK)
		return status;
	if (explanation.kind == EXPLAINED_LATER)
		return suspects_delay(io, key, explanation.later_ms);
	status = suspects_forget(io, key);
	return status == STATUS_OK ? judge(io, &suspect, verdict, &explanation) : status;
}

/* ---- a change comes ---- */

/* Whether any rule may hold, be it explained or not. */
static bool is_spoken_of(struct stage_io *io, const struct suspect *suspect)
{
	struct explanation either[] = { { .kind = UNEXPLAINED },
		{ .kind = EXPLAINED, .by = "something" } };
	size_t count;
	const struct detection **rules = ruleset_rules(io->cache, suspect->key, io->arena, &count);

	for (size_t e = 0; e < 2 && count > 0; e++) {
		struct change change;
		struct match_lookup lookup;

		if (make_change(io, suspect, &either[e], &change) != STATUS_OK)
			return true;
		lookup = change_lookup(&change);
		for (size_t i = 0; i < count; i++) {
			struct match_result result;

			if (!change_concerns(&change, rules[i]->source))
				continue;
			match_detection(rules[i], &lookup, io->arena, &result);
			if (result.answer != ANSWER_NO)
				return true;
		}
	}
	return false;
}

/* A fact that is read from a watched file tells of it more precisely than the file. */
static enum status note_told(struct stage_io *io, const struct suspect *suspect)
{
	const uint8_t *slash = memchr(suspect->key.data, '/', suspect->key.size);
	const struct fact *fact = is_gone(&suspect->after) ? &suspect->before : &suspect->after;
	struct bytes drop_ins = explain_drop_ins(suspect->key, fact), prefix, path;
	enum status status;

	if (slash == NULL)
		return STATUS_OK;
	prefix = BYTES(suspect->key.data, (size_t)(slash + 1 - suspect->key.data));
	status = suspects_note_told(io, suspect->asset, prefix, explain_path(suspect->key, fact),
	    suspect->observed_ms);
	for (unsigned i = 0; status == STATUS_OK && i < EXPLAIN_DROP_INS_MAX
			     && explain_next_drop_in(&drop_ins, &path);
	     i++)
		status = suspects_note_told(io, suspect->asset, prefix, path, suspect->observed_ms);
	return status;
}

static enum status note_transaction(struct stage_io *io, const struct suspect *suspect)
{
	const struct fact_field *state = fact_find(suspect->after.fields,
	    suspect->after.fields_count, "state");
	bool is_running = state != NULL && bytes_equal(state->bytes, bytes_of_text("running"));
	struct transaction transaction;
	enum status status = suspects_transaction(io, suspect->asset, &transaction);

	if (status != STATUS_OK)
		return status;
	if (!is_running) {
		if (transaction.began_ms != 0) {
			transaction.ended_ms = suspect->received_ms;
			transaction.ended_observed_ms = suspect->observed_ms;
		}
	} else if (transaction.ended_ms == 0
		   || suspect->observed_ms - transaction.ended_observed_ms > TRANSACTION_GAP_MS) {
		transaction = (struct transaction){ .began_ms = suspect->received_ms,
			.began_observed_ms = suspect->observed_ms };
	} else {
		transaction.ended_ms = 0;
	}
	suspects_put_transaction(io, suspect->asset, &transaction);
	return is_running
	         ? STATUS_OK
	         : suspects_wake(io, suspect->asset, settings_in_use(io)->settle + TOLD_WAIT_MS);
}

static enum status say_expected(struct stage_io *io, Fettle__ChangeVerdict *verdict, const char *by)
{
	verdict->expected_by = RECORD_TEXT(by);
	stage_verdict(io, FETTLE__KIND__KIND_CHANGE, &verdict->base);
	return STATUS_OK;
}

/* What jobs and package managers are for.  No rule speaks of it, so it needs no waiting. */
static enum status take_package(struct stage_io *io, const struct suspect *suspect,
    Fettle__ChangeVerdict *verdict)
{
	const struct explain_limits limits = limits_in_use(io);
	const char *by;
	enum status status = explain_package(io, &limits, suspect, &by);

	return status != STATUS_OK || by == NULL ? status : say_expected(io, verdict, by);
}

static bool is_package_fact(struct bytes key)
{
	return bytes_start_with(key, bytes_of_text("package/"))
	    || bytes_start_with(key, bytes_of_text("update/"));
}

static enum status take(struct stage_io *io, const struct suspect *suspect,
    Fettle__ChangeVerdict *verdict)
{
	const struct detect_settings *set = settings_in_use(io);
	bool is_told_by_others = suspect->entry != NULL && suspect->entry->told_by_count > 0;
	bool is_spoken;
	enum status status = STATUS_OK;

	if (is_package_fact(suspect->key))
		return take_package(io, suspect, verdict);
	is_spoken = is_spoken_of(io, suspect);
	if (ruleset_tells(io->cache, suspect->key) && explain_stands_for_file(suspect, is_spoken))
		status = note_told(io, suspect);
	if (status == STATUS_OK && explain_is_same_file(&suspect->before, &suspect->after))
		return say_expected(io, verdict, "a look at whose file it is");
	if (status != STATUS_OK || (suspect->entry == NULL && !is_spoken))
		return status;
	status = suspects_put(io, suspect->asset, verdict,
	    io->now_ms + set->settle + (is_told_by_others ? TOLD_WAIT_MS : 0));
	return status == STATUS_FULL ? judge_at_once(io, suspect, verdict) : status;
}

/* Most changes are not: they must cost next to nothing. */
static bool is_of_concern(struct stage_io *io, struct bytes key)
{
	size_t rules;

	if (is_package_fact(key) || bytes_equal(key, bytes_of_text(transaction_key))
	    || ruleset_tells(io->cache, key)
	    || ruleset_entry(io->cache, key, WATCHLIST_ANY) != NULL)
		return true;
	ruleset_rules(io->cache, key, io->arena, &rules);
	return rules > 0;
}

static enum status on_change(struct stage_io *io, const struct event *event)
{
	const struct event_change *change = event_change(event);
	Fettle__ChangeVerdict *verdict;
	struct suspect suspect;
	enum status status = ruleset_load(io->cache, io->txn);

	if (status != STATUS_OK || event->envelope == NULL || event->stamp == NULL
	    || !is_of_concern(io, change->key))
		return status;
	verdict = changed_verdict(event, io->arena);
	if (!make_suspect(io, change->asset, verdict, &suspect))
		return STATUS_OK;
	if (bytes_equal(change->key, bytes_of_text(transaction_key))) {
		status = note_transaction(io, &suspect);
		return status != STATUS_OK || change->is_baseline
		         ? status
		         : say_expected(io, verdict, "a transaction of packages");
	}
	status = alerts_on_change(io, change->asset, change->key, &change->after);
	return status != STATUS_OK || change->is_baseline ? status : take(io, &suspect, verdict);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	switch (event->kind) {
	case EVENT_FACT_CHANGED:
		return on_change(io, event);
	case EVENT_DETECTION:
		return on_detection(io, event_document(event));
	case EVENT_DETECTION_REMOVED:
		return on_detection_removed(io, event_document(event));
	case EVENT_WATCHLIST:
		return on_watchlist(io, event_document(event));
	case EVENT_ALERT_ACK:
		return alerts_acknowledge(io, event_alert_ack(event), event->stamp);
	default:
		return STATUS_OK;
	}
}

const struct stage detect_stage = {
	.name = "detect",
	.summary = "tells expected changes from unexpected ones, and raises alerts",
	.consumes = (const enum event_kind[]){ EVENT_FACT_CHANGED, EVENT_DETECTION,
	    EVENT_DETECTION_REMOVED, EVENT_WATCHLIST, EVENT_ALERT_ACK, EVENT_NONE },
	.settings = settings,
	.settings_size = sizeof(struct detect_settings),
	.cache_new = cache_new,
	.cache_free = cache_free,
	.on_event = on_event,
	.on_timer = on_timer,
};
