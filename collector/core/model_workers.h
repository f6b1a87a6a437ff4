/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads of one program, of which each serves what it reads in turn.
 *
 * In an M/G/1 queue what comes waits longer than T with a probability of about
 * u exp(-a (1 - u)), u the share of the time that the server is busy, and
 * a = T / (s (1 + cv^2) / 2) for service times of mean s (Kingman's heavy-traffic
 * approximation; M/M/1 exactly).  a is taken from what was measured, so that neither
 * s nor its spread needs to be known.
 */
#pragma once

#include "collector/core/model.h"

struct hr_workers {
	const struct hr_use *use; /* the first of them */
	unsigned n;
	double reads, late; /* of all of them: struct hr_top */
	double u, o;        /* of one, the mean by what they read: busy or waiting, on a CPU */
	struct hr_bounds now;
	struct hr_bounds more_cpus; /* were there always a CPU for them */
};

/* a, where a share @p of what comes is late at @u.  0 < p < u < 1. */
double hr_workers_decay(double u, double p);
/* The u at which the share late is @eps. */
double hr_workers_reach(double decay, double eps);

/* The workers that carry least, if there are any of which something is known. */
bool hr_workers_of(const struct hr_ctx *x, struct hr_workers *ret);

/*
 * Lowers the bounds of serial by theirs, or those of the CPU where what they wait for CPUs is why.
 * Call it after both.
 */
void hr_model_workers(
	const struct hr_ctx *x, struct hr_estimate *ret_cpu, struct hr_estimate *ret_serial);
