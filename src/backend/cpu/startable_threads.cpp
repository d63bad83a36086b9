// SPDX-License-Identifier: MIT
#include "startable_threads.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include <pthread.h>

#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

// Less than this, and a matrix product may run over the end of its stack.
constexpr std::size_t kLeastStack = std::size_t{256} << 10;

struct StackSize {
  std::string setting;    // "OMP_STACKSIZE=16k", "" if there is none
  std::size_t bytes = 0;  // 0: the system's
};

// The number of bytes that the runtime reads in `text`: a whole number with B, K, M, G or nothing,
// which is K, behind it. Nothing where it complains and goes on without.
std::optional<std::size_t> bytes_in(const char* text) {
  const auto skip_blanks = [&text] {
    while (std::isspace(static_cast<unsigned char>(*text)) != 0) ++text;
  };
  char* end = nullptr;
  errno = 0;
  const unsigned long number = std::strtoul(text, &end, 10);  // -1 is the largest, to both
  if (errno != 0 || end == text) return std::nullopt;
  text = end;
  skip_blanks();
  int shift = 10;
  switch (std::tolower(static_cast<unsigned char>(*text))) {
    case '\0':
      break;
    case 'b':
      shift = 0, ++text;
      break;
    case 'k':
      shift = 10, ++text;
      break;
    case 'm':
      shift = 20, ++text;
      break;
    case 'g':
      shift = 30, ++text;
      break;
    default:
      return std::nullopt;
  }
  skip_blanks();
  const bool is_good = *text == '\0' && number << shift >> shift == number;
  return is_good ? std::optional(number << shift) : std::nullopt;
}

// The first that the runtime understands; it does nothing more with one that the system refuses
// (less than 16k) than to complain.
StackSize stack_size() {
  for (const char* variable : {"OMP_STACKSIZE", "GOMP_STACKSIZE"}) {
    const char* text = std::getenv(variable);
    const auto bytes = text == nullptr ? std::nullopt : bytes_in(text);
    if (!bytes) continue;
    pthread_attr_t attributes{};
    pthread_attr_init(&attributes);
    const bool is_taken = pthread_attr_setstacksize(&attributes, *bytes) == 0;
    pthread_attr_destroy(&attributes);
    return is_taken ? StackSize{fmt::format("{}={}", variable, text), *bytes} : StackSize{};
  }
  return {};
}

// Threads that wait until all are there that will come.
class WaitingThreads {
 public:
  explicit WaitingThreads(std::size_t stack) {
    pthread_attr_init(&attributes_);
    if (stack > 0) pthread_attr_setstacksize(&attributes_, stack);
    pthread_mutex_lock(&gate_);
  }
  ~WaitingThreads() {
    pthread_mutex_unlock(&gate_);
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes_);
  }
  WaitingThreads(const WaitingThreads&) = delete;
  WaitingThreads& operator=(const WaitingThreads&) = delete;

  // 0, or why not.
  int start_one() {
    pthread_t thread{};
    const int error = pthread_create(&thread, &attributes_, wait, &gate_);
    if (error == 0) threads_.push_back(thread);
    return error;
  }

 private:
  static void* wait(void* gate) {
    auto* mutex = static_cast<pthread_mutex_t*>(gate);
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return nullptr;
  }

  pthread_attr_t attributes_{};
  pthread_mutex_t gate_ = PTHREAD_MUTEX_INITIALIZER;
  std::vector<pthread_t> threads_;
};

}  // namespace

StartableThreads startable_threads(int wanted) {
  const StackSize stack = stack_size();
  if (stack.bytes > 0 && stack.bytes < kLeastStack) {
    fail(ExitCode::bad_config, "{}: threads need {}k of stack here; unset it, or set it higher",
         stack.setting, kLeastStack >> 10);
  }
  WaitingThreads threads(stack.bytes);
  for (int count = 1; count < wanted; ++count) {
    const int error = threads.start_one();
    if (error == 0) continue;
    return {count, fmt::format("the system starts no more than {} ({}; see ulimit -u and -v, the "
                               "process limit of a container{}{})",
                               count, std::strerror(error), stack.setting.empty() ? "" : ", or ",
                               stack.setting)};
  }
  return {wanted, ""};
}

}  // namespace dropmuon::cpu
