/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that do nothing, on the hooks of headroom: what a hook costs beyond being one.
 * And programs that read the clock and do nothing else: it is the larger part under kvm-clock.
 */
#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int empty_switch(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/block_rq_complete")
int empty_complete(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int empty_receive(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int empty_xmit(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int empty_read(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/consume_skb")
int empty_unix(unsigned long long *ctx)
{
	return 0;
}

SEC("tp_btf/sched_switch")
int clock_switch(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}

SEC("tp_btf/block_rq_complete")
int clock_complete(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}

SEC("tp_btf/netif_receive_skb")
int clock_receive(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}

SEC("tp_btf/net_dev_start_xmit")
int clock_xmit(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int clock_read(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}

SEC("tp_btf/consume_skb")
int clock_unix(unsigned long long *ctx)
{
	return bpf_ktime_get_ns() == 1;
}
