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
 * reader_key:  user id of a reader's key (core/peers.h) -> uuid of its store
 * member:      key of an agent -> Member
 * member_of:   agent, key -> nothing
 * enrolment:   id -> Enrolment
 * operator:    name -> Operator
 * noted:       hash of kind, agent and principal -> LogNoted
 */
#ifndef BROKERS_LOG_TABLES_H
#define BROKERS_LOG_TABLES_H

/* Rises when a key or a value is laid out so that older bytes would be misread. */
enum { LOG_FORMAT = 1 };

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
	TABLE_MEMBER,
	TABLE_MEMBER_OF,
	TABLE_ENROLMENT,
	TABLE_OPERATOR,
	TABLE_READER_KEY,
	TABLE_NOTED,
};

#define LOG_TABLE_NAMES \
	"meta", "record", "head", "cursor", "agent", "intent_key", "command", "command_key", \
	    "reader", "member", "member_of", "enrolment", "operator", "reader_key", "noted", NULL

#endif
