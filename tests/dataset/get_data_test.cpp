// SPDX-License-Identifier: MIT
// scripts/get_data.sh with nothing but the basic tools and a `curl` of our own: no network.
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <vector>

#include <sys/stat.h>
#include <sys/wait.h>

#include "files.h"
#include <dropmuon/dataset/official_files.h>

using namespace dropmuon;
using namespace dropmuon::test;

namespace {

constexpr const char* kScript = DROPMUON_SOURCE_DIR "/scripts/get_data.sh";

std::string text_of(const std::string& path) {
  std::ifstream stream(path);
  std::ostringstream out;
  out << stream.rdbuf();
  return out.str();
}

// A folder of programs that stands for the whole PATH, and a place to download to.
class Sandbox {
 public:
  Sandbox() {
    std::filesystem::create_directories(folder_ / "bin");
    for (const char* tool : {"bash", "cat", "chmod", "cut", "date", "gzip", "mkdir", "mktemp", "mv",
                             "rm", "rmdir", "sha256sum", "tar"}) {
      const std::string usr = std::string("/usr/bin/") + tool;
      const std::string place = std::filesystem::exists(usr) ? usr : std::string("/bin/") + tool;
      std::filesystem::create_symlink(place, folder_ / "bin/" + tool);
    }
  }

  // `body` sees the file to write in $file and the address in $url.
  void add_curl(const std::string& body) {
    std::ofstream(folder_ / "bin/curl")
        << "#!/bin/bash\nwhile [[ $# -gt 1 ]]; do [[ $1 == --output ]] && file=$2; shift; done\n"
        << "url=$1\n"
        << body << "\n";
    std::filesystem::permissions(folder_ / "bin/curl", std::filesystem::perms::owner_all);
  }

  // A mirror of the files in the folder `root`.
  void add_mirror(const std::string& root) {
    add_curl("name=${url##*/}; from='" + root +
             "/fashion-mnist'/${name%.gz}; if [[ -f $from ]]; then gzip -1 <\"$from\"; "
             "else cat \"$from.gz\"; fi >\"$file\"");
  }

  // A `mv` that only moves where `condition` is met.
  void add_mv(const std::string& condition) {
    const std::string place = folder_ / "bin/mv";
    const std::string real = std::filesystem::read_symlink(place);
    std::filesystem::remove(place);
    std::ofstream(place) << "#!/bin/bash\n{ " << condition << "; } && exec " << real << " \"$@\"\n";
    std::filesystem::permissions(place, std::filesystem::perms::owner_all);
  }

  int run(const std::string& name) {
    const std::string command = "PATH='" + (folder_ / "bin") + "' bash '" + kScript + "' " + name +
                                " '" + destination() + "' >'" + (folder_ / "out") + "' 2>'" +
                                (folder_ / "err") + "'";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string out() const { return text_of(folder_ / "out"); }
  std::string err() const { return text_of(folder_ / "err"); }
  std::string destination() const { return folder_ / "data"; }
  bool nothing_left() const { return std::filesystem::is_empty(destination()); }

 private:
  TempFolder folder_;
};

long lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace

TEST_CASE("get_data.sh carries the same hashes as the loader") {
  const std::string script = text_of(kScript);
  CHECK(official_files().size() == 14);
  for (const OfficialFile& file : official_files()) {
    const std::string line = std::string(file.dataset) + "/" + std::string(file.name) + ") echo " +
                             std::string(file.sha256) + " ;;";
    CAPTURE(line);
    CHECK(script.find(line) != std::string::npos);
  }
}

TEST_CASE("get_data.sh without any source says so in one line and leaves nothing") {
  for (const std::string name : {"mnist", "cifar10"}) {
    Sandbox sandbox;
    CHECK(sandbox.run(name) == 66);
    CAPTURE(sandbox.err());
    CHECK(lines_of(sandbox.err()) == 1);
    CHECK(sandbox.err().find(name) != std::string::npos);
    CHECK(sandbox.nothing_left());
  }
}

TEST_CASE("get_data.sh refuses a wrong use") {
  Sandbox sandbox;
  CHECK(sandbox.run("imagenet") == 2);
  CHECK(sandbox.err().find("unknown data set 'imagenet'") != std::string::npos);
  CHECK(sandbox.run("") == 2);
}

TEST_CASE("get_data.sh takes a folder as the program does") {
  const TempFolder home;
  const auto run = [&](const std::string& destination, const std::string& environment) {
    return std::system(("cd '" + home.path() + "' && " + environment + " bash '" + kScript +
                        "' mnist " + destination + " >out 2>&1")
                           .c_str());
  };
  const std::string no_network = "PATH=" + (home / "bin") + " HOME=" + home.path();
  std::filesystem::create_directories(home / "bin");
  for (const char* tool :
       {"bash", "cat", "cut", "gzip", "mkdir", "mktemp", "rm", "sha256sum", "tar"}) {
    const std::string usr = std::string("/usr/bin/") + tool;
    const std::string place = std::filesystem::exists(usr) ? usr : std::string("/bin/") + tool;
    std::filesystem::create_symlink(place, home / "bin/" + tool);
  }
  CHECK(WEXITSTATUS(run("'~/dd'", no_network)) == 66);  // no source, but the folder is there
  CHECK(std::filesystem::is_directory(home / "dd"));
  CHECK(WEXITSTATUS(run("'./$USER'", no_network)) == 66);
  CHECK(std::filesystem::is_directory(home / "$USER"));
  for (const char* refused : {"'~ada/dd'", "'$HOME/dd'", "'a/${HOME}'", "'$(pwd)'"}) {
    CAPTURE(refused);
    CHECK(WEXITSTATUS(run(refused, no_network)) == 2);
    CHECK(lines_of(text_of(home / "out")) == 1);
    CHECK_THAT(text_of(home / "out"), Catch::Contains("write the folder out"));
  }
  CHECK(WEXITSTATUS(run("'~'", no_network + " HOME=")) == 2);
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(home.path())) {
    entries += entry.path().filename().string().starts_with("~") ? 100 : 1;
  }
  CHECK(entries == 4);  // bin, out, dd and $USER: nothing was made of what was refused
}

TEST_CASE("get_data.sh refuses downloads that are not the official content") {
  Sandbox sandbox;
  sandbox.add_curl("echo something else | gzip >\"$file\"");
  CHECK(sandbox.run("mnist") == 66);
  CHECK(sandbox.out().find("refused, the hashes are not the official ones") != std::string::npos);
  CHECK(sandbox.run("cifar10") == 66);
  CHECK(sandbox.out().find("SHA-256 of the archive differs") != std::string::npos);
  CHECK(sandbox.nothing_left());
}

TEST_CASE("get_data.sh takes the official files from a mirror, once, and keeps what was there") {
  const std::string root = real_root("mnist");
  if (root.empty()) {
    WARN("skipped: no MNIST here, scripts/get_data.sh mnist gets it");
    return;
  }
  Sandbox sandbox;
  sandbox.add_curl("[[ $url == *cvdf* ]] || exit 22; name=${url##*/}; from='" + root +
                   "/mnist'/${name%.gz}; if [[ -f $from ]]; then gzip -1 <\"$from\"; else cat "
                   "\"$from.gz\"; fi >\"$file\"");
  write(sandbox.destination() + "/mnist/train-images-idx3-ubyte", {1, 2, 3});
  REQUIRE(sandbox.run("mnist") == 0);
  CHECK(text_of(sandbox.destination() + "/mnist/SOURCE") ==
        "https://storage.googleapis.com/cvdf-datasets/mnist\n");
  CHECK(sandbox.out().find("the other files that were there are now in") != std::string::npos);
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(sandbox.destination())) {
    entries += entry.path().filename().string().starts_with("mnist") ? 1 : 100;
  }
  CHECK(entries == 2);

  sandbox.add_curl("exit 22");
  CHECK(sandbox.run("mnist") == 0);
  CHECK(sandbox.out().find("complete and official already") != std::string::npos);
}

TEST_CASE("get_data.sh answers for folders that it may not or should not write to") {
  const std::string root = real_root("fashion-mnist");
  if (root.empty()) {
    WARN("skipped: no Fashion-MNIST here, scripts/get_data.sh fashion-mnist gets it");
    return;
  }
  Sandbox sandbox;
  const std::string target = sandbox.destination() + "/fashion-mnist";
  namespace fs = std::filesystem;
  SECTION("complete, and a note that cannot be written or read") {
    fs::create_directories(target);
    for (const OfficialFile& file : official_files()) {
      if (file.dataset != "fashion-mnist") continue;
      for (const char* end : {"", ".gz"}) {
        const std::string from = root + "/fashion-mnist/" + std::string(file.name) + end;
        if (fs::exists(from)) fs::copy_file(from, target + "/" + std::string(file.name) + end);
      }
    }
    const std::string note = target + "/SOURCE";
    SECTION("as in a read-only folder") { fs::create_directory_symlink("/proc/1/no-such", note); }
    SECTION("a folder") { fs::create_directory(note); }
    SECTION("a pipe") { REQUIRE(mkfifo(note.c_str(), 0600) == 0); }
    SECTION("empty") { write(note, {}); }
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(sandbox.out().find("official already, from: files that were") != std::string::npos);
    CHECK(sandbox.err().empty());
  }
  SECTION("a link that leads nowhere") {
    fs::create_directories(sandbox.destination());
    fs::create_directory_symlink("gone", target);
    CHECK(sandbox.run("fashion-mnist") == 73);
    CHECK(lines_of(sandbox.err()) == 1);
    CHECK(sandbox.err().find("is a link that leads to no folder") != std::string::npos);
  }
  SECTION("a link to another place: the files land there") {
    const std::string scratch = sandbox.destination() + "-scratch";
    const bool has_others = GENERATE(false, true);
    fs::create_directories(scratch);
    fs::create_directories(sandbox.destination());
    if (has_others) write(scratch + "/train-images-idx3-ubyte", {1, 2, 3});
    fs::create_directory_symlink(scratch, target);
    sandbox.add_mirror(root);
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(fs::is_symlink(target));
    CHECK(fs::exists(scratch + "/train-images-idx3-ubyte.gz"));
    CHECK(fs::exists(scratch + "/SOURCE"));
    std::size_t entries = 0;
    for (const auto& entry : fs::directory_iterator(scratch)) {
      entries += entry.path().filename().string().starts_with(".") ? 100 : 1;
    }
    CHECK(entries == (has_others ? 6 : 5));
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(sandbox.out().find("complete and official already") != std::string::npos);
  }
  SECTION("other things in the folder stay where they are") {
    const bool is_link = GENERATE(false, true);
    const std::string place = is_link ? sandbox.destination() + "-scratch" : target;
    fs::create_directories(sandbox.destination());
    write(place + "/project/thesis.tex", {1});
    write(place + "/.hidden", {1});
    write(place + "/train-images-idx3-ubyte", {1, 2, 3});
    write(place + "/t10k-labels-idx1-ubyte.gz/no-file", {1});
    write(place + "/SOURCE/no-note", {1});
    if (is_link) fs::create_directory_symlink(place, target);
    sandbox.add_mirror(root);
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(sandbox.err().empty());
    CHECK(fs::exists(place + "/project/thesis.tex"));
    CHECK(fs::exists(place + "/.hidden"));
    CHECK(fs::is_regular_file(place + "/SOURCE"));
    CHECK(fs::is_regular_file(place + "/t10k-labels-idx1-ubyte.gz"));
    std::vector<std::string> aside;
    for (const auto& entry : fs::directory_iterator(place)) {
      if (!entry.path().filename().string().starts_with("old-")) continue;
      for (const auto& old : fs::recursive_directory_iterator(entry)) {
        if (old.is_regular_file()) aside.push_back(old.path().filename().string());
      }
    }
    std::sort(aside.begin(), aside.end());
    CHECK(aside == std::vector<std::string>{"no-file", "no-note", "train-images-idx3-ubyte"});
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(sandbox.out().find("complete and official already") != std::string::npos);
  }
  SECTION("a mount point is filled, as it cannot be moved") {
    write(target + "/train-images-idx3-ubyte", {1, 2, 3});
    sandbox.add_mirror(root);
    sandbox.add_mv("[[ $1 != -T || $3 != *.old-* ]]");
    CHECK(sandbox.run("fashion-mnist") == 0);
    CHECK(sandbox.err().empty());
    CHECK(fs::exists(target + "/train-images-idx3-ubyte.gz"));
    CHECK(sandbox.out().find("are now in " + target + "/old-") != std::string::npos);
  }
  SECTION("files that cannot be moved") {
    write(target + "/train-images-idx3-ubyte", {1, 2, 3});
    sandbox.add_mirror(root);
    sandbox.add_mv("echo 'mv: no space on this disk' >&2; false");
    CHECK(sandbox.run("fashion-mnist") == 73);
    CHECK(sandbox.err() ==
          "get_data.sh: cannot put the files into " + target + ": no space on this disk\n");
  }
}
