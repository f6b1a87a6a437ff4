/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots as the kernel side counts them: truth_slots SECONDS.  One line each, until the seconds are
 * over: work charged (ns), messages read, wakes.  Root.  For price.py.
 */
#include <stdio.h>
#include <time.h>

#include "agent/bpf_io.h"
#include "proto/base/clock.h"
#include "proto/num.h"
#include "proto/units.h"

static void pause_tick(void)
{
	const struct timespec tick = {0, 500000000};

	(void)nanosleep(&tick, NULL);
}

static void print_slots(const struct hr_take *t)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		printf("%llu %u %u\n", (unsigned long long)t->cpu_slot[i].charge_ns,
			t->cpu_slot[i].reads, t->cpu_slot[i].wakes);
}

int main(int argc, char **argv)
{
	static struct hr_signal_state signal[HR_SIG_N];
	const struct hr_bpf_opts opts = {0};
	static struct hr_take take;
	struct hr_bpf *b;
	uint64_t until, seconds;

	if (argc != 2 || !hr_num_u64(argv[1], 1, 86400, &seconds)) {
		fprintf(stderr, "usage: truth_slots SECONDS\n");
		return 2;
	}
	if (hr_bpf_open(&b, &opts, signal) < 0 || signal[HR_SIG_READS].rung == HR_RUNG_MISSING) {
		fprintf(stderr, "truth_slots: reads: %s\n", signal[HR_SIG_READS].reason);
		return 1;
	}
	(void)hr_bpf_take(b, hr_clock_mono_ns(), &take); /* the base */
	until = hr_clock_mono_ns() + seconds * HR_NS_PER_S;
	while (hr_clock_mono_ns() < until) {
		pause_tick();
		if (hr_bpf_take(b, hr_clock_mono_ns(), &take) == 0 && !take.overrun)
			print_slots(&take);
	}
	hr_bpf_close(b);
	return 0;
}
