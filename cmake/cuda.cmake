# The CUDA backend. DROPMUON_CUDA: ON demands it, OFF leaves it out, AUTO takes it if nvcc 12.4 or newer,
# cuBLAS and cuDNN are here. Sets DROPMUON_HAVE_CUDA. CMAKE_CUDA_ARCHITECTURES and CMAKE_CUDA_FLAGS
# are the user's; without the first, every architecture of the presets is compiled.
set(DROPMUON_CUDA AUTO CACHE STRING "CUDA backend: AUTO, ON or OFF")
set_property(CACHE DROPMUON_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DROPMUON_HAVE_CUDA OFF)
if(NOT DROPMUON_CUDA)
  return()
endif()

function(dropmuon_without_cuda reason)
  if(DROPMUON_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA backend: left out, ${reason}")
  else()
    message(FATAL_ERROR "DROPMUON_CUDA=ON, but ${reason}")
  endif()
endfunction()

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(DROPMUON_NVCC nvcc HINTS ENV CUDA_PATH PATH_SUFFIXES bin PATHS /usr/local/cuda/bin)
  if(DROPMUON_NVCC)
    set(CMAKE_CUDA_COMPILER ${DROPMUON_NVCC})
  endif()
endif()
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  dropmuon_without_cuda("there is no nvcc")
  return()
endif()

# Its version before anything is tried with it: old ones know neither C++20 nor sm_120 (12.8).
if(CMAKE_CUDA_COMPILER)
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE version ERROR_QUIET)
else()
  execute_process(COMMAND $ENV{CUDACXX} --version OUTPUT_VARIABLE version ERROR_QUIET)
endif()
string(REGEX MATCH "release [0-9]+\\.[0-9]+" version "${version}")
string(REPLACE "release " "" version "${version}")
if(version VERSION_LESS 12.4)
  dropmuon_without_cuda("nvcc is '${version}', and 12.4 is needed")
  return()
endif()

set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # 90 brings PTX, for boards in between
  if(version VERSION_GREATER_EQUAL 12.8)
    list(APPEND CMAKE_CUDA_ARCHITECTURES 120)
  endif()
endif()
enable_language(CUDA)
# CMake 3.25 stops at CUDA's C++20 unless it is told the option.
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")

find_package(CUDAToolkit 12.4)
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
# Python's wheel and the packages without development files have libcudnn.so.9 and no libcudnn.so.
# First where the headers are from: two versions of cuDNN on one machine must not be mixed.
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR NO_DEFAULT_PATH
             PATHS ${CUDNN_INCLUDE_DIR}/../lib ${CUDNN_INCLUDE_DIR}/../lib64)
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 HINTS ${CUDAToolkit_LIBRARY_DIR})
if(NOT CUDAToolkit_FOUND OR NOT TARGET CUDA::cublas)
  dropmuon_without_cuda("cuBLAS is missing")
elseif(NOT CUDNN_INCLUDE_DIR OR NOT CUDNN_LIBRARY)
  dropmuon_without_cuda("cuDNN is missing (CUDNN_INCLUDE_DIR, CUDNN_LIBRARY)")
elseif(NOT EXISTS ${CUDNN_INCLUDE_DIR}/cudnn_graph.h)  # came with version 9
  dropmuon_without_cuda("cuDNN 9 is needed, ${CUDNN_INCLUDE_DIR} has an older one")
else()
  set(DROPMUON_HAVE_CUDA ON)
  message(STATUS "CUDA backend: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
endif()
