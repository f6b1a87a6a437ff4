/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that wait for something else than a CPU; see act.h. */
#include "act.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/num.h"

#define BLOCK 4096ULL

static struct act_opts opts;
static int disk = -1, file = -1;
static unsigned long long block_size, blocks, pages, file_pages;
static unsigned char *memory;

static unsigned long long mix(unsigned long long x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static unsigned long long pages_of(double mb)
{
	return (unsigned long long)(mb * 1048576) / BLOCK;
}

/* @n pages of private memory, written once. */
static unsigned char *fill(unsigned long long n)
{
	unsigned char *p =
		mmap(NULL, n * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		return NULL;
	}
	for (unsigned long long i = 0; i < n; i++)
		p[i * BLOCK] = 1;
	return p;
}

static bool read_page(unsigned long long at)
{
	char page[BLOCK];

	return pread(file, page, sizeof(page), (off_t)(at * BLOCK)) == (ssize_t)sizeof(page);
}

/* What is read once comes first; the rest twice, as the kernel takes what is read again for in use.
 */
static bool read_all(const struct act_opts *o)
{
	unsigned long long once = pages_of(o->once_mb);

	file_pages = pages_of(o->read_mb);
	file = open(o->read, O_RDONLY | O_CLOEXEC);
	if (file < 0 || posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM) != 0) {
		perror(o->read);
		return false;
	}
	for (unsigned long long i = 0; i < once + 2 * file_pages; i++)
		if (!read_page(i < once ? file_pages + i : (i - once) % file_pages)) {
			perror(o->read);
			return false;
		}
	return true;
}

bool act_begin(const struct act_opts *o, bool *ret_any)
{
	opts = *o;
	*ret_any = o->disk || o->touch_mb > 0 || o->read_mb > 0 || o->http_port;
	if (o->disk) {
		off_t end;

		disk = open(o->disk, O_WRONLY | O_DIRECT | O_CLOEXEC);
		end = disk < 0 ? -1 : lseek(disk, 0, SEEK_END);
		block_size = o->block_kb ? o->block_kb * 1024ULL : BLOCK;
		if (end < (off_t)block_size) {
			perror(o->disk);
			return false;
		}
		blocks = (unsigned long long)end / block_size;
	}
	if (o->cold_mb > 0 && !fill(pages_of(o->cold_mb)))
		return false;
	if (o->touch_mb > 0) {
		pages = pages_of(o->touch_mb);
		memory = fill(pages);
		if (!memory)
			return false;
	}
	return !o->read || read_all(o);
}

static bool write_block(unsigned long long draw)
{
	static _Thread_local void *block;

	if (!block && posix_memalign(&block, BLOCK, block_size) != 0)
		return false;
	memset(block, (int)draw, block_size);
	return pwrite(disk, block, block_size, (off_t)(draw % blocks * block_size)) ==
	       (ssize_t)block_size;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The whole answer, by its Content-Length. */
static bool read_answer(int fd)
{
	char buf[16384];
	size_t have = 0, want = 0;

	while (want == 0 || have < want) {
		ssize_t n = read(fd, buf + have, sizeof(buf) - 1 - have);
		const char *body, *length;
		uint64_t len;

		if (n <= 0)
			return false;
		have += (size_t)n;
		buf[have] = 0;
		body = strstr(buf, "\r\n\r\n");
		length = strcasestr(buf, "\r\nContent-Length:");
		if (want == 0 && body && length && length < body) {
			length += 17;
			length += strspn(length, " ");
			if (!hr_num_u64_n(length, strspn(length, "0123456789"), &len) ||
				len > sizeof(buf))
				return false;
			want = (size_t)(body + 4 - buf) + (size_t)len;
		}
		if (have == sizeof(buf) - 1 && have < want)
			return false;
	}
	return true;
}

static bool request(void)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static _Thread_local int fd = -1;

	if (fd < 0)
		fd = connect_to(opts.http_port);
	if (fd < 0)
		return false;
	if (write(fd, get, sizeof(get) - 1) == (ssize_t)sizeof(get) - 1 && read_answer(fd))
		return true;
	close(fd);
	fd = -1;
	return false;
}

bool act_once(unsigned long long draw)
{
	draw = mix(draw);
	if (disk >= 0 && !write_block(draw))
		return false;
	for (unsigned i = 0; memory && i < ACT_PAGES; i++, draw = mix(draw))
		memory[draw % pages * BLOCK]++;
	for (unsigned i = 0; file_pages && i < ACT_PAGES; i++, draw = mix(draw))
		if (!read_page(draw % file_pages))
			return false;
	return !opts.http_port || request();
}
