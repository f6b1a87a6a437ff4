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

const volatile uint32_t hr_nics = 1;         /* stride of hr_nic_cells */
const volatile uint32_t hr_netns = 0;        /* inode of the agent's network namespace, 0 unknown */
const volatile uint32_t hr_retrans_args = 2; /* 3: the last one is an error (6.17) */

struct hr_ctl hr_ctl;
uint32_t hr_ifindex[HR_NICS_MAX]; /* index = device of the cells; 0 unused */
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
	uint32_t ns;

	if (hr_netns == 0)
		return true;
	ns = hr_device_netns(typed, dev);
	return ns == 0 || ns == hr_netns;
}

static __always_inline int on_packet(
	const bool typed, struct net_device *dev, uint32_t bytes, uint32_t dir)
{
	struct hr_nic_cell *c;
	struct hr_nic_slot *s;
	uint32_t index = HR_NICS_MAX, ifindex = (uint32_t)HR_READ(typed, dev, ifindex);

	for (uint32_t i = 0; i < HR_NICS_MAX; i++)
		if (i < hr_nics && hr_ifindex[i] == ifindex)
			index = i;
	if (index >= HR_NICS_MAX || !is_ours(typed, dev))
		return 0;
	index += bpf_get_smp_processor_id() * hr_nics;
	c = bpf_map_lookup_elem(&hr_nic_cells, &index);
	if (!c)
		return 0;
	/* the cheaper bpf_ktime_get_coarse_ns is refused to tracing programs (6.18) */
	s = &c->slot[(bpf_ktime_get_ns() >> HR_SLOT_SHIFT) & HR_RING_MASK];
	__sync_fetch_and_add(&s->bytes[dir], bytes);
	__sync_fetch_and_add(&s->packets[dir], 1);
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
