/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom top [HOST]: the fleet, or one VM, drawn anew every few seconds.  The texts are
 * those of core/render*.c; here they are put on a screen by ncurses.  Agents send every
 * 10 s, so asking more often than every second would show nothing new.
 */
#include <curses.h>
#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/cli/client.h"
#include "collector/cli/fleet_read.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"
#include "proto/base/clock.h"
#include "proto/num.h"
#include "proto/units.h"

#define ROWS_MAX   1000 /* the tightest; more than anybody scrolls through */
#define TEXT_BYTES 65536
#define HEAD_LINES 3 /* of the fleet's text: counts, an empty line, the columns' names */
#define KEY_ESC    27

struct top {
	struct hr_cli cli;
	struct hr_cli_target target;
	uint64_t every_ns, next_ns;
	enum hr_fleet_sort sort;
	char host[HR_CLIENT_HOST_LEN]; /* "" the fleet */
	bool from_fleet;               /* going back is possible */
	/* the fleet, as asked last */
	struct hr_fleet fleet;
	struct hr_fleet_row row[ROWS_MAX];
	const struct hr_fleet_row *at[ROWS_MAX];
	size_t n, chosen, first;
	/* the VM */
	struct hr_answer answer;
	bool has_answer;
	unsigned scroll;
	char err[HR_CLIENT_ERR_LEN]; /* of the last try; "" none */
	char text[TEXT_BYTES];
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

/* --- asking --------------------------------------------------------------- */

static void ask_fleet(struct top *t)
{
	char path[96];
	struct hr_reply r;
	json_t *doc, *hosts;

	(void)snprintf(path, sizeof(path), "/v1/fleet?limit=%d&sort=%s", ROWS_MAX,
		hr_fleet_sort_name(t->sort));
	if (hr_client_get(&t->target, path, &r, t->err) != 0)
		return;
	doc = json_loadb(r.body, r.len, 0, NULL);
	free(r.body);
	hosts = json_object_get(doc, "hosts");
	if (!json_is_array(hosts)) {
		(void)snprintf(t->err, sizeof(t->err), "the collector's reply is not a fleet");
	} else {
		t->err[0] = '\0';
		t->n = json_array_size(hosts) < ROWS_MAX ? json_array_size(hosts) : ROWS_MAX;
		for (size_t i = 0; i < t->n; i++) {
			hr_fleet_read_row(json_array_get(hosts, i), &t->row[i]);
			t->at[i] = &t->row[i];
		}
		hr_fleet_read_counts(doc, &t->fleet);
		if (t->chosen >= t->n)
			t->chosen = t->n ? t->n - 1 : 0;
	}
	json_decref(doc);
}

static void ask_vm(struct top *t)
{
	struct hr_reply r;

	if (hr_client_get_host(&t->target, t->host, "/answer", &r, t->err) != 0)
		return;
	t->err[0] = '\0';
	if (hr_answer_from_json(r.body, r.len, &t->answer, t->err))
		t->has_answer = true;
	free(r.body);
}

static void ask(struct top *t)
{
	if (t->host[0])
		ask_vm(t);
	else
		ask_fleet(t);
	t->next_ns = hr_clock_mono_ns() + t->every_ns;
}

/* --- drawing -------------------------------------------------------------- */

static attr_t look_of(const char *code)
{
	static const struct {
		const char *code;
		short pair;
		attr_t look;
	} looks[] = {{"0", 0, A_NORMAL}, {"1;32", 1, A_BOLD}, {"1;33", 2, A_BOLD},
		{"1;31", 3, A_BOLD}, {"2", 0, A_DIM}, {"1", 0, A_BOLD}};

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (strncmp(code, looks[i].code, strlen(looks[i].code)) == 0 &&
			code[strlen(looks[i].code)] == 'm')
			return looks[i].look |
			       (looks[i].pair && has_colors() ? (attr_t)COLOR_PAIR(looks[i].pair)
							      : 0);
	return A_NORMAL;
}

/* One line of text with the tones of hr_out_tone() in it; returns its length with the newline. */
static size_t draw_line(int y, const char *p, attr_t *look, attr_t extra)
{
	size_t n = strcspn(p, "\n");
	const char *end = p + n;

	move(y, 0);
	for (const char *s = p; s < end;) {
		const char *esc = memchr(s, '\033', (size_t)(end - s));
		size_t plain = (size_t)((esc ? esc : end) - s);

		attrset((int)(*look | extra));
		if (plain && getcurx(stdscr) < COLS && getcury(stdscr) == y)
			addnstr(s, (int)plain);
		s += plain;
		if (esc) {
			*look = look_of(esc + 2);
			s = memchr(esc, 'm', (size_t)(end - esc));
			s = s ? s + 1 : end;
		}
	}
	if (extra && getcury(stdscr) == y)
		chgat(-1, extra, 0, NULL);
	attrset(A_NORMAL);
	return n + (p[n] == '\n');
}

static unsigned lines_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The last line: keys, or what went wrong. */
static void draw_foot(const struct top *t, const char *keys)
{
	char now[32];
	time_t at = time(NULL);
	struct tm tm;

	move(LINES - 1, 0);
	clrtoeol();
	if (t->err[0]) {
		attrset((int)(A_BOLD | (has_colors() ? (attr_t)COLOR_PAIR(3) : 0)));
		addnstr(t->err, COLS - 1);
		attrset(A_NORMAL);
		return;
	}
	attrset(A_REVERSE);
	addnstr(keys, COLS - 1);
	attrset(A_NORMAL);
	if (localtime_r(&at, &tm) && strftime(now, sizeof(now), "%H:%M:%S", &tm) > 0 &&
		(int)strlen(keys) + 10 < COLS)
		mvaddnstr(LINES - 1, COLS - 9, now, 8);
}

static void draw_fleet(struct top *t, struct hr_out *o)
{
	int room = LINES - 1 - HEAD_LINES;
	size_t show = room > 0 ? (size_t)room : 0;
	attr_t look = A_NORMAL;
	const char *p = t->text;

	if (t->chosen < t->first)
		t->first = t->chosen;
	if (show && t->chosen >= t->first + show)
		t->first = t->chosen - show + 1;
	if (t->first > t->n)
		t->first = 0;
	hr_render_fleet(&t->fleet, t->at + t->first,
		t->n - t->first < show ? t->n - t->first : show, hr_clock_wall_ms(), o);
	for (int y = 0; *p && y < LINES - 1; y++) {
		bool here =
			t->n && y >= HEAD_LINES && (size_t)(y - HEAD_LINES) + t->first == t->chosen;

		p += draw_line(y, p, &look, here ? A_REVERSE : 0);
	}
	draw_foot(t, " q quit  Enter open  arrows choose  s order ");
}

static void draw_vm(struct top *t, struct hr_out *o)
{
	int room = LINES - 1;
	attr_t look = A_NORMAL;
	const char *p = t->text;
	unsigned n;

	if (t->has_answer)
		hr_render_top(&t->answer, o);
	n = lines_of(t->text);
	if (room > 0 && t->scroll + (unsigned)room > n)
		t->scroll = n > (unsigned)room ? n - (unsigned)room : 0;
	for (unsigned i = 0; i < t->scroll; i++)
		p += strcspn(p, "\n") + 1;
	for (int y = 0; *p && y < room; y++)
		p += draw_line(y, p, &look, 0);
	draw_foot(t, t->from_fleet ? " q quit  Esc all VMs  arrows scroll "
				   : " q quit  f all VMs  arrows scroll ");
}

static void draw(struct top *t)
{
	struct hr_out o;

	erase();
	hr_out_init(&o, t->text, sizeof(t->text), (unsigned)COLS, true);
	if (t->host[0])
		draw_vm(t, &o);
	else
		draw_fleet(t, &o);
	refresh();
}

/* --- keys ------------------------------------------------------------------ */

static void open_vm(struct top *t, const char *host, bool from_fleet)
{
	(void)snprintf(t->host, sizeof(t->host), "%s", host);
	t->from_fleet = from_fleet;
	t->has_answer = false;
	t->scroll = 0;
	t->next_ns = 0;
}

/* Moves in what is shown; negative upwards. */
static void go(struct top *t, long by)
{
	if (t->host[0]) {
		long to = (long)t->scroll + by;

		t->scroll = to < 0 ? 0 : (unsigned)to; /* the end is cut when drawn */
	} else if (t->n) {
		long to = (long)t->chosen + by;

		t->chosen = to < 0 ? 0 : to >= (long)t->n ? t->n - 1 : (size_t)to;
	}
}

/* False: to end. */
static bool key(struct top *t, int c)
{
	switch (c) {
	case 'q':
	case 'Q':
		return false;
	case KEY_UP:
	case 'k':
		go(t, -1);
		break;
	case KEY_DOWN:
	case 'j':
		go(t, 1);
		break;
	case KEY_PPAGE:
		go(t, -(long)LINES + 4);
		break;
	case KEY_NPAGE:
	case ' ':
		go(t, LINES - 4);
		break;
	case KEY_HOME:
		go(t, -ROWS_MAX);
		break;
	case KEY_END:
		go(t, ROWS_MAX);
		break;
	case KEY_ENTER:
	case '\n':
	case '\r':
		if (!t->host[0] && t->n)
			open_vm(t, t->row[t->chosen].id, true);
		break;
	case KEY_ESC:
	case KEY_BACKSPACE:
	case KEY_LEFT:
	case 'f':
		t->host[0] = '\0';
		t->next_ns = 0;
		break;
	case 's':
		t->sort = (t->sort + 1) % HR_FLEET_SORT_N;
		t->next_ns = 0;
		break;
	default:
		break;
	}
	return true;
}

/* --- the screen -------------------------------------------------------------- */

static void run(struct top *t)
{
	int c;

	for (bool going = true; going && !stop;) {
		uint64_t now = hr_clock_mono_ns();

		if (now >= t->next_ns)
			ask(t);
		draw(t);
		now = hr_clock_mono_ns();
		timeout(t->next_ns > now ? (int)((t->next_ns - now) / HR_NS_PER_MS) + 1 : 0);
		errno = 0;
		c = getch();
		if (c == ERR && (errno == EIO || errno == ENXIO || !isatty(STDIN_FILENO)))
			return; /* the terminal is gone */
		if (c != ERR)
			going = key(t, c);
	}
}

static int on_screen(struct top *t)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};
	SCREEN *screen;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &sa, NULL); /* no SA_RESTART: getch() is to end */
	(void)setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return hr_cli_fail(&t->cli,
			"the terminal '%s' is not known here; set TERM (TERM=xterm), or use "
			"'headroom fleet'",
			getenv("TERM") ? getenv("TERM") : "");
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	set_escdelay(50);
	if (hr_cli_color() && start_color() == OK) {
		(void)use_default_colors();
		(void)init_pair(1, COLOR_GREEN, -1);
		(void)init_pair(2, COLOR_YELLOW, -1);
		(void)init_pair(3, COLOR_RED, -1);
	}
	run(t);
	(void)endwin();
	delscreen(screen);
	return HR_EXIT_DONE;
}

int hr_cmd_top(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"every", required_argument, NULL, 'e'},
		{"config", required_argument, NULL, 'c'}, {0}};
	static struct top t; /* 400 KB */
	int c;

	t.cli = *cli;
	t.every_ns = 2 * HR_NS_PER_S;
	while ((c = hr_cli_option(&t.cli, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		if (c == 'c')
			t.cli.config = optarg;
		else if (!hr_num_duration(optarg, HR_NS_PER_S, 3600 * HR_NS_PER_S, &t.every_ns))
			return hr_cli_usage(&t.cli, "--every wants 1s to 1h, got '%s'", optarg);
	}
	if (argc - optind > 1)
		return hr_cli_usage(&t.cli, "one HOST at most, got '%s' too", argv[optind + 1]);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return hr_cli_fail(&t.cli, "no terminal here; 'headroom fleet' and 'headroom "
					   "status' print the same once");
	c = hr_cli_target(&t.cli, &t.target);
	if (c != HR_EXIT_DONE)
		return c;
	if (optind < argc)
		open_vm(&t, argv[optind], false);
	ask(&t); /* a collector that is away is told before the screen is taken */
	if (t.err[0])
		return hr_cli_fail(&t.cli, "%s", t.err);
	if (!t.host[0] && t.n == 1)
		open_vm(&t, t.row[0].id, true);
	return on_screen(&t);
}
