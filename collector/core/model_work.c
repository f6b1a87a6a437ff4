/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPUs carry by their work alone (MODEL.md 3, "Work is not constant"). */
#include "collector/core/model_cpu.h"

#include <math.h>

#define CHEAPER 0.25 /* of the cost of a request, at most, that goes as all CPUs fill otherwise */

double hr_work_cheaper(const struct hr_cpu_facts *f)
{
	return 1 + CHEAPER * (1 - f->busy);
}

double hr_idle_share(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	double at_most = hr_work_idle(f->work_s, f->bursts, INFINITY, x->conf->wakeup_us / 1e6);

	return f->has_slots && f->work_s > 0 ? HR_IDLE_LIKELY * at_most / f->work_s : 0;
}

double hr_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2, double away_s)
{
	return hr_work_bound(c2 * f->delivered, f->t_s, x->conf->x_ms / 1e3, f->work_s - away_s);
}

double hr_most_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2)
{
	double room = c2 * f->delivered * (f->t_s + x->conf->x_ms / 1e3);
	double fixed = HR_WORK_FIXED * f->work_s, grows = f->work_s - f->idle_work_s - fixed;

	return grows > 0 ? fmax(hr_work_cheaper(f) * (room - fixed) / grows, 0) : INFINITY;
}
