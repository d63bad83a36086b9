// SPDX-License-Identifier: MIT
// The device that the tests judge: "cpu", or what DROPMUON_TEST_DEVICE names. Tests tagged [cpu]
// assert what only the CPU promises, tests tagged [large] are too slow for an emulated device; a
// run on another device leaves them out by their tags.
#pragma once

#include <memory>
#include <string>

#include <dropmuon/backend/factory.h>

namespace dropmuon {

std::string test_device();
bool testing_cpu();

// `threads` as in DeviceRequest.
std::unique_ptr<Backend> test_backend(int threads = 0);

}  // namespace dropmuon
