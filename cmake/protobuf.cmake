# Generates C from proto/*.proto into the build tree; the code is never committed.
find_program(PROTOC_C protoc-c REQUIRED)

function(fettle_protobuf target)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out}/proto)
  set(sources)
  foreach(proto IN LISTS ARGN)
    get_filename_component(stem ${proto} NAME_WE)
    add_custom_command(
      OUTPUT ${out}/proto/${stem}.pb-c.c ${out}/proto/${stem}.pb-c.h
      COMMAND ${PROTOC_C} --c_out=${out} -I ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/proto/${proto}
      DEPENDS ${ARGN} VERBATIM)
    list(APPEND sources ${out}/proto/${stem}.pb-c.c)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_compile_options(${target} PRIVATE -Wno-conversion -Wno-pedantic -Wno-shadow)
  target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
