# DROPMUON_GPU_TESTS=ON: the tests that judge a device, run natively on this machine's GPU.
# scripts/verify_gpu.sh uses it.
if(NOT DROPMUON_HAVE_CUDA)
  message(FATAL_ERROR "DROPMUON_GPU_TESTS needs the CUDA backend")
endif()
add_executable(test_kernels)
file(GLOB kernel_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/kernels/*.cpp)
target_sources(test_kernels PRIVATE ${kernel_tests})
target_include_directories(test_kernels PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/kernels
                           ${PROJECT_SOURCE_DIR}/src)
target_include_directories(test_kernels SYSTEM PRIVATE ${CUDNN_INCLUDE_DIR})
target_link_libraries(test_kernels PRIVATE dropmuon_device dropmuon_test_support dropmuon_optim)
foreach(room kernels ${DROPMUON_DEVICE_ROOMS})
  dropmuon_discover(test_${room} "gpu ${room}" DROPMUON_TEST_DEVICE=cuda)
endforeach()
