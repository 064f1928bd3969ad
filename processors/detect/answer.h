/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - yes, no, or undecided: what was cut, could not be read or took too many steps is never
 * taken for "no".
 *
 * The order is the one that the operators need: "or" is the greatest, "and" the least.
 */
#ifndef PROCESSORS_DETECT_ANSWER_H
#define PROCESSORS_DETECT_ANSWER_H

enum answer { ANSWER_NO, ANSWER_UNDECIDED, ANSWER_YES };

static inline enum answer answer_or(enum answer a, enum answer b)
{
	return a > b ? a : b;
}

static inline enum answer answer_and(enum answer a, enum answer b)
{
	return a < b ? a : b;
}

static inline enum answer answer_not(enum answer a)
{
	return (enum answer)(ANSWER_YES - a);
}

#endif
