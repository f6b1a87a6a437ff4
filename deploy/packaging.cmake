# SPDX-License-Identifier: Apache-2.0
# RPM and tar.gz (deploy/build-packages). CPack's own .deb breaks Debian's policy in six places per package, so those are
# made by debhelper from deploy/debian.
set(CPACK_PACKAGE_NAME headroom)
set(CPACK_PACKAGE_VENDOR headroom)
set(CPACK_PACKAGE_CONTACT "headroom maintainers <maintainers@headroom.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_COMPONENTS_ALL agent collector cli)
set(CPACK_PACKAGE_FILE_NAME headroom-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)")
set(CPACK_RPM_PACKAGE_AUTOREQ ON)
set(CPACK_RPM_CLI_PACKAGE_NAME headroom)
set(CPACK_RPM_BUILDREQUIRES "")
# directories of the system itself are not ours to own
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /etc /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d
  /usr/lib/tmpfiles.d /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man8 /usr/share/doc
  /usr/share/bash-completion /usr/share/bash-completion/completions /usr/sbin)
foreach(name agent collector)
  string(TOUPPER ${name} upper)
  set(CPACK_RPM_${upper}_PACKAGE_NAME headroom-${name})
  set(CPACK_RPM_${upper}_USER_FILELIST "%config(noreplace) /etc/headroom/${name}.conf")
  set(unit headroom-${name})
  foreach(script post preun postun)
    configure_file(rpm/${script}.in ${CMAKE_CURRENT_BINARY_DIR}/rpm-${name}-${script} @ONLY)
  endforeach()
  set(CPACK_RPM_${upper}_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_BINARY_DIR}/rpm-${name}-post)
  set(CPACK_RPM_${upper}_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_BINARY_DIR}/rpm-${name}-preun)
  set(CPACK_RPM_${upper}_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_BINARY_DIR}/rpm-${name}-postun)
endforeach()
include(CPack)
