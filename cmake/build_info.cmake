# include/dropmuon/runner/build_info.h in the build folder: version, commit, compiler.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE DROPMUON_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT DROPMUON_COMMIT)
  set(DROPMUON_COMMIT "unknown")
endif()
if(DROPMUON_NATIVE)
  set(DROPMUON_NATIVE_VALUE true)
else()
  set(DROPMUON_NATIVE_VALUE false)
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/build_info.h.in
               ${PROJECT_BINARY_DIR}/include/dropmuon/runner/build_info.h @ONLY)
