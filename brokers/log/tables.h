/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - the log's tables, and what stands under which key.
 *
 * record:      flow, offset -> record with stamp
 * head:        flow -> LogHead
 * cursor:      writer, flow -> LogCursor
 * agent:       agent -> LogAgent
 * intent_key:  key -> offset
 * command:     agent, number -> record with stamp
 * command_key: agent, key -> number
 * reader:      flow, name -> offset
 * operator:    name -> Operator
 */
#ifndef BROKERS_LOG_TABLES_H
#define BROKERS_LOG_TABLES_H

enum log_table {
	TABLE_META,
	TABLE_RECORD,
	TABLE_HEAD,
	TABLE_CURSOR,
	TABLE_AGENT,
	TABLE_INTENT_KEY,
	TABLE_COMMAND,
	TABLE_COMMAND_KEY,
	TABLE_READER,
	TABLE_OPERATOR,
};

#define LOG_TABLE_NAMES \
	"meta", "record", "head", "cursor", "agent", "intent_key", "command", "command_key", \
	    "reader", "operator", NULL

#endif
