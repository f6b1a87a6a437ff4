/* SPDX-License-Identifier: Apache-2.0 */
/* Machine facts from DMI strings as the providers ship them. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "agent/core/machine.h"

static struct hr_machine_id identify(struct hr_machine_texts t)
{
	struct hr_machine_id id;

	hr_machine_identify(&t, &id);
	return id;
}

static void providers_by_their_dmi(void **state)
{
	static const struct {
		struct hr_machine_texts t;
		const char *provider, *hypervisor, *type;
	} want[] = {
		{{.sys_vendor = "Amazon EC2\n", .product_name = "m5.large\n"}, "aws", "kvm",
			"m5.large"},
		{{.sys_vendor = "Amazon EC2", .product_name = "u-6tb1.112xlarge"}, "aws", "kvm",
			"u-6tb1.112xlarge"},
		{{.sys_vendor = "Amazon EC2", .product_name = "Not A Type"}, "aws", "kvm", ""},
		{{.sys_vendor = "Xen", .product_name = "HVM domU", .bios_version = "4.11.amazon"},
			"aws", "xen", ""},
		{{.sys_vendor = "Xen", .product_name = "HVM domU", .bios_version = "4.17"}, "",
			"xen", ""},
		{{.sys_vendor = "Google", .product_name = "Google Compute Engine"}, "gcp", "kvm",
			""},
		{{.sys_vendor = "Microsoft Corporation",
			 .product_name = "Virtual Machine",
			 .chassis_asset_tag = "7783-7084-3265-9085-8269-3286-77"},
			"azure", "hyperv", ""},
		{{.sys_vendor = "Microsoft Corporation", .product_name = "Virtual Machine"}, "",
			"hyperv", ""},
		{{.sys_vendor = "Microsoft Corporation", .product_name = "Surface Laptop"}, "", "",
			""},
		{{.sys_vendor = "DigitalOcean", .product_name = "Droplet"}, "digitalocean", "kvm",
			""},
		{{.sys_vendor = "Hetzner", .product_name = "vServer"}, "hetzner", "kvm", ""},
		{{.sys_vendor = "Alibaba Cloud", .product_name = "Alibaba Cloud ECS"}, "alibaba",
			"kvm", ""},
		{{.sys_vendor = "QEMU",
			 .product_name = "Standard PC (i440FX + PIIX, 1996)",
			 .chassis_asset_tag = "OracleCloud.com"},
			"oracle", "kvm", ""},
		{{.sys_vendor = "OpenStack Foundation", .product_name = "OpenStack Nova"},
			"openstack", "kvm", ""},
		{{.sys_vendor = "VMware, Inc.", .product_name = "VMware Virtual Platform"}, "",
			"vmware", ""},
		{{.sys_vendor = "innotek GmbH", .product_name = "VirtualBox"}, "", "virtualbox",
			""},
		{{.sys_vendor = "Red Hat", .product_name = "KVM"}, "", "kvm", ""},
		{{.sys_vendor = "QEMU", .product_name = "Standard PC (Q35 + ICH9, 2009)"}, "", "",
			""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct hr_machine_id id = identify(want[i].t);

		assert_string_equal(id.provider, want[i].provider);
		assert_string_equal(id.hypervisor, want[i].hypervisor);
		assert_string_equal(id.instance_type, want[i].type);
		assert_true((id.reason[0] == '\0') == (id.instance_type[0] != '\0'));
	}
}

static void the_cpu_knows_its_hypervisor_better_than_dmi(void **state)
{
	struct hr_machine_id id;

	(void)state;
	id = identify((struct hr_machine_texts){.sys_vendor = "QEMU", .cpuid_vendor = "KVMKVMKVM"});
	assert_string_equal(id.hypervisor, "kvm");
	id = identify(
		(struct hr_machine_texts){.sys_vendor = "QEMU", .cpuid_vendor = "TCGTCGTCGTCG"});
	assert_string_equal(id.hypervisor, "qemu");
	/* no DMI at all, as in a microVM */
	id = identify((struct hr_machine_texts){
		.cpuid_vendor = "KVMKVMKVM", .cpuinfo_flags = "flags : fpu hypervisor\n"});
	assert_string_equal(id.hypervisor, "kvm");
	assert_string_equal(id.provider, "");
	assert_string_equal(id.reason, "no DMI on this machine");
	id = identify((struct hr_machine_texts){.hypervisor_type = "xen\n"});
	assert_string_equal(id.hypervisor, "xen");
}

static void none_is_said_only_when_it_is_known(void **state)
{
	struct hr_machine_id id;

	(void)state;
	id = identify((struct hr_machine_texts){.sys_vendor = "Dell Inc.",
		.product_name = "PowerEdge R640",
		.cpuinfo_flags = "flags : fpu avx2 hypervisorish"});
	assert_string_equal(id.hypervisor, "none");
	assert_string_equal(id.reason, "not a virtual machine");
	id = identify((struct hr_machine_texts){
		.sys_vendor = "Dell Inc.", .cpuinfo_flags = "flags : fpu hypervisor avx2"});
	assert_string_equal(id.hypervisor, ""); /* virtual, by whom is unknown */
	id = identify((struct hr_machine_texts){0});
	assert_string_equal(id.hypervisor, "");
	/* an EC2 .metal instance: the type is in DMI, a hypervisor is not there */
	id = identify((struct hr_machine_texts){.sys_vendor = "Amazon EC2",
		.product_name = "m5.metal",
		.cpuinfo_flags = "fpu avx2"});
	assert_string_equal(id.instance_type, "m5.metal");
	assert_string_equal(id.hypervisor, "none");
}

static void overlong_texts_are_cut(void **state)
{
	char type[200] = "a.";
	struct hr_machine_id id;

	(void)state;
	memset(type + 2, 'b', sizeof(type) - 3);
	type[sizeof(type) - 1] = '\0';
	id = identify((struct hr_machine_texts){.sys_vendor = "Amazon EC2", .product_name = type});
	assert_int_equal(strlen(id.instance_type), HR_NAME_LEN - 1);
}

static int count(const char *list)
{
	uint32_t n = 12345;

	return hr_machine_cpulist_count(list, strlen(list), &n) == 0 ? (int)n : -1;
}

static void cpu_lists(void **state)
{
	uint32_t n = 77;

	(void)state;
	assert_int_equal(count("0-3,5\n"), 5);
	assert_int_equal(count("0"), 1);
	assert_int_equal(count("0-1"), 2);
	assert_int_equal(count("0,2,4-4,8-11"), 7);
	assert_int_equal(count(""), 0);
	assert_int_equal(count("\n"), 0);
	assert_int_equal(count("3-0"), -1);
	assert_int_equal(count("0,0"), -1);
	assert_int_equal(count("0-3,2"), -1);
	assert_int_equal(count("0-"), -1);
	assert_int_equal(count("-3"), -1);
	assert_int_equal(count("0,"), -1);
	assert_int_equal(count("a"), -1);
	assert_int_equal(count("0 1"), -1);
	assert_int_equal(count("0-18446744073709551615"), -1);
	assert_int_equal(hr_machine_cpulist_count("x", 1, &n), -EBADMSG);
	assert_int_equal(n, 77);
}

static void one_thread_per_core_is_believed_only_on_bare_metal(void **state)
{
	static const uint32_t one[2] = {1, 1}, two[2] = {2, 2}, mixed[3] = {1, 2, 1};

	(void)state;
	assert_int_equal(hr_machine_threads_per_core(two, 2, false), 2);
	assert_int_equal(hr_machine_threads_per_core(one, 2, false), 0); /* hidden from the guest */
	assert_int_equal(hr_machine_threads_per_core(one, 2, true), 1);
	assert_int_equal(
		hr_machine_threads_per_core(mixed, 3, false), 2); /* hybrid, or one offline */
	assert_int_equal(hr_machine_threads_per_core(NULL, 0, true), 0);
}

static struct hr_machine_disk disk(const char *name)
{
	return (struct hr_machine_disk){.name = name, .has_parent = true, .sectors = 1000};
}

static void whole_leaf_disks_count(void **state)
{
	static const char *const yes[] = {"vda", "sda", "sdaa", "xvda", "nvme0n1", "nvme10n2",
		"mmcblk0", "pmem0", "rbd0", "mdisk", "fdisk", "srv"};
	static const char *const no[] = {"loop0", "zram0", "ram0", "dm-1", "md127", "sr0", "fd0",
		"nbd3", "drbd0", "zd16", "mmcblk0boot0", "mmcblk0rpmb"};
	struct hr_machine_disk d;

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		d = disk(yes[i]);
		assert_true(hr_machine_disk_counts(&d));
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		d = disk(no[i]);
		assert_false(hr_machine_disk_counts(&d));
	}
	d = disk("vda");
	d.has_parent = false;
	assert_false(hr_machine_disk_counts(&d));
	d = disk("nvme0c0n1");
	d.hidden = true;
	assert_false(hr_machine_disk_counts(&d));
	d = disk("vdb");
	d.has_slaves = true;
	assert_false(hr_machine_disk_counts(&d));
	d = disk("sdb");
	d.removable = true;
	assert_false(hr_machine_disk_counts(&d));
	d = disk("sdc");
	d.sectors = 0;
	assert_false(hr_machine_disk_counts(&d));
}

static void hidden_nvme_paths_map_to_their_head(void **state)
{
	char head[HR_NAME_LEN] = "untouched";

	(void)state;
	assert_true(hr_machine_nvme_head("nvme0c1n2", head));
	assert_string_equal(head, "nvme0n2");
	assert_true(hr_machine_nvme_head("nvme12c345n6", head));
	assert_string_equal(head, "nvme12n6");
	assert_false(hr_machine_nvme_head("nvme0n1", head));
	assert_false(hr_machine_nvme_head("nvme0c1n", head));
	assert_false(hr_machine_nvme_head("nvme0c1n2p1", head));
	assert_false(hr_machine_nvme_head("nvmec1n2", head));
	assert_false(hr_machine_nvme_head("sda", head));
	assert_string_equal(head, "nvme12n6");
}

static void nics_with_a_bus_parent_count_once(void **state)
{
	struct hr_machine_nic n = {.name = "eth0", .has_parent = true, .type = 1};

	(void)state;
	assert_true(hr_machine_nic_counts(&n));
	n.under_nic = true; /* the VF of a synthetic device: its master has the totals */
	assert_false(hr_machine_nic_counts(&n));
	n = (struct hr_machine_nic){.name = "veth0", .type = 1};
	assert_false(hr_machine_nic_counts(&n));
	n = (struct hr_machine_nic){.name = "wwan0", .has_parent = true, .type = 65534};
	assert_false(hr_machine_nic_counts(&n));
	n = (struct hr_machine_nic){.name = "ib0", .has_parent = true, .type = 32};
	assert_true(hr_machine_nic_counts(&n));
}

static void drivers_whose_speed_means_nothing(void **state)
{
	(void)state;
	assert_true(hr_machine_driver_virtual("virtio_net"));
	assert_true(hr_machine_driver_virtual("ena"));
	assert_false(hr_machine_driver_virtual("ixgbe"));
	assert_false(hr_machine_driver_virtual("virtio"));
}

static void words_of_a_list(void **state)
{
	(void)state;
	assert_true(hr_machine_listed("loop0 dm-1", "dm-1"));
	assert_true(hr_machine_listed(" loop0,dm-1 ", "loop0"));
	assert_false(hr_machine_listed("loop01", "loop0"));
	assert_false(hr_machine_listed("loop0", "loop01"));
	assert_false(hr_machine_listed("", "loop0"));
	assert_false(hr_machine_listed("a  b", ""));
}

static void limits_as_the_operator_tells_them(void **state)
{
	static const char *const bad[] = {"vda", "vda=", "=3000", "vda=:", "vda=0",
		"vda=3000:", "vda=-1", "vda=3000:x", "vda=3000 eth0", "vda=3000:125M:1",
		"vda=99999999999999999999", "vda=3000/", "vda=/16000", "vda=3000/3000",
		"vda=16000/3000", "vda=3000/16000/20000", "vda=:125M/64M", "vda=3000/16K",
		"vda=:/500M"};
	const char *told = " vda=3000:125M, eth0=:64K vdb=500 ";
	struct hr_machine_told t;
	char err[512];

	(void)state;
	assert_true(hr_machine_limits_valid("", err) && hr_machine_limits_valid(told, err));
	hr_machine_limit(told, "vda", &t);
	assert_true(t.ops == 3000 && t.bytes_per_s == 125 << 20);
	assert_true(t.burst_ops == 0 && t.burst_bytes_per_s == 0);
	hr_machine_limit(told, "eth0", &t);
	assert_true(t.ops == 0 && t.bytes_per_s == 65536);
	hr_machine_limit(told, "vdb", &t);
	assert_true(t.ops == 500 && t.bytes_per_s == 0);
	hr_machine_limit(told, "vd", &t);
	assert_true(t.ops == 0 && t.bytes_per_s == 0);
	told = "vda=3000/16000:125M/500M vdb=100/3000 eth0=:640M/1250M vdc=3000:125M/250M";
	assert_true(hr_machine_limits_valid(told, err));
	hr_machine_limit(told, "vda", &t);
	assert_true(t.ops == 3000 && t.burst_ops == 16000);
	assert_true(t.bytes_per_s == 125 << 20 && t.burst_bytes_per_s == 500 << 20);
	hr_machine_limit(told, "vdb", &t);
	assert_true(t.ops == 100 && t.burst_ops == 3000 && t.burst_bytes_per_s == 0);
	hr_machine_limit(told, "eth0", &t);
	assert_true(t.ops == 0 && t.burst_bytes_per_s == 1250 << 20);
	hr_machine_limit(told, "vdc", &t);
	assert_true(t.burst_ops == 0 && t.burst_bytes_per_s == 250 << 20);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hr_machine_limits_valid(bad[i], err));
	assert_non_null(strstr(err, "the burst above the baseline"));
}

static void limits_are_refused_before_they_would_be_cut(void **state)
{
	char told[HR_MACHINE_LIMITS_LEN + 1], err[512];

	(void)state;
	memset(told, ' ', sizeof(told));
	told[HR_MACHINE_LIMITS_LEN - 1] = '\0';
	assert_true(hr_machine_limits_valid(told, err));
	told[HR_MACHINE_LIMITS_LEN - 1] = ' ';
	told[HR_MACHINE_LIMITS_LEN] = '\0';
	assert_false(hr_machine_limits_valid(told, err));
	assert_non_null(strstr(err, "511 bytes"));
}

static void limits_that_no_device_takes_are_named(void **state)
{
	struct hr_facts *f = calloc(1, sizeof(*f));
	char what[512], many[512] = "";

	(void)state;
	assert_non_null(f);
	f->n_dev = 2;
	f->dev[0] = (struct hr_dev_facts){.name = "vda", .kind = HR_DEV_DISK};
	f->dev[1] = (struct hr_dev_facts){.name = "eth0", .kind = HR_DEV_NIC};
	assert_false(hr_machine_limits_unused("", f, what));
	assert_false(hr_machine_limits_unused("vda=3000:1M eth0=:1M", f, what));
	assert_true(hr_machine_limits_unused("vdx=3000, eth0=500:1M vda=1", f, what));
	assert_string_equal(
		what, "vdx is no device that is measured, requests of network device eth0");
	for (size_t i = 0; i < 80; i++) /* more than there is room for */
		memcpy(many + 6 * i, "sdz=1 ", 6);
	(void)hr_machine_limits_unused(many, f, what);
	assert_true(strlen(what) < sizeof(what));
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(providers_by_their_dmi),
		cmocka_unit_test(the_cpu_knows_its_hypervisor_better_than_dmi),
		cmocka_unit_test(none_is_said_only_when_it_is_known),
		cmocka_unit_test(overlong_texts_are_cut),
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(one_thread_per_core_is_believed_only_on_bare_metal),
		cmocka_unit_test(whole_leaf_disks_count),
		cmocka_unit_test(hidden_nvme_paths_map_to_their_head),
		cmocka_unit_test(nics_with_a_bus_parent_count_once),
		cmocka_unit_test(drivers_whose_speed_means_nothing),
		cmocka_unit_test(words_of_a_list),
		cmocka_unit_test(limits_as_the_operator_tells_them),
		cmocka_unit_test(limits_are_refused_before_they_would_be_cut),
		cmocka_unit_test(limits_that_no_device_takes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
