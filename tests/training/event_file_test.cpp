// SPDX-License-Identifier: MIT
// Event files, read by a strict reader of their framing and of protobuf, and by protoc.
#include <bit>
#include <cmath>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include <sys/resource.h>
#include <unistd.h>

#include "catch.h"
#include "program.h"
#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/error.h>
#include <dropmuon/training/event_file.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

// Takes `size` bytes off the front.
std::string_view take(std::string_view& rest, std::uint64_t size) {
  if (size > rest.size()) throw std::runtime_error("cut short");
  const std::string_view front = rest.substr(0, size);
  rest.remove_prefix(size);
  return front;
}

// The mask undone, not done again.
bool crc_matches(std::string_view bytes, std::string_view stored) {
  const auto masked = static_cast<std::uint32_t>(little_endian(stored));
  return std::rotl(masked - 0xa282ead8U, 15) == crc32c(bytes);
}

std::vector<std::string> payloads(const std::string& path) {
  const std::string content = Sandbox::read(path);
  std::vector<std::string> found;
  for (std::string_view rest = content; !rest.empty();) {
    const std::string_view length = take(rest, 8);
    REQUIRE(crc_matches(length, take(rest, 4)));
    const std::string_view payload = take(rest, little_endian(length));
    REQUIRE(crc_matches(payload, take(rest, 4)));
    found.emplace_back(payload);
  }
  return found;
}

std::uint64_t varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(rest, 1)[0]);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
    if (shift > 56) throw std::runtime_error("endless number");
  }
}

// (field << 3 | wire type, bytes of the value), in the order of the message.
std::vector<std::pair<std::uint64_t, std::string>> fields(std::string_view rest) {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  while (!rest.empty()) {
    const std::uint64_t key = varint(rest);
    switch (key & 7U) {
      case 0:
        found.emplace_back(key, std::to_string(varint(rest)));
        break;
      case 1:
        found.emplace_back(key, take(rest, 8));
        break;
      case 2:
        found.emplace_back(key, take(rest, varint(rest)));
        break;
      case 5:
        found.emplace_back(key, take(rest, 4));
        break;
      default:
        throw std::runtime_error("unknown wire type");
    }
  }
  return found;
}

constexpr std::uint64_t kWallTime = 1U << 3U | 1U;
constexpr std::uint64_t kStep = 2U << 3U;
constexpr std::uint64_t kFileVersion = 3U << 3U | 2U;
constexpr std::uint64_t kSummary = 5U << 3U | 2U;
constexpr std::uint64_t kSession = 7U << 3U | 2U;

struct Event {
  std::int64_t step = 0;
  std::string file_version;
  bool starts_session = false;
  std::map<std::string, float> scalars;
};

void read_value(const std::string& bytes, Event& event) {
  const auto parts = fields(bytes);
  REQUIRE(parts.size() == 2);
  REQUIRE(parts[0].first == (1U << 3U | 2U));
  REQUIRE(parts[1].first == (2U << 3U | 5U));
  const auto bits = static_cast<std::uint32_t>(little_endian(parts[1].second));
  CHECK(event.scalars.emplace(parts[0].second, std::bit_cast<float>(bits)).second);
}

Event read_event(const std::string& payload) {
  Event event;
  const auto parts = fields(payload);
  REQUIRE(parts.at(0).first == kWallTime);
  const double wall = std::bit_cast<double>(little_endian(parts[0].second));
  CHECK(std::abs(wall - static_cast<double>(std::time(nullptr))) < 60.0);
  for (const auto& [key, value] : std::vector(parts.begin() + 1, parts.end())) {
    if (key == kStep) {
      event.step = std::stoll(value);
    } else if (key == kFileVersion) {
      event.file_version = value;
    } else if (key == kSession) {
      event.starts_session = value == std::string("\x08\x01");  // status: START
    } else if (key == kSummary) {
      for (const auto& [which, bytes] : fields(value)) {
        REQUIRE(which == (1U << 3U | 2U));
        read_value(bytes, event);
      }
    } else {
      FAIL("field " << key);
    }
  }
  return event;
}

std::vector<Event> events(const std::string& path) {
  std::vector<Event> found;
  for (const std::string& payload : payloads(path)) found.push_back(read_event(payload));
  return found;
}

MetricsRow row(double step, double accuracy) {
  MetricsRow row;
  row.set(Metric::step, step);
  row.set(Metric::test_accuracy, accuracy);
  return row;
}

}  // namespace

TEST_CASE("an event file holds every measured metric of every row") {
  const Sandbox sandbox;
  EventFile file(sandbox / "", 0);
  MetricsRow full;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    full.set(static_cast<Metric>(i), 300.25 + static_cast<double>(i));
  }
  full.set(Metric::step, 70000);  // a varint of three bytes
  full.set(Metric::running_loss, std::nan(""));
  file.write(row(0, 0.125));
  file.write(full);

  const std::vector<Event> found = events(file.path());  // flushed, though the file is still open
  REQUIRE(found.size() == 4);
  CHECK(found[0].file_version == "brain.Event:2");
  CHECK(found[1].starts_session);
  CHECK(found[1].step == 0);
  CHECK(found[2].step == 0);
  CHECK(found[2].scalars == std::map<std::string, float>{{"test/accuracy", 0.125F}});
  CHECK(found[3].step == 70000);
  CHECK(found[3].scalars.size() == kMetricCount - 1);
  CHECK_FALSE(found[3].scalars.contains("step"));
  CHECK(std::isnan(found[3].scalars.at("train/running_loss")));
  CHECK(found[3].scalars.at("perf/flops") ==
        300.25F + static_cast<float>(static_cast<std::size_t>(Metric::flops)));
}

TEST_CASE("an event file begins as TensorBoard's own do") {
  const Sandbox sandbox;
  const EventFile file(sandbox / "", 0);
  // Length 24, its masked CRC, and the key of wall_time, as in every file by TensorFlow.
  const std::string header("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09", 13);
  CHECK(Sandbox::read(file.path()).substr(0, header.size()) == header);
}

TEST_CASE("TensorBoard is told which steps to forget after a resume and a rollback") {
  const Sandbox sandbox;
  const EventFile first(sandbox / "", 0);
  EventFile second(sandbox / "", 21);
  CHECK(first.path() != second.path());
  CHECK(fs::path(first.path()).filename().string().starts_with("events.out.tfevents."));
  CHECK(second.path().ends_with(fmt::format(".{}.1", getpid())));
  second.write(row(30, 0.5));
  second.write(row(40, 0.5));
  second.forget_from(36);
  second.write(row(40, 0.5));
  std::string order;
  for (const Event& event : events(second.path())) {
    order += fmt::format("{}{} ", event.starts_session ? "start " : "", event.step);
  }
  CHECK(order == "0 start 21 30 40 start 36 40 ");
}

TEST_CASE("an event file that cannot be written is an error") {
  const auto code = [](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("events.out.tfevents.") != std::string::npos);
      return error.code();
    }
    return ExitCode::ok;
  };
  const Sandbox sandbox;
  CHECK(code([&] { EventFile(sandbox / "absent", 0); }) == ExitCode::cannot_write);

  EventFile file(sandbox / "", 0);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit low = {.rlim_cur = fs::file_size(file.path()) + 20, .rlim_max = limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
  CHECK(code([&] { file.write(row(1, 0.5)); }) == ExitCode::cannot_write);
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
}

TEST_CASE("protoc reads event files") {
  if (run_script("command -v protoc").code != 0) {
    WARN("skipped: no protoc here (package protobuf-compiler)");
    return;
  }
  const Sandbox sandbox;
  EventFile file(sandbox / "", 1);
  file.write(row(300, 0.75));
  std::vector<std::string> decoded;
  for (const std::string& payload : payloads(file.path())) {
    const std::string path = sandbox.write("payload", payload);
    const Outcome outcome = run_script("protoc --decode_raw < " + path);
    REQUIRE(outcome.code == 0);
    REQUIRE(outcome.output.starts_with("1: 0x41"));  // wall_time, a double of this century
    decoded.push_back(outcome.output.substr(outcome.output.find('\n') + 1));
  }
  REQUIRE(decoded.size() == 3);
  CHECK(decoded[0] == "3: \"brain.Event:2\"\n");
  CHECK(decoded[1] == "2: 1\n7 {\n  1: 1\n}\n");
  CHECK(decoded[2] == "2: 300\n5 {\n  1 {\n    1: \"test/accuracy\"\n    2: 0x3f400000\n  }\n}\n");
}
