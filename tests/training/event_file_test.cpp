// SPDX-License-Identifier: MIT
// Event files, read by a strict reader and by protoc.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>

#include <sys/resource.h>
#include <unistd.h>

#include "catch.h"
#include "event_reader.h"
#include "program.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/event_file.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

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
  full.layers = {{.updates = 7, .update_ratio = 0.25, .steps_since_update = 2}, {}};
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
  CHECK(found[3].scalars.size() == kMetricCount - 1 + 4);
  CHECK(found[3].scalars.at("layer/1/update_ratio") == 0.25F);
  CHECK(found[3].scalars.at("layer/1/steps_since_update") == 2.0F);
  CHECK(found[3].scalars.at("layer/2/updates") == 0.0F);
  CHECK_FALSE(found[3].scalars.contains("layer/2/update_ratio"));
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
  const std::string ahead = "events.out.tfevents.4000000000.there.99999.0";
  sandbox.write(ahead, "");  // its clock was ahead
  EventFile second(sandbox / "", 21);
  CHECK(fs::path(first.path()).filename().string().starts_with("events.out.tfevents."));
  CHECK(fs::path(second.path()).filename().string() > ahead);  // files are read by name
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
