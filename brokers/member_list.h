/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_list.h - who is admitted, as a gateway holds it in memory.
 *
 * Read anew from the log's first record in every session with it; until it has been read whole
 * once, nobody is in it, so a gateway fails closed.  Whoever connects gets a user id that names
 * agent, place and generation; a key that is shut out and admitted again has another generation, so
 * the user id of every message says whether it is still good.
 */
#ifndef BROKERS_MEMBER_LIST_H
#define BROKERS_MEMBER_LIST_H

#include "core/record.h"
#include "core/socket.h"
#include "core/zap.h"
#include "proto/admission.pb-c.h"

struct member_list;

/* One admitted key. */
struct member {
	uint8_t key[SOCKET_KEY_SIZE];
	uint8_t agent[AGENT_ID_SIZE];
	uint64_t valid_until_ms; /* 0: no end */
	uint32_t place, generation;
	bool is_awaited; /* the log waits to hear of its first connection */
};

/* PLACE (of struct member) is admitted no more: its connections end. */
typedef void (*member_list_on_end)(void *data, uint32_t place);

struct member_list *member_list_new(member_list_on_end on_end, void *data);
void member_list_free(struct member_list *list); /* NULL is fine */

/* A session begins: the log has COUNT records, which come from the first on. */
void member_list_begin(struct member_list *list, uint64_t count);
/* The record of that number; one that is gone, or is no member, changes nothing. */
void member_list_take(struct member_list *list, uint64_t number, struct bytes record);
/* Ends those whose time is over at NOW_MS, also where they say nothing; cheap where none is. */
void member_list_sweep(struct member_list *list, uint64_t now_ms);
/* Whether it has ever been read whole. */
bool member_list_is_whole(const struct member_list *list);
size_t member_list_count(const struct member_list *list);

/* The member of KEY, if it is admitted at NOW_MS; else NULL. */
const struct member *member_list_find(const struct member_list *list,
    const uint8_t key[SOCKET_KEY_SIZE], uint64_t now_ms);
void member_list_user(const struct member *member, char user[ZAP_USER_MAX]);
/* Who bears the user id USER, if still admitted at NOW_MS; else NULL. */
const struct member *member_list_of_user(const struct member_list *list, const char *user,
    uint64_t now_ms);
/* The log has been told that MEMBER connected. */
void member_list_told(struct member_list *list, const struct member *member);

#endif
