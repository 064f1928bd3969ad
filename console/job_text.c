/* SPDX-License-Identifier: Apache-2.0 */
#include "console/job_text.h"

#include "sinks/verdict_json.h"

void job_text_id(struct bytes id, char out[JOB_TEXT_ID_SIZE])
{
	enum { SHOWN = (JOB_TEXT_ID_SIZE - 1) / 2 };

	bytes_to_hex(BYTES(id.data, id.size < SHOWN ? id.size : SHOWN), out);
}

/* What a state means to a person. */
static const char *meaning_of(unsigned state)
{
	static const char *const texts[] = {
		[FETTLE__JOB_STATE__JOB_STATE_NONE] = "in a state that is not known here",
		[FETTLE__JOB_STATE__JOB_STATE_PROPOSED] = "proposed; somebody has to approve it",
		[FETTLE__JOB_STATE__JOB_STATE_REJECTED] = "rejected",
		[FETTLE__JOB_STATE__JOB_STATE_APPROVED] = "approved; waiting for its agent",
		[FETTLE__JOB_STATE__JOB_STATE_SCHEDULED] = "on its way to its agent",
		[FETTLE__JOB_STATE__JOB_STATE_LEASED] = "with its agent, which has not begun",
		[FETTLE__JOB_STATE__JOB_STATE_APPLYING] = "its agent is at work",
		[FETTLE__JOB_STATE__JOB_STATE_VERIFYING] =
		    "its agent has ended; the facts will tell",
		[FETTLE__JOB_STATE__JOB_STATE_CONFIRMED] =
		    "confirmed: the facts say that it is done",
		[FETTLE__JOB_STATE__JOB_STATE_FAILED] = "failed",
		[FETTLE__JOB_STATE__JOB_STATE_LOST] =
		    "lost: nothing was heard of it; whether it ran is not known",
		[FETTLE__JOB_STATE__JOB_STATE_CANCELLED] = "cancelled",
		[FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED] = "superseded: it is not needed any more",
	};

	return texts[state < sizeof(texts) / sizeof(texts[0]) ? state : 0];
}

void job_text_state(struct buffer *out, unsigned state, const char *reason)
{
	const char *word = verdict_json_job_state(state);

	if (reason == NULL || reason[0] == '\0')
		buffer_append_text(out, meaning_of(state));
	else if (strncmp(reason, word, strlen(word)) == 0)
		buffer_append_text(out, reason);
	else
		buffer_append_format(out, "%s: %s", word, reason);
}

void job_text_packages(struct buffer *out, const Fettle__JobVerdict *job)
{
	buffer_append_format(out, "%zu: ", job->n_packages);
	for (size_t i = 0; i < job->n_packages; i++) {
		buffer_append_text(out, i == 0 ? "" : ", ");
		buffer_append_text(out, job->packages[i]->name);
	}
}
