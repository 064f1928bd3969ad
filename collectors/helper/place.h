/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - the helper's directory, DATA/helper, where it keeps its journal and listens.
 *
 * The data directory may belong to an ordinary user, who can rename and replace what is in it.  So
 * the directory is opened once, is to be the helper's own and nobody else's to write, and all that
 * follows goes by its descriptor and never by a path.
 */
#ifndef COLLECTORS_HELPER_PLACE_H
#define COLLECTORS_HELPER_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/status.h"

struct place {
	int directory;
	int lock;    /* held as long as this runs */
	int socket;  /* listening; -1: not yet */
	int changes; /* readable where something was deleted in the directory; -1: nobody tells */
	uid_t owner; /* of the data directory: may ask, as root may */
};

/*
 * Makes DATA/helper where it is missing, and takes its lock.  BUSY: another helper has it, which is
 * not logged.  NOT_FOUND: there is no DATA; DENIED, NO_SPACE, IO.  Logged.
 */
NODISCARD enum status place_open(const char *data, struct place *out);
/* Listens on DATA/helper/socket, which only root and the owner may connect to.  As place_open. */
NODISCARD enum status place_listen(struct place *place);
/* Forgets what `changes` has told. */
void place_drain(const struct place *place);
/* Whether the directory and the lock in it are still there. */
bool place_exists(const struct place *place);
/* Stops listening; the lock goes last, so that the next one finds nothing of this. */
void place_close(struct place *place);

#endif
