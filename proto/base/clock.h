/* SPDX-License-Identifier: Apache-2.0 */
/* The only caller of clock_gettime.  Durations are monotonic; wall time is only shown or stored. */
#pragma once

#include <stdint.h>

uint64_t hr_clock_mono_ns(void); /* CLOCK_MONOTONIC, comparable with bpf_ktime_get_ns */
uint64_t hr_clock_boot_ns(void); /* CLOCK_BOOTTIME: window numbers come from it */
uint64_t hr_clock_wall_ms(void); /* Unix ms */
uint64_t hr_clock_cpu_us(void);  /* CPU time of this process */
uint32_t hr_clock_tick_ns(void); /* between two timer ticks of the kernel: 4 ms at HZ 250 */
