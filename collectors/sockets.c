/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing tells of a socket, so the tables are read again and again; processes are walked only as
 * far as the sockets have owners to find.
 *
 * A port in the range from which the kernel takes them at random is mostly of the moment.  So a UDP
 * port in it is left out, as that of a client which waits for one answer, and a TCP port too where
 * only this machine can reach it; or every name look-up, and every test run, would be a change.
 */
#include "collectors/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/small_file.h"
#include "collectors/survey/survey.h"
#include "core/hashmap.h"

enum { STATE_LISTEN = 0x0a, STATE_UNCONNECTED = 0x07 };
/* A row has 150 bytes, and every connection is one. */
#define TABLE_MAX (128UL * 1024 * 1024)

enum { NAMES_MAX = 8, NAME_SIZE = 64, KEY_SIZE = 80, PROCESSES_MAX = 64 * 1024 };

/* One address and port, of one socket or, where a port is shared, of several. */
struct listener {
	char key[KEY_SIZE]; /* "tcp/0.0.0.0:22" */
	int64_t uid;
	char names[NAMES_MAX][NAME_SIZE]; /* sorted */
	size_t names_count;
	UT_hash_handle hh;
};

struct inode {
	uint64_t number;
	struct listener *listener;
	UT_hash_handle hh;
};

struct tables {
	const struct survey_input *input;
	struct arena arena;
	struct listener *listeners;
	struct inode *inodes;
	unsigned port_low, port_high; /* what the kernel takes at random */
};

/* ---- the kernel's tables ---- */

/* "0100007F", or four such for IPv6: words as the machine has them. */
static bool parse_address(const char *hex, char *out, size_t size)
{
	uint32_t words[4];
	size_t count = strlen(hex) / 8;
	char text[INET6_ADDRSTRLEN];

	if (strlen(hex) % 8 != 0 || (count != 1 && count != 4))
		return false;
	for (size_t i = 0; i < count; i++)
		if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
			return false;
	if (inet_ntop(count == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)) == NULL)
		return false;
	snprintf(out, size, count == 1 ? "%s" : "[%s]", text);
	return true;
}

struct row {
	char address[INET6_ADDRSTRLEN + 2];
	unsigned port, state, uid, remote_port;
	unsigned long long inode;
};

/* "  0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4242 …" */
static bool parse_row(struct bytes line, struct row *row)
{
	char *text = text_copy_bytes(line), local[33], remote[33];
	bool is_row =
	    sscanf(text, " %*u: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %*s %*s %*s %u %*u %llu",
		local, &row->port, remote, &row->remote_port, &row->state, &row->uid, &row->inode)
	    == 7;

	free(text);
	return is_row && row->port <= UINT16_MAX
	    && parse_address(local, row->address, sizeof(row->address));
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "[::1]") == 0
	    || strncmp(address, "[::ffff:127.", 12) == 0;
}

static bool is_listening(const struct tables *tables, const char *protocol, const struct row *row)
{
	bool is_random = row->port >= tables->port_low && row->port <= tables->port_high;

	if (strcmp(protocol, "tcp") == 0)
		return row->state == STATE_LISTEN && !(is_random && is_loopback(row->address));
	return row->state == STATE_UNCONNECTED && row->remote_port == 0 && !is_random;
}

/* Of those that share it, the owner is the lowest: which comes first in the table changes. */
static struct listener *listener_at(struct tables *tables, const char *key, unsigned uid)
{
	struct listener *listener;

	HASH_FIND_STR(tables->listeners, key, listener);
	if (listener == NULL) {
		listener = arena_take(&tables->arena, sizeof(*listener));
		snprintf(listener->key, sizeof(listener->key), "%s", key);
		listener->uid = uid;
		HASH_ADD_STR(tables->listeners, key, listener);
	}
	if (uid < listener->uid)
		listener->uid = uid;
	return listener;
}

static void take_row(struct tables *tables, const char *protocol, const struct row *row)
{
	char key[KEY_SIZE];
	struct inode *inode;
	uint64_t number = row->inode;

	if (!is_listening(tables, protocol, row))
		return;
	snprintf(key, sizeof(key), "%s/%s:%u", protocol, row->address, row->port);
	HASH_FIND(hh, tables->inodes, &number, sizeof(number), inode);
	if (inode != NULL)
		return;
	inode = arena_take(&tables->arena, sizeof(*inode));
	inode->number = number;
	inode->listener = listener_at(tables, key, row->uid);
	HASH_ADD(hh, tables->inodes, number, sizeof(inode->number), inode);
}

/* 0, or an errno. */
static int read_table(struct tables *tables, const char *protocol, const char *path)
{
	char *full_path = text_format("%s%s", tables->input->root, path);
	struct buffer file = { 0 };
	int error = small_file_read(full_path, TABLE_MAX, &file);
	struct bytes rest = buffer_bytes(&file), line;
	struct row row;

	while (error == 0 && small_file_line(&rest, &line))
		if (parse_row(line, &row))
			take_row(tables, protocol, &row);
	buffer_fini(&file);
	free(full_path);
	return error;
}

static void read_port_range(struct tables *tables)
{
	struct buffer file = { 0 };

	if (survey_read(tables->input, "/proc/sys/net/ipv4/ip_local_port_range", &file) != 0
	    || sscanf(buffer_text(&file), "%u %u", &tables->port_low, &tables->port_high) != 2) {
		tables->port_low = 32768;
		tables->port_high = 60999;
	}
	buffer_fini(&file);
}

/* ---- whose they are ---- */

static void add_name(struct listener *listener, const char *name)
{
	size_t at = 0;

	while (at < listener->names_count && strcmp(listener->names[at], name) < 0)
		at++;
	if (listener->names_count == NAMES_MAX
	    || (at < listener->names_count && strcmp(listener->names[at], name) == 0))
		return;
	memmove(listener->names[at + 1], listener->names[at],
	    (listener->names_count - at) * NAME_SIZE);
	snprintf(listener->names[at], NAME_SIZE, "%s", name);
	listener->names_count++;
}

static void read_name(const struct survey_input *input, const char *pid, char out[NAME_SIZE])
{
	char *path = text_format("/proc/%s/comm", pid);
	struct buffer file = { 0 };

	out[0] = '\0';
	if (survey_read(input, path, &file) == 0)
		snprintf(out, NAME_SIZE, "%s", buffer_text(&file));
	out[strcspn(out, "\n")] = '\0';
	buffer_fini(&file);
	free(path);
}

/* The listener that the descriptor stands for; NULL where it is something else. */
static struct listener *listener_of(struct tables *tables, const char *pid, const char *number)
{
	char *path = text_format("%s/proc/%s/fd/%s", tables->input->root, pid, number);
	char target[64], end;
	ssize_t size = readlink(path, target, sizeof(target) - 1);
	unsigned long long socket_inode;
	struct inode *inode = NULL;
	uint64_t key;

	free(path);
	if (size <= 0)
		return NULL;
	target[size] = '\0';
	if (sscanf(target, "socket:[%llu%c", &socket_inode, &end) != 2 || end != ']')
		return NULL;
	key = socket_inode;
	HASH_FIND(hh, tables->inodes, &key, sizeof(key), inode);
	return inode == NULL ? NULL : inode->listener;
}

/* Without privilege only one's own processes let themselves be looked into. */
static void look_into(struct tables *tables, const char *pid)
{
	char *path = text_format("/proc/%s/fd", pid), name[NAME_SIZE] = "";
	struct arena arena = { 0 };
	const char **numbers;
	size_t count;

	(void)survey_list(tables->input, path, &arena, &numbers, &count);
	for (size_t i = 0; i < count; i++) {
		struct listener *listener = listener_of(tables, pid, numbers[i]);

		if (listener == NULL)
			continue;
		if (name[0] == '\0')
			read_name(tables->input, pid, name);
		if (name[0] != '\0')
			add_name(listener, name);
	}
	free(path);
	arena_fini(&arena);
}

static void find_owners(struct tables *tables)
{
	struct arena arena = { 0 };
	const char **names;
	size_t count = 0;

	if (tables->inodes != NULL)
		(void)survey_list(tables->input, "/proc", &arena, &names, &count);
	for (size_t i = 0; i < count && i < PROCESSES_MAX; i++)
		if (names[i][0] >= '1' && names[i][0] <= '9')
			look_into(tables, names[i]);
	arena_fini(&arena);
}

/* ---- looking ---- */

static void set(struct sheet *sheet, const struct listener *listener)
{
	struct buffer names = { 0 };
	struct fact_field fields[2];
	size_t count = 0;

	for (size_t i = 0; i < listener->names_count; i++)
		buffer_append_format(&names, "%s%s", i > 0 ? "," : "", listener->names[i]);
	if (names.size > 0)
		fields[count++] = FACT_FIELD_SLICE("process", buffer_bytes(&names));
	fields[count++] = FACT_FIELD_NUMBER("uid", listener->uid);
	sheet_present(sheet, "listen", bytes_of_text(listener->key), fields, count);
	buffer_fini(&names);
}

static void look(const struct survey_input *input, struct sheet *sheet)
{
	static const struct {
		const char *protocol, *path;
	} files[] = {
		{ "tcp", "/proc/net/tcp" },
		{ "tcp", "/proc/net/tcp6" },
		{ "udp", "/proc/net/udp" },
		{ "udp", "/proc/net/udp6" },
	};
	struct tables tables = { .input = input };
	struct listener *listener;

	read_port_range(&tables);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int error = read_table(&tables, files[i].protocol, files[i].path);

		/* Without IPv6 there is no table of it. */
		if (error != 0 && (error != ENOENT || strchr(files[i].path, '6') == NULL))
			sheet_fail(sheet, "listen/", FACT_FAILED, strerror(error));
	}
	find_owners(&tables);
	for (listener = tables.listeners; listener != NULL; listener = listener->hh.next)
		set(sheet, listener);
	HASH_CLEAR(hh, tables.listeners);
	HASH_CLEAR(hh, tables.inodes);
	arena_fini(&tables.arena);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	static const struct survey_kind kind = { .collector = &sockets_collector,
		.quiet_ms = 200,
		.most_ms = 1000,
		.look = look };

	return survey_start(&kind, ((const struct sockets_settings *)settings)->reread, context,
	    settings, self);
}

static const struct setting settings[] = { SETTING_DURATION(struct sockets_settings, reread,
					       30 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again"),
	SETTING_END };

const struct collector sockets_collector = {
	.name = "sockets",
	.summary = "the ports on which this machine can be talked to, and by which programs",
	.settings = settings,
	.settings_size = sizeof(struct sockets_settings),
	.scopes = (const char *const[]){ "listen/", NULL },
	.start = start,
	.refresh = survey_refresh,
	.stop = survey_stop,
};
