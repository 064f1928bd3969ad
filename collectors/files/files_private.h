/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_private.h - what the parts of the collector "files" share.
 */
#ifndef COLLECTORS_FILES_FILES_PRIVATE_H
#define COLLECTORS_FILES_FILES_PRIVATE_H

#include "collectors/files/expand.h"
#include "collectors/files/files.h"
#include "collectors/files/look.h"
#include "collectors/files/places.h"
#include "collectors/files/tree.h"
#include "collectors/pace.h"
#include "collectors/packages/owners.h"
#include "collectors/packages/transaction.h"

enum { FILES_BATCH = 32, FILES_EXPANSIONS_MAX = 64, FILES_BLIND_REREAD_MS = 60 * 1000 };

struct item {
	struct tree_file *file;
	char *path;
	uint64_t content_limit;
	bool is_of_glob; /* otherwise the plan names it */
	bool has_trail;  /* what leads to it is to be watched; a directory's watch will not do */
	const struct owners_file *owner;
	struct trail trail;
	struct look look;
	uint64_t took_ms;
};

enum job_kind { JOB_LOOK, JOB_EXPAND, JOB_OWNERS };

/* What is in the pool. */
struct job {
	uv_work_t work;
	struct files *files;
	enum job_kind kind;
	uint64_t generation;
	bool is_of_pass;
	const struct globs *globs;
	size_t files_max;
	size_t count; /* JOB_LOOK */
	struct item items[FILES_BATCH];
	char *from; /* JOB_EXPAND */
	struct expansion expansion;
	struct owners *owners; /* JOB_OWNERS */
};

/* How far the end of a transaction is: everything that it may have touched is looked at again. */
enum settling {
	SETTLED,
	SETTLING_EVENTS, /* what was told is to be taken in */
	SETTLING_OWNERS, /* the database is to be read */
	SETTLING_LOOKS,  /* files are awaited */
};

struct files {
	const struct collector_context *context;
	const struct files_settings *settings;
	struct pace pace;     /* of passes */
	uv_timer_t due_timer; /* of files that changed */
	struct watch *watch;  /* or NULL */
	struct digest *digest, *md5;
	struct job job; /* the one in the pool */
	bool is_working, is_stopping;

	uint64_t generation; /* of the plan */
	bool has_plan;
	uint8_t plan_hash[HASH_SIZE];
	struct tree tree;
	struct tree retired; /* of the plan before it, while the pool uses it */
	struct places places;
	bool lacks_watches;

	struct observer_pass *pass; /* or NULL */
	bool pass_is_expanded;
	struct tree_file **pass_files; /* to be looked at */
	size_t pass_count, pass_next;
	bool pass_again, pass_has_owners;
	bool has_passed;     /* by this plan */
	char *barred_reason; /* of the last look at everything; or NULL */

	char *expansions[FILES_EXPANSIONS_MAX]; /* directories to look through again */
	size_t expansions_count;
	uint64_t expansions_due_ms;
	size_t due_count; /* files with a due_ms, at most */

	struct owners *owners;
	bool owners_stale; /* there are files that were not asked for */
	struct transaction *transaction;
	uint64_t transaction_ms; /* when the last one began; 0: none has */
	enum settling settling;
	/* What was said of it last, NONE: nothing; who held the locks. */
	enum transaction_state transaction_said;
	char *transaction_detail; /* or NULL */
	size_t awaited;

	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

/* ---- files.c ---- */

/* Begins whatever comes next, where the pool has nothing to do. */
void files_pump(struct files *files);
/* What the pool did is taken in. */
void files_on_job_done(struct files *files);
/* The pass under way is over what is in the tree now. */
void files_list_pass(struct files *files);
void files_abandon_pass(struct files *files);

/* ---- due.c: when to look at what ---- */

void due_on_event(void *data, const struct watch_event *event); /* DATA is a struct files */
/* FILE moved: soon, and the later the less it rests. */
void due_soon(void *data, struct tree_file *file);
void due_at(struct files *files, struct tree_file *file, uint64_t due_ms);
void due_not(struct files *files, struct tree_file *file);
void due_drop_directories(struct files *files);

/* ---- job.c: what is done in the pool ---- */

/* What files->job has been given to do; watches are paused until it is done. */
void job_submit(struct files *files, enum job_kind kind, bool is_of_pass);

/* ---- report.c: what the observer is told ---- */

void report_item(struct files *files, const struct item *item, bool is_of_pass);
/* FILE, which a glob meant, is not there any more. */
void report_gone(void *data, struct tree_file *file);
/* Whether everything could be observed. */
void report_whole(struct files *files);
/* DETAIL as in transaction.h; may be NULL. */
void report_transaction(struct files *files, enum transaction_state state, const char *detail);
/* Once more, as the observer may have had no room, or have forgotten it. */
void report_transaction_again(struct files *files);

/* ---- settle.c: whose files are, and the end of transactions ---- */

bool settle_wants_owners(const struct files *files);
/* To be read. */
struct owners *settle_ask_owners(struct files *files);
void settle_on_transaction(void *data, enum transaction_state state, const char *detail);
/* The database has been read: has looked at again what a transaction may have touched. */
void settle_await(struct files *files, const struct owners *before, const struct owners *after);
/* FILE has been looked at, or is gone. */
void settle_without(struct files *files, struct tree_file *file);
void settle_finish(struct files *files);

#endif
