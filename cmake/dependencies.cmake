# Every outside library, found once. All of them are Debian 12 packages (scripts/packages.txt).
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt 9 CONFIG REQUIRED)
find_package(spdlog 1.10 CONFIG REQUIRED)
find_package(CLI11 2.1 CONFIG REQUIRED)
find_package(nlohmann_json 3.11 CONFIG REQUIRED)
find_package(yaml-cpp 0.7 CONFIG REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)  # 0.7 calls it yaml-cpp, 0.8 renamed it
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# Debian's own dnnl-config.cmake insists on OpenCL headers that its package does not bring.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(dropmuon_onednn INTERFACE)
target_include_directories(dropmuon_onednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(dropmuon_onednn INTERFACE ${DNNL_LIBRARY})
