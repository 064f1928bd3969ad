# A component is a top-level folder built as one static library.
#
# Includes are written from the root ("core/kv.h"), yet a component must not see the folders that
# it may not depend on.  So each component exports one directory that holds nothing but a link to
# its own folder, and whoever links the component gets that directory: an include of anything else
# does not compile.

function(fettle_view name out)
  set(view ${CMAKE_BINARY_DIR}/view/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${name} ${view}/${name} SYMBOLIC)
  set(${out} ${view} PARENT_SCOPE)
endfunction()

# fettle_component(NAME LINKS targets... LIBRARIES names...)
function(fettle_component name)
  cmake_parse_arguments(arg "" "" "LINKS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  fettle_view(${name} view)
  add_library(fettle_${name} STATIC ${sources})
  target_include_directories(fettle_${name} PUBLIC ${view})
  target_link_libraries(fettle_${name} PUBLIC ${arg_LINKS} Threads::Threads m)
  foreach(library IN LISTS arg_LIBRARIES)
    target_link_libraries(fettle_${name} PUBLIC PkgConfig::${library})
  endforeach()
endfunction()

# fettle_program(NAME MAIN file LINKS targets...)
function(fettle_program name)
  cmake_parse_arguments(arg "" "MAIN" "LINKS" ${ARGN})
  add_executable(${name} ${arg_MAIN})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
endfunction()
