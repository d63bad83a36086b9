// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch.h"
#include <dropmuon/core/cpu_quota.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

// A root with the files of /proc and /sys that tell of control groups.
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (fs::temp_directory_path() / "dropmuon-cgroup-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~FakeRoot() { fs::remove_all(path); }
  FakeRoot& with(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name) << content << "\n";
    return *this;
  }
  FakeRoot& in_group(const std::string& lines) { return with("proc/self/cgroup", lines); }
  FakeRoot& mounted(const std::string& lines) { return with("proc/self/mountinfo", lines); }
  std::optional<double> quota() const { return cpu_quota(path); }
  std::string path;
};

const std::string kFiles = "sys/fs/cgroup/";

}  // namespace

TEST_CASE("without control groups, or without a quota in them, there is no quota") {
  CHECK_FALSE(FakeRoot().quota());
  CHECK_FALSE(FakeRoot().with(kFiles + "cpu.max", "max 100000").quota());
  CHECK_FALSE(FakeRoot().with(kFiles + "cpu.max", "").quota());
  CHECK_FALSE(FakeRoot().with(kFiles + "cpu.max", "100000 0").quota());
  CHECK_FALSE(FakeRoot()
                  .with(kFiles + "cpu/cpu.cfs_quota_us", "-1")
                  .with(kFiles + "cpu/cpu.cfs_period_us", "100000")
                  .quota());
  CHECK_FALSE(FakeRoot().with(kFiles + "cpu/cpu.cfs_quota_us", "100000").quota());
}

TEST_CASE("version 2: the smallest quota from the process's group up to the root") {
  CHECK(FakeRoot().with(kFiles + "cpu.max", "150000 100000").quota() == 1.5);
  FakeRoot nested;
  nested.in_group("0::/user.slice/run.scope")
      .with(kFiles + "user.slice/run.scope/cpu.max", "max 100000")
      .with(kFiles + "user.slice/cpu.max", "300000 100000");
  CHECK(nested.quota() == 3.0);
  nested.with(kFiles + "user.slice/run.scope/cpu.max", "50000 100000");
  CHECK(nested.quota() == 0.5);
  nested.with(kFiles + "cpu.max", "20000 100000");
  CHECK(nested.quota() == 0.2);
  nested.with(kFiles + "user.slice/other.scope/cpu.max", "10000 100000");  // not this process's
  CHECK(nested.quota() == 0.2);
}

TEST_CASE("version 1: where the cpu controller is mounted, alone or with others") {
  for (const std::string place : {"cpu", "cpu,cpuacct"}) {
    FakeRoot root;
    root.with(kFiles + place + "/cpu.cfs_quota_us", "100000")
        .with(kFiles + place + "/cpu.cfs_period_us", "100000");
    CHECK(root.quota() == 1.0);
    root.in_group("5:cpuset:/elsewhere\n4:cpu,cpuacct:/docker/a\n0::/")
        .with(kFiles + place + "/docker/cpu.cfs_quota_us", "50000")
        .with(kFiles + place + "/docker/cpu.cfs_period_us", "100000");
    CHECK(root.quota() == 0.5);
  }
}

TEST_CASE("a group's folder is found through its mount") {
  FakeRoot two;
  two.in_group("0::/pods/a")
      .mounted("30 20 0:26 /pods /run/groups rw,nosuid shared:4 - cgroup2 cgroup2 rw")
      .with("run/groups/a/cpu.max", "200000 100000");
  CHECK(two.quota() == 2.0);
  FakeRoot one;
  one.in_group("4:cpuacct,cpu:/docker/a\n3:cpuset:/docker/a")
      .mounted(
          "31 20 0:27 /docker/a /groups/set ro - cgroup cgroup rw,cpuset\n"
          "32 20 0:28 /docker/a /groups/cpu ro master:9 - cgroup cgroup rw,cpuacct,cpu")
      .with("groups/cpu/cpu.cfs_quota_us", "400000")
      .with("groups/cpu/cpu.cfs_period_us", "100000")
      .with("groups/set/cpu.cfs_quota_us", "1")
      .with("groups/set/cpu.cfs_period_us", "1");
  CHECK(one.quota() == 4.0);
}

TEST_CASE("a group that is not seen from here counts from the mount's root") {
  FakeRoot root;
  root.in_group("0::/../../outside").with(kFiles + "cpu.max", "100000 100000");
  CHECK(root.quota() == 1.0);
  FakeRoot gone;
  gone.in_group("0::/container/that/the/host/names").with(kFiles + "cpu.max", "100000 100000");
  CHECK(gone.quota() == 1.0);
}

TEST_CASE("dots and blanks in a group's name are no way upwards") {
  for (const std::string name : {"a..b", "..a", "a..", "...", "run of may"}) {
    FakeRoot root;
    root.in_group("0::/user/" + name).with(kFiles + "user/" + name + "/cpu.max", "150000 100000");
    CAPTURE(name);
    CHECK(root.quota() == 1.5);
  }
  FakeRoot upwards;
  upwards.in_group("0::/user/../other").with(kFiles + "other/cpu.max", "150000 100000");
  CHECK_FALSE(upwards.quota());
}

TEST_CASE("a mount's paths are read with their blanks, and are whole folders") {
  FakeRoot blank;
  blank.in_group("0::/my pods/a")
      .mounted("30 20 0:26 /my\\040pods /run/all\\040groups rw - cgroup2 cgroup2 rw")
      .with("run/all groups/a/cpu.max", "200000 100000");
  CHECK(blank.quota() == 2.0);
  FakeRoot other;  // /pods-b is not below /pods
  other.in_group("0::/pods-b/a")
      .mounted("30 20 0:26 /pods /run/groups rw - cgroup2 cgroup2 rw")
      .with("run/groups-b/a/cpu.max", "50000 100000")
      .with("run/groups/cpu.max", "300000 100000");
  CHECK(other.quota() == 3.0);
}
