/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that every transaction passes, so that the map can be replaced while none of this
 * process runs.  A counter would do, but for threads that hold one transaction and begin another:
 * to know them, the gate lists who is within.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <time.h>

#include "core/require.h"

void kv_gate_init(struct environment *env)
{
	pthread_condattr_t attributes;

	REQUIRE(pthread_condattr_init(&attributes) == 0);
	REQUIRE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	REQUIRE(pthread_cond_init(&env->changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
	REQUIRE(pthread_mutex_init(&env->mutex, NULL) == 0);
	LIST_INIT(&env->running);
}

static bool holds_one(const struct environment *env)
{
	const struct kv_txn *txn;

	LIST_FOREACH(txn, &env->running, link)
	if (pthread_equal(txn->owner, pthread_self()))
		return true;
	return false;
}

/* A thread that is within already may always enter again: whoever closes the gate waits for it. */
bool kv_gate_enter(struct environment *env, struct kv_txn *txn)
{
	bool may_enter;

	txn->owner = pthread_self();
	pthread_mutex_lock(&env->mutex);
	while (env->is_exclusive && !holds_one(env))
		pthread_cond_wait(&env->changed, &env->mutex);
	may_enter = !env->is_broken;
	if (may_enter)
		LIST_INSERT_HEAD(&env->running, txn, link);
	pthread_mutex_unlock(&env->mutex);
	return may_enter;
}

void kv_gate_leave(struct environment *env, struct kv_txn *txn)
{
	pthread_mutex_lock(&env->mutex);
	LIST_REMOVE(txn, link);
	pthread_cond_broadcast(&env->changed);
	pthread_mutex_unlock(&env->mutex);
}

static struct timespec deadline_after(unsigned wait_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += wait_ms / 1000;
	at.tv_nsec += (long)(wait_ms % 1000) * 1000 * 1000;
	if (at.tv_nsec >= 1000L * 1000 * 1000) {
		at.tv_nsec -= 1000L * 1000 * 1000;
		at.tv_sec++;
	}
	return at;
}

/* False: this thread holds a transaction itself, or the others did not end in time. */
bool kv_gate_exclude(struct environment *env, unsigned wait_ms)
{
	struct timespec deadline = deadline_after(wait_ms);
	bool is_in_time = true, is_closed = false;

	pthread_mutex_lock(&env->mutex);
	if (!holds_one(env)) {
		while (env->is_exclusive)
			pthread_cond_wait(&env->changed, &env->mutex);
		env->is_exclusive = true;
		while (!LIST_EMPTY(&env->running) && is_in_time)
			is_in_time = pthread_cond_timedwait(&env->changed, &env->mutex, &deadline)
			          != ETIMEDOUT;
		is_closed = LIST_EMPTY(&env->running);
		env->is_exclusive = is_closed;
		pthread_cond_broadcast(&env->changed);
	}
	pthread_mutex_unlock(&env->mutex);
	return is_closed;
}

void kv_gate_admit(struct environment *env)
{
	pthread_mutex_lock(&env->mutex);
	env->is_exclusive = false;
	pthread_cond_broadcast(&env->changed);
	pthread_mutex_unlock(&env->mutex);
}
