/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a spool file: the agent starts, no window number is in two items,
 * a new window is taken, and what the next start finds is what this one had.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool.h"

#define BOOT 0x5eedULL

static char dir[32];

static void clean(void)
{
	static const char *const names[] = {
		"spool", "spool.new", "spool.damaged", "spool.unread", "lock"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void check_index(const struct hr_outbox *b)
{
	uint64_t bytes = 0;

	HR_FUZZ_CHECK(b->n <= HR_OUTBOX_MAX);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct hr_outbox_item *a = &b->item[i];

		bytes += a->len;
		HR_FUZZ_CHECK(a->span.seq_first <= a->span.seq_last);
		for (uint32_t k = i + 1; k < b->n; k++)
			HR_FUZZ_CHECK(a->boot != b->item[k].boot ||
				      a->span.seq_last < b->item[k].span.seq_first);
	}
	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++)
		bytes += b->facts[i].len;
	HR_FUZZ_CHECK(bytes == b->live_bytes);
}

/* Makes every record's checksum right, so that mutated fields get past it. */
static void repair(unsigned char *p, size_t size)
{
	while (size >= HR_JOURNAL_HEADER) {
		size_t len = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16;
		uint32_t crc;

		if (len > size - HR_JOURNAL_HEADER)
			return;
		crc = hr_journal_crc(p + HR_JOURNAL_HEADER, len) ^ hr_journal_crc(p + 4, 8);
		for (int i = 0; i < 4; i++)
			p[12 + i] = (unsigned char)(crc >> (8 * i));
		p += HR_JOURNAL_HEADER + len;
		size -= HR_JOURNAL_HEADER + len;
	}
}

static void try_file(const uint8_t *data, size_t size)
{
	static unsigned char body[HR_SPOOL_RECORD_MAX];
	struct hr_outbox_batch batch;
	struct hr_spool *s;
	uint32_t n, added;
	uint64_t seq;
	char path[64];
	int fd;

	if (!dir[0]) {
		/* in memory: every input is two files that are synced */
		(void)snprintf(dir, sizeof(dir), "%s/hr-fuzz-XXXXXX",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		HR_FUZZ_CHECK(mkdtemp(dir));
		(void)atexit(clean);
	}
	(void)snprintf(path, sizeof(path), "%s/spool", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	HR_FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);

	HR_FUZZ_CHECK(hr_spool_open(&s, dir, 1 << 20, BOOT) == 0);
	check_index(hr_spool_outbox(s));
	for (uint32_t i = 0; i < hr_spool_outbox(s)->n; i++)
		(void)hr_spool_read(s, i, body, sizeof(body));
	(void)hr_outbox_pick(hr_spool_outbox(s), 64, true, 60000, &batch);
	hr_spool_tend(s, 1795531686809ULL);
	check_index(hr_spool_outbox(s));
	n = hr_spool_outbox(s)->n;
	seq = hr_spool_outbox(s)->seq_last;
	added = seq < UINT64_MAX && n < HR_OUTBOX_MAX &&
		hr_spool_add(s, 1, (struct hr_journal_span){seq + 1, seq + 1}, 1, "x", 1) == 0;
	HR_FUZZ_CHECK(added || seq == UINT64_MAX || n == HR_OUTBOX_MAX);
	hr_spool_close(s);

	HR_FUZZ_CHECK(hr_spool_open(&s, dir, 1 << 20, BOOT) == 0);
	HR_FUZZ_CHECK(!hr_spool_damaged(s));
	HR_FUZZ_CHECK(hr_spool_outbox(s)->n == n + added);
	check_index(hr_spool_outbox(s));
	hr_spool_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size + 1);

	try_file(data, size);
	HR_FUZZ_CHECK(copy);
	memcpy(copy, data, size);
	repair(copy, size);
	try_file(copy, size);
	free(copy);
	return 0;
}
