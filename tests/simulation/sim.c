/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-sim - the real roles in virtual time, with everything that can go wrong drawn from a seed.
 *
 * It ends with 0 where every invariant held, and with 1 where one did not: then it says which, by
 * which seed, and what happened last.
 */
#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/hashmap.h"
#include "core/log.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/moment.h"
#include "tests/simulation/scenarios.h"
#include "tests/simulation/trace.h"

struct options {
	uint64_t seed, seeds, agents, facts, every_s;
	double hours;
	const char *mode, *faults, *scenario, *log;
	bool is_alike; /* each seed twice, and both are to be the same */
	bool is_verbose;
};

struct sums {
	uint64_t runs, produced, stored, logged, in_gaps, replaced, undone, spooled, quarantined;
	uint64_t virtual_ns, real_ns, steps, faults, approved;
};

/* ---- arguments ---- */

enum { SEED = 256, SEEDS, AGENTS, FACTS, HOURS, MODE, KINDS, EVERY, SCENARIO, LOG, ALIKE, VERBOSE };

static const struct argp_option arguments[] = {
	{ "seed", SEED, "N", 0, "of the first run", 0 },
	{ "seeds", SEEDS, "N", 0, "how many runs, with seeds that follow", 0 },
	{ "agents", AGENTS, "N", 0, "1 to 50; 0: drawn", 0 },
	{ "facts", FACTS, "N", 0, "of each machine", 0 },
	{ "hours", HOURS, "H", 0, "of virtual time, with faults", 0 },
	{ "mode", MODE, "safety|liveness", 0, "liveness: then it heals, and must come to rest", 0 },
	{ "faults", KINDS, "LIST", 0,
	    "crash, reset, partition, delay, stall, disk, commit, clock, rollback; all; none", 0 },
	{ "every", EVERY, "SECONDS", 0, "one of them on average", 0 },
	{ "scenario", SCENARIO, "NAME", 0, "a named one; `list` names them", 0 },
	{ "log", LOG, "FILE", 0, "what the roles say", 0 },
	{ "alike", ALIKE, NULL, 0, "each seed twice: both runs must be the same", 0 },
	{ "verbose", VERBOSE, NULL, 0, "each run's figures", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case SEED:
		options->seed = strtoull(value, NULL, 10);
		return 0;
	case SEEDS:
		options->seeds = strtoull(value, NULL, 10);
		return 0;
	case AGENTS:
		options->agents = strtoull(value, NULL, 10);
		return 0;
	case FACTS:
		options->facts = strtoull(value, NULL, 10);
		return 0;
	case HOURS:
		options->hours = strtod(value, NULL);
		return 0;
	case MODE:
		options->mode = value;
		return 0;
	case KINDS:
		options->faults = value;
		return 0;
	case EVERY:
		options->every_s = strtoull(value, NULL, 10);
		return 0;
	case SCENARIO:
		options->scenario = value;
		return 0;
	case LOG:
		options->log = value;
		return 0;
	case ALIKE:
		options->is_alike = true;
		return 0;
	case VERBOSE:
		options->is_verbose = true;
		return 0;
	case ARGP_KEY_END:
		if (options->agents > 50 || options->facts == 0 || options->every_s == 0
		    || (strcmp(options->faults, "none") != 0 && faults_parse(options->faults) == 0)
		    || (strcmp(options->mode, "safety") != 0
			&& strcmp(options->mode, "liveness") != 0))
			argp_error(state, "that is no run");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { arguments, parse, NULL, "The system in virtual time.", NULL, NULL,
	NULL };

/* ---- what the roles say, and what is said when all ends ---- */

static uint64_t seed_now;
static int output;

static void on_abort(int number)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "seed %" PRIu64 ": the process ended\n", seed_now);

	(void)!write(output, text, (size_t)size);
	trace_print(stdout);
	fflush(stdout);
	signal(number, SIG_DFL);
	raise(number);
}

/* Roles log to standard error; a run's own words go to standard output. */
static void catch_log(const char *path)
{
	FILE *file = path == NULL ? NULL : freopen(path, "w", stderr);

	output = STDOUT_FILENO;
	if (path == NULL) {
		log_configure(LOG_ERROR, LOG_LOGFMT);
		file = freopen("/dev/null", "w", stderr);
	}
	if (file == NULL)
		exit(2);
	signal(SIGABRT, on_abort);
}

/* ---- one run ---- */

static struct fleet_options fleet_options(const struct options *options, uint64_t seed)
{
	struct fleet_options drawn = { .seed = seed,
		.agents = (unsigned)options->agents,
		.facts = options->facts,
		.digest_minutes = 10 };

	chance_seed(seed ^ 0x5bd1e995);
	if (drawn.agents == 0)
		drawn.agents = 1 + (unsigned)chance_below(8);
	drawn.has_bundles = !chance_once_in(3);
	/* In one of three the spool is often full. */
	drawn.spool_size = chance_once_in(3) ? 1ULL << 20 : 64ULL << 20;
	return drawn;
}

static void add(struct sums *sums, const struct fleet *fleet, const struct faults *faults)
{
	const struct checker *checker = &fleet->checker;

	sums->runs++;
	sums->produced += checker->produced;
	sums->logged += checker->logged;
	sums->stored += checker->stored;
	sums->in_gaps += checker->in_gaps;
	sums->replaced += checker->replaced;
	sums->undone += checker->undone;
	sums->spooled += checker->spooled;
	sums->quarantined += checker->quarantined;
	sums->steps += fleet->steps;
	sums->virtual_ns += moment_now();
	sums->approved += faults->approved;
	for (unsigned i = 0; i < FAULTS; i++)
		sums->faults += faults->counts[i];
}

static void report_failure(const struct options *options, struct fleet *fleet)
{
	printf("FAILED: seed %" PRIu64 " after %.3f virtual hours\n", fleet->options.seed,
	    (double)moment_now() / (double)MOMENT_HOUR);
	fputs(buffer_text(&fleet->checker.complaints), stdout);
	printf("the last events:\n");
	trace_print(stdout);
	printf("again: fettle-sim --seed %" PRIu64 " --agents %" PRIu64 " --facts %" PRIu64
	       " --hours %g --mode %s --faults %s --every %" PRIu64 "\n",
	    fleet->options.seed, options->agents, options->facts, options->hours, options->mode,
	    options->faults, options->every_s);
}

/* False: something was complained of. */
static bool judge(struct fleet *fleet, bool is_quiet)
{
	fleet->checker.is_quiet = is_quiet;
	if (checker_run(&fleet->checker) != STATUS_OK)
		checker_complain(&fleet->checker, "I3 what was left behind cannot be read");
	return fleet->checker.complained == 0;
}

static bool run_safety(struct fleet *fleet, struct faults *faults, uint64_t until)
{
	const struct fleet_driver driver = faults_driver(faults);

	while (moment_now() < until) {
		uint64_t next = moment_now() + MOMENT_HOUR / 4;

		if (!fleet_run(fleet, next < until ? next : until, &driver) || !judge(fleet, false))
			return false;
	}
	return true;
}

static bool run_seed(const struct options *options, uint64_t seed, struct sums *sums,
    uint64_t *hash)
{
	const struct fleet_options drawn = fleet_options(options, seed);
	struct fleet *fleet;
	struct faults faults;
	unsigned kinds = strcmp(options->faults, "none") == 0 ? 0 : faults_parse(options->faults);
	bool is_well;

	seed_now = seed;
	fleet = fleet_new(&drawn);
	faults_init(&faults, fleet, kinds, options->every_s * MOMENT_S);
	fleet_start(fleet);
	is_well = run_safety(fleet, &faults, (uint64_t)(options->hours * (double)MOMENT_HOUR));
	if (is_well && strcmp(options->mode, "liveness") == 0)
		is_well = scenario_come_to_rest(fleet, &faults);
	add(sums, fleet, &faults);
	*hash = trace_hash();
	if (!is_well)
		report_failure(options, fleet);
	fleet_free(fleet);
	return is_well;
}

/* ---- many ---- */

static void print_sums(const struct sums *sums)
{
	double hours = (double)sums->virtual_ns / (double)MOMENT_HOUR;
	double real_s = (double)sums->real_ns / (double)MOMENT_S;

	printf("runs=%" PRIu64 " faults=%" PRIu64 " produced=%" PRIu64 " logged=%" PRIu64
	       " stored=%" PRIu64 " gap_counted=%" PRIu64 " replaced=%" PRIu64 " undone=%" PRIu64
	       " quarantined=%" PRIu64 " spooled=%" PRIu64 " taken_for_clones=%" PRIu64
	       " virtual_hours=%.1f real_s=%.1f speed=%.0f steps=%" PRIu64 "\n",
	    sums->runs, sums->faults, sums->produced, sums->logged, sums->stored, sums->in_gaps,
	    sums->replaced, sums->undone, sums->quarantined, sums->spooled, sums->approved, hours,
	    real_s, real_s > 0 ? hours * 3600 / real_s : 0, sums->steps);
}

static void show_progress(uint64_t done, uint64_t of)
{
	if (isatty(STDOUT_FILENO)) {
		printf("\r%" PRIu64 " of %" PRIu64 " ", done, of);
		if (done == of)
			fputs("\r", stdout);
		fflush(stdout);
	}
}

static bool run_alike(const struct options *options, uint64_t seed, struct sums *sums)
{
	uint64_t first, second = 0;
	bool is_well = run_seed(options, seed, sums, &first);

	if (is_well && options->is_alike) {
		is_well = run_seed(options, seed, sums, &second) && first == second;
		printf("seed %" PRIu64 ": %016" PRIx64 " and %016" PRIx64 "\n", seed, first,
		    second);
	}
	return is_well;
}

static bool run_all(const struct options *options)
{
	struct sums sums = { 0 };
	uint64_t begin = moment_real();
	bool is_well = true;

	for (uint64_t i = 0; is_well && i < options->seeds; i++) {
		show_progress(i, options->seeds);
		is_well = run_alike(options, options->seed + i, &sums);
		sums.real_ns = moment_real() - begin;
		if (options->is_verbose)
			print_sums(&sums);
	}
	show_progress(options->seeds, options->seeds);
	print_sums(&sums);
	return is_well;
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1,
		.seeds = 1,
		.facts = 60,
		.hours = 1,
		.mode = "liveness",
		.faults = "all",
		.every_s = 30 };

	if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
		return 2;
	catch_log(options.log);
	/* Drawn once a process; drawn by the first run it would make that one unlike the others. */
	chance_seed(0);
	(void)hashmap_seed();
	if (options.scenario != NULL)
		return scenario_run(options.scenario, options.seed) ? 0 : 1;
	return run_all(&options) ? 0 : 1;
}
