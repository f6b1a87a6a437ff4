/* SPDX-License-Identifier: Apache-2.0 */
/* Splits the bursts of threads that serve in turn; see requests.h. */
#include "agent/core/requests.h"

#include "agent/core/sort.h"

static int by_thread(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

static int by_wake(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

/* [0, 1), another one for each state of @s (splitmix64). */
static double draw(uint64_t *s)
{
	uint64_t x = *s += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

static uint64_t length_of(const struct hr_burst *b)
{
	return (uint64_t)b->cpu_ns + b->wait_ns;
}

/*
 * Requests a second that came to a thread while it slept, of its @n bursts by time; 0 when they are
 * too few, or too long to be several requests: then half of them would be longer than one is.
 */
static double rate_of(const struct hr_burst *b, uint32_t n)
{
	uint64_t asleep = 0, cpu = 0, busy = 0;
	uint32_t gaps = 0, single = 0;
	double rate, request;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t end = b[i].wake_ns + length_of(&b[i]);

		cpu += b[i].cpu_ns;
		busy += length_of(&b[i]);
		if (i + 1 < n && b[i + 1].wake_ns > end) {
			asleep += b[i + 1].wake_ns - end;
			gaps++;
		}
	}
	if (gaps < HR_REQUESTS_GAPS_MIN)
		return 0;
	rate = gaps / (double)asleep;
	request = (double)cpu / (n + rate * (double)busy);
	for (uint32_t i = 0; i < n; i++)
		single += b[i].cpu_ns <= HR_REQUESTS_SINGLE * request;
	return single >= n / 2 ? rate : 0;
}

/*
 * When the @n requests of a burst of @length came, from its begin on: any instants of it, given
 * that the thread was never out of work.  Such instants on a circle have one point to begin at
 * (the cycle lemma): where the work that came lags most behind the time.
 */
static void came(uint64_t length, uint32_t n, uint64_t *seed, double *ret_at)
{
	double each = (double)length / n, least = 0, from = 0;
	uint32_t first = 0;
	double p[HR_REQUESTS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		double at = draw(seed) * (double)length;
		uint32_t j = i;

		for (; j > 0 && p[j - 1] > at; j--)
			p[j] = p[j - 1];
		p[j] = at;
	}
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || i * each - p[i] < least) {
			least = i * each - p[i];
			first = i;
		}
	from = p[first];
	for (uint32_t i = 0; i < n; i++) {
		double at = p[(first + i) % n] - from;

		ret_at[i] = at < 0 ? at + (double)length : at;
	}
}

static uint32_t wait_of(double ns)
{
	return ns <= 0 ? 0 : ns >= UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/* One burst of @n requests: the first in its place, the others at the end. */
static void split(struct hr_stints *s, uint32_t i, uint32_t n, uint64_t *seed)
{
	double at[HR_REQUESTS_MAX], each = (double)length_of(&s->burst[i]) / n;
	struct hr_burst b = s->burst[i];

	came(length_of(&b), n, seed, at);
	b.cpu_ns /= n;
	for (uint32_t j = 0; j < n; j++) {
		struct hr_burst *to = j == 0 ? &s->burst[i] : &s->burst[s->n++];

		*to = b;
		to->wake_ns += (uint64_t)at[j];
		to->wait_ns = wait_of((j + 1) * each - at[j] - b.cpu_ns);
	}
}

void hr_requests_of(struct hr_stints *s, uint64_t seed)
{
	uint32_t bursts = s->n, thread = 0;

	hr_sort(s->burst, s->n, sizeof(s->burst[0]), by_thread);
	for (uint32_t i = 0, next; i < bursts; i = next) {
		double rate;

		for (next = i + 1; next < bursts; next++)
			if (s->burst[next].thread != s->burst[i].thread)
				break;
		rate = s->burst[i].fixed ? 0 : rate_of(&s->burst[i], next - i);
		thread++;
		for (uint32_t j = i; j < next; j++) {
			double more = rate * (double)length_of(&s->burst[j]) + draw(&seed);
			uint32_t n =
				more < HR_REQUESTS_MAX - 1 ? 1 + (uint32_t)more : HR_REQUESTS_MAX;

			s->burst[j].thread = thread;
			if (n > 1 && s->n + n - 1 <= HR_BURSTS_MAX)
				split(s, j, n, &seed);
		}
	}
	hr_sort(s->burst, s->n, sizeof(s->burst[0]), by_wake);
	s->late = 0;
	for (uint32_t i = 0; i < s->n; i++)
		s->late += !s->burst[i].fixed && s->burst[i].wait_ns > HR_STINTS_LATE_NS &&
			   s->burst[i].wait_ns > s->burst[i].cpu_ns;
}
