/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One network device.  Nobody tells a guest its limit and a far-side shaper
 * shows as round-trip time only, so: saturated on vendor counters, drops,
 * retransmits, or RTT inflation at a plateau; else a lower bound (answer-model
 * 2, 8, 15).  The link speed of a virtual device is never used.
 */
#include "collector/core/gates.h"
#include "collector/core/model.h"
#include "collector/core/model_device.h"

#include <math.h>

/* Load that does not decide: 8 x below the smallest baseline seen on sale (32 Mbit/s = 4 MB/s). */
#define QUIET_BYTES 0.5e6
#define DROP_MIN    10 /* so few are noise in a minute */

/* What the provider held back or dropped, and by which of its allowances: that of most packets. */
enum vendor {
	VENDOR_NONE = 0,
	VENDOR_SIZE,      /* bandwidth or packets a second: of the instance's size */
	VENDOR_CONNTRACK, /* tracked connections: of the size, too */
	VENDOR_LINKLOCAL, /* packets to its DNS, metadata and time: of each network interface */
};

struct nic {
	const struct hr_minute_dev *d;
	double t_s, rx, tx;    /* bytes per second */
	double packets, drops; /* in the minute */
	double segs, retrans;
	bool has_retrans, shaped, lossy, inflated;
	enum vendor vendor;
	double exceeded; /* packets beyond an allowance */
	double rtt_ms;
};

static bool dev_has(const struct hr_minute_dev *d, enum hr_signal sig)
{
	return d->have & HR_SIG_BIT(sig);
}

static enum vendor vendor_of(const uint64_t *c)
{
	uint64_t tracked = c[HR_DCTR_ALLOWANCE_CONNTRACK_N];
	uint64_t local = c[HR_DCTR_ALLOWANCE_LINKLOCAL_N], all = c[HR_DCTR_ALLOWANCE_EXCEEDED_N];
	uint64_t size = all > tracked + local ? all - tracked - local : 0;

	if (!all && !tracked && !local)
		return VENDOR_NONE;
	if (size >= tracked && size >= local)
		return VENDOR_SIZE;
	return tracked >= local ? VENDOR_CONNTRACK : VENDOR_LINKLOCAL;
}

static void nic_facts(const struct hr_ctx *x, const struct hr_minute_dev *d, struct nic *k)
{
	const struct hr_minute *m = x->m;
	const struct hr_spread *rtt = &m->dist[HR_DIST_RTT_INFLATION];
	const uint64_t *c = d->ctr;

	*k = (struct nic){.d = d, .t_s = hr_minute_s(m)};
	if (!(k->t_s > 0))
		return;
	k->rx = (double)c[HR_DCTR_RX_BYTES] / k->t_s;
	k->tx = (double)c[HR_DCTR_TX_BYTES] / k->t_s;
	k->packets = (double)(c[HR_DCTR_RX_PACKETS] + c[HR_DCTR_TX_PACKETS]);
	k->drops = (double)(c[HR_DCTR_RX_DROP_N] + c[HR_DCTR_TX_DROP_N]);
	k->shaped = hr_gate_shaper(d);
	k->vendor = vendor_of(c);
	k->exceeded = (double)c[HR_DCTR_ALLOWANCE_EXCEEDED_N];
	k->has_retrans = hr_minute_has(m, HR_SIG_TCP_RETRANS) && hr_minute_has(m, HR_SIG_NETSTAT);
	if (k->has_retrans) {
		k->segs = (double)m->ctr[HR_CTR_TCP_OUT_SEGS];
		k->retrans = (double)m->ctr[HR_CTR_TCP_RETRANS_N];
	}
	k->lossy = (k->drops >= DROP_MIN && k->drops > x->conf->drop_bad * k->packets) ||
		   (k->retrans >= DROP_MIN && k->retrans > x->conf->drop_bad * k->segs);
	if (hr_minute_has(m, HR_SIG_TCP_RTT) && rtt->total) {
		k->rtt_ms = (double)rtt->p99_lo / 1e3;
		k->inflated = d->flat_ms * 2 > m->covered_ms;
	}
}

static void nic_rates(const struct hr_ctx *x, const struct nic *k, struct hr_estimate *e)
{
	const struct hr_limit none = {0}, *l = x->limit ? &x->limit[e->dev] : &none;
	const struct hr_dev_facts *f =
		x->facts && e->dev < x->facts->n_dev ? &x->facts->dev[e->dev] : NULL;
	const struct hr_spread *rx = &k->d->dist[HR_DDIST_RX_KIB_100MS];
	const struct hr_spread *tx = &k->d->dist[HR_DDIST_TX_KIB_100MS];
	struct hr_rate r = {.unit = HR_UNIT_BYTES_PER_S,
		.what = "bytes, busier direction",
		.source = HR_CAP_LEARNED};
	double speed = f && !f->is_virtual ? f->speed_mbps * 1e6 / 8 : 0;
	struct hr_cap cap;

	hr_limit_cap(l, &cap);
	r.demand = 10240.0 * (rx->p99_hi > tx->p99_hi ? rx->p99_hi : tx->p99_hi);
	r.clean = 10240.0 * l->clean_kib;
	/* What goes out is what connections are sent back; that the way in is as narrow is a
	 * guess, and it only makes k smaller. */
	r.cap = cap.bytes_per_s;
	r.mean = 1024 * k->d->rate_kib;
	r.minute = fmax(k->rx, k->tx);
	r.second = 1024.0 * l->best_kib_s;
	hr_device_told(
		x, f ? (double)f->cap_bytes_per_s : 0, f ? (double)f->burst_bytes_per_s : 0, &r);
	if (r.source == HR_CAP_LEARNED && speed > 0 && (r.cap <= 0 || speed <= r.cap)) {
		r.cap = speed;
		r.source = HR_CAP_KNOWN;
	}
	hr_device_bounds(x, &r, 1, e);
}

static void nic_report(const struct hr_ctx *x, const struct nic *k, struct hr_estimate *e)
{
	const struct hr_spread *rx = &k->d->dist[HR_DDIST_RX_KIB_100MS];
	const struct hr_spread *tx = &k->d->dist[HR_DDIST_TX_KIB_100MS];
	const struct hr_spread *top = rx->p99_hi > tx->p99_hi ? rx : tx;

	e->r.demand.unit = HR_UNIT_BYTES_PER_S;
	e->r.demand.mean = hr_opt_of(fmax(k->rx, k->tx));
	if (top->total) {
		e->r.demand.p99 = hr_opt_of(10240.0 * top->p99_hi);
		e->r.demand.max = hr_opt_of(10240.0 * top->max);
	}
	hr_estimate_evidence(e, "receive", k->rx, HR_UNIT_BYTES_PER_S, "/proc/net/dev");
	hr_estimate_evidence(e, "transmit", k->tx, HR_UNIT_BYTES_PER_S, "/proc/net/dev");
	hr_estimate_evidence(e, "dropped", k->drops, HR_UNIT_COUNT, "/proc/net/dev");
	if (k->has_retrans)
		hr_estimate_evidence(e, "retransmits", k->retrans, HR_UNIT_COUNT,
			hr_signal_source(x->facts, HR_SIG_TCP_RETRANS));
	if (k->vendor)
		hr_estimate_evidence(
			e, "allowance_exceeded", k->exceeded, HR_UNIT_COUNT, "ethtool -S");
	if (k->rtt_ms > 0)
		hr_estimate_evidence(e, "rtt_inflation_p99", k->rtt_ms, HR_UNIT_MS,
			hr_signal_source(x->facts, HR_SIG_TCP_RTT));
	hr_trace_say(x->t,
		"  receive = %.1f KB/s, transmit = %.1f KB/s, drops = %.0f of %.0f packets, "
		"retransmits = "
		"%.0f of %.0f segments",
		k->rx / 1e3, k->tx / 1e3, k->drops, k->packets, k->retrans, k->segs);
}

/* The link's known limit is met: nobody else's fault. */
static bool at_cap(const struct hr_estimate *e)
{
	return e->r.headroom.likely.has && e->r.headroom.likely.v <= HR_TOLD_NEAR;
}

/* First match wins; NULL: nothing wrong. */
static const char *nic_bad(const struct nic *k)
{
	static const char *const vendor[] = {
		[VENDOR_SIZE] = "the provider held packets back: this size's bandwidth or packets "
				"per second were used up",
		[VENDOR_CONNTRACK] = "the provider dropped packets: this size may track no more "
				     "connections",
		[VENDOR_LINKLOCAL] = "the provider dropped packets to its own DNS, metadata or "
				     "time service: too many a second from one network interface"};

	if (k->shaped)
		return "a traffic shaper installed on the VM has backlog or drops";
	if (k->vendor)
		return vendor[k->vendor];
	if (k->inflated)
		return "round trips grew by more than 10 ms at a constant rate: a shaper on the "
		       "way";
	if (k->lossy)
		return "too many packets were dropped or sent again";
	return NULL;
}

static const char *nic_fix(const struct nic *k, bool whose_open)
{
	if (k->shaped)
		return NULL;
	if (k->vendor == VENDOR_CONNTRACK)
		return "Take a size that may track more connections, or have fewer of them "
		       "tracked: shorter idle timeouts, security group rules that need no "
		       "tracking.";
	if (k->vendor == VENDOR_LINKLOCAL)
		return "Cache DNS answers and metadata on the VM, or spread the queries over "
		       "more network interfaces; a larger VM changes nothing.";
	if (whose_open)
		return "See whether all connections lose packets or one way does (ss -ti), and "
		       "what this end drops (ip -s -s link); if the link's limit is known, tell "
		       "it: `limits` in [measure], or headroom measure --limits.";
	return NULL;
}

/*
 * BAD, and whose limit it is.  Bandwidth, packets a second and tracked connections are the
 * instance's, and larger instances have more.  Losses alone may be the link's, the other end's or
 * the VM's, unless they come at the link's own limit.
 */
static void nic_saturated(const struct hr_ctx *x, const struct nic *k, struct hr_estimate *e)
{
	bool grows = !k->shaped && (k->vendor == VENDOR_SIZE || k->vendor == VENDOR_CONNTRACK);
	bool whose_open = !k->shaped && !k->vendor && !k->inflated && !at_cap(e);

	e->r.saturated = !k->shaped;
	e->local = k->shaped;
	e->external = !k->shaped && !grows && !whose_open;
	e->fix = nic_fix(k, whose_open);
	e->below_told |= !grows && !k->vendor && hr_device_far(e);
	e->grows[HR_SIZE_VCPUS] = e->grows[HR_SIZE_BOTH] = grows;
	if (e->external && !k->vendor)
		hr_device_bursts(x, fmax(k->rx, k->tx), e);
	e->r.headroom.at_least = hr_opt_of(1 / 1.1);
	hr_bounds_bad(&e->r.headroom);
	e->r.confidence = k->shaped || k->vendor                   ? HR_CONFIDENCE_HIGH
			  : e->r.capacity.source == HR_CAP_LEARNED ? HR_CONFIDENCE_MEDIUM
								   : HR_CONFIDENCE_LOW;
	if (whose_open)
		hr_estimate_missing(e, 0,
			"where the packets of %s were lost: here, on the way or at the other end",
			e->r.device);
	hr_trace_say(x->t, "  BAD: %s", e->reason);
}

/* At the larger sizes. */
static void nic_sizes(struct hr_estimate *e)
{
	bool open = e->r.saturated && !e->local && !e->external;

	for (unsigned z = 0; z < HR_SIZE_N; z++)
		e->at[z] = e->r.headroom;
	if (!open)
		return;
	hr_bounds_open(&e->at[HR_SIZE_VCPUS], &e->r.headroom);
	e->at[HR_SIZE_BOTH] = e->at[HR_SIZE_VCPUS];
}

void hr_model_network(const struct hr_ctx *x, uint8_t dev, struct hr_estimate *ret)
{
	const struct hr_minute_dev *d = &x->m->dev[dev];
	const char *bad;
	struct nic k;

	hr_estimate_init(ret, HR_RES_NETWORK, (int8_t)dev, x);
	hr_trace_say(x->t, "network %s:", ret->r.device);
	if (!d->seen || !dev_has(d, HR_SIG_NET_STAT)) {
		hr_estimate_no_signal(ret, x, HR_SIG_NET_STAT);
		return;
	}
	nic_facts(x, d, &k);
	nic_report(x, &k, ret);
	if (dev_has(d, HR_SIG_NET_IO))
		nic_rates(x, &k, ret);
	else
		hr_estimate_no_signal(ret, x, HR_SIG_NET_IO);
	ret->external = ret->r.headroom.likely.has;
	ret->r.confidence = ret->r.headroom.likely.has ? HR_CONFIDENCE_MEDIUM : HR_CONFIDENCE_LOW;
	ret->reason = ret->r.headroom.likely.has ? "known or learned limit of the device"
						 : "limit never reached: only a lower bound";
	/* Retransmits and round trips are the VM's: a quiet device is not to blame for them. */
	ret->quiet = fmax(k.rx, k.tx) <= QUIET_BYTES && !k.shaped && !k.vendor;
	bad = ret->quiet ? NULL : nic_bad(&k);
	if (bad) {
		ret->reason = bad;
		nic_saturated(x, &k, ret);
	}
	if (ret->r.headroom.likely.has)
		ret->quiet = false;
	if (ret->quiet) {
		ret->reason = "next to no load: does not decide";
		hr_trace_say(x->t, "  does not decide: under %.1f MB/s", QUIET_BYTES / 1e6);
	}
	if (!ret->r.headroom.likely.has)
		hr_estimate_missing(ret, 0,
			"the limit of %s (never reached; a load test or configuration tells it)",
			ret->r.device);
	nic_sizes(ret);
}
