// SPDX-License-Identifier: MIT
// All that the rest of the program knows of this folder. The build links either the files beside
// this one or ../without_cuda.cpp, where there is never a device.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <dropmuon/backend/factory.h>

namespace dropmuon::cuda {

// "" if GPU `index` can be used, else why not, as the end of a sentence.
std::string unavailable_reason(int index);

// One line per GPU, or one that says why there is none.
std::vector<std::string> describe_devices();

// Name and version of each library in this program, usable GPU or not.
std::vector<std::pair<std::string, std::string>> library_versions();

// Only after unavailable_reason(index) was "".
std::unique_ptr<Backend> make_backend(int index, const DeviceRequest& request);

}  // namespace dropmuon::cuda
