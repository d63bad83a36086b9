# include/dropmuon/runner/build_info.h in the build folder: version, commit, compiler. Looked up at
# every build, written only when it changed, so results never carry a stale commit.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(DROPMUON_BUILD_INFO ${PROJECT_BINARY_DIR}/include/dropmuon/runner/build_info.h)
  add_custom_target(dropmuon_build_info
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${DROPMUON_BUILD_INFO}
            -DPROJECT_VERSION=${PROJECT_VERSION} -DBUILD_TYPE=${CMAKE_BUILD_TYPE}
            "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
            -DNATIVE=${DROPMUON_NATIVE} -P ${CMAKE_CURRENT_LIST_FILE}
    BYPRODUCTS ${DROPMUON_BUILD_INFO}
    COMMENT "" VERBATIM)
  return()
endif()

execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT COMMIT)
  set(COMMIT "unknown")
endif()
if(NATIVE)
  set(NATIVE_VALUE true)
else()
  set(NATIVE_VALUE false)
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.h.in ${OUTPUT} @ONLY)
