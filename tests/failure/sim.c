// SPDX-License-Identifier: Apache-2.0
/*
 * usage: sim [--events N] [--seconds N] [--jobs N] [--seed N] [--one] [--verbose]
 * Runs histories, each from a seed of its own, until N messages were seen (default
 * 1e6) or N seconds have passed, in that many processes at once (default 1), and says
 * every minute how far it is.  --one runs the history of --seed alone.
 * Exit status 1: a history broke the invariant; its seed is printed, and
 * "sim --one --seed S --verbose" shows it again.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/failure/sim.h"

#define SECOND   1000000000ULL
#define JOBS_MAX 64
#define TELL_S   60

struct sim sim;
static uint64_t seed_now;
static volatile sig_atomic_t told_to_end;

/* What one process has seen; all of them see it. */
struct share {
	struct sim_totals total; /* whole histories */
	uint64_t histories;
};

static struct {
	uint64_t events, seconds, seed;
	uint32_t jobs;
	bool one;
	time_t began;
	struct share *share;
} arg = {.events = 1000000, .jobs = 1};

void sim_fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAILED after %.3f s of history: ", (double)sim.now_ns / 1e9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\nagain: sim --one --seed %llu --verbose\nHR_SEED=%llu\n",
		(unsigned long long)seed_now, (unsigned long long)seed_now);
	exit(1);
}

/* @p with half a chance, else never: histories differ in kind, not only in dice. */
static double maybe(double p)
{
	return sim_chance() < 0.5 ? p * sim_chance() : 0;
}

static struct sim_weather draw_weather(void)
{
	struct sim_weather w = {.agents = (uint32_t)sim_between(2, 16),
		.length_s = sim_between(1200, 7200),
		.request_lost = maybe(0.2),
		.answer_lost = maybe(0.3),
		.duplicated = maybe(0.3),
		.late = maybe(0.1),
		.proxy_503 = maybe(0.05),
		.proxy_413 = maybe(0.02),
		.proxy_204 = maybe(0.1),
		.store_full = maybe(0.2),
		.store_crash = maybe(0.05),
		.agent_killed = maybe(4),
		.agent_rebooted = maybe(2),
		.agent_amnesia = maybe(0.5),
		.cut_off = maybe(2),
		.outage = maybe(3),
		.outage_max_s = sim_between(30, 3600),
		.skew_max_ms = sim_chance() < 0.3 ? (int64_t)sim_between(1000, 172800000) : 0,
		.clock_step = sim_chance() < 0.2 ? sim_chance() * 2 : 0,
		.clones = sim_chance() < 0.1,
		.sqlite = sim_chance() < 0.25,
		.spool_bytes = sim_chance() < 0.3 ? SIM_SPOOL_SMALL : 524288,
		.save_ns = sim_between(5, 300) * SECOND};

	w.cold =
		w.save_ns / SECOND % 3 == 0; /* no draw of its own: old seeds stay what they were */
	w.proxy_poison = w.save_ns / SECOND % 5 == 0;
	w.denied = w.save_ns / SECOND % 7 == 0 ? 12 : 0;
	w.proxy_403 = w.save_ns / SECOND % 11 == 0 ? 0.03 : 0;
	if (sim_chance() < 0.03) { /* a day without a collector */
		w.agents = 2;
		w.length_s = 100000;
		w.outage = 1;
		w.outage_max_s = 90000;
	}
	if (sim.verbose)
		printf("agents %u, %llu s, skew %lld ms, steps %.2f, clones %d, %s, models %s\n",
			w.agents, (unsigned long long)w.length_s, (long long)w.skew_max_ms,
			w.clock_step, w.clones, w.sqlite ? "sqlite" : "memory",
			w.cold ? "cold" : "kept");
	return w;
}

static void minute(void)
{
	for (uint32_t i = 0; i < sim.n_agents; i++)
		sim_agent_weather(&sim.agent[i]);
	if (sim_hits(sim.weather.outage / 60))
		sim_collector_crash(sim_between(1, sim.weather.outage_max_s) * SECOND);
	sim_schedule(sim.now_ns + 60 * SECOND, (struct sim_event){.kind = SIM_WEATHER});
}

static void happen(struct sim_event *e)
{
	struct sim_agent *a = &sim.agent[e->agent];

	switch (e->kind) {
	case SIM_TICK:
		sim_agent_tick(a);
		sim_schedule(sim.now_ns + SECOND, *e);
		break;
	case SIM_ARRIVE:
		sim_collector_arrive(e);
		break;
	case SIM_ANSWER:
		sim_ship_result(a->ship, e->conn, &e->answer);
		break;
	case SIM_TIMEOUT:
		sim_ship_timeout(a->ship, e->conn);
		break;
	case SIM_FLUSH:
		sim_collector_flush();
		break;
	case SIM_START:
		sim_collector_start();
		break;
	case SIM_WEATHER:
		minute();
		break;
	}
}

static void on_end(int sig)
{
	told_to_end = sig;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* No rm of its own process: what ends this one may end all of its group. */
static void remove_dir(void)
{
	if (nftw(sim.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		printf("left: %s\n", sim.dir);
}

/* After the weather everything heals, and what can arrive has to within hours. */
static void live(void)
{
	uint64_t heal_ns = sim.weather.length_s * SECOND, end_ns = heal_ns + 6 * 3600 * SECOND;
	/* a clone or a clock that runs ahead is refused by right; its windows wait */
	bool may_wait = sim.weather.clones;
	struct sim_event e;

	while (sim_next(&e)) {
		if (told_to_end) { /* a folder in memory would stay for good */
			remove_dir();
			exit(128 + told_to_end);
		}
		sim.now_ns = e.at_ns;
		if (!sim.healed && sim.now_ns >= heal_ns) {
			sim.healed = true;
			for (uint32_t i = 0; i < sim.n_agents; i++)
				sim.agent[i].cut_ns = sim.agent[i].denied_ns = 0;
			sim_collector_start();
		}
		happen(&e);
		if (e.kind == SIM_WEATHER && sim.healed && sim_collector_up() &&
			sim.now_ns > heal_ns + 600 * SECOND && sim_agents_drained())
			break;
		if (sim.now_ns > end_ns && sim_collector_up()) {
			if (!may_wait)
				sim_fail("windows still wait hours after all was well");
			break;
		}
	}
}

static void history(uint64_t seed)
{
	struct sim_totals keep = sim.total;
	uint64_t before[3] = {keep.stored, keep.dropped, keep.waiting};
	bool verbose = sim.verbose;

	seed_now = seed;
	memset(&sim, 0, sizeof(sim));
	sim.total = keep;
	sim.verbose = verbose;
	sim.rnd.s = seed;
	sim.weather = draw_weather();
	snprintf(sim.dir, sizeof(sim.dir), "%s/hr-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(sim.dir))
		sim_fail("mkdtemp: %s", strerror(errno));
	if (sim.verbose)
		printf("in %s\n", sim.dir);
	sim_agents_begin();
	sim_collector_begin();
	sim_schedule(60 * SECOND, (struct sim_event){.kind = SIM_WEATHER});
	live();
	for (uint32_t i = 0; i < sim.n_agents; i++) /* an agent may be down for its restart */
		if (!sim.agent[i].courier)
			sim_agent_tick(&sim.agent[i]);
	sim_collector_end();
	sim.total.stored += before[0]; /* the check counts those of one history */
	sim.total.dropped += before[1];
	sim.total.waiting += before[2];
	sim_agents_end();
	sim_forget_events();
	remove_dir();
}

/* Sums, of this program's processes. */
static void tell(const char *verdict)
{
	struct share all = {0};

	for (uint32_t i = 0; i < arg.jobs; i++) {
		const struct share *s = &arg.share[i];

		all.histories += s->histories;
		all.total.events += s->total.events;
		all.total.windows += s->total.windows;
		all.total.stored += s->total.stored;
		all.total.dropped += s->total.dropped;
		all.total.waiting += s->total.waiting;
		all.total.collector_starts += s->total.collector_starts;
		all.total.agent_starts += s->total.agent_starts;
		all.total.reboots += s->total.reboots;
		all.total.faults += s->total.faults;
	}
	printf("%llu histories, %llu message events, %llu windows (%llu stored, %llu dropped, %llu "
	       "waiting), %llu collector starts, %llu agent starts, %llu reboots, %llu store "
	       "faults, %lld s: %s\n",
		(unsigned long long)all.histories, (unsigned long long)all.total.events,
		(unsigned long long)all.total.windows, (unsigned long long)all.total.stored,
		(unsigned long long)all.total.dropped, (unsigned long long)all.total.waiting,
		(unsigned long long)all.total.collector_starts,
		(unsigned long long)all.total.agent_starts, (unsigned long long)all.total.reboots,
		(unsigned long long)all.total.faults, (long long)(time(NULL) - arg.began), verdict);
	fflush(stdout);
}

/* The seeds are dealt out: process @job has each arg.jobs-th of one sequence. */
static void work(uint32_t job)
{
	const struct sigaction end = {.sa_handler = on_end};
	struct share *mine = &arg.share[job];
	struct hr_rand base = {.s = arg.seed};
	time_t told = arg.began;

	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	for (uint64_t i = 0; !arg.one; i++) {
		uint64_t seed = hr_rand_u64(&base);

		if (i % arg.jobs != job)
			continue;
		history(seed);
		mine->total = sim.total;
		mine->histories++;
		if (sim.total.events >= arg.events / arg.jobs ||
			(arg.seconds && (uint64_t)(time(NULL) - arg.began) >= arg.seconds))
			return;
		if (arg.jobs == 1 && time(NULL) >= told + TELL_S) {
			told = time(NULL);
			tell("so far");
		}
	}
	history(arg.seed);
	*mine = (struct share){.total = sim.total, .histories = 1};
}

/* False: one of them failed, and has said so. */
static bool work_in_jobs(void)
{
	time_t told = arg.began;
	uint32_t left = 0;
	int status;
	bool ok = true;

	for (uint32_t i = 0; i < arg.jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* ends with who began it */
			work(i);
			exit(0);
		}
		ok = ok && pid > 0;
		left += pid > 0;
	}
	while (left > 0) {
		if (waitpid(-1, &status, WNOHANG) > 0) {
			ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
			left--;
			continue;
		}
		sleep(1);
		if (time(NULL) >= told + TELL_S) {
			told = time(NULL);
			tell(ok ? "so far" : "one process has FAILED, so far");
		}
	}
	return ok;
}

static bool take_args(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--one") == 0) {
			arg.one = true;
			continue;
		}
		if (strcmp(argv[i], "--verbose") == 0) {
			sim.verbose = true;
			continue;
		}
		if (strcmp(argv[i], "--events") == 0)
			arg.events = (uint64_t)strtod(v, NULL);
		else if (strcmp(argv[i], "--seconds") == 0)
			arg.seconds = strtoull(v, NULL, 0);
		else if (strcmp(argv[i], "--jobs") == 0)
			arg.jobs = (uint32_t)strtoull(v, NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0)
			arg.seed = strtoull(v, NULL, 0);
		else
			return false;
		i++;
	}
	return arg.jobs >= 1 && arg.jobs <= JOBS_MAX && !(arg.one && arg.jobs > 1);
}

int main(int argc, char **argv)
{
	bool ok = true;

	arg.seed = hr_rand_seeded("sim").s;
	arg.began = time(NULL);
	if (!take_args(argc, argv))
		return printf("see the top of sim.c\n"), 2;
	arg.share = mmap(NULL, arg.jobs * sizeof(*arg.share), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (arg.share == MAP_FAILED)
		return perror("mmap"), 1;
	fflush(stdout);
	if (arg.jobs > 1)
		ok = work_in_jobs();
	else
		work(0);
	tell(ok ? "conserved" : "FAILED, see above");
	return ok ? 0 : 1;
}
