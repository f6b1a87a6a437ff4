/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of alerts: one thread and one bounded queue per receiver, so that a dead or
 * slow one delays nobody else, and never ingest.  What fails is tried again with
 * growing pauses; what a receiver refuses for good (4xx but 408 and 429) is dropped
 * and logged; when a queue is full its oldest goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum hr_notify_to {
	HR_NOTIFY_WEBHOOK = 0,
	HR_NOTIFY_MANAGER,
	HR_NOTIFY_MAIL,
	HR_NOTIFY_N,
};

/* Strings are copied; "" switches a receiver off. */
struct hr_notify_conf {
	const char *webhook;     /* http(s) URL */
	const char *secret_file; /* key of its signature; must not be readable by others */
	const char *manager;     /* base URL of an Alertmanager */
	const char *smtp;        /* smtp(s)://host:port */
	const char *mail_from, *mail_to;
	const char *ca_file; /* "": the system's */
};

struct hr_notify;

#define HR_NOTIFY_QUEUE 64 /* messages per receiver */

/* Reads the secret, starts the threads.  0 or -errno with what, why and what to do in @err. */
int hr_notify_open(struct hr_notify **ret, const struct hr_notify_conf *conf, char err[512]);
bool hr_notify_has(const struct hr_notify *n, enum hr_notify_to to);
/*
 * Takes over @body (malloc'd, NUL-terminated; NULL is fine) and returns at once.
 * @replace: what still waits is outdated by it and dropped uncounted.
 */
void hr_notify_send(struct hr_notify *n, enum hr_notify_to to, char *body, bool replace);

struct hr_notify_count {
	uint64_t sent, failed_tries, dropped;
	uint32_t waiting;
};
void hr_notify_count(struct hr_notify *n, enum hr_notify_to to, struct hr_notify_count *ret);

/* Breaks off what is under way, waits at most about a second.  NULL is fine. */
void hr_notify_close(struct hr_notify *n);
