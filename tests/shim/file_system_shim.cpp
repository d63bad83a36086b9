// SPDX-License-Identifier: MIT
// Put in front of the C library (LD_PRELOAD), it makes a local disk answer as some network and FUSE
// file systems do: each variable is the errno of one call.
//   ODD_FLOCK, ODD_FSYNC_FOLDER, ODD_FSYNC_FILE, ODD_STATVFS; ODD_STATVFS=zero: no blocks at all
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace {

int error_of(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? 0 : std::atoi(value);
}

bool fails(const char* name) {
  const int error = error_of(name);
  if (error != 0) errno = error;
  return error != 0;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int flock(int file, int operation) noexcept {
  if ((operation & LOCK_UN) == 0 && fails("ODD_FLOCK")) return -1;
  return next<int (*)(int, int)>("flock")(file, operation);
}

extern "C" int fsync(int file) {
  struct stat facts {};
  const bool is_folder = fstat(file, &facts) == 0 && S_ISDIR(facts.st_mode);
  if (fails(is_folder ? "ODD_FSYNC_FOLDER" : "ODD_FSYNC_FILE")) return -1;
  return next<int (*)(int)>("fsync")(file);
}

extern "C" int statvfs(const char* path, struct statvfs* answer) noexcept {
  const char* value = std::getenv("ODD_STATVFS");
  if (value != nullptr && std::strcmp(value, "zero") == 0) {
    *answer = {};
    answer->f_bsize = answer->f_frsize = 4096;
    return 0;
  }
  if (fails("ODD_STATVFS")) return -1;
  return next<int (*)(const char*, struct statvfs*)>("statvfs")(path, answer);
}
