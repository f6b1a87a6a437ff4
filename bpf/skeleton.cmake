# SPDX-License-Identifier: Apache-2.0
# headroom_bpf_skeleton(NAME SOURCE): NAME.bpf.c -> NAME.skel.h, target hr_skel_NAME.
