# SPDX-License-Identifier: Apache-2.0
# headroom_bpf_skeleton(NAME): NAME.bpf.c -> NAME.skel.h, target hr_skel_NAME (INTERFACE, SYSTEM).
# Needs no kernel BTF on the builder: kernel types come from kernel.h.
find_program(HR_BPF_CLANG NAMES clang clang-14 clang-15 clang-16 clang-19 REQUIRED)
find_program(HR_BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(HR_BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(HR_BPF_ARCH arm64)
else()
  message(FATAL_ERROR "headroom: no BPF argument layout known for ${CMAKE_SYSTEM_PROCESSOR}")
endif()

function(headroom_bpf_skeleton name)
  set(src ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/skel)
  file(MAKE_DIRECTORY ${dir})
  set(raw ${dir}/${name}.raw.o)
  set(obj ${dir}/${name}.bpf.o)
  set(skel ${dir}/${name}.skel.h)
  # The line table is part of the program: with the prefix map it is the same bytes from any folder.
  add_custom_command(OUTPUT ${raw}
    COMMAND ${HR_BPF_CLANG} -target bpf -mcpu=v3 -g -O2 -std=gnu17 -Wall -Wextra -Wno-unused-parameter
      -Werror -D__TARGET_ARCH_${HR_BPF_ARCH} -I${PROJECT_SOURCE_DIR}
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
      -idirafter ${CMAKE_SYSROOT}/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}
      -MD -MF ${raw}.d -MT ${raw} -c ${src} -o ${raw}
    DEPENDS ${src} DEPFILE ${raw}.d VERBATIM COMMENT "BPF ${name}.bpf.c")
  # Linking one object strips DWARF; the skeleton is renamed into place, so a failure leaves no half header.
  add_custom_command(OUTPUT ${skel} BYPRODUCTS ${obj}
    COMMAND ${HR_BPFTOOL} gen object ${obj} ${raw}
    COMMAND ${HR_BPFTOOL} gen skeleton ${obj} name hr_${name}_bpf > ${skel}.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${skel}.tmp ${skel}
    DEPENDS ${raw} VERBATIM COMMENT "Skeleton ${name}.skel.h")
  add_custom_target(hr_skel_${name}_gen DEPENDS ${skel})
  add_library(hr_skel_${name} INTERFACE)
  target_include_directories(hr_skel_${name} SYSTEM INTERFACE ${dir})
  add_dependencies(hr_skel_${name} hr_skel_${name}_gen)
endfunction()
