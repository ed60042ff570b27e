# `cmake --install`: the library, the plug-ins beside it, the public headers, and what other projects
# find it by: find_package(fovea) and pkg-config. Whatever is installed may be moved as a whole.
#
# The core, each plug-in, the library of reports and the command are install components of their
# own, and so packages of their own.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME core)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
install(TARGETS fovea EXPORT fovea LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS fovea_report EXPORT fovea-report LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT report NAMELINK_COMPONENT report)
install(DIRECTORY include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET fovea_command)
  install(TARGETS fovea_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  if(NOT CMAKE_CROSSCOMPILING)
    install(FILES ${PROJECT_BINARY_DIR}/completion/fovea.bash RENAME fovea COMPONENT command
      DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${PROJECT_BINARY_DIR}/completion/fovea.zsh RENAME _fovea COMPONENT command
      DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${PROJECT_BINARY_DIR}/completion/fovea.fish COMPONENT command
      DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  endif()
endif()

get_property(plugins GLOBAL PROPERTY FOVEA_PLUGINS)
foreach(plugin ${plugins})
  string(REPLACE fovea_ "" component ${plugin})
  install(TARGETS ${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component})
endforeach()

string(REPLACE fovea_ "" plugin_names "${plugins}")
list(JOIN plugin_names ", " plugin_names)

# All that the library needs at run time is linked privately: no other package must be found.
install(EXPORT fovea FILE fovea-targets.cmake NAMESPACE fovea:: DESTINATION ${package_dir})
install(EXPORT fovea-report FILE fovea-report-targets.cmake NAMESPACE fovea::
  DESTINATION ${package_dir} COMPONENT report)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/fovea-config.cmake.in fovea-config.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fovea-config.cmake
  ${PROJECT_BINARY_DIR}/fovea-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/fovea.pc.in fovea.pc @ONLY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/fovea-report.pc.in fovea-report.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fovea.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/fovea-report.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT report)
