/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/prioritize/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"

enum { VALUES_MAX = 64 };

struct input {
	const char *name;
	const char *values[VALUES_MAX];
	size_t values_count;
	int assumed; /* index; -1: the table assumes nothing, and rows that ask do not hold */
};

/* Values of one input that a row accepts, as bits. */
struct condition {
	size_t input;
	uint64_t accepted;
};

struct row {
	struct condition conditions[TABLE_INPUTS_MAX];
	size_t conditions_count;
	const char *priority;
	bool has_due;
	uint64_t due_after_ms;
};

struct priority_table {
	struct yaml *yaml; /* all texts point into it */
	const char *id, *version;
	struct input inputs[TABLE_INPUTS_MAX];
	size_t inputs_count;
	struct row *rows;
	size_t rows_count;
	struct row otherwise;
};

/* What parsing carries along. */
struct reading {
	struct priority_table *table;
	struct yaml_errors *errors;
};

static void wrong(struct reading *reading, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(struct reading *reading, const struct yaml_node *node, const char *format, ...)
{
	char message[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	yaml_error(reading->errors, reading->table->yaml, node->mark, "%s", message);
}

/* ---- inputs ---- */

static int value_index(const struct input *input, const char *value)
{
	for (size_t i = 0; i < input->values_count; i++)
		if (strcmp(input->values[i], value) == 0)
			return (int)i;
	return -1;
}

static int input_index(const struct priority_table *table, const char *name)
{
	for (size_t i = 0; i < table->inputs_count; i++)
		if (strcmp(table->inputs[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void read_values(struct reading *reading, const struct yaml_node *list, struct input *input)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *value = list->values[i];

		if (value->type != YAML_SCALAR || value_index(input, value->text) >= 0)
			wrong(reading, value, "the values of `%s` must be different words",
			    input->name);
		else if (input->values_count == VALUES_MAX)
			wrong(reading, value, "`%s` has more than 64 values", input->name);
		else
			input->values[input->values_count++] = value->text;
	}
}

static void read_input(struct reading *reading, const char *name, const struct yaml_node *node)
{
	struct priority_table *table = reading->table;
	struct input *input = &table->inputs[table->inputs_count];
	const struct yaml_node *values, *assumed;

	if (table->inputs_count == TABLE_INPUTS_MAX || node->type != YAML_MAPPING) {
		wrong(reading, node,
		    "`%s` must be { values: [...], assumed: VALUE }, one of 32 at "
		    "most",
		    name);
		return;
	}
	*input = (struct input){ .name = name, .assumed = -1 };
	values = yaml_get(node, "values");
	if (values == NULL || values->type != YAML_SEQUENCE || values->count == 0) {
		wrong(reading, node, "`%s` needs `values`, a list of words", name);
		return;
	}
	read_values(reading, values, input);
	assumed = yaml_get(node, "assumed");
	if (assumed != NULL) {
		input->assumed = assumed->type == YAML_SCALAR ? value_index(input, assumed->text)
		                                              : -1;
		if (input->assumed < 0)
			wrong(reading, assumed,
			    "what is assumed for `%s` must be one of its values", name);
	}
	table->inputs_count++;
}

static void read_inputs(struct reading *reading, const struct yaml_node *root)
{
	const struct yaml_node *inputs = yaml_get(root, "inputs");

	if (inputs == NULL || inputs->type != YAML_MAPPING) {
		wrong(reading, root, "the table needs `%s`", "inputs");
		return;
	}
	for (size_t i = 0; i < inputs->count; i++)
		read_input(reading, inputs->keys[i]->text, inputs->values[i]);
}

/* ---- rows ---- */

static void accept_value(struct reading *reading, const struct yaml_node *node,
    struct condition *condition)
{
	const struct input *input = &reading->table->inputs[condition->input];
	int value = node->type == YAML_SCALAR ? value_index(input, node->text) : -1;

	if (value < 0)
		wrong(reading, node, "this is not among the values of `%s`", input->name);
	else
		condition->accepted |= 1ULL << value;
}

static void read_conditions(struct reading *reading, const struct yaml_node *when, struct row *row)
{
	for (size_t i = 0; i < when->count; i++) {
		int input = input_index(reading->table, when->keys[i]->text);
		struct condition condition = { .input = (size_t)input };
		const struct yaml_node *value = when->values[i];

		if (input < 0) {
			wrong(reading, when->keys[i], "`%s` is not among the inputs",
			    when->keys[i]->text);
			continue;
		}
		if (value->type == YAML_SEQUENCE)
			for (size_t v = 0; v < value->count; v++)
				accept_value(reading, value->values[v], &condition);
		else
			accept_value(reading, value, &condition);
		row->conditions[row->conditions_count++] = condition;
	}
}

static void read_outcome(struct reading *reading, const struct yaml_node *node, struct row *row)
{
	const struct yaml_node *priority = yaml_get(node, "priority");
	const struct yaml_node *due = yaml_get(node, "due");

	if (priority == NULL || priority->type != YAML_SCALAR || priority->text[0] == '\0')
		wrong(reading, node, "a row needs `%s`, in words", "priority");
	else
		row->priority = priority->text;
	if (due == NULL)
		return;
	row->has_due = due->type == YAML_SCALAR
	            && clock_parse_duration(due->text, &row->due_after_ms);
	if (!row->has_due)
		wrong(reading, due, "`%s` must be a duration such as 14d", "due");
}

static void refuse_others(struct reading *reading, const struct yaml_node *node,
    const char *const *known)
{
	for (size_t i = 0; i < node->count; i++) {
		const char *const *at = known;

		while (*at != NULL && strcmp(*at, node->keys[i]->text) != 0)
			at++;
		if (*at == NULL)
			wrong(reading, node->keys[i], "`%s` is not known here",
			    node->keys[i]->text);
	}
}

static void read_row(struct reading *reading, const struct yaml_node *node, struct row *row)
{
	static const char *const known[] = { "when", "priority", "due", NULL };
	const struct yaml_node *when;

	if (node->type != YAML_MAPPING) {
		wrong(reading, node, "a row must be { when: ..., priority: ..., %s: ... }", "due");
		return;
	}
	refuse_others(reading, node, known);
	when = yaml_get(node, "when");
	if (when == NULL || when->type != YAML_MAPPING || when->count == 0)
		wrong(reading, node, "a row needs `%s`, with at least one condition", "when");
	else
		read_conditions(reading, when, row);
	read_outcome(reading, node, row);
}

static void read_rows(struct reading *reading, const struct yaml_node *root)
{
	struct priority_table *table = reading->table;
	const struct yaml_node *rows = yaml_get(root, "rows");
	const struct yaml_node *otherwise = yaml_get(root, "otherwise");

	if (rows == NULL || rows->type != YAML_SEQUENCE || rows->count > TABLE_ROWS_MAX) {
		wrong(reading, rows == NULL ? root : rows, "the table needs `%s`, at most 1000",
		    "rows");
	} else {
		table->rows = memory_new(rows->count * sizeof(*table->rows));
		for (size_t i = 0; i < rows->count; i++)
			read_row(reading, rows->values[i], &table->rows[table->rows_count++]);
	}
	if (otherwise == NULL || otherwise->type != YAML_MAPPING)
		wrong(reading, root, "the table needs `%s`, for what no row decides", "otherwise");
	else
		read_outcome(reading, otherwise, &table->otherwise);
}

/* ---- the whole ---- */

static const char *read_name(struct reading *reading, const struct yaml_node *root, const char *key)
{
	const struct yaml_node *node = yaml_get(root, key);

	if (node == NULL || node->type != YAML_SCALAR || node->text[0] == '\0') {
		wrong(reading, node == NULL ? root : node, "the table needs `%s`", key);
		return "";
	}
	return node->text;
}

enum status priority_table_parse(const char *file, struct bytes text, struct priority_table **out,
    struct yaml_errors *errors)
{
	static const char *const known[] = { "id", "version", "name", "description", "inputs",
		"rows", "otherwise", NULL };
	struct priority_table *table = memory_new(sizeof(*table));
	struct reading reading = { .table = table, .errors = errors };
	enum status status = yaml_parse(file, text, &table->yaml, errors);
	const struct yaml_node *root;

	if (status != STATUS_OK) {
		free(table);
		return status;
	}
	root = yaml_root(table->yaml);
	if (root->type != YAML_MAPPING) {
		wrong(&reading, root, "a priority table is a mapping with `%s` and more", "id");
	} else {
		refuse_others(&reading, root, known);
		table->id = read_name(&reading, root, "id");
		table->version = read_name(&reading, root, "version");
		read_inputs(&reading, root);
		read_rows(&reading, root);
	}
	if (errors->count > 0) {
		priority_table_free(table);
		return STATUS_INVALID;
	}
	*out = table;
	return STATUS_OK;
}

void priority_table_free(struct priority_table *table)
{
	if (table == NULL)
		return;
	free(table->rows);
	yaml_free(table->yaml);
	free(table);
}

const char *priority_table_id(const struct priority_table *table)
{
	return table->id;
}

const char *priority_table_version(const struct priority_table *table)
{
	return table->version;
}

/* ---- deciding ---- */

/* The value of each input for one finding. */
struct values {
	int index[TABLE_INPUTS_MAX]; /* -1: nothing is known or assumed */
	bool is_assumed[TABLE_INPUTS_MAX], was_asked[TABLE_INPUTS_MAX];
	const struct priority_input *known[TABLE_INPUTS_MAX];
};

static void find_values(const struct priority_table *table, const struct priority_input *known,
    size_t count, struct values *out)
{
	for (size_t i = 0; i < table->inputs_count; i++) {
		out->index[i] = table->inputs[i].assumed;
		out->is_assumed[i] = true;
	}
	for (size_t k = 0; k < count; k++) {
		int input = input_index(table, known[k].name);
		int value = input < 0 || known[k].value == NULL
		              ? -1
		              : value_index(&table->inputs[input], known[k].value);

		if (value < 0)
			continue;
		out->index[input] = value;
		out->is_assumed[input] = false;
		out->known[input] = &known[k];
	}
}

static bool holds(const struct row *row, struct values *values)
{
	for (size_t i = 0; i < row->conditions_count; i++) {
		const struct condition *condition = &row->conditions[i];
		int value = values->index[condition->input];

		values->was_asked[condition->input] = true;
		if (value < 0 || (condition->accepted >> value & 1) == 0)
			return false;
	}
	return true;
}

static void list_inputs(const struct priority_table *table, const struct values *values,
    struct priority_decision *out)
{
	for (size_t i = 0; i < table->inputs_count; i++) {
		struct priority_input *input = &out->inputs[out->inputs_count];

		if (!values->was_asked[i] || values->index[i] < 0)
			continue;
		*input = (struct priority_input){ .name = table->inputs[i].name,
			.value = table->inputs[i].values[values->index[i]],
			.source = values->is_assumed[i] ? "assumed: nothing is known"
			                                : values->known[i]->source,
			.is_assumed = values->is_assumed[i] };
		out->inputs_count++;
	}
}

void priority_decide(const struct priority_table *table, const struct priority_input *known,
    size_t count, struct priority_decision *out)
{
	struct values values = { .index = { 0 } };
	const struct row *row = &table->otherwise;
	size_t at = 0;

	find_values(table, known, count, &values);
	while (at < table->rows_count && !holds(&table->rows[at], &values))
		at++;
	if (at < table->rows_count)
		row = &table->rows[at];
	*out = (struct priority_decision){ .priority = row->priority,
		.has_due = row->has_due,
		.due_after_ms = row->due_after_ms,
		.row = at + 1 };
	list_inputs(table, &values, out);
}
