# SPDX-License-Identifier: Apache-2.0
# Toolchain for arm64 on another machine: Debian's cross compiler, and an arm64 Debian's headers and libraries in the
# folder HR_SYSROOT (tests/kernels/run cross makes one).  qemu-aarch64, where installed, runs what is built.
#   cmake -S . -B build-arm64 -DHR_SYSROOT=DIR --toolchain deploy/aarch64.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(HR_SYSROOT "" CACHE PATH "An arm64 Debian's headers and libraries")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HR_SYSROOT)
set(CMAKE_SYSROOT ${HR_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
  ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)
find_program(HR_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(HR_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${HR_QEMU} -L ${CMAKE_SYSROOT})
endif()
