// SPDX-License-Identifier: MIT
// safetensors: u64 length of a JSON header, the header, then the tensors without gaps.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <dropmuon/core/error.h>
#include <dropmuon/training/weights_file.h>

namespace dropmuon {
namespace {

using Json = nlohmann::ordered_json;

std::string serialize(Network& network, const Backend& backend) {
  Json header;
  std::string data;
  for (const Param& param : network.params()) {
    std::vector<int> shape;
    for (int i = 0; i < param.shape.rank(); ++i) shape.push_back(param.shape[i]);
    const std::size_t begin = data.size();
    data.resize(begin + param.size() * sizeof(float));
    backend.download(data.data() + begin, param.value, data.size() - begin);
    header[param.name] = {
        {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the tensors start aligned
  std::uint64_t length = text.size();
  std::string out(reinterpret_cast<const char*>(&length), sizeof(length));
  return out + text + data;
}

[[noreturn]] void cannot_write(const std::string& path) {
  fail(ExitCode::cannot_write, "cannot write {}: {}", path, std::strerror(errno));
}

void write_durably(const std::string& path, const std::string& content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) cannot_write(path);
  std::size_t written = 0;
  bool good = true;
  while (good && written < content.size()) {
    const ssize_t count = ::write(file, content.data() + written, content.size() - written);
    good = count > 0 || (count < 0 && errno == EINTR);
    if (count > 0) written += static_cast<std::size_t>(count);
  }
  good = good && ::fsync(file) == 0;
  const int error = errno;
  const bool closed = ::close(file) == 0;
  if (!good) errno = error;
  if (!good || !closed) cannot_write(path);
}

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  fail(ExitCode::bad_data, "{}: {}", path, what);
}

struct File {
  std::string path;
  std::string content;
  Json header;
  std::size_t data_start = 0;
};

File read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail(ExitCode::missing_input, "cannot open {}: {}", path, std::strerror(errno));
  File file{path, std::string(std::istreambuf_iterator<char>(stream), {}), {}, 0};
  std::uint64_t length = 0;
  if (file.content.size() < sizeof(length)) bad(path, "too short for a safetensors file");
  std::memcpy(&length, file.content.data(), sizeof(length));
  if (length > file.content.size() - sizeof(length)) {
    bad(path, fmt::format("header of {} bytes in a file of {}", length, file.content.size()));
  }
  file.data_start = sizeof(length) + length;
  const auto first = file.content.begin() + sizeof(length);
  file.header = Json::parse(first, first + static_cast<std::ptrdiff_t>(length), nullptr, false);
  if (!file.header.is_object()) bad(path, "the header is not a JSON object");
  return file;
}

// The bytes of one tensor, checked against the parameter it is for.
const char* find_tensor(const File& file, const Param& param) {
  const auto found = file.header.find(param.name);
  if (found == file.header.end()) bad(file.path, fmt::format("no tensor {}", param.name));
  std::vector<int> expected;
  for (int i = 0; i < param.shape.rank(); ++i) expected.push_back(param.shape[i]);
  try {
    if (found->at("dtype") != "F32") bad(file.path, fmt::format("{} is not F32", param.name));
    if (found->at("shape").get<std::vector<int>>() != expected) {
      bad(file.path, fmt::format("{} has shape {}, expected {}", param.name,
                                 found->at("shape").dump(), param.shape.text()));
    }
    const auto offsets = found->at("data_offsets").get<std::array<std::uint64_t, 2>>();
    const std::uint64_t available = file.content.size() - file.data_start;
    if (offsets[0] > offsets[1] || offsets[1] > available ||
        offsets[1] - offsets[0] != param.size() * sizeof(float)) {
      bad(file.path, fmt::format("{} lies at {}..{} of {} bytes", param.name, offsets[0],
                                 offsets[1], available));
    }
    return file.content.data() + file.data_start + offsets[0];
  } catch (const Json::exception&) {
    bad(file.path, fmt::format("the header's entry for {} is malformed", param.name));
  }
}

}  // namespace

void save_weights(const std::string& path, Network& network, const Backend& backend) {
  const std::string temporary = fmt::format("{}.tmp-{}", path, ::getpid());
  try {
    write_durably(temporary, serialize(network, backend));
    if (std::rename(temporary.c_str(), path.c_str()) != 0) cannot_write(path);
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void load_weights(const std::string& path, Network& network, Backend& backend) {
  const File file = read(path);
  std::size_t tensors = file.header.size() - file.header.count("__metadata__");
  if (tensors != network.params().size()) {
    bad(path, fmt::format("{} tensors, the model has {}", tensors, network.params().size()));
  }
  for (const Param& param : network.params()) {
    backend.upload(param.value, find_tensor(file, param), param.size() * sizeof(float));
  }
  network.params_changed(ActiveSet::all(network.depth()));
}

}  // namespace dropmuon
