/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network: bytes and packets per slot of devices with a bus parent, and TCP
 * retransmits (kernel-signals 5).  The shape of the traffic, not its totals: GRO
 * and TSO show one packet where the wire had many; totals are the device counters.
 *
 * Transmit runs in tasks that a receive softirq can interrupt: atomic adds.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile uint32_t hr_retrans_args = 2; /* 3: the last one is an error (6.17) */

/* Set before load.  Neither constants nor data: those lie on pages of their own, see cell.h. */
uint32_t hr_nics;    /* stride of hr_nic_cells */
uint32_t hr_netns;   /* inode of the agent's network namespace, 0 unknown */
uint32_t hr_tick_ns; /* between two jiffies */

uint32_t hr_ifindex[HR_NICS_MAX]; /* index = device of the cells; 0 unused */
uint64_t hr_netns_at;             /* address of that namespace, once it was seen */
uint64_t hr_tick;                 /* jiffies << 32 | BORDER | slot they are in */
uint64_t hr_retransmits;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs x NICs, set before load */
	__type(key, uint32_t);
	__type(value, struct hr_nic_cell);
} hr_nic_cells SEC(".maps");

#define RX 0
#define TX 1

/* Interface numbers are per namespace: a container's eth0 may carry the number of ours. */
static __always_inline bool is_ours(const bool typed, struct net_device *dev)
{
	uint64_t at = hr_device_netns(typed, dev);

	if (at == hr_netns_at || hr_netns == 0) /* 0, 0: this kernel has no namespaces */
		return true;
	if (hr_netns_inode(typed, dev) != hr_netns)
		return false;
	hr_netns_at = at; /* the agent lives in it, so it stays */
	return true;
}

/*
 * The slot a packet falls into.  The clock costs more than all the rest (90-140 ns under
 * kvm-clock), and a slot lasts 8.39 ms: it is read once a timer tick (1 to 10 ms), which jiffies
 * tell for one load, and only where a slot may end within the tick for each fourth packet and each
 * large one.  So up to three small packets at a border are told in the slot before.  One
 * word for all CPUs, written a few times per tick: what it says is the same everywhere.
 * (bpf_ktime_get_coarse_ns is refused to tracing programs on 6.18.)
 */
#define BORDER (1u << 31)
#define LARGE  4096 /* bytes */
static __always_inline uint32_t ring_index(struct hr_nic_cell *c, uint32_t bytes, uint32_t dir)
{
	uint64_t at = hr_tick, now;
	uint32_t tick = (uint32_t)bpf_jiffies64(), i = (uint32_t)at & HR_RING_MASK;

	if (at >> 32 == tick &&
		(!(at & BORDER) ||
			(bytes < LARGE && (c->slot[i].sum[dir] >> HR_NIC_PACKETS_SHIFT & 3))))
		return i;
	now = bpf_ktime_get_ns();
	i = (now >> HR_SLOT_SHIFT) & HR_RING_MASK;
	now = (uint64_t)tick << 32 | i | (((now + hr_tick_ns) ^ now) >> HR_SLOT_SHIFT ? BORDER : 0);
	if (now != at)
		hr_tick = now;
	return i;
}

static __always_inline int on_packet(
	const bool typed, struct net_device *dev, uint32_t bytes, uint32_t dir)
{
	uint32_t index = 0, ifindex = (uint32_t)HR_READ(typed, dev, ifindex);
	struct hr_nic_cell *c;

	for (; index < HR_NICS_MAX; index++)
		if (hr_ifindex[index] == ifindex)
			break;
	if (index >= HR_NICS_MAX || !is_ours(typed, dev))
		return 0;
	index += bpf_get_smp_processor_id() * hr_nics;
	c = bpf_map_lookup_elem(&hr_nic_cells, &index);
	if (!c)
		return 0;
	__sync_fetch_and_add(
		&c->slot[ring_index(c, bytes, dir)].sum[dir], 1ULL << HR_NIC_PACKETS_SHIFT | bytes);
	return 0;
}

/* The link header is already pulled on receive; device counters have it. */
static __always_inline int on_receive(const bool typed, struct sk_buff *skb)
{
	struct net_device *dev = HR_READ(typed, skb, dev);

	return on_packet(
		typed, dev, HR_READ(typed, skb, len) + HR_READ(typed, dev, hard_header_len), RX);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_receive_btf, struct sk_buff *skb)
{
	return on_receive(true, skb);
}

SEC("raw_tp/netif_receive_skb")
int BPF_PROG(on_receive_raw, struct sk_buff *skb)
{
	return on_receive(false, skb);
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_xmit_btf, struct sk_buff *skb, struct net_device *dev)
{
	return on_packet(true, dev, skb->len, TX);
}

SEC("raw_tp/net_dev_start_xmit")
int BPF_PROG(on_xmit_raw, struct sk_buff *skb, struct net_device *dev)
{
	return on_packet(false, dev, BPF_CORE_READ(skb, len), TX);
}

/* Up to 6.16 it fires for what was sent; later also for what failed, with the error as third
 * argument. */
static __always_inline int on_retransmit(unsigned long long *ctx)
{
	if (hr_retrans_args < 3 || (int)ctx[2] == 0)
		__sync_fetch_and_add(&hr_retransmits, 1);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit_btf(unsigned long long *ctx)
{
	return on_retransmit(ctx);
}

SEC("raw_tp/tcp_retransmit_skb")
int on_retransmit_raw(unsigned long long *ctx)
{
	return on_retransmit(ctx);
}
