// SPDX-License-Identifier: Apache-2.0
/*
 * Threads: the writer owns store and models; one moves the log into the database, by a connection
 * of its own; one HTTP thread per address; the scribe of long documents; one that follows other
 * collectors and looks at alerts; one per receiver of alerts, which owns its queue; this one has
 * signals, the clock of the deadlines, and the word to the service manager, and waits for nobody.
 */
#include "collector/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <poll.h>
#include <unistd.h>

#include "collector/alerts.h"
#include "collector/auth.h"
#include "collector/follow.h"
#include "collector/hosts.h"
#include "collector/remote_write.h"
#include "collector/serve.h"
#include "collector/sizes_file.h"
#include "collector/store_module.h"
#include "collector/store_side.h"
#include "collector/tls.h"
#include "collector/writer.h"
#include "proto/base/clock.h"
#include "proto/base/conffile.h"
#include "proto/base/fsio.h"
#include "proto/base/log.h"
#include "proto/base/sdnotify.h"
#include "proto/cleanup.h"
#include "proto/units.h"

#define TICK_MS 1000
#define RECEIVE_NS                                                                                 \
	(15 * HR_NS_PER_S) /* a body of 64 KiB over a poor link; an agent gives up then */
#define SEND_NS (30 * HR_NS_PER_S)
#define IDLE_NS (30 * HR_NS_PER_S) /* on top of two periods: agents keep connections alive */

_Static_assert(HR_STORE_ERROR_LEN == HR_CONF_ERR_LEN && HR_SERVE_ERROR_LEN == HR_CONF_ERR_LEN,
	"one buffer serves all");

struct program {
	const char *path;
	bool must_exist;
	struct hr_collector_config conf;
	struct hr_counters count;
	struct hr_board board;
	struct hr_catalogue sizes;
	int lock;
	struct hr_writer *writer;
	struct hr_serve *serve;
	char admin[sizeof(((struct hr_collector_config *)0)->state) + 16]; /* socket's path */
	struct hr_auth *auth;
	struct hr_side *side; /* NULL: no other collector on the database */
	struct hr_alerts *alerts;
	struct hr_remote *remote; /* NULL: nowhere to write */
	struct hr_follow *follow;
	bool reload_due, reload_failed;
};

static void writer_conf(const struct hr_collector_config *c, struct hr_writer_conf *w)
{
	*w = (struct hr_writer_conf){.max_hosts = (uint32_t)c->hosts,
		.backlog = (uint32_t)c->backlog,
		.group_ns = c->group_ns,
		.period_ns = c->period_ns,
		.windows_ms = hr_ns_to_ms(c->windows_ns),
		.five_min_ms = hr_ns_to_ms(c->five_min_ns),
		.hours_ms = hr_ns_to_ms(c->hours_ns),
		.brief = c->brief,
		.save_ns = c->save_ns,
		.answer_ns = c->answer_ns,
		.calm_ns = c->calm_ns,
		.alert_at_least = c->alert_at_least,
		.alert_days = c->alert_days,
		.model_bytes = c->model_bytes,
		.reserve_bytes = c->reserve_bytes,
		.state_dir = c->database[0] ? NULL : c->state}; /* whose disk it is */
	hr_collector_config_model(c, &w->model);
	w->rules = hr_collector_config_rules(c);
}

static bool serve_conf(struct program *p, struct hr_serve_conf *s, char err[HR_CONF_ERR_LEN])
{
	const struct hr_collector_config *c = &p->conf;
	uint64_t period_ms = hr_hosts_period_ms((uint32_t)c->hosts, hr_ns_to_ms(c->period_ns));

	(void)snprintf(p->admin, sizeof(p->admin), "%s/" HR_ADMIN_SOCKET, c->state);
	*s = (struct hr_serve_conf){.connections = (uint32_t)c->connections,
		.per_address = (uint32_t)c->per_address,
		.inflight_bytes = c->inflight_bytes,
		.idle_ns = 2 * period_ms * HR_NS_PER_MS + IDLE_NS,
		.receive_ns = RECEIVE_NS,
		.send_ns = SEND_NS,
		.auth = p->auth,
		.loopback_tokens = !c->loopback_open,
		.metrics_hosts = (uint32_t)c->metrics_hosts,
		.connect_per_s = (double)c->connect_per_s,
		.address = c->tls_address,
		.admin = p->admin,
		.sizes = &p->sizes,
		.target = c->model.k_target,
		.rules = hr_collector_config_rules(c),
		.page_dir = c->page,
		.plots_dir = c->plots};
	s->n_listen = hr_collector_listen(c->listen, s->listen, err);
	return s->n_listen > 0;
}

static bool open_store(struct program *p, struct hr_store **ret, char err[HR_CONF_ERR_LEN])
{
	char db[sizeof(p->conf.state) + 16], note[HR_STORE_ERROR_LEN];
	struct hr_store_sqlite_conf conf = {.path = db,
		.max_bytes = p->conf.file_bytes,
		.cache_bytes = p->conf.cache_bytes,
		.mover = true};
	int r = hr_fs_mkdirs(p->conf.state, 0750);

	if (r < 0) {
		(void)snprintf(err, HR_CONF_ERR_LEN,
			"cannot create %s: %s; create it for this user, or set state= in "
			"[collector]",
			p->conf.state, strerror(-r));
		return false;
	}
	(void)snprintf(db, sizeof(db), "%s/headroom.db", p->conf.state);
	p->lock = hr_store_lock(db, err);
	if (p->lock < 0)
		return false;
	if (p->conf.database[0]) {
		const struct hr_store_module *m = hr_store_module_load(err);

		*ret = m ? m->open(p->conf.database, err) : NULL;
		p->side = *ret ? m->side(p->conf.database, err) : NULL;
		if (*ret && !p->side)
			(*ret)->ops->close(*ret);
		return p->side != NULL;
	}
	*ret = hr_store_sqlite_open(&conf, note, err);
	if (!*ret)
		return false;
	if (note[0])
		hr_log(HR_LOG_ERR, "database_damaged", "%s", note);
	return true;
}

static int load_tls(const struct hr_collector_config *c, char err[HR_CONF_ERR_LEN])
{
	const struct hr_tls_conf conf = {.state = c->state,
		.certificate = c->tls_certificate,
		.key = c->tls_key,
		.client_ca = c->tls_client_ca};
	struct hr_listen listen[HR_LISTEN_MAX];
	unsigned n = hr_collector_listen(c->listen, listen, err);

	for (unsigned i = 0; i < n; i++) {
		if (listen[i].tls)
			return hr_tls_load(&conf, err);
	}
	return 0;
}

static bool open_auth(struct program *p, char err[HR_CONF_ERR_LEN])
{
	char path[sizeof(p->conf.state) + 16];

	(void)snprintf(path, sizeof(path), "%s/auth.db", p->conf.state);
	p->auth = p->side ? hr_auth_open_shared(&p->side->auth, hr_clock_wall_ms(), err)
			  : hr_auth_open(path, hr_clock_wall_ms(), err);
	return p->auth && load_tls(&p->conf, err) == 0;
}

static struct hr_remote_sources remote_sources(struct program *p)
{
	return (struct hr_remote_sources){
		.board = &p->board, .count = &p->count, .writer = p->writer, .side = p->side};
}

static bool open_all(struct program *p, char err[HR_CONF_ERR_LEN])
{
	struct hr_remote_sources from;
	struct hr_writer_conf wc;
	struct hr_serve_conf sc;
	struct hr_store *store;
	int r;

	if (!open_store(p, &store, err))
		return false;
	if (!open_auth(p, err) || !serve_conf(p, &sc, err)) {
		store->ops->close(store);
		return false;
	}
	if (hr_sizes_load(
		    &(struct hr_sizes_paths){p->conf.catalogue, p->conf.ladder, p->conf.prices},
		    &p->sizes, err) < 0)
		return false;
	writer_conf(&p->conf, &wc);
	wc.model.catalogue = &p->sizes;
	p->writer = hr_writer_open(&wc, store, &p->count, &p->board, err);
	if (!p->writer)
		return false;
	p->serve = hr_serve_open(&sc, p->writer, &p->count, &p->board, err);
	if (!p->serve)
		return false;
	from = remote_sources(p);
	if (hr_alerts_open(&p->alerts, &p->conf, &p->board, p->side, err) < 0)
		return false;
	if (hr_remote_open(&p->remote, &p->conf, &from, err) < 0)
		return false;
	r = hr_writer_start(p->writer);
	if (r < 0) {
		(void)snprintf(err, HR_CONF_ERR_LEN, "cannot start a thread: %s", strerror(-r));
		return false;
	}
	p->follow = hr_follow_start(p->auth, p->alerts);
	if (!p->follow) {
		(void)snprintf(err, HR_CONF_ERR_LEN, "cannot start a thread");
		return false;
	}
	for (unsigned i = 0; i < sc.n_listen; i++) {
		if (hr_serve_port(p->serve, i) != 0)
			hr_log(HR_LOG_NOTICE, "listening", "address=%s port=%u", sc.listen[i].host,
				hr_serve_port(p->serve, i));
	}
	return true;
}

static void close_all(struct program *p)
{
	if (p->serve)
		hr_serve_quiesce(p->serve);
	if (p->writer)
		hr_writer_stop(p->writer);
	hr_remote_close(p->remote);
	hr_follow_stop(p->follow);
	hr_alerts_close(p->alerts);
	hr_serve_close(p->serve);
	if (p->serve)
		(void)unlink(p->admin);
	hr_writer_close(p->writer);
	hr_auth_close(p->auth);
	if (p->side)
		p->side->ops->close(p->side);
	hr_tls_done();
	hr_sizes_done(&p->sizes);
	hr_closep(&p->lock);
}

static void notify(const struct program *p, const char *state)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"%s\nSTATUS=%" PRIu64 " hosts, %" PRIu64 " windows stored%s", state,
		atomic_load(&p->count.hosts), atomic_load(&p->count.v[HR_COUNT_STORED]),
		p->reload_failed ? "; the configuration file has an error, the old one is in use"
				 : "");
	(void)hr_sd_notify(text);
}

/* SIGHUP: all of the new configuration is valid, or nothing changes. */
static void reload(struct program *p)
{
	struct hr_collector_config next;
	struct hr_listen listen[HR_LISTEN_MAX];
	struct hr_writer_conf wc;
	const struct hr_remote_sources from = remote_sources(p);
	char err[HR_CONF_ERR_LEN], ready[64];
	bool ok;

	(void)snprintf(ready, sizeof(ready), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		hr_ns_to_us(hr_clock_mono_ns()));
	notify(p, ready);
	ok = hr_conffile_load(
		     hr_collector_config_table(), p->path, p->must_exist, &next, NULL, err) == 0 &&
	     hr_collector_listen(next.listen, listen, err) > 0 && load_tls(&next, err) == 0 &&
	     hr_remote_try(&next, &from, err) == 0 &&
	     hr_alerts_reconfigure(p->alerts, &next, err) == 0 &&
	     hr_remote_reconfigure(&p->remote, &next, &from, err) == 0;
	p->reload_failed = !ok;
	if (ok) {
		bool restart = hr_collector_config_needs_restart(&p->conf, &next);

		hr_log_init("headroom-collector", (enum hr_log_prio)next.log_level);
		writer_conf(&next, &wc);
		hr_writer_reconfigure(p->writer, &wc);
		hr_serve_reconfigure(p->serve, next.inflight_bytes);
		hr_log(HR_LOG_NOTICE, "reloaded", "%s",
			restart ? "note=\"addresses, state, page, model and most of limits wait "
				  "for a restart\""
				: "ok");
	} else {
		hr_log(HR_LOG_ERR, "reload_refused",
			"why=\"%s\" todo=\"mend it and reload; the old configuration stays\"", err);
	}
	notify(p, "READY=1");
}

/* One wait for signals or the tick; false: stop. */
static bool turn(struct program *p, int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	struct signalfd_siginfo si;

	if (poll(&poll_fd, 1, TICK_MS) < 0 && errno != EINTR)
		return false;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo != SIGHUP)
			return false;
		p->reload_due = true;
	}
	if (p->reload_due && hr_follow_try(p->follow)) {
		p->reload_due = false;
		reload(p);
		hr_follow_let(p->follow);
	}
	hr_serve_tick(p->serve);
	return true;
}

static int run(struct program *p, int fd, char err[HR_CONF_ERR_LEN])
{
	uint64_t said_ns = 0;
	bool go_on = true;

	hr_log(HR_LOG_NOTICE, "started", "version=%s state=%s", HR_VERSION, p->conf.state);
	notify(p, "READY=1");
	while (go_on && hr_writer_state(p->writer) != HR_WRITER_FAILED) {
		uint64_t now;

		go_on = turn(p, fd);
		now = hr_clock_mono_ns();
		if (now - said_ns < 10 * HR_NS_PER_S)
			continue;
		said_ns = now;
		notify(p, "WATCHDOG=1");
	}
	notify(p, "STOPPING=1");
	if (!go_on)
		return 0;
	(void)snprintf(err, HR_CONF_ERR_LEN,
		"the store failed (see the log line before): nothing was acknowledged since; start "
		"again, after mending the disk");
	return -1;
}

/* Before any thread is made, so that all of them inherit the mask. */
static int open_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * Two heaps for all threads, not eight per CPU, each of which keeps what was freed (1000 hosts took
 * 55 MB, with fewer heaps 47).  What a group frees at its end is kept for the next one: two page
 * faults a window became 0.4.
 */
static void tune_malloc(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
	(void)mallopt(M_TOP_PAD, 256 * 1024);
}

int hr_daemon_run(const struct hr_collector_config *conf, const char *path, bool must_exist,
	char err[HR_CONF_ERR_LEN])
{
	static struct program p; /* its counters are larger than a stack frame should be */
	HR_CLEANUP(hr_closep) int fd = open_signals();
	int r = -1;

	p.path = path;
	p.must_exist = must_exist;
	p.conf = *conf;
	p.lock = -1;
	tune_malloc();
	(void)umask(0027); /* SQLite would let everybody read what machines run */
	if (fd < 0 || hr_board_init(&p.board) < 0) {
		(void)snprintf(err, HR_CONF_ERR_LEN, "cannot start: out of memory or descriptors");
		return -1;
	}
	if (open_all(&p, err))
		r = run(&p, fd, err);
	close_all(&p);
	hr_board_done(&p.board);
	if (r == 0)
		hr_log(HR_LOG_NOTICE, "stopped", "stored=%" PRIu64,
			atomic_load(&p.count.v[HR_COUNT_STORED]));
	return r;
}
