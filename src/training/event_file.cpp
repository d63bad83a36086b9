// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include <dropmuon/core/crc32c.h>
#include <dropmuon/core/error.h>
#include <dropmuon/core/file_system.h>
#include <dropmuon/training/event_file.h>

namespace dropmuon {
namespace {

// Fields of tensorflow/core/util/event.proto and framework/summary.proto.
enum class Event : unsigned { wall_time = 1, step = 2, file_version = 3, summary = 5, session = 7 };
enum class SessionLog : unsigned { status = 1 };
enum class Summary : unsigned { value = 1 };
enum class SummaryValue : unsigned { tag = 1, simple_value = 2 };
constexpr std::uint64_t kSessionStart = 1;

// Protobuf's wire format, as far as events need it.
class Message {
 public:
  template <typename Field>
  Message& number(Field field, std::uint64_t value) {
    key(static_cast<unsigned>(field), 0);
    varint(value);
    return *this;
  }
  template <typename Field>
  Message& real(Field field, double value) {
    key(static_cast<unsigned>(field), 1);
    little_endian(std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  template <typename Field>
  Message& real(Field field, float value) {
    key(static_cast<unsigned>(field), 5);
    little_endian(std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  template <typename Field>
  Message& text(Field field, std::string_view value) {
    key(static_cast<unsigned>(field), 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  template <typename Unsigned>
  Message& little_endian(Unsigned value) {
    for (std::size_t i = 0; i < sizeof(value); ++i) {
      bytes_ += static_cast<char>((value >> (8U * i)) & 0xFFU);
    }
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(unsigned field, unsigned wire_type) { varint(field << 3U | wire_type); }
  void varint(std::uint64_t value) {
    for (; value > 0x7F; value >>= 7U) bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// Checksums of data that holds checksums would be weak; hence the mask.
std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8U;
}

Message event_at(std::int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Message event;
  event.real(Event::wall_time, std::chrono::duration<double>(now).count());
  if (step != 0) event.number(Event::step, static_cast<std::uint64_t>(step));  // 0 is the default
  return event;
}

constexpr std::string_view kEventsPrefix = "events.out.tfevents.";

// TensorBoard reads a folder's files in the order of their names, whatever the clock did between.
std::int64_t seconds_after_others(const std::string& folder) {
  std::int64_t seconds = std::time(nullptr);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kEventsPrefix)) continue;
    std::int64_t earlier = 0;
    std::from_chars(name.data() + kEventsPrefix.size(), name.data() + name.size(), earlier);
    seconds = std::max(seconds, earlier + 1);
  }
  return seconds;
}

std::string file_name(std::int64_t seconds, int n) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') host = {"localhost"};
  return fmt::format("{}{:010}.{}.{}.{}", kEventsPrefix, seconds, host.data(), getpid(), n);
}

}  // namespace

EventFile::EventFile(const std::string& folder, std::int64_t first_step)
    : file_(nullptr, &std::fclose) {
  const std::int64_t seconds = seconds_after_others(folder);
  for (int n = 0; !file_ && (n == 0 || errno == EEXIST); ++n) {
    path_ = folder + "/" + file_name(seconds, n);
    file_.reset(std::fopen(path_.c_str(), "wbx"));
  }
  if (!file_) fail(ExitCode::cannot_write, "cannot write {}: {}", path_, std::strerror(errno));
  append(event_at(0).text(Event::file_version, "brain.Event:2").bytes());
  forget_from(first_step);
}

void EventFile::forget_from(std::int64_t step) {
  const std::string start = Message().number(SessionLog::status, kSessionStart).bytes();
  append(event_at(step).text(Event::session, start).bytes());
}

void EventFile::write(const MetricsRow& row) {
  const std::int64_t step = std::llround(row[Metric::step]);
  Message summary;
  for (const MetricValue& measured : values_of(row)) {
    if (measured.name == name_of(Metric::step)) continue;
    Message value;
    value.text(SummaryValue::tag, measured.name);
    value.real(SummaryValue::simple_value, static_cast<float>(measured.value));
    summary.text(Summary::value, value.bytes());
  }
  append(event_at(step).text(Event::summary, summary.bytes()).bytes());
}

void EventFile::sync() {
  if (fsync(fileno(file_.get())) == 0 || is_unsupported(errno)) return;
  fail(ExitCode::cannot_write, "cannot write {}: {}", path_, std::strerror(errno));
}

void EventFile::append(std::string_view event) {
  const std::string length =
      Message().little_endian(static_cast<std::uint64_t>(event.size())).bytes();
  std::string record = length;
  record += Message().little_endian(masked_crc(length)).bytes();
  record += event;
  record += Message().little_endian(masked_crc(event)).bytes();
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() ||
      std::fflush(file_.get()) != 0) {
    fail(ExitCode::cannot_write, "cannot write {}: {}", path_, std::strerror(errno));
  }
}

}  // namespace dropmuon
