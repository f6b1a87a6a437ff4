/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about this VM that no tick changes: kernel, hypervisor, provider and instance
 * type (DMI, CPUID), topology, memory; and what can be read of the file-backed signals.
 */
#pragma once

#include "agent/core/raw.h"
#include "agent/host_dev.h"
#include "agent/host_read.h"
#include "proto/facts.h"

/* Fills name, kernel, agent, hypervisor, provider, instance_type and the MACHINE signal. */
void hr_host_facts_machine(const char *root, struct hr_facts *facts);

/* CPUs, threads per core and the TOPOLOGY signal; again after each change of CPUs. */
void hr_host_facts_cpus(const char *root, const struct hr_host_cpus *cpus, struct hr_facts *facts);

/* Devices; again after each change. */
void hr_host_facts_devs(const struct hr_host_devs *devs, struct hr_facts *facts);

/*
 * Rung and reason of each signal that comes from the texts of a tick: file, or
 * missing because of the read's -errno.  Leaves the signals of bpf_io.h alone, except that
 * those which fell to HR_RUNG_FILE become missing when their file is missing too.
 */
void hr_host_facts_signals(const struct hr_text text[HR_FILE_N], struct hr_facts *facts);

/* Sets one signal's state; @reason is cut to fit. */
void hr_host_facts_signal(
	struct hr_facts *facts, enum hr_signal sig, enum hr_rung rung, const char *reason);
