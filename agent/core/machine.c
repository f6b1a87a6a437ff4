/* SPDX-License-Identifier: Apache-2.0 */
/* Machine facts from texts.  The tables are the knowledge; the code only looks up. */
#include "agent/core/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/num.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void set(char to[HR_NAME_LEN], const char *s)
{
	size_t n = strcspn(s, "\n");

	if (n >= HR_NAME_LEN)
		n = HR_NAME_LEN - 1;
	memcpy(to, s, n);
	to[n] = '\0';
}

static bool starts(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

/* A whole word of a blank-separated list. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ' || p[-1] == '\t') &&
			(p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return true;
	return false;
}

/* ---- hypervisor and provider ---- */

/* CPUID leaf 0x40000000: what the hypervisor calls itself. */
static const struct {
	const char *vendor, *hypervisor;
} cpuid[] = {
	{"KVMKVMKVM", "kvm"},
	{"Microsoft Hv", "hyperv"},
	{"VMwareVMware", "vmware"},
	{"XenVMMXenVMM", "xen"},
	{"TCGTCGTCGTCG", "qemu"},
	{"bhyve bhyve ", "bhyve"},
	{"VBoxVBoxVBox", "virtualbox"},
	{"ACRNACRNACRN", "acrn"},
	{"QNXQVMBSQG", "qnx"},
};

enum dmi_field {
	VENDOR,
	PRODUCT,
	CHASSIS,
	ASSET_TAG,
	BIOS_VENDOR,
	BIOS_VERSION,
	BOARD,
};

/* First match wins.  Clouds first: their DMI also carries the name of their hypervisor. */
static const struct {
	enum dmi_field field;
	const char *prefix;
	const char *provider, *hypervisor; /* "" unknown */
} dmi[] = {
	{VENDOR, "Amazon EC2", "aws", "kvm"}, /* Nitro; product_name is the instance type */
	{BIOS_VENDOR, "Amazon EC2", "aws", "kvm"},
	{PRODUCT, "Google Compute Engine", "gcp", "kvm"},
	{VENDOR, "Google", "gcp", "kvm"},
	/* same vendor and product as any Hyper-V guest: the tag is what makes it Azure */
	{ASSET_TAG, "7783-7084-3265-9085-8269-3286-77", "azure", "hyperv"},
	{VENDOR, "DigitalOcean", "digitalocean", "kvm"},
	{VENDOR, "Hetzner", "hetzner", "kvm"},
	{VENDOR, "Alibaba Cloud", "alibaba", "kvm"},
	{ASSET_TAG, "OracleCloud", "oracle", "kvm"},
	{VENDOR, "Tencent Cloud", "tencent", "kvm"},
	{VENDOR, "Vultr", "vultr", "kvm"},
	{VENDOR, "Scaleway", "scaleway", "kvm"},
	{VENDOR, "UpCloud", "upcloud", "kvm"},
	{VENDOR, "Exoscale", "exoscale", "kvm"},
	{VENDOR, "Linode", "linode", "kvm"},
	{VENDOR, "Akamai", "linode", "kvm"},
	{ASSET_TAG, "HUAWEICLOUD", "huawei", "kvm"},
	{ASSET_TAG, "OpenTelekomCloud", "otc", "kvm"},
	{CHASSIS, "IBM:Cloud", "ibm", "kvm"},
	{PRODUCT, "OpenStack", "openstack", "kvm"},
	{VENDOR, "OpenStack", "openstack", "kvm"},
	/* hypervisors without a provider */
	{VENDOR, "VMware", "", "vmware"},
	{VENDOR, "Xen", "", "xen"},
	{VENDOR, "Microsoft Corporation", "", ""}, /* Hyper-V or a Surface: see product below */
	{VENDOR, "innotek GmbH", "", "virtualbox"},
	{VENDOR, "BHYVE", "", "bhyve"},
	{VENDOR, "Nutanix", "", "kvm"},
	{VENDOR, "QEMU", "", ""}, /* QEMU with KVM or without: CPUID knows */
	{PRODUCT, "KVM", "", "kvm"},
	{PRODUCT, "RHEV", "", "kvm"},
	{BOARD, "RHEV", "", "kvm"},
};

static const char *dmi_text(const struct hr_machine_texts *t, enum dmi_field f)
{
	switch (f) {
	case VENDOR:
		return t->sys_vendor;
	case PRODUCT:
		return t->product_name;
	case CHASSIS:
		return t->chassis_vendor;
	case ASSET_TAG:
		return t->chassis_asset_tag;
	case BIOS_VENDOR:
		return t->bios_vendor;
	case BIOS_VERSION:
		return t->bios_version;
	case BOARD:
		return t->board_vendor;
	}
	return NULL;
}

static void from_dmi(const struct hr_machine_texts *t, struct hr_machine_id *ret)
{
	for (size_t i = 0; i < N(dmi); i++)
		if (starts(dmi_text(t, dmi[i].field), dmi[i].prefix)) {
			set(ret->provider, dmi[i].provider);
			set(ret->hypervisor, dmi[i].hypervisor);
			break;
		}
	if (ret->hypervisor[0])
		return;
	if (starts(t->sys_vendor, "Microsoft Corporation") &&
		starts(t->product_name, "Virtual Machine"))
		set(ret->hypervisor, "hyperv");
}

/* EC2 on Xen says so only in the BIOS version ("4.11.amazon"); its DMI has no type. */
static void xen_ec2(const struct hr_machine_texts *t, struct hr_machine_id *ret)
{
	if (!ret->provider[0] && t->bios_version && strstr(t->bios_version, "amazon")) {
		set(ret->provider, "aws");
		if (!ret->hypervisor[0])
			set(ret->hypervisor, "xen");
	}
}

/*
 * What the CPU says beats DMI, which an administrator may set to anything, and which is
 * the same on an EC2 .metal type as on its virtual siblings.
 */
static void from_cpu(const struct hr_machine_texts *t, struct hr_machine_id *ret)
{
	bool flag = t->cpuinfo_flags && has_word(t->cpuinfo_flags, "hypervisor");

	for (size_t i = 0; t->cpuid_vendor && i < N(cpuid); i++)
		if (starts(t->cpuid_vendor, cpuid[i].vendor)) {
			set(ret->hypervisor, cpuid[i].hypervisor);
			return;
		}
	if (starts(t->hypervisor_type, "xen"))
		set(ret->hypervisor, "xen");
	else if (t->cpuinfo_flags && !flag && !(t->cpuid_vendor && t->cpuid_vendor[0]))
		set(ret->hypervisor, "none");
}

/* family.size, as EC2 spells its types: letters and digits around one dot, size may hold '-'. */
static bool is_ec2_type(const char *s)
{
	size_t family = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-"), size;

	if (family == 0 || s[family] != '.')
		return false;
	size = strspn(s + family + 1, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return size > 0 && (s[family + 1 + size] == '\0' || s[family + 1 + size] == '\n');
}

static void why_unknown(const struct hr_machine_texts *t, struct hr_machine_id *ret)
{
	const char *why = "";

	if (ret->instance_type[0])
		why = "";
	else if (strcmp(ret->provider, "gcp") == 0)
		why = "the machine type is not in DMI on GCP; the metadata server is not asked";
	else if (ret->provider[0])
		why = "this provider does not put the instance type into DMI";
	else if (!t->sys_vendor && !t->product_name)
		why = "no DMI on this machine";
	else if (strcmp(ret->hypervisor, "none") == 0)
		why = "not a virtual machine";
	else
		why = "DMI names no known provider";
	memcpy(ret->reason, why, strlen(why) + 1);
}

void hr_machine_identify(const struct hr_machine_texts *t, struct hr_machine_id *ret)
{
	memset(ret, 0, sizeof(*ret));
	from_dmi(t, ret);
	xen_ec2(t, ret);
	from_cpu(t, ret);
	if (strcmp(ret->provider, "aws") == 0 && t->product_name && is_ec2_type(t->product_name))
		set(ret->instance_type, t->product_name);
	why_unknown(t, ret);
}

/* ---- CPUs ---- */

int hr_machine_cpulist_count(const char *buf, size_t len, uint32_t *ret_n)
{
	const char *p = buf, *end = buf + len;
	uint64_t count = 0, next = 0;

	while (end > p && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		const char *dash = memchr(p, '-', (size_t)(stop - p));
		uint64_t first, last;

		if (!hr_num_u64_n(p, (size_t)((dash ? dash : stop) - p), &first))
			return -EBADMSG;
		last = first;
		if (dash && !hr_num_u64_n(dash + 1, (size_t)(stop - dash - 1), &last))
			return -EBADMSG;
		/* ascending without overlap, as the kernel prints them; so no CPU counts twice */
		if (last < first || first < next || last >= UINT32_MAX)
			return -EBADMSG;
		count += last - first + 1;
		next = last + 1;
		if (!comma)
			break;
		p = comma + 1;
		if (p == end)
			return -EBADMSG;
	}
	*ret_n = (uint32_t)count;
	return 0;
}

uint32_t hr_machine_threads_per_core(const uint32_t *siblings, uint32_t n, bool bare_metal)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		if (siblings[i] > most)
			most = siblings[i];
	return most == 1 && !bare_metal ? 0 : most;
}

/* ---- devices ---- */

bool hr_machine_disk_counts(const struct hr_machine_disk *d)
{
	/* built of others, in memory, optical, floppy, over the network (that is NIC load) */
	static const char *const never[] = {
		"loop", "zram", "ram", "dm-", "md", "sr", "fd", "nbd", "drbd", "zd"};

	if (!d->has_parent || d->hidden || d->has_slaves || d->removable || d->sectors == 0)
		return false;
	for (size_t i = 0; i < N(never); i++) {
		size_t n = strlen(never[i]);

		if (strncmp(d->name, never[i], n) == 0 &&
			(never[i][n - 1] == '-' || (d->name[n] >= '0' && d->name[n] <= '9')))
			return false;
	}
	/* eMMC boot areas and their key store are whole disks of their own to the kernel */
	return !(starts(d->name, "mmcblk") && (strstr(d->name, "boot") || strstr(d->name, "rpmb")));
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

bool hr_machine_nvme_head(const char *name, char ret_head[HR_NAME_LEN])
{
	const char *ctrl, *ns;
	size_t a, c, n;

	if (!starts(name, "nvme"))
		return false;
	a = digits(name + 4);
	ctrl = name + 4 + a;
	if (a == 0 || *ctrl != 'c')
		return false;
	c = digits(ctrl + 1);
	ns = ctrl + 1 + c;
	if (c == 0 || *ns != 'n')
		return false;
	n = digits(ns + 1);
	if (n == 0 || ns[1 + n] != '\0' || 4 + a + 1 + n >= HR_NAME_LEN)
		return false;
	memcpy(ret_head, name, 4 + a);
	memcpy(ret_head + 4 + a, ns, 1 + n + 1);
	return true;
}

bool hr_machine_nic_counts(const struct hr_machine_nic *n)
{
	const uint32_t ethernet = 1, infiniband = 32; /* ARPHRD_ETHER, ARPHRD_INFINIBAND */

	return n->has_parent && !n->under_nic && (n->type == ethernet || n->type == infiniband);
}

bool hr_machine_driver_virtual(const char *driver)
{
	static const char *const names[] = {"virtio_net", "virtio_blk", "virtio_scsi", "vmxnet3",
		"vmw_pvscsi", "xen_netfront", "vif", "vbd", "hv_netvsc", "hv_storvsc", "ena", "efa",
		"gve", "mana"};

	for (size_t i = 0; i < N(names); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

bool hr_machine_listed(const char *list, const char *name)
{
	const char *const sep = " ,\t\n";
	size_t len = strlen(name);

	for (const char *p = list + strspn(list, sep); *p;) {
		size_t n = strcspn(p, sep);

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n;
		p += strspn(p, sep);
	}
	return false;
}

static bool ops_of(const char *text, uint64_t *ret)
{
	return hr_num_u64(text, 1, HR_VALUE_MAX, ret);
}

static bool bytes_of(const char *text, uint64_t *ret)
{
	return hr_num_bytes(text, 1, HR_VALUE_MAX, ret);
}

/* "3000" or "3000/16000": what bursts carry is more than the baseline before it. */
static bool parse_rate(
	char *text, bool (*of)(const char *, uint64_t *), uint64_t *ret, uint64_t *ret_burst)
{
	char *burst = strchr(text, '/');

	if (burst)
		*burst++ = '\0';
	return of(text, ret) && (!burst || (of(burst, ret_burst) && *ret_burst > *ret));
}

/* "3000", ":125M", "3000:125M" or any of them with bursts. */
static bool parse_limit(char *text, struct hr_machine_told *ret)
{
	char *bytes = strchr(text, ':');

	*ret = (struct hr_machine_told){0};
	if (bytes)
		*bytes++ = '\0';
	if (!*text && !bytes)
		return false;
	return (!*text || parse_rate(text, ops_of, &ret->ops, &ret->burst_ops)) &&
	       (!bytes || parse_rate(bytes, bytes_of, &ret->bytes_per_s, &ret->burst_bytes_per_s));
}

/* Goes to the next item, of device @ret_name, and past it; 1, 0 at the end, -1 is no limit. */
static int next_limit(const char **p, char ret_name[64], struct hr_machine_told *ret)
{
	const char *const sep = " ,\t\n";
	size_t n, dev;
	char text[64];

	*p += strspn(*p, sep);
	if (!**p)
		return 0;
	n = strcspn(*p, sep);
	dev = strcspn(*p, "=");
	if (dev == 0 || dev >= n || dev >= 64 || n - dev > sizeof(text))
		return -1;
	memcpy(ret_name, *p, dev);
	ret_name[dev] = '\0';
	memcpy(text, *p + dev + 1, n - dev - 1);
	text[n - dev - 1] = '\0';
	*p += n;
	return parse_limit(text, ret) ? 1 : -1;
}

void hr_machine_limit(const char *limits, const char *name, struct hr_machine_told *ret)
{
	struct hr_machine_told told;
	char dev[64];

	*ret = (struct hr_machine_told){0};
	while (next_limit(&limits, dev, &told) > 0)
		if (strcmp(dev, name) == 0)
			*ret = told;
}

bool hr_machine_limits_valid(const char *limits, char err[512])
{
	const char *p = limits;
	struct hr_machine_told told;
	char dev[64];
	int r;

	if (strlen(limits) >= HR_MACHINE_LIMITS_LEN) {
		(void)snprintf(err, 512, "limits: longer than %d bytes", HR_MACHINE_LIMITS_LEN - 1);
		return false;
	}
	while ((r = next_limit(&p, dev, &told)) > 0)
		;
	if (r < 0)
		(void)snprintf(err, 512,
			"limits: expected DEVICE=REQUESTS:BYTES a second, such as vda=3000:125M "
			"or eth0=:1192M, or BASELINE/BURST of either, such as "
			"vda=3000/16000:125M/500M, the burst above the baseline, got '%s'",
			limits);
	return r == 0;
}

static const struct hr_dev_facts *device_of(const struct hr_facts *f, const char *name)
{
	for (uint32_t i = 0; i < f->n_dev && i < HR_DEVS_MAX; i++)
		if (strncmp(f->dev[i].name, name, sizeof(f->dev[i].name)) == 0)
			return &f->dev[i];
	return NULL;
}

bool hr_machine_limits_unused(const char *limits, const struct hr_facts *f, char ret[512])
{
	struct hr_machine_told told;
	size_t len = 0;
	char dev[64];

	ret[0] = '\0';
	while (len < 512 && next_limit(&limits, dev, &told) > 0) {
		const struct hr_dev_facts *d = device_of(f, dev);

		if (!d)
			len += (size_t)snprintf(ret + len, 512 - len,
				"%s%s is no device that is measured", len ? ", " : "", dev);
		else if (told.ops && d->kind == HR_DEV_NIC)
			len += (size_t)snprintf(ret + len, 512 - len,
				"%srequests of network device %s", len ? ", " : "", dev);
	}
	return len > 0;
}
