/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this VM is, from small texts of /sys: hypervisor, provider, instance type,
 * threads per core, and which devices count.  Unknown is "" or 0, never a guess.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/facts.h"
#include "proto/limits.h"

/* Texts of /sys/class/dmi/id and friends; NULL where the file is absent.  Trailing newline allowed.
 */
struct hr_machine_texts {
	const char *sys_vendor, *product_name, *product_version;
	const char *board_vendor, *chassis_vendor, *chassis_asset_tag;
	const char *bios_vendor, *bios_version;
	const char *hypervisor_type; /* /sys/hypervisor/type: "xen" */
	const char *cpuid_vendor;    /* CPUID leaf 0x40000000, 12 characters ("KVMKVMKVM"); NULL not
					read, "" none */
	const char *cpuinfo_flags;   /* the first "flags" line of /proc/cpuinfo */
};

struct hr_machine_id {
	char hypervisor[HR_NAME_LEN]; /* kvm xen vmware hyperv bhyve qemu none; "" unknown */
	char provider[HR_NAME_LEN];   /* aws gcp azure digitalocean hetzner alibaba oracle openstack
					 ...; "" unknown */
	char instance_type[HR_NAME_LEN]; /* where DMI carries it (AWS Nitro); else "" */
	char reason[80]; /* why the provider or type is not known; "" when both are */
};
void hr_machine_identify(const struct hr_machine_texts *t, struct hr_machine_id *ret);

/* "0-3,5\n" -> 5.  0, or -EBADMSG; an empty list is 0 CPUs. */
int hr_machine_cpulist_count(const char *buf, size_t len, uint32_t *ret_n);

/*
 * Threads per core from each online CPU's thread_siblings_list.  A VM whose
 * topology says one thread per core on a machine that has SMT hides it: 0 then
 * unless @bare_metal, because "1" would be believed.
 */
uint32_t hr_machine_threads_per_core(const uint32_t *siblings, uint32_t n, bool bare_metal);

/* One entry of /sys/block. */
struct hr_machine_disk {
	const char *name;
	bool has_parent; /* /sys/block/X/device exists: a real request-based device */
	bool hidden;     /* "hidden" reads 1: a path below an NVMe multipath head */
	bool has_slaves; /* dm, md: built from others */
	bool removable;
	uint64_t sectors; /* "size"; 0: no medium */
};
/* A whole leaf disk whose requests are the VM's I/O, counted once. */
bool hr_machine_disk_counts(const struct hr_machine_disk *d);
/* nvme0c1n2 -> nvme0n2: head of a hidden path.  False: not such a name. */
bool hr_machine_nvme_head(const char *name, char ret_head[HR_NAME_LEN]);

/* One entry of /sys/class/net. */
struct hr_machine_nic {
	const char *name;
	bool has_parent; /* class/net/X/device exists: a bus parent */
	bool under_nic; /* its master has a bus parent: a VF below its synthetic twin (hv_netvsc) */
	uint32_t type;  /* ARPHRD_*: 1 ethernet */
};
bool hr_machine_nic_counts(const struct hr_machine_nic *n);

/* Driver of a virtual device (virtio_net, vmxnet3, xen-netfront, ...): its link speed means
 * nothing. */
bool hr_machine_driver_virtual(const char *driver);

/* Whether @name is a word of @list ("loop0 dm-1", also comma separated). */
bool hr_machine_listed(const char *list, const char *name);

/* What one device carries, requests and bytes a second; bursts: for a while, above it.  0 not told.
 */
struct hr_machine_told {
	uint64_t ops, bytes_per_s, burst_ops, burst_bytes_per_s;
};

/*
 * Limits of devices that the operator tells: "vda=3000/16000:125M/500M eth0=:1192M", requests and
 * bytes a second, either may be missing; after a slash what bursts carry.  Of @name.
 */
void hr_machine_limit(const char *limits, const char *name, struct hr_machine_told *ret);
#define HR_MACHINE_LIMITS_LEN 512 /* of all of them, with the 0 at the end */
/* False: @err says what is expected. */
bool hr_machine_limits_valid(const char *limits, char err[512]);
/* True: @ret says which of them no device of @f takes. */
bool hr_machine_limits_unused(const char *limits, const struct hr_facts *f, char ret[512]);
