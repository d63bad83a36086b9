// SPDX-License-Identifier: MIT
// Checkpoints and a power cut at every system call: what was not synced is gone afterwards.
#include <map>
#include <set>

#include <fcntl.h>

#include "checkpoint_fixture.h"

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

struct PowerCut {};

// Names that were made or changed without a sync of their folder may or may not outlast the cut.
enum class Names { lost, kept };

// Content without fsync is lost; removals are taken to be on the disk at once, the worst case.
class VolatileFileSystem : public FileSystem {
 public:
  void arm(int call) {
    left_ = call;
    armed_ = true;
  }

  // The disk as it is found when the power is back.
  void cut(Names names) {
    armed_ = false;
    for (const auto& [file, path] : open_) FileSystem::sys_close(file);
    open_.clear();
    for (const std::string& path : dirty_) fs::resize_file(path, fs::file_size(path) / 2);
    dirty_.clear();
    while (names == Names::lost && !changes_.empty()) {
      const Change last = changes_.back();
      changes_.pop_back();
      if (last.from.empty()) {
        fs::remove_all(last.to);
        continue;
      }
      fs::rename(last.to, last.from);
      for (Change& change : changes_) change.to = moved(change.to, last.to, last.from);
    }
    changes_.clear();
  }

 protected:
  int sys_open(const char* path, int flags, mode_t mode) override {
    count();
    const bool creates = (flags & O_CREAT) != 0 && !fs::exists(path);
    const int file = FileSystem::sys_open(path, flags, mode);
    if (file >= 0) open_[file] = path;
    if (creates) changes_.push_back({"", path});
    return file;
  }
  ssize_t sys_write(int file, const void* data, std::size_t size) override {
    count();
    dirty_.insert(open_[file]);
    return FileSystem::sys_write(file, data, size);
  }
  int sys_fsync(int file) override {
    count();
    const std::string path = open_[file];
    dirty_.erase(path);
    std::erase_if(changes_,
                  [&](const Change& change) { return fs::path(change.to).parent_path() == path; });
    return 0;
  }
  int sys_close(int file) override {
    count();
    open_.erase(file);
    return FileSystem::sys_close(file);
  }
  int sys_mkdir(const char* path, mode_t mode) override {
    count();
    const int result = FileSystem::sys_mkdir(path, mode);
    if (result == 0) changes_.push_back({"", path});
    return result;
  }
  int sys_rename(const char* from, const char* to) override {
    count();
    const int result = FileSystem::sys_rename(from, to);
    std::set<std::string> dirty;
    for (const std::string& path : dirty_) dirty.insert(moved(path, from, to));
    dirty_ = dirty;
    for (Change& change : changes_) change.to = moved(change.to, from, to);
    changes_.push_back({from, to});
    return result;
  }
  int sys_unlink(const char* path) override {
    count();
    const int result = FileSystem::sys_unlink(path);
    if (result == 0) forget(path);
    return result;
  }
  int sys_rmdir(const char* path) override {
    count();
    forget(path);
    return FileSystem::sys_rmdir(path);
  }

 private:
  struct Change {
    std::string from;  // empty: newly made
    std::string to;
  };

  void count() {
    if (armed_ && --left_ == 0) throw PowerCut();
  }
  void forget(const std::string& path) {
    dirty_.erase(path);
    std::erase_if(changes_, [&](const Change& change) { return change.to == path; });
  }
  // `path` after `from`, itself or a folder above it, was renamed.
  static std::string moved(const std::string& path, const std::string& from,
                           const std::string& to) {
    if (path == from) return to;
    return path.starts_with(from + "/") ? to + path.substr(from.size()) : path;
  }

  bool armed_ = false;
  int left_ = 1;
  std::map<int, std::string> open_;
  std::set<std::string> dirty_;
  std::vector<Change> changes_;
};

}  // namespace

TEST_CASE("checkpoints survive a power cut before every single system call", "[torture]") {
  int points = 0;
  for (const Names names : {Names::lost, Names::kept}) {
    for (const int second : {2, 1}) {  // a new step; the same step again
      for (int call = 1;; ++call) {
        CAPTURE(static_cast<int>(names), second, call);
        const RunFolder run;
        VolatileFileSystem files;
        CheckpointStore store(run.checkpoints(), 1, files);
        store.save(make_checkpoint(1));
        files.arm(call);
        bool done = false;
        try {
          store.save(make_checkpoint(second, 1));
          done = true;
        } catch (const PowerCut&) {
        }
        files.cut(names);
        const auto loaded = store.load_newest("");
        REQUIRE(loaded.has_value());
        CHECK(loaded->damaged.empty());
        const bool is_new = same(loaded->checkpoint, make_checkpoint(second, 1));
        CHECK((is_new || (!done && same(loaded->checkpoint, make_checkpoint(1)))));
        store.save(make_checkpoint(3));
        CHECK(store.steps() == std::vector<std::int64_t>{3});
        if (done) break;
        ++points;
        REQUIRE(call < 300);
      }
    }
  }
  CHECK(points >= 150);
}
