/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_principal.c - who is at the other end of the local socket, by what the kernel vouches
 * for.
 */
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "brokers/log/control.h"
#include "core/hash.h"

void control_principal_id(uint64_t uid, uint8_t out[16])
{
	char text[32];

	snprintf(text, sizeof(text), "uid:%llu", (unsigned long long)uid);
	hash_bytes(bytes_of_text(text), out);
}

static void name_principal(struct control_principal *principal, uid_t uid)
{
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found != NULL
	    && bytes_is_utf8(bytes_of_text(found->pw_name)))
		snprintf(principal->name, sizeof(principal->name), "%.64s (uid %u)", found->pw_name,
		    (unsigned)uid);
	else
		snprintf(principal->name, sizeof(principal->name), "uid %u", (unsigned)uid);
}

bool control_principal_of(int fd, struct control_principal *out)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	out->uid = peer.uid;
	out->is_own = peer.pid == getpid();
	control_principal_id(peer.uid, out->id);
	name_principal(out, peer.uid);
	return true;
}
