// SPDX-License-Identifier: MIT
// Checkpoints under kills at any moment, failing disks, flipped bits and truncation.
#include <chrono>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include <sys/wait.h>

#include "checkpoint_fixture.h"
#include "faulty_file_system.h"
#include "long_run.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// A child that does something and ends; an exception must not take it back into the tests.
template <typename Action>
pid_t in_child(Action action) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    action();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

// What a child does until it is killed: steps forward, every third of them saved twice.
void save_for_ever(CheckpointStore store, std::int64_t step, int report) {
  for (;; ++step) {
    for (int variant = 0; variant <= (step % 3 == 0 ? 1 : 0); ++variant) {
      store.save(make_checkpoint(step, variant, 500));
      if (step % 5 == 0 && variant == 0) store.mark_best(step);
      const std::int64_t done = 2 * step + variant;
      if (::write(report, &done, sizeof(done)) != sizeof(done)) return;
    }
  }
}

std::int64_t last_report(int pipe, std::int64_t last) {
  std::int64_t done = 0;
  while (::read(pipe, &done, sizeof(done)) == sizeof(done)) last = done;
  return last;
}

// The step and variant of a whole checkpoint, as they are reported; every value is compared.
std::int64_t verified(const Checkpoint& found, int size) {
  for (const int variant : {0, 1}) {
    if (same(found, make_checkpoint(found.step, variant, size))) return 2 * found.step + variant;
  }
  FAIL("step " << found.step << " is not what was saved");
  return 0;
}

// In place: rewriting the whole file would have a disk write it out each time.
void put_byte(const std::string& path, std::size_t at, char byte) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

std::vector<std::string> part_names(const std::string& folder) {
  return FileSystem::real().list(folder);
}

enum class Best { none, step_1 };  // a best one is kept, any other makes room

// A save of step `second` after one of step 1, and its call that fails.
struct FailingSave {
  int second;
  Best best;
  Fault fault;
  int call;
};

struct Tally {
  int points = 0;
  int refused = 0;
  std::set<std::string> leftovers;
};

// Whether there was such a call.
bool survives(const FailingSave& c, Tally* tally) {
  CAPTURE(static_cast<int>(c.fault), c.second, static_cast<int>(c.best), c.call);
  const RunFolder run;
  FaultyFileSystem files;
  CheckpointStore store(run.checkpoints(), 1, files);
  store.save(make_checkpoint(1));
  if (c.best == Best::step_1) store.mark_best(1);
  files.arm(c.fault, c.call);
  bool done = true;
  try {
    store.save(make_checkpoint(c.second, 1));
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::cannot_write);
    CHECK_THAT(error.what(), Catch::Contains(run.checkpoints()));
    done = false;
  }
  const bool reached = files.reached();
  files.arm(Fault::none, 0);
  const auto loaded = store.load_newest("");
  REQUIRE(loaded.has_value());
  CHECK(loaded->damaged.empty());
  const std::int64_t found = verified(loaded->checkpoint, 7);
  CHECK((found == 2 * c.second + 1 || (found == 2 && !done)));
  if (c.fault == Fault::interrupted || c.fault == Fault::short_write) CHECK(done);
  if (c.fault != Fault::dead_disk && !done) {
    CHECK(fs::exists(run / "checkpoints/step_00000001"));
    for (const std::string& name : part_names(run.checkpoints())) {
      if (name.find(".tmp-") != name.npos) tally->leftovers.insert(name);
    }
  }
  tally->refused += done ? 0 : 1;
  store.save(make_checkpoint(3));
  std::vector<std::string> names = {"latest", "step_00000003"};  // nothing left over
  if (c.best == Best::step_1) names = {"best", "latest", "step_00000001", "step_00000003"};
  CHECK(part_names(run.checkpoints()) == names);
  return reached;
}

}  // namespace

TEST_CASE("checkpoints survive many kills at random moments", "[torture]") {
  using Clock = std::chrono::steady_clock;
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 2);
  std::mt19937 random(20240917);
  std::chrono::duration<double> one_save(0.001);
  std::int64_t last = 0;
  int saves = 0;
  const int kills = long_or(300, 30);
  for (int kill = 0; kill < kills; ++kill) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const auto start = Clock::now();
    const pid_t child = in_child([&] { save_for_ever(store, last / 2 + 1, pipe[1]); });
    ::close(pipe[1]);
    std::int64_t reported = last;
    if (kill % 4 != 0) {  // the others may die before their first save is done
      REQUIRE(::read(pipe[0], &reported, sizeof(reported)) == sizeof(reported));
      one_save = Clock::now() - start;
    }
    // However fast the disk is, the kills fall on every part of some save.
    std::this_thread::sleep_for(std::uniform_real_distribution<double>(0.0, 3.0)(random) *
                                one_save);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));  // not by an error of its own
    reported = last_report(pipe[0], reported);
    ::close(pipe[0]);
    const auto loaded = store.load_newest("0123456789abcdef");
    if (reported > 0) REQUIRE(loaded.has_value());
    if (!loaded) continue;
    CAPTURE(kill, loaded->folder);
    CHECK(loaded->damaged.empty());
    const std::int64_t found = verified(loaded->checkpoint, 500);
    CHECK(found >= reported);
    saves += static_cast<int>(found / 2 - last / 2);
    last = found;
  }
  CHECK(saves >= kills * 3 / 4);
  store.save(make_checkpoint(last / 2 + 1));
  CHECK(store.steps().size() <= 3);  // two and the best
  for (const std::string& name : part_names(run.checkpoints())) {
    CHECK(
        (name == "latest" || name == "best" || name.size() == std::string("step_00000000").size()));
  }
}

TEST_CASE("checkpoints survive a kill before every single system call", "[torture]") {
  int points = 0;
  for (const int second : {2, 1}) {  // a new step; the same step again
    for (int call = 1;; ++call) {
      const RunFolder run;
      FaultyFileSystem files;
      CheckpointStore store(run.checkpoints(), 1, files);
      store.save(make_checkpoint(1));
      const pid_t child = in_child([&] {
        files.arm(Fault::kill, call);
        store.save(make_checkpoint(second, 1));
      });
      int status = 0;
      ::waitpid(child, &status, 0);
      const auto loaded = store.load_newest("");
      CAPTURE(second, call);
      REQUIRE(loaded.has_value());
      CHECK(loaded->damaged.empty());
      const std::int64_t found = verified(loaded->checkpoint, 7);
      const bool killed = WIFSIGNALED(status);
      CHECK((killed || WEXITSTATUS(status) == 0));
      CHECK((found == 2 * second + 1 || (found == 2 && killed)));
      store.save(make_checkpoint(3));
      CHECK(part_names(run.checkpoints()) == std::vector<std::string>{"latest", "step_00000003"});
      if (!killed) break;
      ++points;
      REQUIRE(call < 300);
    }
  }
  CHECK(points >= 80);
}

TEST_CASE("every call of saving fails in turn and no checkpoint is lost", "[torture]") {
  Tally tally;
  for (const Fault fault : {Fault::no_space, Fault::io_error, Fault::interrupted,
                            Fault::short_write, Fault::torn_write, Fault::dead_disk}) {
    for (const int second : {2, 1}) {
      for (const Best best : {Best::none, Best::step_1}) {
        int call = 1;
        while (survives({second, best, fault, call}, &tally)) REQUIRE(++call < 300);
        tally.points += call - 1;
      }
    }
  }
  CHECK(tally.points >= 600);
  CHECK(tally.refused >= 200);
  CHECK(tally.leftovers.empty());  // a single failure does not keep the temporary folder from going
}

TEST_CASE("every call of marking the best fails in turn, or is the last, and there is a best one",
          "[torture]") {
  for (const Fault fault : {Fault::no_space, Fault::io_error, Fault::interrupted,
                            Fault::short_write, Fault::torn_write, Fault::dead_disk, Fault::kill}) {
    int call = 1;
    for (bool reached = true; reached; ++call) {
      CAPTURE(static_cast<int>(fault), call);
      const RunFolder run;
      FaultyFileSystem files;
      CheckpointStore store(run.checkpoints(), 2, files);
      store.save(make_checkpoint(1));
      store.mark_best(1);
      store.save(make_checkpoint(2));
      const pid_t child = in_child([&] {
        files.arm(fault, call);
        store.mark_best(2);
        ::_exit(files.reached() ? 0 : 2);  // 1: it failed, and said so
      });
      int status = 0;
      ::waitpid(child, &status, 0);
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
      reached = code != 2;
      const std::string best = store.best_folder().value_or("none");
      CHECK((best.ends_with("_00000002") || (best.ends_with("_00000001") && code == 1)));
      CHECK(same(store.load_newest("")->checkpoint, make_checkpoint(2)));
      store.mark_best(2);
      store.save(make_checkpoint(3));
      CHECK(part_names(run.checkpoints()) ==
            std::vector<std::string>{"best", "latest", "step_00000002", "step_00000003"});
      REQUIRE(call < 50);
    }
    CHECK(call > 8);
  }
}

TEST_CASE("every call of loading fails in turn and the failure is reported", "[torture]") {
  const RunFolder run;
  FaultyFileSystem files;
  CheckpointStore store(run.checkpoints(), 2, files);
  store.save(make_checkpoint(1));
  store.save(make_checkpoint(2));
  for (const Fault fault : {Fault::io_error, Fault::interrupted, Fault::short_write}) {
    for (int call = 1;; ++call) {
      CAPTURE(static_cast<int>(fault), call);
      files.arm(fault, call);
      bool whole = false;
      try {
        const auto loaded = store.load_newest("");
        REQUIRE(loaded.has_value());
        whole = loaded->damaged.empty() && same(loaded->checkpoint, make_checkpoint(2));
        if (!whole) CHECK(same(loaded->checkpoint, make_checkpoint(1)));
        if (!whole) CHECK(loaded->damaged.size() == 1);
      } catch (const Error& error) {
        CHECK(error.code() == ExitCode::missing_input);
      }
      if (!files.reached()) break;
      const bool harmless = files.trace().at(call - 1).starts_with("close");  // all was read
      CHECK(whole == (fault != Fault::io_error || harmless));
      REQUIRE(call < 300);
    }
  }
}

TEST_CASE("flipped bits and truncations of a checkpoint are noticed", "[torture]") {
  const RunFolder run;
  CheckpointStore store(run.checkpoints(), 2);
  store.save(make_checkpoint(1, 0, 2));
  store.save(make_checkpoint(2, 0, 2));
  const std::string folder = run / "checkpoints/step_00000002";
  const std::vector<std::string> names = part_names(folder);
  REQUIRE(names.size() == 4);
  std::vector<std::string> contents;
  std::size_t bits = 0;
  for (const std::string& name : names) {
    contents.push_back(slurp(folder + "/" + name));
    bits += 8 * contents.back().size();
  }
  const auto noticed = [&](const std::string& name) {
    const auto loaded = store.load_newest("");
    return loaded && same(loaded->checkpoint, make_checkpoint(1, 0, 2)) &&
           loaded->damaged.size() == 1 &&
           loaded->damaged[0].problem.find(folder + "/" + name) != std::string::npos;
  };
  std::mt19937 random(7);
  for (int flip = long_or(10'000, 1'000); flip > 0; --flip) {
    std::size_t bit = std::uniform_int_distribution<std::size_t>(0, bits - 1)(random);
    std::size_t part = 0;
    for (; bit >= 8 * contents[part].size(); ++part) bit -= 8 * contents[part].size();
    const char before = contents[part][bit / 8];
    put_byte(folder + "/" + names[part], bit / 8, static_cast<char>(before ^ (1 << (bit % 8))));
    if (!noticed(names[part])) FAIL(names[part] << ": bit " << bit << " flipped unnoticed");
    put_byte(folder + "/" + names[part], bit / 8, before);
  }
  CHECK(store.load_newest("")->damaged.empty());
  const auto stride = static_cast<std::size_t>(long_or(1, 10));  // 1: every truncation there is
  for (std::size_t part = 0; part < names.size(); ++part) {
    const std::string path = folder + "/" + names[part];
    const std::size_t whole = contents[part].size();
    for (std::size_t size = whole; size-- > 0;) {
      if (size % stride != 0 && size + 1 != whole) continue;
      fs::resize_file(path, size);
      if (!noticed(names[part])) FAIL(names[part] << ": cut to " << size << " unnoticed");
    }
    spill(path, contents[part] + '\0');
    CHECK(noticed(names[part]));
    spill(path, contents[part]);
  }
  CHECK(store.load_newest("")->damaged.empty());
}
