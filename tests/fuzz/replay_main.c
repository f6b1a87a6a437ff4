/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz harness without libFuzzer: every file of the given files and
 * folders as it is, cut short at many places, and with seeded mutations.  So the
 * ordinary build and every compiler play the corpus and all past crashes.
 *
 * HR_SEED chooses the mutations (printed), HR_FUZZ_ROUNDS how many per file
 * (default 64: below a second for a corpus of small files).
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX 131072
#define CUTS      64 /* places at which an input is cut short */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed = 20261124, rounds = 64;
static unsigned long files, runs;

static uint64_t next_random(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15ULL); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* The input in a block of exactly its size, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

/* One to four edits: a bit, a byte, an interesting byte, a piece removed or repeated. */
static size_t mutate(uint8_t *d, size_t size)
{
	static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '-'};

	for (uint64_t edits = 1 + next_random() % 4; edits > 0 && size > 0; edits--) {
		size_t at = next_random() % size, n = 1 + next_random() % 8;

		switch (next_random() % 5) {
		case 0:
			d[at] ^= (uint8_t)(1u << next_random() % 8);
			break;
		case 1:
			d[at] = (uint8_t)next_random();
			break;
		case 2:
			d[at] = special[next_random() % sizeof(special)];
			break;
		case 3:
			n = n < size - at ? n : size - at;
			memmove(d + at, d + at + n, size - at - n);
			size -= n;
			break;
		default:
			if (n > size - at || size + n > INPUT_MAX)
				break;
			memmove(d + at + n, d + at, size - at);
			size += n;
			break;
		}
	}
	return size;
}

static void play_file(const char *path)
{
	static uint8_t in[INPUT_MAX], work[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	size = fread(in, 1, sizeof(in), f);
	fclose(f);
	files++;
	run(in, size);
	for (size_t i = 0; i < CUTS && i < size; i++)
		run(in, size * i / CUTS);
	for (uint64_t i = 0; i < rounds; i++) {
		memcpy(work, in, size);
		run(work, mutate(work, size));
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void play(const char *path)
{
	struct dirent **list;
	char file[4096];
	struct stat st;
	int n;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		play_file(path);
		return;
	}
	n = scandir(path, &list, not_hidden, by_name); /* sorted: the same run everywhere */
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
		play_file(file);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

int main(int argc, char **argv)
{
	const char *told_seed = getenv("HR_SEED"), *told_rounds = getenv("HR_FUZZ_ROUNDS");

	if (told_seed)
		seed = strtoull(told_seed, NULL, 0);
	if (told_rounds)
		rounds = strtoull(told_rounds, NULL, 0);
	printf("HR_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (int i = 1; i < argc; i++)
		play(argv[i]);
	printf("%lu files, %lu inputs\n", files, runs);
	return files > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
