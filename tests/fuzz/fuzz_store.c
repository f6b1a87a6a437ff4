/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged database.  An even first byte: the rest is a list of changes (place, byte) to a good
 * file; an odd one: the rest is the file.  Opened, or set aside and begun anew, or refused with a
 * reason; whatever is then read ends, and a call that fails says why.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collector/check_store.h"
#include "collector/store.h"

#define HOSTS     3
#define ROWS      12
#define IMAGE_MAX (1 << 20)

static char dir[32], path[48];
static unsigned char image[IMAGE_MAX], damaged[IMAGE_MAX];
static uint32_t place[IMAGE_MAX]; /* of bytes that are not 0: most of a page is room */
static size_t image_len, places;
static FILE *nowhere;

static struct hr_store *open_store(char note[HR_STORE_ERROR_LEN])
{
	const struct hr_store_sqlite_conf conf = {.path = path, .cache_bytes = 1 << 20};
	char error[HR_STORE_ERROR_LEN];
	struct hr_store *s = hr_store_sqlite_open(&conf, note, error);

	HR_FUZZ_CHECK(s || error[0]);
	return s;
}

/* Removes all that stands in the folder, also what was set aside. */
static void clean(void)
{
	DIR *d = opendir(dir);
	char name[320];

	HR_FUZZ_CHECK(d);
	for (struct dirent *e; (e = readdir(d));) {
		(void)snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			(void)unlink(name);
	}
	(void)closedir(d);
}

static void finish(void)
{
	clean();
	(void)rmdir(dir);
}

static void fill(struct hr_store *s)
{
	static const char body[] = "a window as it came";

	HR_FUZZ_CHECK(s->ops->begin(s) == 0);
	for (uint32_t h = 1; h <= HOSTS; h++) {
		struct hr_store_host host = {.no = h, .id = {(uint8_t)h}, .name = "db"};
		struct hr_store_boot boot = {.host_no = h, .boot = 77, .ord = 1, .windows = ROWS};

		boot.seq.high = ROWS;
		HR_FUZZ_CHECK(s->ops->put_host(s, &host) == 0 && s->ops->put_boot(s, &boot) == 0);
		for (uint32_t i = 1; i <= ROWS; i++) {
			struct hr_store_row r = {.n = 2 * h * ROWS + (h == 2 ? 2 * i : i),
				.host_no = h,
				.slot = 100 + i,
				.boot_ord = 1,
				.seq_first = i,
				.seq_last = i,
				.body = body,
				.len = sizeof(body)};

			HR_FUZZ_CHECK(s->ops->put_row(s, &r) == 0);
		}
		HR_FUZZ_CHECK(s->ops->put_state(s, &(struct hr_store_state){.host_no = h,
							   .upto = 2 * h * ROWS + 4,
							   .bytes = body,
							   .len = sizeof(body)}) == 0);
		HR_FUZZ_CHECK(s->ops->put_view(s, &(struct hr_store_view){.host_no = h,
							  .bytes = body,
							  .len = sizeof(body)}) == 0);
		HR_FUZZ_CHECK(s->ops->put_tier(s, HR_TIER_5MIN,
				      &(struct hr_tier_row){.host_no = h,
					      .bin = 3,
					      .windows = ROWS,
					      .samples = ROWS,
					      .body = body,
					      .len = sizeof(body)}) == 0);
	}
	{
		/* of two hosts slots 101 to 112 lie in bin 3, of one each in a row: it is packed */
		bool waits;

		HR_FUZZ_CHECK(s->ops->pack(s, 2, 3, UINT64_MAX, &waits) == 0 && !waits);
	}
	HR_FUZZ_CHECK(s->ops->commit(s) == 0);
}

static void make_image(void)
{
	char note[HR_STORE_ERROR_LEN];
	struct hr_store *s;
	int fd;

	(void)snprintf(dir, sizeof(dir), "%s/hr-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	HR_FUZZ_CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/t.db", dir);
	(void)atexit(finish);
	s = open_store(note);
	HR_FUZZ_CHECK(s && !note[0]);
	fill(s);
	s->ops->close(s);
	fd = open(path, O_RDONLY);
	image_len = (size_t)read(fd, image, sizeof(image));
	(void)close(fd);
	HR_FUZZ_CHECK(image_len > 4096 && image_len < sizeof(image));
	for (uint32_t i = 0; i < image_len; i++)
		if (image[i])
			place[places++] = i;
	nowhere = fopen("/dev/null", "w");
	HR_FUZZ_CHECK(nowhere);
}

static int see_host(void *arg, const struct hr_store_host *h)
{
	(void)arg;
	HR_FUZZ_CHECK(memchr(h->name, '\0', sizeof(h->name)));
	return 0;
}

static int see_boot(void *arg, const struct hr_store_boot *b)
{
	(void)arg;
	(void)hr_hostseq_missing(&b->seq);
	return 0;
}

static unsigned sum; /* of what is read, so that it is read */

static void see_bytes(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += ((const unsigned char *)p)[i];
}

static int see_row(void *arg, const struct hr_store_row *r)
{
	(void)arg;
	if (!r->damaged)
		see_bytes(r->body, r->len);
	return 0;
}

static int see_event(void *arg, const struct hr_store_event *e)
{
	see_bytes(e->facts, e->facts_len);
	return e->row.body ? see_row(arg, &e->row) : 0;
}

static int see_state(void *arg, const struct hr_store_state *v)
{
	(void)arg;
	see_bytes(v->bytes, v->len);
	see_bytes(v->answer, v->answer ? strlen(v->answer) : 0);
	return 0;
}

static int see_view(void *arg, const struct hr_store_view *v)
{
	(void)arg;
	see_bytes(v->bytes, v->len);
	return 0;
}

static int see_tier(void *arg, const struct hr_tier_row *r)
{
	(void)arg;
	if (!r->damaged)
		see_bytes(r->body, r->len);
	return 0;
}

/* Of a call that fails there is a reason. */
static void told(struct hr_store *s, int r)
{
	HR_FUZZ_CHECK(r == 0 || hr_store_error(s)[0]);
}

static void read_all(struct hr_store *s)
{
	struct hr_tally tally[HR_TIER_N];
	struct hr_store_stats stats;
	uint64_t n;

	told(s, s->ops->hosts(s, see_host, NULL));
	told(s, s->ops->boots(s, see_boot, NULL));
	told(s, s->ops->states(s, see_state, NULL));
	told(s, s->ops->views(s, see_view, NULL));
	told(s, s->ops->journal(s, see_event, NULL));
	told(s, s->ops->journal_heads(s, 0, 100, see_event, NULL));
	told(s, s->ops->tally(s, tally));
	told(s, s->ops->range(s, 0, 0, HR_STORE_SLOT_MAX, see_row, NULL));
	for (uint32_t h = 1; h <= HOSTS; h++) {
		const struct hr_tier_span span = {HR_TIER_5MIN, h, 0, 1000};

		told(s, s->ops->tier(s, &span, see_tier, NULL));
		told(s, s->ops->facts(s, h, see_event, NULL));
		told(s, s->ops->range(s, h, 100, 120, see_row, NULL)); /* one look a slot */
	}
	told(s, s->ops->late(s, 100, see_row, NULL));
	told(s, s->ops->last_n(s, &n));
	told(s, s->ops->stats(s, &stats));
}

static int write_one(struct hr_store *s)
{
	struct hr_store_row r = {.n = 1000000,
		.host_no = 1,
		.slot = 900,
		.boot_ord = 1,
		.seq_first = 900,
		.seq_last = 900,
		.body = "x",
		.len = 1};
	uint32_t rows;
	uint64_t windows;
	bool waits;
	int e = s->ops->begin(s);

	e = e ? e : s->ops->put_row(s, &r);
	e = e ? e : s->ops->pack(s, 3, 3, UINT64_MAX, &waits);
	r = (struct hr_store_row){.n = 4 * ROWS + 4, .host_no = 2, .slot = 102, .boot_ord = 1};
	e = e ? e : s->ops->quarantine(s, &r);
	r = (struct hr_store_row){.host_no = 3, .slot = 90}; /* a damaged pack */
	e = e ? e : s->ops->quarantine(s, &r);
	e = e ? e : s->ops->expire(s, 104, 30, 100, &rows, &windows);
	e = e ? e : s->ops->commit(s);
	told(s, e);
	if (e != 0)
		s->ops->rollback(s);
	told(s, s->ops->maintain(s));
	return e;
}

static void try_file(const unsigned char *p, size_t n)
{
	char note[HR_STORE_ERROR_LEN];
	struct hr_store *s;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	HR_FUZZ_CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	(void)close(fd);
	(void)hr_check_store(path, nowhere);
	s = open_store(note);
	if (s) {
		read_all(s);
		/* one begun anew is a good one */
		HR_FUZZ_CHECK(write_one(s) == 0 || !note[0]);
		s->ops->close(s);
	}
	clean();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!dir[0])
		make_image();
	if (size < 1 || size > IMAGE_MAX)
		return 0;
	if (data[0] & 1) {
		try_file(data + 1, size - 1);
		return 0;
	}
	memcpy(damaged, image, image_len);
	for (size_t i = 1; i + 3 < size; i += 4) {
		size_t at = data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;

		damaged[place[at % places]] = data[i + 3];
	}
	try_file(damaged, image_len);
	return 0;
}
