/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer: what the model says about one VM, as data.  answer_json.c turns
 * it into the contract's JSON and back; render.c into sentences.  An unknown
 * number is has = false (null in JSON), never 0.  Made by verdict.c only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/facts.h"
#include "proto/limits.h"

enum hr_answer_kind {
	HR_ANSWER_UNKNOWN = 0,
	HR_ANSWER_YES,
	HR_ANSWER_RESIZE,
	HR_ANSWER_NO,
	HR_ANSWER_N,
};

enum hr_reason {
	HR_REASON_MISSING_EVIDENCE = 0,
	HR_REASON_HEADROOM_LEFT,
	HR_REASON_BIGGER_SIZE_HELPS,
	HR_REASON_SERIAL_THREAD,
	HR_REASON_STEAL,
	HR_REASON_LOCAL_LIMIT,
	HR_REASON_EXTERNAL_LIMIT,
	HR_REASON_AT_CEILING,
	HR_REASON_N,
};

enum hr_resource {
	HR_RES_NONE = 0,
	HR_RES_CPU,
	HR_RES_SERIAL,
	HR_RES_STEAL,
	HR_RES_MEMORY,
	HR_RES_DISK,
	HR_RES_NETWORK,
	HR_RES_SOFTIRQ,
	HR_RES_FILESYSTEM, /* space of one; device = its mount point; no k */
	HR_RES_INODES,
	HR_RES_N,
};

enum hr_confidence {
	HR_CONFIDENCE_NONE = 0,
	HR_CONFIDENCE_LOW,
	HR_CONFIDENCE_MEDIUM,
	HR_CONFIDENCE_HIGH,
};

enum hr_cap_source {
	HR_CAP_UNKNOWN = 0,
	HR_CAP_KNOWN,      /* told by the device or the kernel */
	HR_CAP_CONFIGURED, /* told by the operator */
	HR_CAP_LEARNED,
	HR_CAP_LOWER_BOUND,
};

enum hr_unit {
	HR_UNIT_NONE = 0,
	HR_UNIT_CORES,
	HR_UNIT_BYTES,
	HR_UNIT_IOPS,
	HR_UNIT_BYTES_PER_S,
	HR_UNIT_RATIO,
	HR_UNIT_MS,
	HR_UNIT_COUNT,
	HR_UNIT_PER_S,
	HR_UNIT_N,
};

/* A number that may be unknown. */
struct hr_opt {
	bool has;
	double v;
};

/* A load factor as an interval, each end in (0, 8]; at_least <= likely <= at_most where they exist.
 */
struct hr_bounds {
	bool has; /* false: no claim at all (null) */
	struct hr_opt at_least, likely, at_most;
	bool capped; /* the estimate was larger than 8 */
};

#define HR_TEXT_LEN         400
#define HR_ANS_MISSING_MAX  8
#define HR_ANS_EVIDENCE_MAX 13
#define HR_ANS_RES_MAX      (HR_RES_N + HR_DEVS_MAX + 2 * HR_FS_MAX)
#define HR_ANS_BIGGER_MAX   3
#define HR_ANS_TOP_MAX      6

struct hr_missing {
	char evidence[160];    /* plain: "one Monday peak", "pressure stall: psi=1 is not set" */
	uint64_t available_ms; /* Unix ms when it will exist; 0: not by waiting */
};

struct hr_evidence {
	char signal[32]; /* "runq_wait_p99" */
	double value;
	enum hr_unit unit;
	char source[48]; /* "tp_btf/sched_switch", "/proc/stat" */
};

/* A size of the catalogue and what is predicted on it (ladder.h). */
struct hr_rung_answer {
	bool has;
	char name[40];
	uint32_t vcpus;
	uint64_t mem_bytes; /* 0 unknown */
	struct hr_bounds headroom;
	enum hr_resource binding;
	uint32_t
		unknown; /* bit per enum hr_resource: its limit there is not known, taken as here */
};

/* Days until the headroom is used up, or a stock is full. */
struct hr_days_left {
	bool has;
	struct hr_opt at_least, likely, at_most;
	bool agreed; /* the refit of the day before gave a date, too, and this one fits it */
};

struct hr_res_answer {
	enum hr_resource resource;
	char device[HR_NAME_LEN]; /* "" = null */
	struct hr_bounds headroom;
	bool saturated;
	struct {
		struct hr_opt mean, p50, p99, max;
		enum hr_unit unit;
	} demand;
	struct {
		struct hr_opt value;
		enum hr_unit unit;
		enum hr_cap_source source;
	} capacity;
	enum hr_confidence confidence;
	struct hr_opt probability_30d; /* of less than the target, sustained, within 30 days */
	struct hr_days_left days_left;
	uint8_t n_missing, n_evidence;
	struct hr_missing missing[HR_ANS_MISSING_MAX];
	struct hr_evidence evidence[HR_ANS_EVIDENCE_MAX];
};

struct hr_answer {
	char host[HR_NAME_LEN];
	char host_id[2 * HR_HOST_ID_LEN + 1];
	uint8_t n_res, n_bigger, n_missing, n_top, n_group; /* entries of the lists below */
	uint64_t at_ms;
	struct {
		uint64_t from_ms, to_ms;
		double seconds;
		double covered; /* 0..1: share of the window with data */
	} window;
	enum hr_answer_kind kind;
	enum hr_reason reason;
	char sentence[HR_TEXT_LEN];
	char advice[HR_TEXT_LEN];
	struct hr_bounds headroom;
	struct {
		enum hr_resource resource; /* NONE = null */
		char device[HR_NAME_LEN];
		double share; /* of the tight minutes */
	} binding;
	struct hr_res_answer res[HR_ANS_RES_MAX];
	struct {
		char change[32]; /* "vcpus x2" */
		struct hr_bounds gain;
	} bigger[HR_ANS_BIGGER_MAX];
	struct {
		bool has;
		struct hr_opt at_least, likely, at_most; /* days */
		enum hr_resource resource;
		char device[HR_NAME_LEN];
		bool agreed;
	} days_left; /* the soonest of the resources' */
	struct {
		bool has; /* false: one look at a VM, nothing is remembered */
		uint32_t history_days;
		uint32_t need_days; /* more until there is a probability */
		struct hr_opt probability_30d;
		char trend[64]; /* "no trend in 31 days", "unknown: 9 more days needed" */
		struct {
			struct hr_opt bound; /* p95 of next week, not exceeded in 9 weeks of 10 */
			uint32_t held, of;   /* past weeks of this VM */
		} week[2];                   /* CPU in cores, memory in bytes */
	} outlook;
	struct {
		bool has;
		char provider[HR_NAME_LEN], name[HR_NAME_LEN]; /* "" unknown */
		uint32_t vcpus;
		uint64_t mem_bytes;
		bool in_catalogue;
		struct hr_rung_answer next, largest, smaller; /* smaller: the smallest that does */
	} size;
	struct hr_missing missing[HR_ANS_MISSING_MAX]; /* behind an unknown: VM-wide */
	struct {
		enum hr_resource resource;
		uint32_t pid, tid;
		char process[HR_COMM_LEN], thread[HR_COMM_LEN];
		double share; /* of one CPU */
	} top[HR_ANS_TOP_MAX];
	struct {
		char name[HR_GROUP_LEN]; /* last part of its path, "/" the root */
		double share, wait;      /* ran, waited for a CPU; of one CPU */
	} group[HR_GROUP_MAX];           /* hottest cgroups */
	struct {
		struct hr_opt cpu_ratio; /* of one CPU */
		struct hr_opt rss_bytes, map_bytes;
		struct hr_opt ns_per_event; /* all hooks of the agent, null if not measured */
		uint32_t shed;              /* bit per enum hr_shed */
	} cost;
};

/* Contract spellings, and back; parse returns false for an unknown word. */
const char *hr_answer_kind_name(enum hr_answer_kind k); /* yes resize no unknown */
const char *hr_reason_name(enum hr_reason r);           /* headroom-left ... */
const char *hr_resource_name(enum hr_resource r);       /* cpu serial ...; NONE: "none" */
const char *hr_confidence_name(enum hr_confidence c);
const char *hr_cap_source_name(enum hr_cap_source s);
const char *hr_unit_name(enum hr_unit u);
bool hr_answer_kind_parse(const char *s, enum hr_answer_kind *ret);
bool hr_reason_parse(const char *s, enum hr_reason *ret);
bool hr_resource_parse(const char *s, enum hr_resource *ret);
bool hr_confidence_parse(const char *s, enum hr_confidence *ret);
bool hr_cap_source_parse(const char *s, enum hr_cap_source *ret);
bool hr_unit_parse(const char *s, enum hr_unit *ret);

/* reason.def: one line, one paragraph, the evidence needed (`headroom explain REASON`). */
const char *hr_reason_line(enum hr_reason r);
const char *hr_reason_paragraph(enum hr_reason r);
