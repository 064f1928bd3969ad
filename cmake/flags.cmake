# One set of warnings for gcc and clang, all of them errors, and the hardening of a shipped build.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Werror -fno-common)

# Hidden, so that no function of ours takes the place of one that a shared library calls itself:
# libyaml exports, and uses, a yaml_free of its own.
add_compile_options(-fvisibility=hidden)

# A file name in a log line or a REQUIRE is the one in the tree, wherever the build runs; what counts
# lines has to find the file.
if(NOT FETTLE_COVERAGE)
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
endif()

if(FETTLE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(FETTLE_THREAD_SANITIZE)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
else()
  add_compile_options(-fstack-protector-strong -fPIE)
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-pie -Wl,-z,relro,-z,now)
endif()

if(FETTLE_FUZZ)
  add_compile_options(-O1 -fsanitize=fuzzer-no-link)
endif()

if(FETTLE_COVERAGE)
  # Atomic, because roles are threads: a count lost is a line that seems not to have run.
  add_compile_options(--coverage -fprofile-update=atomic -fprofile-abs-path)
  add_link_options(--coverage)
endif()
