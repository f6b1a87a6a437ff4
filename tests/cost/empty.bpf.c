/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that do nothing, on the hooks of headroom: what a hook costs beyond being one. */
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
