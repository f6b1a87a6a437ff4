/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's key table: one place for parser, --print-config, the shipped
 * file and the man page; and the check of addresses to listen on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/core/host_rules.h"
#include "proto/conf.h"

#define HR_LISTEN_MAX      4   /* addresses */
#define HR_LISTEN_LEN      256 /* the whole text */
#define HR_LISTEN_HOST_LEN 64
#define HR_ADMIN_SOCKET    "admin.sock" /* in the state directory */

struct hr_collector_config {
	/* [collector] */
	char listen[HR_LISTEN_LEN];
	char state[256];    /* directory; the database is headroom.db in it */
	char database[512]; /* of PostgreSQL; "": SQLite's */
	char page[256];     /* directory of `GET /` */
	char plots[256];    /* directory of dygraphs */
	uint64_t log_level; /* 3 error .. 7 debug, as syslog */
	/* [tls] */
	char tls_certificate[256], tls_key[256], tls_client_ca[256]; /* files; "" see the table */
	char tls_address[96]; /* what join strings name; "" the first TLS address */
	bool loopback_open;   /* plain loopback needs no token */
	/* [limits] */
	uint64_t model_bytes; /* 0: no limit */
	uint64_t cache_bytes;
	uint64_t hosts, connections, per_address;
	uint64_t connect_per_s; /* per address, over TLS */
	uint64_t metrics_hosts; /* that have series of their own in /metrics */
	uint64_t inflight_bytes;
	uint64_t file_bytes; /* 0 none */
	uint64_t reserve_bytes;
	/* [ingest] */
	uint64_t group_ns, period_ns, backlog;
	/* [retention] */
	uint64_t windows_ns, five_min_ns, hours_ns;
	bool brief;
	/* [keep] */
	uint64_t save_ns;
	uint64_t answer_ns, calm_ns;
	/* [model] */
	struct hr_model_keys model;
	/* [host "PATTERN"] */
	uint64_t n_hosts;
	struct hr_host_keys host[HR_CONF_OVER_MAX];
	/* [sizes] */
	char catalogue[256], ladder[256], prices[256]; /* files; "" none */
	/* [alert] */
	double alert_at_least, alert_days; /* 0 off */
	uint64_t alert_quiet_ns, alert_wait_ns, alert_remind_ns;
	char alert_silence[512];
	char alert_page[256];
	char alert_webhook[256], alert_secret_file[256];
	char alert_manager[256];
	char alert_smtp[256], alert_mail_from[128], alert_mail_to[512];
	char alert_ca_file[256];
	/* [remote_write] */
	char remote_url[512]; /* "": off */
	uint64_t remote_interval_ns, remote_timeout_ns;
	uint64_t remote_hosts; /* that have series */
	uint64_t remote_queue_bytes;
	char remote_labels[512];
	char remote_token_file[256], remote_ca_file[256];
};

const struct hr_conf_table *hr_collector_config_table(void);

/* The rules of each host, of a configuration that outlives them. */
struct hr_host_rules hr_collector_config_rules(const struct hr_collector_config *c);

/* The model's rules: defaults with what the file says over them. */
void hr_collector_config_model(const struct hr_collector_config *c, struct hr_model_conf *ret_conf);

/* Keys whose change only a restart brings into effect: true when they differ. */
bool hr_collector_config_needs_restart(
	const struct hr_collector_config *a, const struct hr_collector_config *b);

struct hr_listen {
	bool v6;
	bool tls;                      /* everything but loopback, and what begins with "tls:" */
	char host[HR_LISTEN_HOST_LEN]; /* numeric, without brackets */
	uint16_t port;                 /* 0: any free one (tests) */
	bool optional;                 /* [::1] of the default: no IPv6 is no error */
};

/*
 * "127.0.0.1:7867, 10.0.0.5:7867" -> list.  Numeric addresses; plain HTTP only on loopback,
 * TLS and tokens anywhere else.  Number of addresses, or 0 with a message in @err.
 */
unsigned hr_collector_listen(const char *text, struct hr_listen ret[HR_LISTEN_MAX], char err[256]);
