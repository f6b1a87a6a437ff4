/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct hr_vm, shared by vm*.c and past.c only. */
#pragma once

#include "collector/core/days.h"
#include "collector/core/eval.h"
#include "collector/core/growth.h"
#include "collector/core/hours.h"
#include "collector/core/limit.h"
#include "collector/core/lookback.h"
#include "collector/core/minute.h"
#include "collector/core/outlook.h"
#include "collector/core/past.h"
#include "collector/core/stocks.h"
#include "collector/core/vm.h"

/* Series of a track group. */
enum {
	SERIES_AT_LEAST = 0,
	SERIES_LIKELY,
	SERIES_AT_MOST,
	SERIES_FLAGS, /* code = 1 when saturated */
	SERIES_N,
};

/* Resource tracks: the five VM-wide ones in the order of hr_eval_minute, then devices by number. */
#define VM_RES_N    (5 + HR_DEVS_MAX)
#define VM_NO_CLAIM 255 /* code of "no evidence in this minute" */

#define TRACK_K(series)      (series)
#define TRACK_AT(z, series)  (4 + (z)*4 + (series))
#define TRACK_RES(r, series) (16 + (r)*4 + (series))
#define TRACK_BIND(r, how)   (100 + (r)*3 + (how)) /* how: 0 plain, 1 local, 2 external */
#define TRACK_DEMAND(r)      (163 + (r))
#define TRACK_FROZEN         184
#define TRACK_LOAD                                                                                 \
	185 /* code: bit 0 hot thread, 1 hogs, 2 short and more memory has more, 3 the same of     \
	       vCPUs */
#define TRACK_LOAD_CPU 186 /* codes of hr_days_load_code, per 5 minutes */
#define TRACK_LOAD_MEM 187
#define TRACK_N        188
_Static_assert(TRACK_RES(VM_RES_N, 0) <= 100 && TRACK_BIND(VM_RES_N, 0) <= 163 &&
		       TRACK_DEMAND(VM_RES_N) <= 184,
	"tracks do not overlap");

/* A contribution of one minute to the lookback. */
struct hr_vote {
	uint8_t track, code;
};
#define VM_VOTES_MAX 160

struct hr_vm {
	struct hr_model_conf conf;
	bool has_facts;
	struct hr_facts facts;
	struct hr_minute open; /* dev[] allocated here, facts.n_dev long */
	int64_t open_no;       /* minutes since origin_ms */
	uint64_t part_ms, part_bursts,
		part_late_n;        /* measure: the 60 s of the open minute that run */
	bool part_late;             /* an earlier 60 s of it was late */
	uint64_t origin_ms;         /* start of the first window ever; 0 none */
	uint64_t first_ms, last_ms; /* of the windows seen */
	uint64_t covered_ms;        /* sum of durations */
	uint64_t cut_ms;            /* resize: k before it is not used; 0 none */
	uint64_t peak_anon_bytes;
	uint32_t closed; /* minutes in the lookback */
	uint32_t lost_windows;
	struct hr_pool pool; /* replays of the closed minutes, fading */
	struct hr_limit limit[HR_DEVS_MAX];
	struct hr_serial_watch serial;
	struct hr_lookback back;
	struct hr_days days;
	struct hr_hours hours;
	struct hr_stocks stocks;
	struct hr_outlook outlook; /* of the closed days; made anew when one closes */
	bool outlook_due;
	struct hr_growth growth; /* of the closed days, as the outlook; not saved */
	bool growth_made;
	double worst; /* of the minutes closed here; not saved */
	bool damaged; /* started afresh from bytes that were not whole */
};

/* Evaluates the evidence @m of this VM.  @bare: of texts only their number. */
void hr_vm_eval(struct hr_vm *vm, const struct hr_minute *m, bool bare, struct hr_trace *t,
	struct hr_eval *ret);
/* What an evaluated minute adds to the lookback. Returns the number of votes. */
uint32_t hr_vm_votes(const struct hr_eval *v, struct hr_vote ret[VM_VOTES_MAX]);
/* Weight of evidence that covers @ms: units of 10 s, at least 1. */
uint32_t hr_vm_weight(uint64_t ms);
/* Allocates the open minute's devices for the facts; false when out of memory. */
bool hr_vm_size_devices(struct hr_vm *vm, uint8_t n_dev);
/* Track group of an estimate. */
unsigned hr_vm_group(const struct hr_estimate *e, unsigned index);

/* The part that remembers days (vm_outlook.c): an evaluated minute, a window, known changes. */
void hr_vm_day_minute(struct hr_vm *vm, const struct hr_eval *v, uint16_t day, uint32_t weight);
void hr_vm_day_window(struct hr_vm *vm, const struct hr_summary *s);
void hr_vm_day_resize(struct hr_vm *vm, const struct hr_facts *is, uint64_t at_ms);
/* How memory grows with load by the closed days; false: none are looked at. */
bool hr_vm_growth_of(const struct hr_vm *vm, struct hr_growth *ret);
/* The same, made once a day; NULL: as false. */
const struct hr_growth *hr_vm_growth(struct hr_vm *vm);
/* Brings vm->outlook up to date and writes it into the answer, whose resources are filled. */
void hr_vm_outlook(struct hr_vm *vm, const struct hr_eval *v, struct hr_answer *a);
/* File systems as resources of the answer, with their dates; they have no k. */
void hr_vm_stocks(const struct hr_vm *vm, struct hr_answer *a);
/* "The file system /srv is full in 12 days at the earliest: ...", of the worst; else nothing. */
void hr_vm_stocks_advice(struct hr_answer *a);
#define VM_SOON_DAYS 30
/* The soonest of the resources' dates is the VM's. */
void hr_vm_soonest(struct hr_answer *a);
/* Largest size of the VM's provider, where the operator told none (vm_size.c). */
void hr_vm_ceiling(const struct hr_vm *vm, struct hr_model_conf *conf);
/* Hottest threads and cgroups, and what the agent costs, of the newest minute (vm_lists.c). */
void hr_vm_lists(const struct hr_vm *vm, struct hr_answer *a);
/* The VM's size and its neighbours in the catalogue, from the resources of @a; then the advice. */
void hr_vm_size(const struct hr_vm *vm, struct hr_answer *a);
void hr_vm_size_advice(struct hr_answer *a);
/* A confirmed trend that was there a week ago, too, reaches the target within 30 days. */
bool hr_vm_trend_soon(const struct hr_vm *vm, const struct hr_answer *a);
