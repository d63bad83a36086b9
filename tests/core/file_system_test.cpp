// SPDX-License-Identifier: MIT
// Durable files on a disk that works, and on one where each single call fails in turn.
#include <filesystem>
#include <functional>
#include <map>

#include <fcntl.h>
#include <unistd.h>

#include "catch.h"
#include "faulty_file_system.h"
#include <dropmuon/core/error.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / fmt::format("dropmuon-files-{}", getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

ExitCode code_of(const std::function<void()>& action, const std::string& part) {
  try {
    action();
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains(part));
    return error.code();
  }
  return ExitCode::ok;
}

const std::string kContent(100'000, 'x');

}  // namespace

TEST_CASE("files and folders come back as they were written") {
  const Folder folder;
  FileSystem& files = FileSystem::real();
  files.create_folders(folder / "a/b/c");
  files.create_folders(folder / "a/b/c");
  for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100'000, 4096, 1}) {
    files.write_file(folder / "a/b/c/file", kContent.substr(0, size));
    CHECK(files.read_file(folder / "a/b/c/file") == kContent.substr(0, size));
  }
  files.replace_file(folder / "a/b/c/file", "new");
  files.rename(folder / "a/b/c/file", folder / "a/b/other");
  CHECK(files.list(folder / "a/b") == std::vector<std::string>{"c", "other"});
  CHECK(files.list(folder / "a/b/c").empty());
  CHECK(files.read_file(folder / "a/b/other") == "new");
  CHECK(files.free_space(folder / "a") > 0);
  CHECK_FALSE(files.exists(folder / "a/b/other/below"));  // "not a folder" is no failure
}

TEST_CASE("a tree is removed with its links, and not what they point to") {
  const Folder folder;
  FileSystem& files = FileSystem::real();
  files.create_folders(folder / "tree/sub/empty");
  files.create_folders(folder / "outside");
  files.write_file(folder / "outside/kept", "1");
  files.write_file(folder / "tree/sub/file", "2");
  fs::create_directory_symlink(folder / "outside", folder / "tree/sub/link");
  files.remove_tree(folder / "tree");
  CHECK_FALSE(files.exists(folder / "tree"));
  CHECK(files.exists(folder / "outside/kept"));
  files.remove_tree(folder / "tree");
}

TEST_CASE("a tree that resists is not half forgotten") {
  const Folder folder;
  FaultyFileSystem files;
  for (int call = 1;; ++call) {
    CAPTURE(call);
    FileSystem::real().create_folders(folder / "tree/sub");
    FileSystem::real().write_file(folder / "tree/sub/file", "1");
    files.arm(Fault::io_error, call);
    const ExitCode code = code_of([&] { files.remove_tree(folder / "tree"); }, "Input/output");
    if (!files.reached()) {
      CHECK(code == ExitCode::ok);
      break;
    }
    CHECK(code == ExitCode::cannot_write);
    CHECK(fs::exists(folder / "tree"));
    REQUIRE(call < 100);
  }
}

TEST_CASE("a refusal names what, where and why") {
  const Folder folder;
  FileSystem& files = FileSystem::real();
  files.write_file(folder / "file", "1");
  CHECK(code_of([&] { files.write_file(folder / "none/file", ""); },
                "none/file: No such file or directory") == ExitCode::cannot_write);
  CHECK(code_of([&] { files.create_folders(folder / "file/below"); }, "file/below: Not a dir") ==
        ExitCode::cannot_write);
  CHECK(code_of([&] { files.rename(folder / "none", folder / "there"); }, "none to ") ==
        ExitCode::cannot_write);
  CHECK(code_of([&] { files.sync_folder(folder / "none"); }, "none: No such file") ==
        ExitCode::cannot_write);
  CHECK(code_of([&] { files.read_file(folder / "none"); }, "none: No such file") ==
        ExitCode::missing_input);
  CHECK(code_of([&] { files.read_file(folder / "."); }, "directory") == ExitCode::missing_input);
  CHECK(code_of([&] { files.list(folder / "none"); }, "none: No such file") ==
        ExitCode::missing_input);
  CHECK(code_of([&] { files.free_space(folder / "none"); }, "none: No such file") ==
        ExitCode::cannot_write);
  if (fs::exists("/dev/full")) {
    CHECK(code_of([&] { files.write_file("/dev/full", "1"); }, "/dev/full: No space left") ==
          ExitCode::cannot_write);
  }
}

TEST_CASE("interrupted calls are repeated, short ones continued") {
  const Folder folder;
  FaultyFileSystem files;
  for (const Fault fault : {Fault::interrupted, Fault::short_write}) {
    for (int call = 1;; ++call) {
      CAPTURE(static_cast<int>(fault), call);
      files.arm(fault, call);
      files.create_folders(folder / "a/b");
      files.replace_file(folder / "a/b/file", kContent);
      CHECK(files.read_file(folder / "a/b/file") == kContent);
      CHECK(files.list(folder / "a/b") == std::vector<std::string>{"file"});
      CHECK(files.exists(folder / "a/b/file"));
      CHECK(files.free_space(folder / "a/b") > 0);
      files.remove_tree(folder / "a");
      CHECK_FALSE(fs::exists(folder / "a"));
      if (!files.reached()) break;
      REQUIRE(call < 100);
    }
  }
}

TEST_CASE("every call of replacing a file fails in turn, and one whole content is always there") {
  const Folder folder;
  FaultyFileSystem files;
  const std::string path = folder / "file";
  const std::string longer = kContent + "y";
  for (const Fault fault :
       {Fault::no_space, Fault::io_error, Fault::torn_write, Fault::dead_disk}) {
    for (int call = 1;; ++call) {
      CAPTURE(static_cast<int>(fault), call);
      FileSystem::real().write_file(path, kContent);
      files.arm(fault, call);
      const ExitCode code = code_of([&] { files.replace_file(path, longer); }, "cannot ");
      const std::string left = FileSystem::real().read_file(path);
      CHECK((left == longer || (left == kContent && code == ExitCode::cannot_write)));
      if (fault != Fault::dead_disk) CHECK(FileSystem::real().list(folder / "").size() == 1);
      const bool done = !files.reached();
      if (done) CHECK(code == ExitCode::ok);
      // A write that is merely short, with all the rest in order, is no failure.
      if (!done && fault != Fault::torn_write) CHECK(code == ExitCode::cannot_write);
      FileSystem::real().remove_tree(fmt::format("{}.tmp-{}", path, getpid()));
      if (done) break;
      REQUIRE(call < 100);
    }
  }
}

TEST_CASE("only what replace_file leaves has its kind of name") {
  for (const char* name : {"a.tmp-1", "weights.safetensors.tmp-4711", "a.tmp-b.tmp-2"}) {
    CAPTURE(name);
    CHECK(is_replacement(name));
  }
  for (const char* name : {"a", "a.tmp-", "a.tmp-x", "a.tmp-1x", ".tmp-1", "atmp-1", ""}) {
    CAPTURE(name);
    CHECK_FALSE(is_replacement(name));
  }
}

namespace {

// A disk whose calls give one errno for ever.
class OddFileSystem final : public FileSystem {
 public:
  int folder_fsync = 0;
  int folder_open = 0;
  int file_fsync = 0;
  int statvfs = 0;

 protected:
  int sys_open(const char* path, int flags, mode_t mode) override {
    const bool is_folder = (flags & O_DIRECTORY) != 0;
    if (is_folder && fails(folder_open)) return -1;
    const int file = FileSystem::sys_open(path, flags, mode);
    folders_[file] = is_folder;
    return file;
  }
  int sys_fsync(int file) override {
    return fails(folders_[file] ? folder_fsync : file_fsync) ? -1 : 0;
  }
  int sys_free_space(const char* /*path*/, std::uint64_t* /*bytes*/) override {
    return fails(statvfs) ? -1 : 0;
  }

 private:
  static bool fails(int error) {
    if (error != 0) errno = error;
    return error != 0;
  }
  std::map<int, bool> folders_;
};

}  // namespace

TEST_CASE("what a kind of file system cannot do is no failure, what a disk refuses is one") {
  const Folder folder;
  for (const int error : {EINVAL, ENOTSUP, EOPNOTSUPP, ENOSYS, EBADF, 524}) {
    CAPTURE(error);
    OddFileSystem files;
    files.folder_fsync = error;
    files.create_folders(folder / fmt::format("a{}/b", error));
    files.replace_file(folder / "file", "text");
    CHECK(files.read_file(folder / "file") == "text");
  }
  for (const int error : {EACCES, EPERM, ENOTSUP, ENOSYS, EISDIR}) {
    CAPTURE(error);
    OddFileSystem files;
    files.folder_open = error;
    files.sync_folder(folder / ".");
  }
  for (const int error : {EINVAL, ENOTSUP, ENOSYS}) {
    CAPTURE(error);
    OddFileSystem files;
    files.file_fsync = error;
    files.write_file(folder / "file", "text");
    files.file_fsync = 0;
    files.statvfs = error;
    CHECK(files.free_space(folder / ".") == FileSystem::kUnknownSpace);
  }
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    CAPTURE(error);
    OddFileSystem files;
    files.folder_fsync = files.file_fsync = files.statvfs = error;
    CHECK(code_of([&] { files.sync_folder(folder / "."); }, "cannot sync") ==
          ExitCode::cannot_write);
    CHECK(code_of([&] { files.write_file(folder / "file", "text"); }, "cannot write") ==
          ExitCode::cannot_write);
    CHECK(code_of([&] { files.free_space(folder / "."); }, "free space") == ExitCode::cannot_write);
  }
  OddFileSystem files;
  files.file_fsync = EBADF;  // of a file it says that something is wrong with us
  CHECK(code_of([&] { files.write_file(folder / "file", "text"); }, "cannot write") ==
        ExitCode::cannot_write);
}
