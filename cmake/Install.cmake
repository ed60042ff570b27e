# `cmake --install`: the library, the plug-ins beside it, the public headers, and what other projects
# find it by: find_package(fovea) and pkg-config. Whatever is installed may be moved as a whole.
#
# The core and each plug-in are install components of their own, and so packages of their own.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME core)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
install(TARGETS fovea fovea_report EXPORT fovea LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
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
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/fovea-config.cmake.in fovea-config.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fovea-config.cmake
  ${PROJECT_BINARY_DIR}/fovea-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name fovea fovea-report)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
