// SPDX-License-Identifier: MIT
// Pauses of a process, told from waiting, starving and slow scheduling.
#include <csignal>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "catch.h"
#include <dropmuon/core/run_clock.h>

using namespace dropmuon;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

// The times of a process that is looked at every 50 ms.
class Story {
 public:
  // `share` of a processor is used, for `length`, with a look every period or only at the end.
  void goes_on(nanoseconds length, double share) {
    for (; length > 0ns; length -= PauseDetector::kPeriod) {
      advance(std::min<nanoseconds>(length, PauseDetector::kPeriod), share, 0.0);
    }
  }
  void gap(nanoseconds length, double share, double queued) { advance(length, share, queued); }
  nanoseconds read() { return detector.read(times.wall); }
  nanoseconds paused() const {
    nanoseconds sum{};
    for (const nanoseconds pause : detector.pauses()) sum += pause;
    return sum;
  }

  ProcessTimes times{.wall = 100s, .cpu = 3s, .queued = 1s};
  PauseDetector detector{times};

 private:
  static nanoseconds part(double share, nanoseconds length) {
    return nanoseconds(static_cast<std::int64_t>(share * static_cast<double>(length.count())));
  }
  void advance(nanoseconds length, double share, double queued) {
    times.wall += length;
    times.cpu += part(share, length);
    times.queued += part(queued, length);
    detector.look(times);
  }
};

}  // namespace

TEST_CASE("pauses: a process that stands still for 6 s is 6 s younger") {
  Story story;
  story.goes_on(2s, 2.0);
  const nanoseconds before = story.read();
  story.gap(6s, 0.0, 0.0);
  CHECK(story.detector.pauses().size() == 1);
  CHECK(story.paused() > 5900ms);
  CHECK(story.paused() <= 6s);
  CHECK(story.read() - before < 100ms);
  CHECK(story.read() >= before);
  story.goes_on(1s, 2.0);
  CHECK(story.read() - before < 1100ms);
  story.gap(1s, 0.0, 0.0);
  CHECK(story.detector.pauses().size() == 2);
}

TEST_CASE("pauses: computing, waiting and starving are none") {
  const std::string what = GENERATE("computes", "waits", "starves", "hiccups", "is busy unwatched");
  CAPTURE(what);
  Story story;
  const nanoseconds before = story.read();
  const nanoseconds wall = story.times.wall;
  if (what == "computes") story.goes_on(20s, 1.9);
  if (what == "waits") story.goes_on(20s, 0.0);  // for a GPU: the looks go on
  if (what == "starves") story.gap(3s, 0.01, 0.97);
  if (what == "hiccups") story.gap(450ms, 0.0, 0.0);
  if (what == "is busy unwatched") story.gap(3s, 0.5, 0.0);
  CHECK(story.detector.pauses().empty());
  CHECK(story.read() - before == story.times.wall - wall);
}

TEST_CASE("pauses: a clock that was read just before never goes back") {
  for (const nanoseconds late : {0ns, nanoseconds(49ms), nanoseconds(120ms), nanoseconds(499ms)}) {
    CAPTURE(late.count());
    Story story;
    const nanoseconds before = story.detector.read(story.times.wall + late);
    story.gap(5s + late, 0.0, 0.0);
    CHECK(story.read() >= before);
    CHECK(story.paused() > 4400ms);
    CHECK(story.paused() <= 5s);
  }
}

TEST_CASE("pauses: SIGSTOP for a second and a half, from which any thread may wake first") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto begin = RunClock::now();
    const auto wall = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - wall < 4s) {
      const auto now = RunClock::now();
      if (now < begin) _exit(2);
    }
    const auto real = std::chrono::steady_clock::now() - wall;
    const auto counted = RunClock::now() - begin;
    const auto pauses = RunClock::pauses();
    if (pauses.empty()) _exit(3);
    _exit(real - counted > 1400ms && real - counted < 2500ms ? 0 : 4);
  }
  std::this_thread::sleep_for(1s);
  kill(child, SIGSTOP);
  std::this_thread::sleep_for(1500ms);
  kill(child, SIGCONT);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
