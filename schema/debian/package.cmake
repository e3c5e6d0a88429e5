# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian package: 'cpack -G DEB' in a build directory. There are two, of which a host has one:
# counterspin, and counterspin-record of a RECORD_ONLY build, which is a part of it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME counterspin)
set(CPACK_PACKAGE_VENDOR counterspin)
set(CPACK_PACKAGE_CONTACT "counterspin maintainers <maintainers@counterspin.invalid>" CACHE STRING
	"Maintainer field of the package: whoever builds it")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "offline evaluator for KVM directed yield")
set(CPACK_PACKAGE_DESCRIPTION "Tells from a recording of an overcommitted KVM host what other policies of
kvm_vcpu_on_spin() would have done at every decision, how faithfully the
recorded one is reproduced, and what each would have gained.

It records the host's scheduler and KVM within a budget, turns recordings
(of its own, of trace-cmd and of perf) into SQLite databases, replays them and
says which ipi_window_ns to choose.")
set(CPACK_DEBIAN_PACKAGE_SOURCE counterspin)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, sqlite3, trace-cmd")
set(other counterspin-record)
if(RECORD_ONLY)
	set(other counterspin)
	set(CPACK_PACKAGE_NAME counterspin-record)
	set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "recorder of KVM directed yield for production hosts")
	set(CPACK_PACKAGE_DESCRIPTION "Records scheduler and KVM tracepoints of a production host within a budget of
CPU time, memory and disk, for counterspin to tell elsewhere what other
policies of directed yield would have done there.

It is the part of the package counterspin that such a host needs.")
	set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, trace-cmd")
else()
	set(CPACK_DEBIAN_PACKAGE_PROVIDES "counterspin-record (= ${PROJECT_VERSION})")
endif()
# the same program, units and recordings: one takes the other's place
set(CPACK_DEBIAN_PACKAGE_CONFLICTS ${other})
set(CPACK_DEBIAN_PACKAGE_REPLACES ${other})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/postinst ${CMAKE_CURRENT_LIST_DIR}/prerm
	${CMAKE_CURRENT_LIST_DIR}/postrm)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/documents.cmake)
include(CPack)
