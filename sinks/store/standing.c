/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/standing.h"

#include "core/require.h"

bool standing_of_alert(const Fettle__AlertVerdict *alert, enum standing_alert *out)
{
	bool is_acknowledged = alert->acknowledged_ms > 0;

	if (alert->state == FETTLE__ALERT_STATE__ALERT_STATE_OPEN)
		*out = is_acknowledged ? STANDING_ACKNOWLEDGED : STANDING_OPEN;
	else if (alert->state == FETTLE__ALERT_STATE__ALERT_STATE_UNDONE)
		*out = is_acknowledged ? STANDING_UNDONE_ACKNOWLEDGED : STANDING_UNDONE;
	else
		return false;
	return true;
}

const char *standing_text(enum standing_alert standing)
{
	static const char *const texts[] = { NULL, "open", "acknowledged", "undone", "undone" };

	REQUIRE(standing >= STANDING_OPEN && standing < STANDINGS_END);
	return texts[standing];
}

bool standing_job_is_over(unsigned state)
{
	switch (state) {
	case FETTLE__JOB_STATE__JOB_STATE_REJECTED:
	case FETTLE__JOB_STATE__JOB_STATE_CONFIRMED:
	case FETTLE__JOB_STATE__JOB_STATE_FAILED:
	case FETTLE__JOB_STATE__JOB_STATE_CANCELLED:
	case FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED:
		return true;
	default:
		return false;
	}
}
