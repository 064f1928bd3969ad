/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.h - where the three dialects of SCA policies differ, as one table.
 *
 * Everything that reads or evaluates a policy asks this table and never which dialect it is, so
 * that a difference is one column here, with one place that acts on it.
 */
#ifndef PROCESSORS_ASSESS_DIALECT_H
#define PROCESSORS_ASSESS_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "processors/assess/outcome.h"

/* The numbers are part of a rule's hash: they stay. */
enum dialect_id { DIALECT_WAZUH4 = 1, DIALECT_WAZUH5, DIALECT_FETTLE };

struct dialect {
	enum dialect_id id;
	const char *name; /* as a policy writes it */

	/* policies */
	bool needs_all_headers;        /* file and description, besides id and name */
	bool ids_are_numbers;          /* of checks */
	bool has_regex_type;           /* "regex_type: osregex | pcre2"; else it is always PCRE2 */
	bool has_severity;             /* the key "severity" of a check */
	bool has_required_conditions;  /* "all required" and "any required", deprecated */
	bool drops_bad_rules;          /* and keeps the rest of the check; else refuses the file */
	bool variables_are_everywhere; /* in every string; else only in the targets of f, c and d */
	bool skips_unmet_policy;       /* unmet requirements: no results; else all not applicable */
	bool stops_at_deciding_rule;

	/* rules */
	bool has_upper_not;        /* "NOT f:/x" is "not f:/x" */
	bool ignores_leading_bang; /* "!f:/x" is "f:/x"; else it is a bad rule */
	bool splits_lists;         /* "f:/a,/b" is two files */
	bool trims_lists;          /* "f:/a, /b" too */
	bool refuses_bad_patterns; /* a regular expression or comparison that cannot work */
	bool splits_after_literal; /* "x && r:y" is two minterms; else it is one literal */

	/* inputs */
	enum outcome_kind other_type;       /* "f:/x" where it is a directory, a fifo, ... */
	enum outcome_kind unreadable_regex; /* a file that may not be read, a pattern r: or n: */
	bool commands_need_no_run;          /* "c:x" without a pattern is found unseen */
	bool missing_stat_is_output;        /* stat's complaint is its output; else INVALID */
	bool literal_is_whole_output;       /* of a command: all of it, trimmed; else one line */

	/* lines */
	size_t line_max;             /* bytes */
	bool long_lines_go_on;       /* the rest is the next line; else it was not seen */
	bool strips_carriage_return; /* before the end of a line */
	bool ends_line_at_nul;
	/*
	 * An INVALID line of a file ends the search, and of a command's output only the last line
	 * can be INVALID; else a line that is found anywhere outweighs those that are INVALID.
	 */
	bool invalid_line_decides;

	/* minterms */
	bool literals_fold_case;
	bool prefixes_fold_case;    /* "R:" is "r:" */
	unsigned regex_flags;       /* enum regex_flags */
	bool bad_regex_is_false;    /* of r:, so that "!" makes it true; else INVALID */
	bool lone_negation_is_none; /* "-> !r:x": no line matches; else: some line does not */
	enum outcome_kind lone_negation_of_nothing; /* where there is no line at all */
	bool multiplies_invalid; /* two INVALID minterms, or a negated one, are NOT_FOUND */

	/* comparisons */
	bool compare_is_loose;    /* "<=15", "\!=", "=>" (equality), and a minus does not count */
	bool compare_needs_group; /* else the whole match is the number */
	bool numbers_are_exact;   /* nothing follows the number; else that is ignored */
	bool numbers_are_32_bits; /* else 64; beyond them: INVALID */
};

/* NULL: there is none of that name. */
const struct dialect *dialect_find(const char *name);
const struct dialect *dialect_of(enum dialect_id id);
/* "wazuh4, wazuh5, fettle" */
const char *dialect_names(void);

#endif
